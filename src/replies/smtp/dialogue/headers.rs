//! What a mail's headers say about how often it has been here (RFC 5321 6.3).

use super::receiving::Unwanted;
use super::recipient::is_token;

/// Most `Received` fields. RFC 5321 6.3 asks that at least 100 be taken.
const RECEIVED_MAX: usize = 100;

const LOOP: Unwanted = "554 5.4.6 it has been passed on too often";
const OUR_OWN: Unwanted = "554 5.4.6 it is a mail of ours that came back";

/// Why a mail is not taken for its headers. A mail whose own Message-ID is one of ours (and not one
/// that only names it in In-Reply-To, or returns it) was sent back to us by a rule in a mailbox or by
/// a relay; taken for an answer it could set off a note, and that the next round. Ours are a token
/// at our host: a relay on the same host may name its reports after that host too.
pub(super) fn unwanted(mail: &[u8], host_name: &str) -> Option<Unwanted> {
    let mut received = 0_usize;
    let mut in_message_id = false;
    for line in mail.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = match line.first() {
            None => break,
            Some(b' ' | b'\t') => line,
            Some(_) => {
                let (name, value) = split_field(line);
                if name.eq_ignore_ascii_case(b"Received") {
                    received += 1;
                }
                in_message_id = name.eq_ignore_ascii_case(b"Message-ID");
                value
            }
        };
        if received > RECEIVED_MAX {
            return Some(LOOP);
        }
        if in_message_id && is_ours(text, host_name) {
            return Some(OUR_OWN);
        }
    }
    None
}

/// The name before the colon, blanks before it tolerated, and what is behind it.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = line.splitn(2, |byte| *byte == b':');
    let name = halves.next().unwrap_or_default();
    (name.trim_ascii_end(), halves.next().unwrap_or_default())
}

/// Whether `<TOKEN@HOST>` stands here.
fn is_ours(text: &[u8], host_name: &str) -> bool {
    let text = std::str::from_utf8(text.trim_ascii()).unwrap_or_default();
    let id = text.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
    id.and_then(|id| id.split_once('@'))
        .is_some_and(|(local, host)| {
            is_token(&local.to_ascii_lowercase()) && host.eq_ignore_ascii_case(host_name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mail: &str) -> Option<Unwanted> {
        unwanted(mail.replace('\n', "\r\n").as_bytes(), "gateway.test")
    }

    #[test]
    fn a_hundred_hops_are_taken_and_one_more_is_a_loop() {
        let hops = |count| "Received: from a\n by b\n".repeat(count) + "Subject: x\n\nbody\n";
        assert_eq!(of(&hops(RECEIVED_MAX)), None);
        assert_eq!(of(&hops(RECEIVED_MAX + 1)), Some(LOOP));
        let quoted = format!("Subject: x\n\n{}", hops(2000));
        assert_eq!(
            of(&quoted),
            None,
            "what a report returns is no hop of its own"
        );
    }

    #[test]
    fn a_mail_of_ours_is_known_by_its_own_message_id_only() {
        let token = "0123456789abcdefghjkmnpqrs";
        for ours in [
            "Message-ID: <TOKEN@gateway.test>\n\n",
            "MESSAGE-Id :\n <TOKEN@GATEWAY.test> \nSubject: x\n\n",
        ] {
            assert_eq!(of(&ours.replace("TOKEN", token)), Some(OUR_OWN), "{ours}");
        }
        for other in [
            "",
            "Message-ID: <1@school.test>\nIn-Reply-To: <TOKEN@gateway.test>\n\n",
            "Message-ID: <1@school.test>\nReferences: <1@school.test>\n <TOKEN@gateway.test>\n\n",
            "Message-ID: <TOKEN@mail.gateway.test>\n\n",
            "Message-ID: <20261122005000.4ABC9@gateway.test>\n\n",
            "Message-ID: TOKEN@gateway.test\n\n",
            "Subject: x\n\nMessage-ID: <TOKEN@gateway.test>\n",
        ] {
            assert_eq!(of(&other.replace("TOKEN", token)), None, "{other}");
        }
    }
}

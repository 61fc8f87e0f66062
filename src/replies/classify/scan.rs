//! SMTP replies, enhanced status codes and addresses found in text.

/// An SMTP reply code or enhanced status code met in text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// 4 or 5; 2 for a report of success.
    pub(super) class: u8,
    /// `5.1.1` (RFC 3463), when there is one.
    pub(super) enhanced: Option<String>,
}

/// Words after which a number is an SMTP reply.
const LEADS: &[&str] = &[
    "code",
    "responsecode",
    "error",
    "status",
    "said",
    "says",
    "response",
    "reply",
    "smtp",
    "replied",
    "responded",
    "returned",
    "with",
    "failure",
    "diagnostic-code",
];

/// Every code of the text, in order.
pub(super) fn codes(text: &str) -> Vec<Code> {
    text.lines().flat_map(codes_of_line).collect()
}

fn codes_of_line(line: &str) -> Vec<Code> {
    let mut found: Vec<Code> = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let before = line.get(..at).unwrap_or_default();
        let starts = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_'));
        let enhanced = starts.then(|| enhanced_at(rest)).flatten();
        let reply = starts.then(|| reply_at(before, rest)).flatten();
        let length = match (enhanced, reply) {
            (Some(code), _) => {
                // `550 5.1.1`, `550-5.1.1` and `550: 5.1.1` are one reply.
                let class = class(&code);
                let length = code.len();
                match found.last_mut() {
                    Some(last) if last.class == class && last.enhanced.is_none() => {
                        last.enhanced = Some(code);
                    }
                    Some(_) | None => found.push(Code {
                        class,
                        enhanced: Some(code),
                    }),
                }
                length
            }
            (None, Some(class)) => {
                found.push(Code {
                    class,
                    enhanced: None,
                });
                3
            }
            (None, None) => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += length;
    }
    found
}

fn class(code: &str) -> u8 {
    code.bytes()
        .next()
        .map_or(0, |digit| digit.saturating_sub(b'0'))
}

/// `5.1.1` at the start of `text`: class 2, 4 or 5, subject and detail up to three digits (RFC 3463
/// 2), not part of a longer number such as an IP address.
fn enhanced_at(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number = text.get(..end)?.trim_end_matches('.');
    let follows = text.get(number.len()..)?.chars().find(|c| *c != '.');
    is_enhanced(number)
        .then(|| number.to_owned())
        .filter(|_| !follows.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '@')))
}

/// Whether this is an enhanced status code and nothing else.
pub(super) fn is_enhanced(text: &str) -> bool {
    let mut parts = text.split('.');
    let mut part = || parts.next().unwrap_or_default();
    let (class, subject, detail) = (part(), part(), part());
    let is_short = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(class, "2" | "4" | "5")
        && is_short(subject)
        && is_short(detail)
        && parts.next().is_none()
}

/// The class of a reply code at the start of `text`, where one may stand: first on its line, or
/// after a word or mark that announces it.
fn reply_at(before: &str, text: &str) -> Option<u8> {
    let digits = text.get(..3)?;
    let follows = text.get(3..).and_then(|rest| rest.chars().next());
    let mut bytes = digits.bytes();
    let class = bytes.next().filter(|byte| matches!(byte, b'4' | b'5'))?;
    let is_code = bytes
        .next()
        .is_some_and(|byte| (b'0'..=b'7').contains(&byte))
        && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
        && follows.is_none_or(|c| {
            matches!(
                c,
                ' ' | '-' | ':' | ',' | ')' | ']' | '"' | '\'' | '_' | '.' | ';'
            )
        });
    let before = before.trim_end_matches(|c: char| {
        c.is_whitespace() || matches!(c, '(' | '[' | '"' | '\'' | '=' | '#')
    });
    let is_announced = before
        .trim_matches(|c: char| matches!(c, '<' | '>' | '*' | '-' | ' ' | '|'))
        .is_empty()
        || before.ends_with([':', ';', '>', '.', '_'])
        || {
            let word = before
                .rsplit(|c: char| !c.is_alphanumeric() && c != '-')
                .next();
            word.is_some_and(|word| LEADS.contains(&&*word.to_ascii_lowercase()))
        };
    (is_code && is_announced).then(|| class.saturating_sub(b'0'))
}

/// An address within `text`: angle brackets, quotes and trailing marks aside. None where it does
/// not look like one.
pub(super) fn address(text: &str) -> Option<&str> {
    let text = text.trim();
    let inside = match (text.find('<'), text.find('>')) {
        (Some(open), Some(close)) if open < close => text.get(open + 1..close)?,
        _ => text,
    };
    let inside = inside.trim_matches(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '<' | '>' | '"' | '\'' | ':' | ';' | ',' | '(' | ')' | '[' | ']' | '*'
            )
    });
    let inside = inside.trim_end_matches('.');
    let (local, domain) = inside.rsplit_once('@')?;
    let is_plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let is_address = is_plain(local)
        && is_plain(domain)
        && !local.contains(['@', '<', ':'])
        && inside.len() <= 320;
    is_address.then_some(inside)
}

/// Every address in the text, in order, each once.
pub(super) fn addresses(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')' | ',' | ';' | '[' | ']')
    };
    for word in text.split(ends) {
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(address) = address(word)
            && !found.iter().any(|own| own.eq_ignore_ascii_case(address))
        {
            found.push(address.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enhanced(text: &str) -> Vec<String> {
        let list = codes(text).into_iter();
        list.map(|code| code.enhanced.unwrap_or(format!("{}xx", code.class)))
            .collect()
    }

    #[test]
    fn replies_are_found_where_they_are_announced() {
        for (text, found) in [
            ("550 5.1.1 <a@b.c>... User unknown", "5.1.1"),
            ("550-5.1.1 The email account", "5.1.1"),
            ("Remote host said: 550 no", "5xx"),
            ("Sorry, no mailbox here (#5.1.1)Z", "5.1.1"),
            ("<<< 452 4.2.2 over quota", "4.2.2"),
            ("smtp; 421 try later", "4xx"),
            ("<a@b.c>: 554 no", "5xx"),
            ("[Status: Error, ResponseCode 421, , Host]", "4xx"),
            ("550: 5.2.2 full", "5.2.2"),
            ("'552 mailbox full'", "5xx"),
        ] {
            assert_eq!(enhanced(text), [found], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_no_replies() {
        for text in [
            "host [5.1.1.22] said nothing",
            "after 450 minutes and 5.5 hours",
            "version 5.65.1-b, 15.20.4 and 5.1.1b",
            "call me on 01234 550 120",
            "20:55, 14.5.2026",
        ] {
            assert_eq!(codes(text), [], "{text}");
        }
    }

    #[test]
    fn addresses_are_found_within_what_surrounds_them() {
        assert_eq!(address(" <a.b+c@d.example>: "), Some("a.b+c@d.example"));
        assert_eq!(address("Jo <jo@d.example>"), Some("jo@d.example"));
        assert_eq!(address("no at all"), None);
        assert_eq!(
            addresses("to <a@b.c>, \"d@e.f\" and A@B.C."),
            ["a@b.c", "d@e.f"]
        );
    }
}

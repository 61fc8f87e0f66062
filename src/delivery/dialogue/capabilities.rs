//! What a peer offers in its reply to EHLO (RFC 5321 4.1.1.1).

use super::reply::Reply;

/// The extensions that matter here. Absent on purpose: PIPELINING and CHUNKING (one command is
/// outstanding, and the final dot is what makes an outcome unknown), 8BITMIME and SMTPUTF8 (letters
/// and addresses are ASCII), AUTH mechanisms other than the two that relays offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// SIZE (RFC 1870) and the largest letter taken, bytes; zero is no fixed limit.
    pub size_bytes_max: Option<u64>,
    /// Delivery status notifications (RFC 3461).
    pub dsn: bool,
    /// AUTH PLAIN (RFC 4616).
    pub auth_plain: bool,
    /// AUTH LOGIN, which some relays offer alone.
    pub auth_login: bool,
}

impl Capabilities {
    /// Reads the reply to EHLO. Its first line names the peer and offers nothing.
    pub fn of(ehlo: &Reply) -> Self {
        let mut offered = Self::default();
        for line in ehlo.texts().skip(1) {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase();
            let mut words = line.split(' ');
            match words.next() {
                Some("STARTTLS") => offered.starttls = true,
                Some("SIZE") => {
                    let limit = words.next().and_then(|bytes| bytes.parse().ok());
                    offered.size_bytes_max = Some(limit.unwrap_or(0));
                }
                Some("DSN") => offered.dsn = true,
                Some("AUTH") => {
                    for mechanism in words {
                        offered.auth_plain |= mechanism == "PLAIN";
                        offered.auth_login |= mechanism == "LOGIN";
                    }
                }
                Some(_) | None => {}
            }
        }
        offered
    }

    /// What is offered, as a peer would say it.
    pub fn words(self) -> Vec<String> {
        let size = self.size_bytes_max.map(|bytes| format!("SIZE {bytes}"));
        let flags = [
            (self.starttls, "STARTTLS"),
            (self.dsn, "DSN"),
            (self.auth_plain, "AUTH PLAIN"),
            (self.auth_login, "AUTH LOGIN"),
        ];
        let flags = flags.into_iter().filter(|(offered, _)| *offered);
        let flags = flags.map(|(_, word)| word.to_owned());
        size.into_iter().chain(flags).collect()
    }

    /// Whether a letter of this many bytes is taken.
    pub fn takes(self, size_bytes: usize) -> bool {
        self.size_bytes_max
            .filter(|limit| *limit > 0)
            .is_none_or(|limit| u64::try_from(size_bytes).is_ok_and(|size| size <= limit))
    }
}

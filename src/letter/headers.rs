//! Header fields in one canonical form: folded at 76 characters, no line that ends in a blank.

use super::quoted_printable::LINE_CHARACTERS_MAX;
use crate::referral::school::Address;
use mail_builder::headers::Header;
use mail_builder::headers::address::EmailAddress;

/// A header field, folded between words (RFC 5322 2.2.3), with its CRLF. A single word that is
/// longer than a line stays whole: an address or a Message-ID cannot be folded.
pub(super) fn field(name: &str, value: &str) -> String {
    let mut folded = format!("{name}:");
    let mut column = folded.len();
    for (place, word) in value.split_whitespace().enumerate() {
        // The first word stays beside the name: some readers stumble over an empty first line.
        if place > 0 && column + 1 + word.len() > LINE_CHARACTERS_MAX {
            folded.push_str("\r\n");
            column = 0;
        }
        folded.push(' ');
        folded.push_str(word);
        column += 1 + word.len();
    }
    folded.push_str("\r\n");
    folded
}

/// `"Name" <address>`; a name that is not ASCII becomes encoded words (RFC 2047).
pub(super) fn mailbox(name: &str, address: &Address) -> String {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mailbox = EmailAddress {
        name: (!name.is_empty()).then(|| name.into()),
        email: address.as_str().into(),
    };
    let mut written = Vec::new();
    mailbox.write_header(&mut written, "From: ".len());
    String::from_utf8_lossy(&written).into_owned()
}

/// The address alone. A name beside it would be personal data where headers are read.
pub(super) fn bare(address: &Address) -> String {
    address.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_folded_between_words() {
        let value =
            "please answer when staff are back, by Thu 3 Sep [7KQ2-M4XT] and some more words";
        let folded = field("Subject", value);
        assert_eq!(
            folded,
            "Subject: please answer when staff are back, by Thu 3 Sep [7KQ2-M4XT] and\r\n some \
             more words\r\n"
        );
        let long = "x".repeat(90);
        assert_eq!(field("To", &long), format!("To: {long}\r\n"));
    }

    #[test]
    fn a_name_in_from_is_quoted_or_encoded() {
        let address = Address::parse("gateway@firstbell.test").unwrap();
        for (name, said) in [
            ("Firstbell", "\"Firstbell\" <gateway@firstbell.test>"),
            ("Desk, Essex", "\"Desk, Essex\" <gateway@firstbell.test>"),
            ("", "<gateway@firstbell.test>"),
        ] {
            assert_eq!(
                field("From", &mailbox(name, &address)),
                format!("From: {said}\r\n")
            );
        }
        let encoded = field("From", &mailbox(&"Schülerschutz ".repeat(9), &address));
        assert!(
            encoded.is_ascii() && encoded.lines().all(|line| line.len() <= 76),
            "{encoded}"
        );
    }
}

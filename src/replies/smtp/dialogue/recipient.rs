//! Whom mail can be for: the general reply address, or a letter's own.

use crate::referral::school::Address;

/// Characters of a reply token: 130 bits in Crockford's base32.
const TOKEN_CHARS: usize = 26;
const TOKEN_ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a recipient comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// The general reply address.
    General,
    /// A plus-address with what could be a token, in lower case; whether a letter has it is for the
    /// inbox to say.
    Token(String),
    /// Nobody here. `postmaster` is among them, against RFC 5321 4.5.1: only relays that the
    /// settings name reach this port, and who runs them has our telephone number.
    Nobody,
}

/// Compares with the general address. Case does not count: relays change it.
pub(super) fn recipient(to: &str, reply_to: &Address) -> Recipient {
    let (to, general) = (to.to_ascii_lowercase(), reply_to.folded());
    if to == general {
        return Recipient::General;
    }
    match token(&to, &general) {
        Some(token) => Recipient::Token(token.to_owned()),
        None => Recipient::Nobody,
    }
}

fn token<'a>(to: &'a str, general: &str) -> Option<&'a str> {
    let (local, domain) = general.split_once('@')?;
    let token = to
        .strip_prefix(local)?
        .strip_prefix('+')?
        .strip_suffix(domain)?
        .strip_suffix('@')?;
    is_token(token).then_some(token)
}

/// Whether a text in lower case could be a letter's token.
pub(super) fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARS && text.bytes().all(|byte| TOKEN_ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_general_address_and_what_looks_like_a_token_are_told_from_the_rest() {
        let reply_to = Address::parse("Replies@gateway.test").unwrap();
        let token = "0123456789abcdefghjkmnpqrs";
        let upper = token.to_ascii_uppercase();
        let of = |to: &str| recipient(to, &reply_to);
        assert_eq!(of("replies@GATEWAY.test"), Recipient::General);
        let own = Recipient::Token(token.to_owned());
        assert_eq!(of(&format!("replies+{token}@gateway.test")), own);
        assert_eq!(of(&format!("REPLIES+{upper}@gateway.test")), own);
        for nobody in [
            "postmaster@gateway.test",
            "replies@school.test",
            "replies+@gateway.test",
            "replies+0123456789abcdefghjkmnpqr@gateway.test",
            "replies+0123456789abcdefghjkmnpqru@gateway.test",
            "replies+0123456789abcdefghjkmnpqrs@school.test",
            "replies-0123456789abcdefghjkmnpqrs@gateway.test",
        ] {
            assert_eq!(of(nobody), Recipient::Nobody, "{nobody}");
        }
    }
}

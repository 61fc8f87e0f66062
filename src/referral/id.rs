//! Identifiers: a prefix that says what it names, and a UUIDv7 (RFC 9562) in Crockford base32.
//!
//! They are made from an instant and random bytes that the caller draws, so that the core stays
//! pure. They carry no personal data and may stand in logs, headers and file names.

use std::fmt;

/// Crockford's base32 alphabet: no I, L, O or U, so that an id read aloud is not misheard.
pub(crate) const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The text given is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that begins with {0}")]
pub struct NotAnId(pub &'static str);

/// UUIDv7 from milliseconds since 1970 and ten random bytes.
fn uuid_v7(milliseconds: u64, random: [u8; 10]) -> u128 {
    let mut value = u128::from(milliseconds & 0xFFFF_FFFF_FFFF) << 80;
    for (shift, byte) in (0..10u32).zip(random) {
        value |= u128::from(byte) << (72 - 8 * shift);
    }
    let version = 0x7u128 << 76;
    let variant = 0x2u128 << 62;
    (value & !(0xFu128 << 76) & !(0x3u128 << 62)) | version | variant
}

fn encode(value: u128) -> String {
    (0..26u32)
        .rev()
        .map(|place| {
            let index = usize::try_from((value >> (5 * place)) & 31).unwrap_or(0);
            char::from(CROCKFORD.get(index).copied().unwrap_or(b'0'))
        })
        .collect()
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != 26 {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = CROCKFORD.iter().position(|c| *c == byte)?;
        let digit = u128::try_from(digit).ok()?;
        (value >> 123 == 0).then_some((value << 5) | digit)
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from milliseconds since 1970 and ten random bytes.
            pub fn from_parts(milliseconds: u64, random: [u8; 10]) -> Self {
                Self(uuid_v7(milliseconds, random))
            }

            /// Reads an id back from its text.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix($prefix).and_then(decode).map(Self).ok_or(NotAnId($prefix))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

ids! {
    /// A referral: one incident that a force posted.
    ReferralId = "ref_";
    /// A notification: the duty to tell one establishment about one child.
    NotificationId = "ntf_";
    /// A child of one referral.
    ChildId = "chd_";
    /// A letter: the signed message of a notification to one contact.
    LetterId = "ltr_";
    /// A delivery: one letter to one address over one route.
    DeliveryId = "dlv_";
    /// A sealed piece of content.
    ItemId = "itm_";
    /// A content key: what makes items readable, and unreadable for ever.
    ContentKeyId = "cky_";
    /// An inbound mail.
    InboundId = "inb_";
    /// Something a person must do.
    TaskId = "tsk_";
    /// A proposed change of the directory.
    ProposalId = "prp_";
    /// A contact at a school or authority.
    ContactId = "con_";
    /// A refused post of a known force, kept for the desk.
    RefusedPostId = "rfp_";
    /// An alarm of the gateway's own.
    AlarmId = "alm_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_sorts_by_time() {
        let early = ReferralId::from_parts(1_000, [0xAB; 10]);
        let late = ReferralId::from_parts(2_000, [0x01; 10]);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(ReferralId::parse(&early.to_string()), Ok(early));
        assert_eq!(early.to_string().len(), 30);
    }

    #[test]
    fn an_id_of_another_kind_or_too_large_is_refused() {
        let id = ChildId::from_parts(1, [7; 10]).to_string();
        assert!(ReferralId::parse(&id).is_err());
        assert!(ReferralId::parse("ref_ZZZZZZZZZZZZZZZZZZZZZZZZZZ").is_err());
        assert!(ReferralId::parse("ref_").is_err());
    }
}

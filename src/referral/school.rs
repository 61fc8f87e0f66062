//! Schools, contacts and what makes a contact somebody a letter may be sent to.

use super::id::ContactId;
use jiff::civil::{Date, Time};
use std::fmt;

/// A school's Unique Reference Number (GIAS): six digits, seven for some early-years settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Urn(u32);

impl Urn {
    /// Reads six or seven digits; anything else is not a URN.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = matches!(text.len(), 6 | 7) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// A local authority's three-digit DfE code (Essex is 881). Data, never a constant in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaCode(u16);

impl LaCode {
    /// Reads exactly three digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for LaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// Whether a school is open, as the register says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchoolStatus {
    /// Open, or open but proposed to close.
    Open,
    /// Closed: its successor is proposed, never guessed.
    Closed,
    /// Proposed to open: not yet a school anybody attends.
    Proposed,
}

/// One establishment of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct School {
    /// Its identity.
    pub urn: Urn,
    /// The name as the register prints it.
    pub name: String,
    /// The authority whose calendar stands in where the school has none of its own.
    pub la_code: Option<LaCode>,
    /// Open, closed or proposed.
    pub status: SchoolStatus,
    /// Statutory lowest age, years.
    pub low_age: Option<u8>,
    /// Statutory highest age, years.
    pub high_age: Option<u8>,
    /// Town, for suggestions when no URN was given.
    pub town: Option<String>,
    /// Postcode, for suggestions when no URN was given.
    pub postcode: Option<String>,
    /// The register's telephone number.
    pub telephone: Option<String>,
}

/// What a contact is at the school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The trained person, normally the Designated Safeguarding Lead.
    KeyAdult,
    /// Stands in for the Key Adult.
    Deputy,
    /// A trust or authority lead, by agreement.
    Hub,
    /// The office mailbox, read by clerks and volunteers: nudges and calls, never a letter.
    Office,
}

impl Role {
    /// Every role with its word in files, facts and rows.
    pub const WORDS: [(Self, &'static str); 4] = [
        (Self::KeyAdult, "key_adult"),
        (Self::Deputy, "deputy"),
        (Self::Hub, "hub"),
        (Self::Office, "office"),
    ];

    /// The word in files, facts and rows.
    pub fn word(self) -> &'static str {
        match self {
            Self::KeyAdult => "key_adult",
            Self::Deputy => "deputy",
            Self::Hub => "hub",
            Self::Office => "office",
        }
    }

    /// Reads the word of a contacts file or row.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS
            .into_iter()
            .find(|(_, known)| *known == word)
            .map(|(role, _)| role)
    }
}

/// The name of a configured way out: `cjsm`, or a school's secure relay. 1..32 of `[a-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteName(String);

impl RouteName {
    /// Reads a route's name.
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        good.then(|| Self(text.to_owned()))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address as RFC 5321 mail takes it: one `@`, printable ASCII, at most 254 characters.
/// Stored as given, never computed from another. `Debug` hides it: addresses are personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    /// Reads an address; quoted local parts, domains without a dot and address literals are refused.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let local_good = (1..=64).contains(&local.len())
            && local
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let domain_good = domain.contains('.')
            && domain.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        (text.len() <= 254 && local_good && domain_good).then(|| Self(text.to_owned()))
    }

    /// The address, for an envelope or a To line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one mailbox share: lower case. Used to compare, never to send.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// An approved person or place at a school or authority. `Debug` hides who it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its identity; the same from version to version.
    pub id: ContactId,
    /// What it is at the school.
    pub role: Role,
    /// The order among contacts of one role: lowest first.
    pub rank: u16,
    /// The person's or mailbox's name.
    pub name: String,
    /// Where letters go.
    pub address: Address,
    /// The way out its letters take.
    pub route: RouteName,
    /// The number to ring.
    pub phone: Option<String>,
    /// First day it may be used.
    pub valid_from: Option<Date>,
    /// Last day it may be used.
    pub valid_to: Option<Date>,
    /// The ordinary mailbox that nudges go to.
    pub nudge_to: Option<Address>,
    /// A mobile number.
    pub mobile: Option<String>,
    /// Answers the telephone from, where that differs from the school's hours; civil time London.
    pub phone_from: Option<Time>,
    /// Answers the telephone until, where that differs from the school's hours; civil time London.
    pub phone_to: Option<Time>,
    /// Reads the mailbox in school holidays.
    pub holidays: bool,
    /// SHA-256 of the school word ([`spoken_words`]), in hexadecimal.
    pub word_hash: Option<String>,
    /// When this Key Adult was briefed.
    pub briefed_on: Option<Date>,
}

/// A school word as its hash is made: its words in lower case with one blank between.
pub fn spoken_words(said: &str) -> String {
    let words: Vec<String> = said.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

impl Contact {
    /// Whether it may be used on a day.
    pub fn is_valid_on(&self, day: Date) -> bool {
        self.valid_from.is_none_or(|first| first <= day)
            && self.valid_to.is_none_or(|last| day <= last)
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("rank", &self.rank)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

/// Why a contact cannot be sent a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARecipient {
    /// An office mailbox is read by clerks and volunteers.
    #[error("an office gets nudges and calls, never a letter")]
    Office,
    /// The referral forbids this address.
    #[error("the referral withholds this address")]
    Withheld,
    /// Before its first day or after its last.
    #[error("the contact is not valid on this day")]
    NotValidToday,
}

/// The addresses a referral must never reach (`withhold_from`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withheld(Vec<String>);

impl Withheld {
    /// Takes the referral's list.
    pub fn new<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> Self {
        Self(addresses.into_iter().map(Address::folded).collect())
    }

    /// Whether this mailbox is withheld, whatever the case it is spelled in.
    pub fn contains(&self, address: &Address) -> bool {
        self.0.contains(&address.folded())
    }
}

/// A contact that a letter may be sent to. The only way to make one is [`Recipient::of`], so no
/// letter can be addressed to an office or to a withheld address: there is no type to say it with.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    contact: Contact,
}

impl Recipient {
    /// Makes a recipient of a Key Adult, deputy or hub that is valid on the given day.
    pub fn of(contact: &Contact, withheld: &Withheld, today: Date) -> Result<Self, NotARecipient> {
        match contact.role {
            Role::Office => return Err(NotARecipient::Office),
            Role::KeyAdult | Role::Deputy | Role::Hub => {}
        }
        if withheld.contains(&contact.address) {
            return Err(NotARecipient::Withheld);
        }
        if contact.is_valid_on(today) {
            Ok(Self {
                contact: contact.clone(),
            })
        } else {
            Err(NotARecipient::NotValidToday)
        }
    }

    /// The contact behind it.
    pub fn contact(&self) -> &Contact {
        &self.contact
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient").field(&self.contact).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(role: Role) -> Contact {
        Contact {
            id: ContactId::from_parts(1, [1; 10]),
            role,
            rank: 1,
            name: "A Person".into(),
            address: Address::parse("Head@school.test.cjsm.net").unwrap(),
            route: RouteName::parse("cjsm").unwrap(),
            phone: None,
            valid_from: None,
            valid_to: None,
            nudge_to: None,
            mobile: None,
            phone_from: None,
            phone_to: None,
            holidays: false,
            word_hash: None,
            briefed_on: None,
        }
    }

    #[test]
    fn no_letter_to_an_office_or_a_withheld_address() {
        let today = jiff::civil::date(2026, 11, 23);
        let none = Withheld::default();
        assert!(Recipient::of(&contact(Role::KeyAdult), &none, today).is_ok());
        assert_eq!(
            Recipient::of(&contact(Role::Office), &none, today),
            Err(NotARecipient::Office)
        );
        let withheld = Withheld::new([&Address::parse("hEAD@SCHOOL.test.cjsm.net").unwrap()]);
        assert_eq!(
            Recipient::of(&contact(Role::Deputy), &withheld, today),
            Err(NotARecipient::Withheld)
        );
    }

    #[test]
    fn an_address_is_strict() {
        for good in ["a@b.uk", "o'neil+x@a-b.sch.uk.cjsm.net"] {
            assert!(Address::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "a@b..uk",
            "\"a\"@b.uk",
            "a b@c.uk",
            "a@b.uk\r\n",
            "a@-b.uk",
            "å@b.uk",
            "a@@b.uk",
        ] {
            assert!(Address::parse(bad).is_none(), "{bad}");
        }
        assert!(Urn::parse("12345").is_none() && Urn::parse("012345").is_some());
    }
}

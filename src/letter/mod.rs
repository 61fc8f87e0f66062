//! Render, canonical MIME, OpenPGP signature: one child, one school, one contact, one letter; and the
//! notes, which name nobody.
//!
//! [`make`] and [`make_note`] are pure but for the signature's salt: the caller gives the time and the
//! random bytes, makes the message once, stores its bytes and sends those, however often it must try.

mod canonical;
mod fields;
mod headers;
mod languages;
mod mime;
mod notes;
mod quoted_printable;
mod rehearsal;
mod rules;
mod sample;
mod sign;
mod spoken;
mod templates;
#[cfg(test)]
mod tests;
mod wording;

pub use canonical::{NotCanonical, assert_canonical};
pub use notes::{NoteInput, make_note};
pub use rules::Rule;
pub use sign::{SignFault, Signer, SignerFault, generate};
pub use spoken::spoken;
pub use templates::{TemplateFault, Templates};
pub use wording::NoZone;

use crate::referral::deadline::Deadline;
use crate::referral::policy::Policy;
use crate::referral::post::{Child, Referral};
use crate::referral::reference::Reference;
use crate::referral::school::{Address, Role};
use aws_lc_rs::digest;
use jiff::Timestamp;
use jiff::civil::Date;
use mime::What;
use std::path::PathBuf;
use templates::Words;
use wording::Civil;

/// Letter settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A folder of templates that replace the embedded ones of the same name.
    pub templates: Option<PathBuf>,
    /// The armored OpenPGP key that signs, not readable by others.
    pub signing_key: PathBuf,
    /// Signature format.
    pub profile: SignatureProfile,
    /// From: our own address, printed on every letter.
    pub from: Address,
    /// From's display name: the gateway's, never a person's.
    pub from_name: String,
    /// Where replies come; the token is added as `+TOKEN` where the route carries it.
    pub reply_to: Address,
    /// The right side of Message-IDs.
    pub host_name: String,
}

/// OpenPGP signature format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureProfile {
    /// RFC 4880 v4: what GnuPG 2.2 and sqv read.
    V4,
    /// RFC 9580 v6.
    V6,
}

/// The secret of one letter, 26 characters of lower-case Crockford base32 (130 bits). In Reply-To,
/// Message-ID and ENVID only; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyToken(pub String);

impl std::fmt::Debug for ReplyToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplyToken(..)")
    }
}

/// Everything one letter is made from. One child, one school, one contact.
#[derive(Debug, Clone)]
pub struct LetterInput<'a> {
    /// The referral, with at least this child.
    pub referral: &'a Referral,
    /// The child.
    pub child: &'a Child,
    /// The force's policy.
    pub policy: &'a Policy,
    /// The school's name as the register prints it (or the authority's).
    pub school_name: &'a str,
    /// To: the contact's name, address and role.
    pub to_name: &'a str,
    /// The address.
    pub to: &'a Address,
    /// The role: a deputy's copy says who else has it.
    pub role: Role,
    /// The roles of those at the school to whom this notification's letter went before, empty for
    /// the first. A copy that names somebody who never got it would let each wait for the other.
    pub also_held_by: &'a [Role],
    /// The public code.
    pub reference: &'a Reference,
    /// Letter n of m to this school about this event.
    pub n_of_m: (u16, u16),
    /// The clocks.
    pub deadline: &'a Deadline,
    /// The first day staff are back, when the school is in a holiday.
    pub staff_back_on: Option<Date>,
    /// The reply token.
    pub token: &'a ReplyToken,
    /// Whether Reply-To may carry the token.
    pub plus_addressing: bool,
    /// Message-ID without angle brackets.
    pub message_id: &'a str,
    /// Date and signature time.
    pub at: Timestamp,
}

/// A whole message in bytes at most, below the 100 KB that `domain.md` asks CJSM to be spared.
pub const LETTER_BYTES_MAX: usize = 100_000;

/// One letter or note, signed: these bytes are stored and sent, the same ones at every try.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedLetter {
    /// The message as it goes after DATA, before dot-stuffing. Lines end in CRLF.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`.
    pub digest: [u8; 32],
    /// Fingerprint of the certificate that signed, hexadecimal, upper case.
    pub signer: String,
    /// The subject: public.
    pub subject: String,
}

impl std::fmt::Debug for SignedLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedLetter")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Why no letter or note was made. Says which rule or step, never what the letter would have said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterFault {
    /// An office mailbox is read by clerks and volunteers.
    #[error("an office gets nudges and calls, never a letter or a note about one")]
    Office,
    /// The zone database has no Europe/London.
    #[error(transparent)]
    Zone(#[from] NoZone),
    /// The letter's time cannot be written as RFC 5322 wants it.
    #[error("the letter's time cannot be written as a Date")]
    Date,
    /// The Message-ID is not `left@right` of printable ASCII.
    #[error("the Message-ID is not one")]
    MessageId,
    /// The reply address with its token is longer than an address may be.
    #[error("the reply address has no room for a token")]
    ReplyTo,
    /// The templates cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateFault),
    /// The bytes would not survive the way.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The signature was not made.
    #[error(transparent)]
    Sign(#[from] SignFault),
    /// The message is too large.
    #[error("a letter has at most {LETTER_BYTES_MAX} bytes")]
    TooLarge,
}

/// Renders, writes, checks and signs one letter. `random` comes from a CSPRNG and is used once: it
/// becomes the boundary, which nobody who chose the letter's words may know.
pub fn make(
    signer: &Signer,
    templates: &Templates,
    settings: &Settings,
    input: &LetterInput<'_>,
    random: [u8; 16],
) -> Result<SignedLetter, LetterFault> {
    refuse_office(input.role)?;
    let civil = Civil::london()?;
    let words = templates.render(input, &civil)?;
    let reference = input.reference.to_string();
    let token = &input.token.0;
    rules::subject(&words.subject, &reference, token).map_err(TemplateFault::in_subject)?;
    rules::body(&words.text, &reference, token).map_err(TemplateFault::in_body)?;
    let outside = Outside {
        what: What::Letter,
        to: input.to,
        token: input.token,
        plus_addressing: input.plus_addressing,
        message_id: input.message_id,
        at: input.at,
    };
    written(signer, settings, &outside, words, &civil, random)
}

fn refuse_office(role: Role) -> Result<(), LetterFault> {
    match role {
        Role::Office => Err(LetterFault::Office),
        Role::KeyAdult | Role::Deputy | Role::Hub => Ok(()),
    }
}

/// What stands around a message's words.
struct Outside<'a> {
    what: What,
    to: &'a Address,
    token: &'a ReplyToken,
    plus_addressing: bool,
    message_id: &'a str,
    at: Timestamp,
}

/// Words that keep to the rules, written as mail, checked and signed.
fn written(
    signer: &Signer,
    settings: &Settings,
    outside: &Outside<'_>,
    words: Words,
    civil: &Civil,
    random: [u8; 16],
) -> Result<SignedLetter, LetterFault> {
    let head = mime::Head {
        what: outside.what,
        from_name: &settings.from_name,
        from: &settings.from,
        to: outside.to,
        subject: &words.subject,
        date: date(outside.at, civil)?,
        message_id: message_id(outside.message_id)?,
        reply_to: reply_to(&settings.reply_to, outside)?,
    };
    let boundary = mime::boundary(random);
    let part = mime::signed_part(&head, &words.text);
    assert_canonical(part.as_bytes(), &words.text, &boundary)?;
    let signature = signer.sign(part.as_bytes(), outside.at)?;
    let message = mime::message(&head, &part, &signature, sign::MICALG, &boundary);
    canonical::assert_message(message.as_bytes(), &words.subject, &words.text)?;
    if message.len() > LETTER_BYTES_MAX {
        return Err(LetterFault::TooLarge);
    }
    let bytes = message.into_bytes();
    Ok(SignedLetter {
        digest: sha256(&bytes),
        bytes,
        signer: signer.fingerprint(),
        subject: words.subject,
    })
}

fn date(at: Timestamp, civil: &Civil) -> Result<String, LetterFault> {
    jiff::fmt::rfc2822::to_string(&civil.at(at)).map_err(|_| LetterFault::Date)
}

fn message_id(id: &str) -> Result<&str, LetterFault> {
    let printable = id
        .bytes()
        .all(|byte| matches!(byte, b'!'..=b'~') && !b"<>".contains(&byte));
    let sides = id
        .split_once('@')
        .is_some_and(|(l, r)| !l.is_empty() && !r.is_empty());
    (printable && sides)
        .then_some(id)
        .ok_or(LetterFault::MessageId)
}

fn reply_to(plain: &Address, outside: &Outside<'_>) -> Result<Address, LetterFault> {
    if !outside.plus_addressing {
        return Ok(plain.clone());
    }
    let (local, domain) = plain.as_str().split_once('@').ok_or(LetterFault::ReplyTo)?;
    let own = format!("{local}+{}@{domain}", outside.token.0);
    Address::parse(&own).ok_or(LetterFault::ReplyTo)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (to, from) in digest
        .iter_mut()
        .zip(digest::digest(&digest::SHA256, bytes).as_ref())
    {
        *to = *from;
    }
    digest
}

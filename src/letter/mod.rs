//! Render, canonical MIME, OpenPGP signature.

use crate::referral::deadline::Deadline;
use crate::referral::policy::Policy;
use crate::referral::post::{Child, Referral};
use crate::referral::reference::Reference;
use crate::referral::school::{Address, Role};
use jiff::Timestamp;
use jiff::civil::Date;
use std::path::PathBuf;

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

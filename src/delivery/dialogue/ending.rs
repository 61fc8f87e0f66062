//! How a dialogue ends short of what it wanted, or with the letter taken.

use super::reply::Reply;
use crate::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase, TlsFacts};
use std::fmt;

/// A peer's words kept for the record, bytes: the longest line that is read, twice.
pub const WORDS_BYTES_MAX: usize = 2048;

/// The end of an attempt, as far as the dialogue knows it: [`Attempted`] without the handshake.
#[derive(Clone, PartialEq, Eq)]
pub struct Ending {
    /// The outcome.
    pub result: AttemptResult,
    /// How far it came.
    pub phase: Phase,
    /// Why.
    pub why: AttemptWhy,
    /// The reply code, when a reply decided.
    pub code: Option<u16>,
    /// Its enhanced status code.
    pub enhanced: Option<String>,
    /// The peer's last words, at most [`WORDS_BYTES_MAX`].
    pub words: Vec<u8>,
}

impl Ending {
    /// Ended without a reply that decided.
    pub fn new(result: AttemptResult, phase: Phase, why: AttemptWhy, words: &[u8]) -> Self {
        Self {
            result,
            phase,
            why,
            code: None,
            enhanced: None,
            words: bounded(words),
        }
    }

    /// Not now, before anything was said.
    pub fn later(phase: Phase, why: AttemptWhy) -> Self {
        Self::new(AttemptResult::Later, phase, why, b"")
    }

    /// The relay took the letter.
    pub fn done(reply: &Reply) -> Self {
        Self::decided(AttemptResult::Done, Phase::Body, AttemptWhy::Reply, reply)
    }

    /// The peer answered something else than what lets the attempt go on. Only the exact code does:
    /// 251 (will forward) and 252 (cannot verify) are no consent to hand a letter to this mailbox.
    pub fn unexpected(phase: Phase, reply: &Reply) -> Self {
        let (result, why) = match (reply.code(), concerns(phase, reply)) {
            (400..=499, _) | (500.., Concern::Session) | (251 | 252, Concern::Letter) => {
                (AttemptResult::Later, AttemptWhy::Reply)
            }
            (500.., Concern::Letter | Concern::Handed) => (AttemptResult::Never, AttemptWhy::Reply),
            (_, Concern::Session | Concern::Letter) => {
                (AttemptResult::Later, AttemptWhy::OutOfStep)
            }
            (_, Concern::Handed) => (AttemptResult::Unknown, AttemptWhy::OutOfStep),
        };
        Self::decided(result, phase, why, reply)
    }

    /// With what the handshake proved.
    pub fn with(self, tls: Option<TlsFacts>) -> Attempted {
        Attempted {
            result: self.result,
            phase: self.phase,
            why: self.why,
            code: self.code,
            enhanced: self.enhanced,
            tls,
            words: self.words,
        }
    }

    fn decided(result: AttemptResult, phase: Phase, why: AttemptWhy, reply: &Reply) -> Self {
        Self {
            result,
            phase,
            why,
            code: Some(reply.code()),
            enhanced: reply.enhanced(),
            words: bounded(reply.bytes()),
        }
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending")
            .field("result", &self.result)
            .field("phase", &self.phase)
            .field("why", &self.why)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// What a refusal in a phase is about.
enum Concern {
    /// The relay or our account: no letter's fault, so a 5xx is tried again.
    Session,
    /// This letter, none of which is at the peer.
    Letter,
    /// This letter, all of which may be at the peer.
    Handed,
}

fn concerns(phase: Phase, reply: &Reply) -> Concern {
    match phase {
        Phase::Connect
        | Phase::Greeting
        | Phase::Ehlo
        | Phase::StartTls
        | Phase::Handshake
        | Phase::Auth
        | Phase::Daemon => Concern::Session,
        Phase::Mail if !names_the_letter(reply) => Concern::Session,
        Phase::Rcpt | Phase::Data if is_about_the_command(reply) => Concern::Session,
        Phase::Mail | Phase::Rcpt | Phase::Data => Concern::Letter,
        Phase::Body => Concern::Handed,
    }
}

/// Whether a refusal of MAIL is about the letter. MAIL names nobody but us, so what it is refused for
/// is our account or address (550 5.7.1, 553 5.1.8, 530) and holds for every letter alike: charging it
/// to the recipients would fail the whole queue. What MAIL tells of the letter is its size (552 of
/// RFC 1870 6.1; 5.3.4 and 5.2.3 of RFC 3463); otherwise the enhanced code must name the destination
/// (5.1.1 to 5.1.6 of RFC 3463, 5.1.9 and 5.1.10 of RFC 7504 and RFC 7505) or the content (5.6.x).
fn names_the_letter(reply: &Reply) -> bool {
    let enhanced = reply.enhanced();
    let mut parts = enhanced.iter().flat_map(|code| code.split('.')).skip(1);
    match (parts.next(), parts.next()) {
        (Some("1"), Some("1" | "2" | "3" | "4" | "5" | "6" | "9" | "10"))
        | (Some("2" | "6"), Some(_))
        | (Some("3"), Some("4")) => true,
        (Some(_), _) => false,
        (None, _) => reply.code() == 552,
    }
}

/// Whether a refusal of RCPT or DATA is about the command and not about what it names: not known, not
/// implemented or out of sequence (500, 502 and 503 of RFC 5321 4.2.2), or without a login (530 of
/// RFC 4954 6). 554 to DATA, "no valid recipients" (RFC 5321 3.3), is about the letter's recipient.
fn is_about_the_command(reply: &Reply) -> bool {
    matches!(reply.code(), 500 | 502 | 503 | 530)
}

fn bounded(words: &[u8]) -> Vec<u8> {
    words.get(..WORDS_BYTES_MAX).unwrap_or(words).to_vec()
}

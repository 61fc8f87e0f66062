//! Before TLS: greeting, EHLO, STARTTLS and nothing else (RFC 3207).

use super::{Capabilities, Ending, Replies, Reply, Script, Turn, ehlo};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use lettre::transport::smtp::commands::Starttls;

/// Everything that can be said on a connection that is not encrypted. There is no word here for a
/// letter, an address or a password.
#[derive(Debug)]
pub struct Clear<'a> {
    host_name: &'a str,
    waiting_for: Waiting,
}

#[derive(Debug, Clone, Copy)]
enum Waiting {
    Greeting,
    Ehlo,
    StartTls,
}

impl<'a> Clear<'a> {
    /// Comes to the peer's readiness for the handshake.
    pub fn new(host_name: &'a str) -> Self {
        Self {
            host_name,
            waiting_for: Waiting::Greeting,
        }
    }
}

impl Script for Clear<'_> {
    type Outcome = ();

    fn begin(&mut self) -> Turn<()> {
        Turn::Listen(Phase::Greeting)
    }

    fn answer(&mut self, reply: &Reply) -> Turn<()> {
        match (self.waiting_for, reply.code()) {
            (Waiting::Greeting, 220) => {
                self.waiting_for = Waiting::Ehlo;
                Turn::Ask(Phase::Ehlo, ehlo(self.host_name))
            }
            (Waiting::Greeting, _) => Turn::refused(Phase::Greeting, reply),
            (Waiting::Ehlo, 250) if !Capabilities::of(reply).starttls => {
                Turn::End(Err(Ending::new(
                    AttemptResult::Later,
                    Phase::StartTls,
                    AttemptWhy::NoStartTls,
                    reply.bytes(),
                )))
            }
            (Waiting::Ehlo, 250) => {
                self.waiting_for = Waiting::StartTls;
                Turn::Ask(Phase::StartTls, Starttls.to_string().into_bytes())
            }
            (Waiting::Ehlo, _) => Turn::refused(Phase::Ehlo, reply),
            (Waiting::StartTls, 220) => Turn::End(Ok(())),
            (Waiting::StartTls, _) => Turn::refused(Phase::StartTls, reply),
        }
    }
}

/// What follows the 220 to STARTTLS in clear was not said by the peer that the handshake proves:
/// the attempt ends there.
pub fn nothing_follows(replies: &Replies) -> Result<(), Ending> {
    if replies.is_empty() {
        return Ok(());
    }
    Err(Ending::new(
        AttemptResult::Later,
        Phase::StartTls,
        AttemptWhy::BytesBeforeHandshake,
        &replies.left_over(),
    ))
}

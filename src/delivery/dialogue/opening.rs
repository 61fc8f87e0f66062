//! The first words over TLS: greeting (implicit TLS only), EHLO, AUTH.

use super::{Capabilities, Ending, Reply, Script, Turn, ehlo};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
pub use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::commands::Auth;

/// Opens a session on an encrypted connection and comes to what the peer offers there; what it
/// offered in clear is forgotten (RFC 3207 4.2).
#[derive(Debug)]
pub struct Opening<'a> {
    host_name: &'a str,
    credentials: Option<&'a Credentials>,
    greeted: bool,
    offered: Capabilities,
    waiting_for: Waiting,
}

#[derive(Debug, Clone, Copy)]
enum Waiting {
    Greeting,
    Ehlo,
    LoginUser,
    LoginPassword,
    Accepted,
}

impl<'a> Opening<'a> {
    /// `greeted`: whether the peer's greeting was read before the handshake, as with STARTTLS.
    pub fn new(host_name: &'a str, greeted: bool, credentials: Option<&'a Credentials>) -> Self {
        Self {
            host_name,
            credentials,
            greeted,
            offered: Capabilities::default(),
            waiting_for: Waiting::Greeting,
        }
    }

    fn say_ehlo(&mut self) -> Turn<Capabilities> {
        self.waiting_for = Waiting::Ehlo;
        Turn::Ask(Phase::Ehlo, ehlo(self.host_name))
    }

    fn after_ehlo(&mut self, reply: &Reply) -> Turn<Capabilities> {
        self.offered = Capabilities::of(reply);
        if self.credentials.is_none() {
            Turn::End(Ok(self.offered))
        } else if self.offered.auth_plain {
            self.say_auth(Waiting::Accepted, Mechanism::Plain, None, reply)
        } else if self.offered.auth_login {
            let login = format!("AUTH {}\r\n", Mechanism::Login);
            self.waiting_for = Waiting::LoginUser;
            Turn::Ask(Phase::Auth, login.into_bytes())
        } else {
            not_offered(reply)
        }
    }

    /// The peer's challenges are not read: the order of LOGIN is fixed, user then password.
    fn say_auth(
        &mut self,
        then: Waiting,
        mechanism: Mechanism,
        challenge: Option<&str>,
        reply: &Reply,
    ) -> Turn<Capabilities> {
        let auth = self.credentials.and_then(|credentials| {
            Auth::new(mechanism, credentials.clone(), challenge.map(str::to_owned)).ok()
        });
        let Some(auth) = auth else {
            return not_offered(reply);
        };
        self.waiting_for = then;
        Turn::Ask(Phase::Auth, auth.to_string().into_bytes())
    }
}

impl Script for Opening<'_> {
    type Outcome = Capabilities;

    fn begin(&mut self) -> Turn<Capabilities> {
        if self.greeted {
            self.say_ehlo()
        } else {
            Turn::Listen(Phase::Greeting)
        }
    }

    fn answer(&mut self, reply: &Reply) -> Turn<Capabilities> {
        match (self.waiting_for, reply.code()) {
            (Waiting::Greeting, 220) => self.say_ehlo(),
            (Waiting::Greeting, _) => Turn::refused(Phase::Greeting, reply),
            (Waiting::Ehlo, 250) => self.after_ehlo(reply),
            (Waiting::Ehlo, _) => Turn::refused(Phase::Ehlo, reply),
            (Waiting::LoginUser, 334) => {
                let then = Waiting::LoginPassword;
                self.say_auth(then, Mechanism::Login, Some("Username:"), reply)
            }
            (Waiting::LoginPassword, 334) => {
                let then = Waiting::Accepted;
                self.say_auth(then, Mechanism::Login, Some("Password:"), reply)
            }
            (Waiting::Accepted, 235) => Turn::End(Ok(self.offered)),
            (Waiting::LoginUser | Waiting::LoginPassword | Waiting::Accepted, _) => {
                Turn::refused(Phase::Auth, reply)
            }
        }
    }
}

fn not_offered(reply: &Reply) -> Turn<Capabilities> {
    Turn::End(Err(Ending::new(
        AttemptResult::Later,
        Phase::Auth,
        AttemptWhy::NotOffered,
        reply.bytes(),
    )))
}

//! The lane: how a person is told. It shares no relay with letters, and carries nothing but alarms.

use super::book::Channels;
use super::message::Message;
use super::{mail, webhook};
use crate::client::NoAnswer;
use crate::client::peer::{Peer, PeerSettings};
use crate::delivery::carrier::{Carrier, RouteFault, SmtpCarrier};
use crate::delivery::{Envelope, Route};
use crate::referral::alarm::AlarmChannel;
use crate::referral::attempt::AttemptResult;
use crate::referral::school::Address;
use std::future::ready;

/// The mail to the first person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// The way out, for nothing but alarms.
    pub route: Route,
    /// Whom it is from.
    pub from: Address,
    /// The desk's mailbox.
    pub to: Address,
}

/// How people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSettings {
    /// The gateway's name.
    pub gateway: String,
    /// The first person's channel.
    pub mail: Option<MailSettings>,
    /// The second's.
    pub webhook: Option<PeerSettings>,
}

/// Why the lane cannot be used, or an alarm was not told.
#[derive(Debug, thiserror::Error)]
pub enum LaneFault {
    /// The mail's settings.
    #[error("the alarms' mail: {0}")]
    Route(#[from] RouteFault),
    /// The webhook's files, or nothing answers there.
    #[error("the alarms' webhook: {0}")]
    Webhook(#[from] NoAnswer),
    /// The relay did not take it.
    #[error("the relay did not take it: {result} at {phase}, {why}")]
    NotTaken {
        /// Its outcome.
        result: &'static str,
        /// How far it came.
        phase: &'static str,
        /// Why.
        why: &'static str,
    },
    /// The webhook answered with another status than a 2xx.
    #[error("the webhook answered {0}")]
    Status(u16),
    /// There is no such channel.
    #[error("there is no such channel")]
    NoChannel,
}

/// The lane, its files read.
#[derive(Debug)]
pub struct Lane {
    gateway: String,
    mail: Option<(MailSettings, SmtpCarrier)>,
    webhook: Option<Peer>,
}

impl Lane {
    /// Reads every file.
    pub fn new(settings: &LaneSettings) -> Result<Self, LaneFault> {
        let mail = match &settings.mail {
            None => None,
            Some(mail) => {
                let routes = std::slice::from_ref(&mail.route);
                let carrier = SmtpCarrier::new(&settings.gateway, routes)?;
                Some((mail.clone(), carrier))
            }
        };
        let webhook = settings.webhook.as_ref().map(Peer::new).transpose()?;
        Ok(Self {
            gateway: settings.gateway.clone(),
            mail,
            webhook,
        })
    }

    /// The gateway's name.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Which channels there are.
    pub fn channels(&self) -> Channels {
        Channels {
            mail: self.mail.is_some(),
            webhook: self.webhook.is_some(),
        }
    }

    /// Tells. It ends within the channel's limits.
    pub async fn tell(&self, channel: AlarmChannel, message: &Message) -> Result<(), LaneFault> {
        match channel {
            AlarmChannel::Mail => self.mail(message).await,
            AlarmChannel::Webhook => self.post(message).await,
        }
    }

    async fn mail(&self, message: &Message) -> Result<(), LaneFault> {
        let (settings, carrier) = self.mail.as_ref().ok_or(LaneFault::NoChannel)?;
        let envelope = Envelope {
            mail_from: None,
            rcpt_to: settings.to.clone(),
            envid: String::new(),
        };
        let bytes = mail::bytes(message, &settings.from, &settings.to);
        let route = &settings.route.name;
        let attempted = carrier.attempt(route, &envelope, &bytes, ready(true)).await;
        // An alarm is rare: the next one finds a fresh connection.
        carrier.close().await;
        match attempted.result {
            AttemptResult::Done => Ok(()),
            AttemptResult::Later | AttemptResult::Never | AttemptResult::Unknown => {
                Err(LaneFault::NotTaken {
                    result: attempted.result.word(),
                    phase: attempted.phase.word(),
                    why: attempted.why.word(),
                })
            }
        }
    }

    async fn post(&self, message: &Message) -> Result<(), LaneFault> {
        let peer = self.webhook.as_ref().ok_or(LaneFault::NoChannel)?;
        let document = webhook::document(message).to_string();
        match peer.call(Some(document.into_bytes())).await? {
            200..=299 => Ok(()),
            status => Err(LaneFault::Status(status)),
        }
    }
}

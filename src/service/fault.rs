//! Why the daemon does not start or stops, and what is to blame.

use crate::alarms::LaneFault;
use crate::delivery::carrier::RouteFault;
use crate::delivery::stage::AttemptPanicked;
use crate::intake::CannotServe;
use crate::letter::{SignerFault, TemplateFault};
use crate::referral::school::RouteName;
use crate::replies::{mailbox, smtp};
use crate::store::OpenFault;
use std::io;

/// Why the daemon does not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceFault {
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenFault),
    /// The signing key.
    #[error(transparent)]
    Signer(#[from] SignerFault),
    /// The letter templates.
    #[error(transparent)]
    Templates(#[from] TemplateFault),
    /// A route.
    #[error(transparent)]
    Route(#[from] RouteFault),
    /// The alarms' lane.
    #[error(transparent)]
    Lane(#[from] LaneFault),
    /// Intake.
    #[error(transparent)]
    Intake(#[from] CannotServe),
    /// SMTP in.
    #[error(transparent)]
    Replies(#[from] smtp::Unusable),
    /// A mailbox.
    #[error(transparent)]
    Mailbox(#[from] mailbox::Unusable),
    /// A socket.
    #[error("{0}: {1}")]
    Socket(String, io::Error),
    /// The host refused to keep memory out of core dumps.
    #[error("core dumps could not be switched off: {0}")]
    CoreDumps(io::Error),
    /// The writer's scheduler could not be started.
    #[error("the writer could not be started: {0}")]
    Writer(io::Error),
    /// The sweeper's thread could not be started.
    #[error("the sweeper could not be started: {0}")]
    Sweeper(io::Error),
    /// Nothing was imported: every child would be held.
    #[error("there is no directory yet; run: firstbell directory import --initial FOLDER")]
    NoDirectory,
    /// Letters to contacts on a route that is not configured would wait for ever.
    #[error(
        "a contact's route is {0}, which no settings name for letters: add [route.{0}], and let nudge_route be another"
    )]
    UnknownRoute(RouteName),
    /// A stage ended, which none ever does by itself: a fault of ours.
    #[error("the stage {0} ended")]
    StageEnded(&'static str),
    /// An attempt panicked.
    #[error(transparent)]
    Attempt(#[from] AttemptPanicked),
}

impl ServiceFault {
    /// What is to blame: it decides the exit code, and so whether systemd starts us again.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Signer(_)
            | Self::Templates(_)
            | Self::Route(_)
            | Self::Lane(_)
            | Self::Intake(_)
            | Self::Replies(_)
            | Self::Mailbox(_)
            | Self::NoDirectory
            | Self::UnknownRoute(_)
            | Self::Store(OpenFault::Vault(_) | OpenFault::Nothing(_)) => Blame::Settings,
            Self::Store(OpenFault::Locked(_)) | Self::Socket(..) => Blame::Taken,
            Self::Store(OpenFault::File(..) | OpenFault::Database(..)) => Blame::Disk,
            Self::CoreDumps(_)
            | Self::Writer(_)
            | Self::Sweeper(_)
            | Self::StageEnded(_)
            | Self::Attempt(_) => Blame::Ours,
        }
    }
}

/// What a fault is to be blamed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The settings or what they name: trying again mends nothing.
    Settings,
    /// Somebody else holds what we need; it may be free in a moment.
    Taken,
    /// The disk.
    Disk,
    /// Us.
    Ours,
}

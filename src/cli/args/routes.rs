//! What can be asked about routes.

use crate::referral::route::SuspendReason;
use crate::referral::school::RouteName;
use clap::{Args, Subcommand};
use jiff::Timestamp;

/// `route`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum RouteCommand {
    /// Every route: whether its relay is there, who suspended it, what waits.
    List,
    /// Do all that an attempt does before MAIL, and say what was met.
    Probe {
        /// Its name, as `cjsm`.
        #[arg(value_parser = route)]
        route: RouteName,
    },
    /// Send nothing more over a route, at once or at a planned time. Calls go on.
    Suspend(Suspend),
    /// Send over it again.
    Resume(Resume),
}

/// `route suspend`.
#[derive(Clone, PartialEq, Eq, Args)]
pub struct Suspend {
    /// Its name, as `cjsm`.
    #[arg(value_parser = route)]
    pub route: RouteName,
    /// maintenance, compromise, certificate, asked_by_relay, test, over or other
    #[arg(long, value_parser = reason)]
    pub reason: SuspendReason,
    /// From then on, RFC 3339 with offset; at once if not given.
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// It ends by itself then; without it, when somebody resumes the route.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// In words, kept sealed.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// `route resume`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Resume {
    /// Its name, as `cjsm`.
    #[arg(value_parser = route)]
    pub route: RouteName,
    /// maintenance, compromise, certificate, asked_by_relay, test, over or other
    #[arg(long, value_parser = reason)]
    pub reason: SuspendReason,
    /// Forget planned suspensions, too.
    #[arg(long)]
    pub planned: bool,
}

impl std::fmt::Debug for Suspend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Suspend({})", self.route)
    }
}

fn route(text: &str) -> Result<RouteName, &'static str> {
    RouteName::parse(text).ok_or("a route's name is 1 to 32 of a to z, 0 to 9, _ and -")
}

fn reason(text: &str) -> Result<SuspendReason, String> {
    super::people::one_of(SuspendReason::parse(text), SuspendReason::WORDS)
}

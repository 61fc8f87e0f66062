//! What is left of a notification's time: its slack, the steps that remain with the last safe moment of
//! each, and why it is at risk.

use super::decide::call_comes_first;
use super::fold::Case;
use super::ladder::{Rung, RungWhat};
use super::plan::Target;
use super::post::words;
use super::state::{DeliveryState, Proof, Timing};
use jiff::{SignedDuration, Timestamp};

words! {
    /// Why the time may not suffice.
    RiskWhy {
        /// It is held, and mails nobody.
        Held = "held",
        /// Its school is not known.
        NoSchool = "no_school",
        /// It has nobody who may be mailed.
        NobodyToMail = "nobody_to_mail",
        /// Every letter of it came back or was refused.
        MailFailed = "mail_failed",
        /// Its letter has not left.
        MailWaits = "mail_waits",
    }
}

/// A step that remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepAhead {
    /// Which, when, and whether hours leave no time for it.
    pub rung: Rung,
    /// The instant of the next step that involves a person: what comes of this one must show before.
    pub last_safe_at: Timestamp,
}

/// What is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// The last safe moment of what is under way: of mail while nothing proves delivery, then of waiting
    /// for an answer.
    pub last_safe_at: Timestamp,
    /// Until then; negative once it is past.
    pub slack: SignedDuration,
    /// The steps that remain, soonest first.
    pub steps: Vec<StepAhead>,
    /// Why it is at risk, while it is.
    pub at_risk: Option<RiskWhy>,
}

impl Ahead {
    /// Of a case whose record is damaged: nothing is known but by when it had to be acted on.
    pub fn unknown(act_by: Timestamp, now: Timestamp) -> Self {
        Self {
            last_safe_at: act_by,
            slack: act_by.duration_since(now),
            steps: Vec::new(),
            at_risk: None,
        }
    }

    /// Of a case, at `now`.
    pub fn of(case: &Case, now: Timestamp) -> Self {
        let first = call_comes_first(case);
        let remains = |rung: &Rung| match rung.what {
            RungWhat::CallFirst => first || rung.lost,
            RungWhat::Call => !first || rung.lost,
            RungWhat::Deputies
            | RungWhat::Nudge
            | RungWhat::Supervisor
            | RungWhat::Hour
            | RungWhat::Choose => true,
        };
        let rungs: Vec<Rung> = case.ahead(now).filter(remains).collect();
        let person_after = |at: Timestamp| {
            let mut later = rungs.iter().filter(|rung| rung.at > at && is_voice(rung));
            later.next().map_or(case.act_by.max(at), |rung| rung.at)
        };
        let steps = rungs.iter().map(|rung| StepAhead {
            rung: *rung,
            last_safe_at: person_after(rung.at),
        });
        let last_safe_at = match case.proof() {
            Proof::None => case.last_safe_mail(),
            Proof::HandedOver | Proof::Delivered => person_after(now),
        };
        Self {
            last_safe_at,
            slack: last_safe_at.duration_since(now),
            steps: steps.collect(),
            at_risk: (case.timing(now) == Timing::AtRisk).then(|| why(case)),
        }
    }
}

/// Whether a step involves a person, and can be taken.
fn is_voice(rung: &Rung) -> bool {
    let voice = match rung.what {
        RungWhat::CallFirst | RungWhat::Call | RungWhat::Supervisor | RungWhat::Choose => true,
        RungWhat::Deputies | RungWhat::Nudge | RungWhat::Hour => false,
    };
    voice && !rung.lost
}

fn why(case: &Case) -> RiskWhy {
    let mut letters = case.letters();
    let sending = DeliveryState::Sending;
    if case.target == Target::Unrouted {
        RiskWhy::NoSchool
    } else if case.hold.is_some() {
        RiskWhy::Held
    } else if letters.any(|(_, letter)| letter.waits() || letter.state() == sending) {
        RiskWhy::MailWaits
    } else if case.letters().next().is_some() {
        RiskWhy::MailFailed
    } else {
        RiskWhy::NobodyToMail
    }
}

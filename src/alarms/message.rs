//! What one message tells, whoever carries it: which alarms, of what kind, since when, what to do. Made
//! from types that hold no personal data; the same for mail and webhook.

use super::book::Say;
use super::runbook::Runbook;
use crate::referral::alarm::{AlarmKind, AlarmSeverity};
use crate::store::AlarmLine;
use jiff::Timestamp;

/// Alarms of one kind that a message names; more are a number.
pub const NAMED_MAX: usize = 5;

/// Alarms of one kind in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The kind.
    pub kind: AlarmKind,
    /// What to do.
    pub runbook: Runbook,
    /// Those that are open, longest open first.
    pub firing: Vec<AlarmLine>,
    /// Those that are over.
    pub over: Vec<AlarmLine>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The gateway's name, as it says it outside.
    pub gateway: String,
    /// When it is sent.
    pub at: Timestamp,
    /// By kind, what may be told at any hour first.
    pub groups: Vec<Group>,
}

impl Message {
    /// Of what is to be said.
    pub fn new(gateway: &str, say: &Say, at: Timestamp) -> Self {
        let of = |lines: &[AlarmLine], kind: AlarmKind| -> Vec<AlarmLine> {
            lines
                .iter()
                .filter(|line| line.kind == kind)
                .cloned()
                .collect()
        };
        let groups = AlarmKind::ALL.iter().map(|kind| Group {
            kind: *kind,
            runbook: Runbook::of(*kind),
            firing: of(&say.firing, *kind),
            over: of(&say.over, *kind),
        });
        let mut groups: Vec<Group> = groups
            .filter(|group| !group.firing.is_empty() || !group.over.is_empty())
            .collect();
        groups.sort_by_key(|group| match group.kind.severity() {
            AlarmSeverity::Critical => 0,
            AlarmSeverity::Warning => 1,
        });
        Self {
            gateway: gateway.to_owned(),
            at,
            groups,
        }
    }

    /// Alarms that are open.
    pub fn firing(&self) -> usize {
        self.groups.iter().map(|group| group.firing.len()).sum()
    }
}

//! What to do about each kind of alarm: one text a kind, which messages carry whole.

use crate::referral::alarm::AlarmKind;

/// What stands before the command, on a text's last line.
const COMMAND: &str = "Command: ";
/// Where a command names what the alarm is about.
const SUBJECT: &str = "{subject}";

/// What a person is told of a kind of alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runbook {
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// What it means and what to do, in whole sentences.
    pub text: &'static str,
    /// What to type, with the subject's place in it.
    command: &'static str,
}

impl Runbook {
    /// The text of this kind.
    pub fn of(kind: AlarmKind) -> Self {
        let whole = file(kind);
        let (summary, rest) = whole.split_once("\n\n").unwrap_or((whole, ""));
        let (text, command) = rest.rsplit_once(COMMAND).unwrap_or((rest, ""));
        Self {
            summary: summary.trim(),
            text: text.trim(),
            command: command.trim(),
        }
    }

    /// What to type about this subject.
    pub fn command(self, subject: &str) -> String {
        self.command.replace(SUBJECT, subject)
    }
}

fn file(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::StoreNotCommitting => include_str!("runbooks/store_not_committing.txt"),
        AlarmKind::IntakeRefusing => include_str!("runbooks/intake_refusing.txt"),
        AlarmKind::EveryRouteDown => include_str!("runbooks/every_route_down.txt"),
        AlarmKind::RouteDown => include_str!("runbooks/route_down.txt"),
        AlarmKind::Clock => include_str!("runbooks/clock.txt"),
        AlarmKind::KeyExpired => include_str!("runbooks/key_expired.txt"),
        AlarmKind::CertificateLastDays => include_str!("runbooks/certificate_last_days.txt"),
        AlarmKind::CertificateExpiring => include_str!("runbooks/certificate_expiring.txt"),
        AlarmKind::StuckTimer => include_str!("runbooks/stuck_timer.txt"),
        AlarmKind::StuckDelivery => include_str!("runbooks/stuck_delivery.txt"),
        AlarmKind::StuckLease => include_str!("runbooks/stuck_lease.txt"),
        AlarmKind::StuckInbound => include_str!("runbooks/stuck_inbound.txt"),
        AlarmKind::MailboxUnread => include_str!("runbooks/mailbox_unread.txt"),
        AlarmKind::StageStalled => include_str!("runbooks/stage_stalled.txt"),
        AlarmKind::NobodyToNotify => include_str!("runbooks/nobody_to_notify.txt"),
        AlarmKind::CalendarWithoutPupilDays => {
            include_str!("runbooks/calendar_without_pupil_days.txt")
        }
        AlarmKind::CallUnclaimed => include_str!("runbooks/call_unclaimed.txt"),
        AlarmKind::ChoiceWaits => include_str!("runbooks/choice_waits.txt"),
        AlarmKind::CallsOverCapacity => include_str!("runbooks/calls_over_capacity.txt"),
        AlarmKind::CallsExpected => include_str!("runbooks/calls_expected.txt"),
        AlarmKind::SenderQuiet => include_str!("runbooks/sender_quiet.txt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No message that is read outside may hold these.
    const TELLING: [&str; 7] = [
        "domestic",
        "abuse",
        "incident",
        "encompass",
        "child",
        "pupil name",
        "police",
    ];

    #[test]
    fn every_kind_has_a_text_that_tells_nothing_and_a_command() {
        for kind in AlarmKind::ALL {
            let runbook = Runbook::of(*kind);
            let word = kind.word();
            assert!((10..=70).contains(&runbook.summary.len()), "{word}");
            assert!(runbook.text.ends_with('.'), "{word}");
            assert!((1..=6).contains(&runbook.text.lines().count()), "{word}");
            let whole = file(*kind);
            assert!(whole.is_ascii(), "{word}");
            let lower = whole.to_ascii_lowercase();
            let telling = TELLING.iter().find(|telling| lower.contains(*telling));
            assert_eq!(telling, None, "{word}");
            assert!(!runbook.command("x").is_empty(), "{word}");
        }
    }
}

//! Alarms: what needs a person of the gateway's own, and at which hours they may be told of it
//! (`docs/alarms.md`). An alarm names a route, an id of ours or a force: never a school or a child.

mod desks;

pub use desks::{Desk, Desks};

use super::london;
use super::post::words;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};

words! {
    /// What is wrong.
    AlarmKind {
        /// The store cannot record: nothing is accepted, and no outcome is kept.
        StoreNotCommitting = "store_not_committing",
        /// Posts are refused for want of room or of a store.
        IntakeRefusing = "intake_refusing",
        /// Every route with letters waiting has been down for half an hour.
        EveryRouteDown = "every_route_down",
        /// One route has been down for half an hour with letters waiting.
        RouteDown = "route_down",
        /// The clock stepped back, or nothing keeps it.
        Clock = "clock",
        /// A certificate or the signing key is no longer valid.
        KeyExpired = "key_expired",
        /// A certificate has two days left or less.
        CertificateLastDays = "certificate_last_days",
        /// A certificate has thirty days left or less.
        CertificateExpiring = "certificate_expiring",
        /// A live notification has no timer, or one that is long past.
        StuckTimer = "stuck_timer",
        /// A letter is due, and its route does not get to it.
        StuckDelivery = "stuck_delivery",
        /// An attempt outlasts its lease.
        StuckLease = "stuck_lease",
        /// A mail that came back was never read.
        StuckInbound = "stuck_inbound",
        /// A mailbox that answers come to could not be read for half an hour.
        MailboxUnread = "mailbox_unread",
        /// A stage has not stepped for far longer than it ever takes.
        StageStalled = "stage_stalled",
        /// A notification has nobody to be sent to.
        NobodyToNotify = "nobody_to_notify",
        /// A deadline rests on a calendar without any pupil day.
        CalendarWithoutPupilDays = "calendar_without_pupil_days",
        /// Nobody has taken on a call, nor the supervisor.
        CallUnclaimed = "call_unclaimed",
        /// It is time to choose how a case goes on or ends, and nobody has.
        ChoiceWaits = "choice_waits",
        /// More calls are expected than callers can make.
        CallsOverCapacity = "calls_over_capacity",
        /// Calls wait for the end of a weekend or a holiday.
        CallsExpected = "calls_expected",
        /// A force was quieter in a night than it ever is on that weekday.
        SenderQuiet = "sender_quiet",
    }
    /// How a person is told.
    AlarmChannel {
        /// By mail to the desk: the first person.
        Mail = "mail",
        /// By the webhook: the second.
        Webhook = "webhook",
    }
    /// When a person may be told.
    AlarmHours {
        /// At once, at any hour: the gateway itself fails.
        Any = "any",
        /// In the desk's hours: it is about one school, child or sender, and they sleep too.
        Desk = "desk",
        /// It comes at its own hour, and only the first person is told.
        Own = "own",
    }
    /// How it is sorted by whoever takes it.
    AlarmSeverity {
        /// Letters are late or will be.
        Critical = "critical",
        /// It will be, unless somebody sees to it.
        Warning = "warning",
    }
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::StoreNotCommitting,
        Self::IntakeRefusing,
        Self::EveryRouteDown,
        Self::RouteDown,
        Self::Clock,
        Self::KeyExpired,
        Self::CertificateLastDays,
        Self::CertificateExpiring,
        Self::StuckTimer,
        Self::StuckDelivery,
        Self::StuckLease,
        Self::StuckInbound,
        Self::MailboxUnread,
        Self::StageStalled,
        Self::NobodyToNotify,
        Self::CalendarWithoutPupilDays,
        Self::CallUnclaimed,
        Self::ChoiceWaits,
        Self::CallsOverCapacity,
        Self::CallsExpected,
        Self::SenderQuiet,
    ];

    /// When a person may be told (`design.md`, "Alarms have hours").
    pub fn hours(self) -> AlarmHours {
        match self {
            Self::StoreNotCommitting
            | Self::IntakeRefusing
            | Self::EveryRouteDown
            | Self::Clock
            | Self::KeyExpired
            | Self::CertificateLastDays
            | Self::StuckTimer
            | Self::StuckDelivery
            | Self::StuckLease
            | Self::StuckInbound
            | Self::StageStalled => AlarmHours::Any,
            Self::RouteDown
            | Self::MailboxUnread
            | Self::CertificateExpiring
            | Self::NobodyToNotify
            | Self::CalendarWithoutPupilDays
            | Self::CallUnclaimed
            | Self::ChoiceWaits
            | Self::CallsOverCapacity
            | Self::SenderQuiet => AlarmHours::Desk,
            Self::CallsExpected => AlarmHours::Own,
        }
    }

    /// Critical is what may be told at any hour.
    pub fn severity(self) -> AlarmSeverity {
        match self.hours() {
            AlarmHours::Any => AlarmSeverity::Critical,
            AlarmHours::Desk | AlarmHours::Own => AlarmSeverity::Warning,
        }
    }

    /// The name that alert rules and the webhook know it by: `FirstbellStoreNotCommitting`.
    pub fn alert_name(self) -> String {
        let parts = self.word().split('_').flat_map(|part| {
            let (first, rest) = part.split_at(1);
            [first.to_ascii_uppercase(), rest.to_owned()]
        });
        std::iter::once("Firstbell".to_owned())
            .chain(parts)
            .collect()
    }
}

/// Days looked at for one on which the desk is there: no run of weekends and holidays is as long.
const DAYS_AHEAD: usize = 30;

/// The earliest instant from `at` on at which a person may be told of such an alarm.
pub fn may_be_told_at(
    kind: AlarmKind,
    at: Timestamp,
    desk: Desk,
    is_bank_holiday: impl Fn(Date) -> bool,
) -> Timestamp {
    match kind.hours() {
        AlarmHours::Any | AlarmHours::Own => at,
        AlarmHours::Desk => desk_opens(at, desk, is_bank_holiday),
    }
}

/// The earliest instant from `at` on at which the desk is there. Beyond a month: at once.
pub fn desk_opens(at: Timestamp, desk: Desk, is_bank_holiday: impl Fn(Date) -> bool) -> Timestamp {
    let working = |day: &Date| {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_bank_holiday(*day)
    };
    let days = std::iter::successors(Some(london::civil(at).date()), |day| day.tomorrow().ok());
    days.take(DAYS_AHEAD)
        .filter(working)
        .find_map(|day| {
            let opens = london::instant(day, desk.from).max(at);
            (opens < london::instant(day, desk.to)).then_some(opens)
        })
        .unwrap_or(at)
}

/// A night as a sender is judged by it: from the desk's close on the day before to its opening.
pub fn night_before(day: Date, desk: Desk) -> Option<(Timestamp, Timestamp)> {
    let before = day.yesterday().ok()?;
    let from = london::instant(before, desk.to);
    Some((from, london::instant(day, desk.from)))
}

/// So many nights of a weekday must have been seen before a sender can be called quiet on it.
pub const NIGHTS_KNOWN_MIN: usize = 4;
/// Nights of a weekday that are looked back on: half a year.
pub const NIGHTS_BACK_MAX: i64 = 26;

/// Whether a sender was quieter than it ever was: `before` holds the counts of the same weekday's
/// nights since its first post. Gives the fewest of them.
pub fn is_quieter_than_ever(accepted: u32, before: &[u32]) -> Option<u32> {
    let least = before.iter().copied().min()?;
    (before.len() >= NIGHTS_KNOWN_MIN && accepted < least).then_some(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn opens(at: &str, holiday: Option<Date>) -> String {
        let opens = desk_opens(at.parse().unwrap(), Desk::default(), |day| {
            Some(day) == holiday
        });
        opens.to_string()
    }

    #[test]
    fn the_desk_is_told_in_its_hours_and_the_gateway_s_own_faults_at_any() {
        // Sunday 02:00, Monday a bank holiday.
        let (sunday, monday) = ("2026-05-24T01:00:00Z", date(2026, 5, 25));
        assert_eq!(opens(sunday, Some(monday)), "2026-05-26T05:30:00Z");
        assert_eq!(opens(sunday, None), "2026-05-25T05:30:00Z");
        // Within the desk's hours at once; at its close, on the next morning.
        assert_eq!(opens("2026-11-23T16:59:00Z", None), "2026-11-23T16:59:00Z");
        assert_eq!(opens("2026-11-23T17:00:00Z", None), "2026-11-24T06:30:00Z");
        assert_eq!(opens("2026-11-27T17:00:00Z", None), "2026-11-30T06:30:00Z");
        let night: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        let told = |kind| may_be_told_at(kind, night, Desk::default(), |_| false);
        assert_eq!(told(AlarmKind::StoreNotCommitting), night);
        assert_eq!(
            told(AlarmKind::SenderQuiet).to_string(),
            "2026-11-23T06:30:00Z"
        );
    }

    #[test]
    fn every_kind_is_in_the_list_once_and_has_a_name_of_its_own() {
        let words: Vec<&str> = AlarmKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words, AlarmKind::WORDS);
        assert_eq!(
            AlarmKind::StoreNotCommitting.alert_name(),
            "FirstbellStoreNotCommitting"
        );
    }

    #[test]
    fn a_sender_is_quiet_only_below_all_nights_known_and_enough_of_them() {
        assert_eq!(is_quieter_than_ever(0, &[3, 1, 4, 2]), Some(1));
        assert_eq!(is_quieter_than_ever(1, &[3, 1, 4, 2]), None);
        assert_eq!(is_quieter_than_ever(0, &[3, 1, 4]), None);
        assert_eq!(is_quieter_than_ever(0, &[3, 0, 4, 2]), None);
        assert_eq!(is_quieter_than_ever(0, &[]), None);
    }

    #[test]
    fn a_night_is_from_the_desk_s_close_to_its_opening() {
        let (from, to) = night_before(date(2026, 10, 25), Desk::default()).unwrap();
        assert_eq!(from.to_string(), "2026-10-24T16:00:00Z");
        assert_eq!(to.to_string(), "2026-10-25T06:30:00Z");
    }
}

//! Every metric: its name, type, labels and meaning. What is not in this table is not shown.

/// What a family of samples is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Goes up and down.
    Gauge,
    /// Only goes up, from nought when a run begins.
    Counter,
    /// Counted by size.
    Histogram,
}

impl Type {
    /// The word of the format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// One family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Type,
    /// Its labels, in their order.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

macro_rules! families {
    ($($name:literal $kind:ident [$($label:literal),*] $help:literal;)+) => {
        /// Every family, in the order of the page.
        pub const FAMILIES: &[Family] = &[$(Family {
            name: $name,
            kind: Type::$kind,
            labels: &[$($label),*],
            help: $help,
        }),+];
    };
}

families! {
    "firstbell_build_info" Gauge ["version"] "The program that runs.";
    "firstbell_store_ready" Gauge [] "Whether a post could be stored now.";
    "firstbell_round_age_seconds" Gauge ["round"] "Since what goes round last did: commit, sweep, delivery, watch, alarms.";
    "firstbell_database_bytes" Gauge [] "Size of the database.";
    "firstbell_wal_bytes" Gauge [] "Size of its write-ahead log.";
    "firstbell_notifications" Gauge ["state"] "Live notifications by the word they were last saved with.";
    "firstbell_due_within" Gauge ["hours"] "Live notifications whose act-by comes within so many hours.";
    "firstbell_overdue" Gauge [] "Live notifications past their act-by.";
    "firstbell_leases" Gauge [] "Attempts under way.";
    "firstbell_tasks_open" Gauge ["kind"] "What people must do and have not done.";
    "firstbell_alarms_open" Gauge ["kind", "severity"] "Alarms that are not over.";
    "firstbell_route_breaker" Gauge ["route", "state"] "Whether letters are handed to a route's relay: 1 for the state it is in.";
    "firstbell_route_scouts_seconds" Gauge ["route"] "For how long a route's relay has answered and taken nothing, so that only scouts go; nought while letters go.";
    "firstbell_route_waiting" Gauge ["route"] "Letters that wait for a route.";
    "firstbell_route_oldest_waiting_seconds" Gauge ["route"] "For how long the first of them has been due.";
    "firstbell_route_slack_seconds" Gauge ["route"] "Until the soonest last safe moment for mail among them; below nought it is past.";
    "firstbell_certificate_days_left" Gauge ["certificate"] "Until a certificate, list, key, password or token of ours ends.";
    "firstbell_mailbox_read_age_seconds" Gauge ["mailbox"] "Since a mailbox that answers come to was read, or the start.";
    "firstbell_referrals_accepted_total" Counter [] "Referrals accepted.";
    "firstbell_posts_refused_total" Counter ["status"] "Posts of known forces that were refused and kept.";
    "firstbell_attempts_total" Counter ["route", "result", "enhanced"] "Attempts by their outcome and enhanced status code.";
    "firstbell_inbound_total" Counter ["kind"] "Mails that came back, by what they were read as.";
    "firstbell_handed_over_seconds" Histogram [] "From acceptance until a relay took the first letter.";
    "firstbell_delivered_seconds" Histogram [] "From acceptance until a report said that it reached the mailbox.";
    "firstbell_answered_seconds" Histogram [] "From acceptance until a person answered or was told.";
    "firstbell_commit_seconds" Histogram [] "What a commit took, its sync included.";
}

//! Rules that hold between values, each with the place it is told at.

use super::Code;
use super::child::Times;
use super::values::{Node, Reader};
use crate::referral::post::{Connection, Education, Presence, SpokenTo, TimePrecision};
use crate::referral::text;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How far a sender's clock may be ahead of ours, and an incident of its own submission.
const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// The oldest a person can be, years: beyond it the date is a typing error.
const AGE_YEARS_MAX: i16 = 120;

/// A referral replaces another one, not itself.
pub(super) fn supersedes_another(
    reader: &mut Reader,
    root: &Node<'_>,
    referral_id: Option<&String>,
    supersedes: Option<&String>,
) {
    if supersedes.is_some() && supersedes == referral_id {
        let detail = "This is the referral's own id.";
        reader.fault(
            Code::SupersedesItself,
            root.pointer_of("supersedes"),
            detail,
        );
    }
}

/// `submitted_at` is at most five minutes ahead of us.
pub(super) fn submitted_by_now(
    reader: &mut Reader,
    root: &Node<'_>,
    submitted_at: Option<Timestamp>,
    now: Timestamp,
) {
    if submitted_at.is_some_and(|at| at.duration_since(now) > CLOCK_SKEW_MAX) {
        let detail = "More than 5 minutes ahead of our clock.";
        reader.fault(
            Code::SubmittedInFuture,
            root.pointer_of("submitted_at"),
            detail,
        );
    }
}

/// What happened began at most five minutes after `submitted_at`. The other times of the incident are
/// not held to it: a typing error there must not lose a child, and a time that lies ahead only lets an
/// old incident pass for a recent one, which is sent.
pub(super) fn before_submission(
    reader: &mut Reader,
    incident: &Node<'_>,
    occurred_at: Option<Timestamp>,
    submitted_at: Option<Timestamp>,
) {
    let after = occurred_at
        .zip(submitted_at)
        .is_some_and(|(at, submitted_at)| at.duration_since(submitted_at) > CLOCK_SKEW_MAX);
    if after {
        let detail = "More than 5 minutes after submitted_at.";
        let at = incident.pointer_of("occurred_at");
        reader.fault(Code::AfterSubmission, at, detail);
    }
}

/// A range ends at or after it begins; where only dates are known, on or after the day it begins.
pub(super) fn range_runs_forward(
    reader: &mut Reader,
    incident: &Node<'_>,
    occurred_at: Option<Timestamp>,
    occurred_until: Option<Timestamp>,
    precision: TimePrecision,
) {
    let reversed = |(from, until)| match precision {
        TimePrecision::Exact | TimePrecision::Approximate => until < from,
        TimePrecision::DateOnly => civil_date(until) < civil_date(from),
    };
    if occurred_at.zip(occurred_until).is_some_and(reversed) {
        let detail = "Earlier than occurred_at.";
        reader.fault(
            Code::RangeReversed,
            incident.pointer_of("occurred_until"),
            detail,
        );
    }
}

/// No two children have one `child_ref`.
pub(super) fn child_refs_differ(reader: &mut Reader, children: &[Node<'_>]) {
    let mut seen = BTreeSet::new();
    for child in children {
        let child_ref = child.text_of("child_ref").map(text::as_sent);
        if let Some(Ok(child_ref)) = child_ref
            && !seen.insert(child_ref)
        {
            let detail = "Another child of this referral has the same child_ref.";
            reader.fault(
                Code::ChildRefRepeated,
                child.pointer_of("child_ref"),
                detail,
            );
        }
    }
}

/// A birth date is in living memory and not in the future, and an age beside it is the child's at
/// the incident or when it was submitted. 18 or over is no fault: a typing error must not lose a
/// child.
pub(super) fn born_plausibly(
    reader: &mut Reader,
    child: &Node<'_>,
    date_of_birth: Option<Date>,
    age_years: Option<u8>,
    times: Times,
) {
    let Some(born) = date_of_birth else {
        return;
    };
    let today = civil_date(times.now);
    let at = child.pointer_of("date_of_birth");
    if born > today {
        reader.fault(Code::BornInFuture, at, "After today.");
        return;
    }
    let oldest = (born.year() + AGE_YEARS_MAX, born.month(), born.day());
    if oldest < (today.year(), today.month(), today.day()) {
        reader.fault(Code::BornTooLongAgo, at, "More than 120 years ago.");
        return;
    }
    let Some(stated) = age_years else {
        return;
    };
    let last = age_on(born, civil_date(times.submitted_at.unwrap_or(times.now)));
    let first = times
        .occurred_at
        .map_or(last, |at| age_on(born, civil_date(at)))
        .min(last);
    if !(first..=last).contains(&i16::from(stated)) {
        let detail = "Not the age that follows from the birth date.";
        reader.fault(Code::AgeDisagrees, child.pointer_of("age_years"), detail);
    }
}

/// A child connected by having been there was there.
pub(super) fn presence_agrees(
    reader: &mut Reader,
    child: &Node<'_>,
    connection: Option<Connection>,
    present: Option<Presence>,
) {
    let Some((Connection::Present, present)) = connection.zip(present) else {
        return;
    };
    if present != Presence::Present {
        let detail = "The connection says the child was there.";
        reader.fault(Code::PresenceDisagrees, child.pointer_of("present"), detail);
    }
}

/// Words can only be those of a child that was spoken to.
pub(super) fn words_were_spoken(
    reader: &mut Reader,
    child: &Node<'_>,
    spoken_to: SpokenTo,
    has_words: bool,
) {
    let spoken = match spoken_to {
        SpokenTo::Alone | SpokenTo::WithAdult => true,
        SpokenTo::No | SpokenTo::Unknown => false,
    };
    if has_words && !spoken {
        let detail = "Only when spoken_to is `alone` or `with_adult`.";
        reader.fault(
            Code::WordsWithoutSpeaking,
            child.pointer_of("child_words"),
            detail,
        );
    }
}

/// One to three schools for a child at an establishment, none for one that is not.
pub(super) fn schools_fit_education(
    reader: &mut Reader,
    child: &Node<'_>,
    education: Option<Education>,
    schools: usize,
) {
    let Some(education) = education else {
        return;
    };
    let at = child.pointer_of("schools");
    match (education.at_establishment(), schools) {
        (true, 0) if child.has("schools") => {
            let detail = "At an establishment, so 1..3 are named; the urn may be left out.";
            reader.fault(Code::SchoolMissing, at, detail);
        }
        (false, 1..) => {
            let detail = "At no establishment, so none is named.";
            reader.fault(Code::SchoolNotExpected, at, detail);
        }
        (true, _) | (false, 0) => {}
    }
}

/// Completed years on a day. Somebody born on 29 February completes a year on 1 March.
fn age_on(born: Date, day: Date) -> i16 {
    let before_birthday = (day.month(), day.day()) < (born.month(), born.day());
    day.year() - born.year() - i16::from(before_birthday)
}

/// The day it is in this country at an instant. The zone database is bundled, so the zone is
/// always there.
fn civil_date(at: Timestamp) -> Date {
    at.in_tz("Europe/London").map_or_else(
        |_| at.to_zoned(jiff::tz::TimeZone::UTC).date(),
        |local| local.date(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_year_is_completed_on_the_birthday() {
        let born = date(2016, 3, 12);
        assert_eq!(age_on(born, date(2026, 3, 11)), 9);
        assert_eq!(age_on(born, date(2026, 3, 12)), 10);
        assert_eq!(age_on(date(2012, 2, 29), date(2026, 2, 28)), 13);
        assert_eq!(age_on(date(2012, 2, 29), date(2026, 3, 1)), 14);
    }

    #[test]
    fn a_day_begins_at_midnight_in_this_country() {
        let summer: Timestamp = "2026-07-01T23:30:00Z".parse().unwrap();
        assert_eq!(civil_date(summer), date(2026, 7, 2));
    }
}

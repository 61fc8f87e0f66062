//! The rule of the pupil day for one school, weekends and bank holidays apart. Source:
//! `interfaces.md`, "Pupil day".
//!
//! Between two boundaries of a school's calendar rows nothing changes but weekends and bank
//! holidays. So the rule is asked once per boundary and its answers kept as stretches of days: a
//! deadline then skips a summer, or a year of closure, in one step.

use super::calendar::{CalendarRow, DayKind};
use jiff::civil::Date;
use std::collections::BTreeSet;

/// Days without a term row, between two of them, that still count as covered: the six weeks of
/// summer are, a year of which only the autumn is known is not.
const COVERED_GAP_DAYS_MAX: i32 = 60;

/// The calendar that a day's pupils are known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The school's own term rows cover the day.
    Own,
    /// The authority's do, and the school's do not.
    Authority,
    /// Nobody's do: the day is assumed.
    None,
}

/// Neighbouring days that differ in nothing but weekends and bank holidays; both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) standing: Standing,
}

/// Who is in on a working day: a weekday that is no bank holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Pupils(Base),
    Staff,
    Nobody,
}

impl Standing {
    /// What the day rests on, when pupils are in.
    pub(super) fn pupils(self) -> Option<Base> {
        match self {
            Self::Pupils(base) => Some(base),
            Self::Staff | Self::Nobody => None,
        }
    }

    /// Whether staff are in.
    pub(super) fn staff(self) -> Option<()> {
        match self {
            Self::Pupils(_) | Self::Staff => Some(()),
            Self::Nobody => None,
        }
    }
}

/// All days there are, from the school's own rows and its authority's.
pub(super) fn stretches(own: &Rows<'_>, authority: &Rows<'_>) -> Vec<Stretch> {
    let rows = || own.rows.iter().chain(authority.rows);
    let mut firsts: BTreeSet<Date> = rows().map(|row| row.start).collect();
    firsts.extend(rows().filter_map(|row| row.end.tomorrow().ok()));
    firsts.insert(Date::MIN);
    let lasts = firsts
        .iter()
        .skip(1)
        .map(|next| next.yesterday().unwrap_or(Date::MIN))
        .chain([Date::MAX]);
    firsts
        .iter()
        .zip(lasts)
        .map(|(first, last)| Stretch {
            first: *first,
            last,
            standing: standing(own, authority, *first),
        })
        .collect()
}

/// The rule itself, weekends and bank holidays apart.
fn standing(own: &Rows<'_>, authority: &Rows<'_>, day: Date) -> Standing {
    let base = if own.covers(day) {
        Base::Own
    } else if authority.covers(day) {
        Base::Authority
    } else {
        Base::None
    };
    let base_rows = match base {
        Base::Own => Some(own),
        Base::Authority => Some(authority),
        Base::None => None,
    };
    let in_term = base_rows.is_none_or(|rows| rows.has(day, DayKind::Term));
    let has = |kind| own.has(day, kind) || base_rows.is_some_and(|rows| rows.has(day, kind));
    if has(DayKind::Closure) {
        Standing::Nobody
    } else if has(DayKind::Inset) || has(DayKind::StaffDay) {
        Standing::Staff
    } else if in_term && !has(DayKind::HalfTerm) && !has(DayKind::Holiday) {
        Standing::Pupils(base)
    } else {
        Standing::Nobody
    }
}

/// One scope's rows, and what its term rows cover.
pub(super) struct Rows<'d> {
    rows: &'d [CalendarRow],
    covers: Vec<(Date, Date)>,
}

impl<'d> Rows<'d> {
    pub(super) fn new(rows: &'d [CalendarRow]) -> Self {
        let mut terms: Vec<(Date, Date)> = rows
            .iter()
            .filter(|row| row.kind == DayKind::Term)
            .map(|row| (row.start, row.end))
            .collect();
        terms.sort_unstable();
        let mut covers: Vec<(Date, Date)> = Vec::new();
        for (start, end) in terms {
            match covers.last_mut() {
                Some((_, last)) if days_between(*last, start) <= COVERED_GAP_DAYS_MAX => {
                    *last = end.max(*last);
                }
                Some(_) | None => covers.push((start, end)),
            }
        }
        Self { rows, covers }
    }

    fn covers(&self, day: Date) -> bool {
        let from = self.covers.partition_point(|(_, end)| *end < day);
        self.covers
            .get(from)
            .is_some_and(|(start, _)| *start <= day)
    }

    fn has(&self, day: Date, kind: DayKind) -> bool {
        self.rows
            .iter()
            .any(|row| row.kind == kind && row.start <= day && day <= row.end)
    }
}

/// The days strictly between two; below zero when they overlap.
fn days_between(end: Date, start: Date) -> i32 {
    end.until(start)
        .map_or(i32::MAX, |span| span.get_days().saturating_sub(1))
}

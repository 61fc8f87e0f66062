//! The values a letter prints, by profile: the field table of `letters.md`.
//!
//! A template is handed only what the profile allows; a field it does not allow is an empty text.
//! So no template, ours or a force's own, can print what the profile forbids. Risk grade,
//! classification, MARAC and MASH, adults' names, addresses, telephones and notes about involved
//! staff are not read here at all.

use super::LetterInput;
use super::languages::language;
use super::wording::{self, Civil, one_line, sentence};
use crate::referral::policy::{ParentLine, Profile};
use crate::referral::post::Made;
use jiff::{Timestamp, Zoned};
use minijinja::{Value, context};

/// When and how the school is asked to answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    how: How,
    by: Zoned,
    hour: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By an hour of a day.
    By,
    /// The child may already be in school.
    Now,
    /// The school is in a holiday.
    StaffBack,
}

impl Answer {
    /// Reads the clocks: the sooner of `due_at` and `act_by`.
    ///
    /// A deadline can be late on arrival and the school empty by now (an evening, a holiday): then
    /// `act_by` is `due_at` and the next pupil day is what counts. Only when the child is in school
    /// now, or the time to answer is over, does the letter say "now".
    pub(super) fn of(input: &LetterInput<'_>, civil: &Civil) -> Self {
        let deadline = input.deadline;
        let by: Timestamp = deadline.act_by.min(deadline.due_at);
        let in_school = deadline.late_on_arrival && deadline.act_by < deadline.due_at;
        let how = if in_school || by <= input.at {
            How::Now
        } else if input.staff_back_on.is_some() {
            How::StaffBack
        } else {
            How::By
        };
        Self {
            how,
            by: civil.at(by),
            hour: civil.hour(by),
        }
    }

    fn value(&self) -> Value {
        let how = match self.how {
            How::By => "by",
            How::Now => "now",
            How::StaffBack => "staff_back",
        };
        context! {
            how,
            time => &self.hour,
            day => self.by.strftime("%A %-d %B").to_string(),
            day_short => self.by.strftime("%a %-d %b").to_string(),
        }
    }
}

/// What the subject may say: of the referral only whether it corrects an earlier one, of the child and
/// the school nothing.
pub(super) fn subject(input: &LetterInput<'_>, answer: &Answer) -> Value {
    context! {
        reference => input.reference.to_string(),
        corrected => corrected(input),
        answer => answer.value(),
    }
}

/// Whether the letter replaces an earlier one about the same event.
fn corrected(input: &LetterInput<'_>) -> bool {
    input.referral.supersedes.is_some()
}

/// What the body may say.
pub(super) fn body(input: &LetterInput<'_>, answer: &Answer, civil: &Civil) -> Value {
    context! {
        ..about_us(input, answer),
        ..about_the_child(input, civil),
        ..from_standard(input),
        ..from_full(input),
    }
}

/// Who writes, to whom, what to do: of the referral only whether it corrects an earlier one, and the
/// wish to be rung.
fn about_us(input: &LetterInput<'_>, answer: &Answer) -> Value {
    let policy = input.policy;
    let (n, m) = input.n_of_m;
    context! {
        profile => policy.profile.word(),
        marking => one_line(&policy.marking),
        school => one_line(input.school_name),
        role => input.role.word(),
        also_held_by => wording::holders(input.role, input.also_held_by),
        force => one_line(&policy.display_name),
        reference => input.reference.to_string(),
        n,
        m,
        corrected => corrected(input),
        answer => answer.value(),
        ask_call => input.referral.police_ask_call.word(),
        handling => sentence(&policy.handling),
        desk => context! {
            name => one_line(&policy.desk.name),
            phone => one_line(&policy.desk.phone),
            hours => one_line(&policy.desk.hours),
            other_times => one_line(&policy.desk.other_times),
        },
        parent => parent(input),
    }
}

/// The parent line. A choice that cannot be kept falls back to "ring us first".
fn parent(input: &LetterInput<'_>) -> Value {
    let own = input.policy.parent_text.as_deref().map(sentence);
    let (line, relation, text) = match input.policy.parent_line {
        ParentLine::NoContact => (ParentLine::NoContact, None, None),
        ParentLine::VictimOnly => match wording::victim_parent(&input.referral.parties) {
            Some(relation) => (ParentLine::VictimOnly, Some(relation), None),
            None => (ParentLine::NoContact, None, None),
        },
        ParentLine::Own => match own.filter(|text| !text.is_empty()) {
            Some(text) => (ParentLine::Own, None, Some(text)),
            None => (ParentLine::NoContact, None, None),
        },
    };
    context! {
        line => line.word(),
        relation => relation.unwrap_or_default(),
        text => text.unwrap_or_default(),
    }
}

/// What every profile says.
fn about_the_child(input: &LetterInput<'_>, civil: &Civil) -> Value {
    let child = input.child;
    context! {
        child => context! {
            name => wording::full_name(child),
            known_as => wording::known_as(child),
            born => wording::born(child.born, civil.day(input.at)),
        },
        event => context! {
            kind => &input.referral.kind,
            connection => child.connection.word(),
            when => civil.when(&input.referral.incident),
            present => wording::presence(child.present),
            seen => wording::made(child.welfare_check),
        },
    }
}

/// What `standard` and `full` add.
fn from_standard(input: &LetterInput<'_>) -> Value {
    let (referral, child) = (input.referral, input.child);
    let allowed = input.policy.profile >= Profile::Standard;
    let when_allowed = |text: String| if allowed { text } else { String::new() };
    let interpreter = child
        .interpreter
        .as_deref()
        .map(|tag| one_line(language(tag)));
    context! {
        police_reference => when_allowed(one_line(&referral.police_reference.0)),
        involved => when_allowed(wording::involved(&referral.parties)),
        spoken_to => when_allowed(wording::spoken_to(child.spoken_to).to_owned()),
        interpreter => when_allowed(interpreter.unwrap_or_default()),
        social_care => allowed && child.social_care_referral == Made::Made,
    }
}

/// What only `full` adds. Where a household's whereabouts are flagged, neither the place of the
/// event nor where the child was is printed: either may be the safe address.
fn from_full(input: &LetterInput<'_>) -> Value {
    let (referral, child) = (input.referral, input.child);
    let allowed = input.policy.profile >= Profile::Full;
    let place_allowed = allowed && referral.household_flags.is_empty();
    let text = |field: Option<&String>, allowed: bool| {
        let line = field.filter(|_| allowed).map(|text| one_line(text));
        line.unwrap_or_default()
    };
    let location = referral.incident.location_text.as_ref();
    let circumstances = referral.incident.circumstances.as_ref();
    context! {
        circumstances => text(circumstances.map(|text| &text.0), allowed),
        child_words => text(child.child_words.as_ref().map(|text| &text.0), allowed),
        child_was => text(child.present_where.as_ref().map(|text| &text.0), place_allowed),
        location => text(location.map(|text| &text.0), place_allowed && input.policy.location),
    }
}

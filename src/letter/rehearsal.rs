//! Renders every variant of a letter with made-up data and holds each against the rules, so that a
//! template's fault is found when the configuration is checked and not at two in the morning.

use super::sample::Sample;
use super::templates::{TemplateFault, Templates};
use super::wording::Civil;
use super::{LetterInput, rules};
use crate::referral::policy::{ParentLine, Policy, Profile};
use crate::referral::post::{
    AskCall, Born, Connection, HouseholdFlag, Made, Party, PartyRole, Presence, Private, Relation,
    SpokenTo, TimePrecision,
};
use crate::referral::school::Role;
use jiff::{SignedDuration, Timestamp};

/// Every variant under every profile and parent line.
pub(super) fn rehearse_all(templates: &Templates) -> Result<(), TemplateFault> {
    for profile in [Profile::Minimal, Profile::Standard, Profile::Full] {
        for parent_line in [
            ParentLine::NoContact,
            ParentLine::VictimOnly,
            ParentLine::Own,
        ] {
            let policy = Policy {
                profile,
                parent_line,
                parent_text: Some("Ask us before you speak to anyone at home.".to_owned()),
                ..Sample::policy()
            };
            rehearse(templates, &policy)?;
        }
    }
    Ok(())
}

/// Every variant under one policy.
///
/// First the whole product of what changes the letter's length or shape, each with as much and with
/// as little as a referral can hold; then each word that has its own sentence, one at a time.
pub(super) fn rehearse(templates: &Templates, policy: &Policy) -> Result<(), TemplateFault> {
    let stage = Stage {
        templates,
        policy,
        civil: Civil::london()?,
    };
    for sample in [Sample::rich(), Sample::sparse()] {
        for clocks in [Sample::on_time, Sample::in_school_now, Sample::in_a_holiday] {
            for ask_call in [AskCall::None, AskCall::BeforeStart, AskCall::BeforeHomeTime] {
                for (role, also_held_by) in READERS {
                    for n_of_m in [(1, 1), (12, 12)] {
                        let mut sample = clocks(sample.clone());
                        sample.referral.police_ask_call = ask_call;
                        sample.role = role;
                        sample.also_held_by = also_held_by;
                        sample.n_of_m = n_of_m;
                        stage.play(&sample)?;
                        stage.play(&sample.corrected())?;
                    }
                }
            }
        }
    }
    let kinds = policy.kinds.iter().map(|kind| {
        let mut sample = Sample::rich();
        sample.referral.kind = kind.clone();
        sample
    });
    one_word_at_a_time()
        .into_iter()
        .chain(kinds)
        .try_for_each(|sample| stage.play(&sample))
}

/// Who reads, and who else has the letter.
const READERS: [(Role, &[Role]); 5] = [
    (Role::KeyAdult, &[]),
    (Role::Deputy, &[]),
    (Role::Deputy, &[Role::KeyAdult]),
    (Role::Deputy, &[Role::Hub, Role::Deputy, Role::KeyAdult]),
    (Role::Hub, &[Role::KeyAdult, Role::Deputy]),
];

struct Stage<'a> {
    templates: &'a Templates,
    policy: &'a Policy,
    civil: Civil,
}

impl Stage<'_> {
    fn play(&self, sample: &Sample) -> Result<(), TemplateFault> {
        let input = sample.input(self.policy);
        let words = self.templates.render(&input, &self.civil)?;
        let (reference, token) = (input.reference.to_string(), input.token.0.as_str());
        rules::subject(&words.subject, &reference, token).map_err(TemplateFault::in_subject)?;
        rules::body(&words.text, &reference, token).map_err(TemplateFault::in_body)?;
        self.beyond_the_rules(&input, &words.text)
            .map_err(TemplateFault::in_body)
    }

    /// What holds for made-up data, whose words are known to be unlike any other, and cannot be
    /// asked of a real letter: a child may be called what the school is called.
    fn beyond_the_rules(&self, input: &LetterInput<'_>, text: &str) -> Result<(), rules::Rule> {
        let preview = rules::preview(text);
        let child = input.child;
        let (given, family) = (&child.given_name.0, child.family_name.0.to_uppercase());
        let told = [
            given.as_str(),
            family.as_str(),
            &self.policy.display_name,
            "Born",
        ];
        if told.iter().any(|word| preview.contains(word)) {
            return Err(rules::Rule::Preview);
        }
        if !text.contains(given.as_str()) || !text.contains(&family) {
            return Err(rules::Rule::Missing("the child's name"));
        }
        let texts = [
            &self.policy.display_name,
            &self.policy.handling,
            &self.policy.marking,
        ];
        let own = self.policy.parent_text.iter().chain(texts);
        let desk = &self.policy.desk;
        let desk = [&desk.name, &desk.phone, &desk.hours, &desk.other_times];
        let plain = own.chain(desk).all(|text| text.is_ascii());
        if plain && !text.is_ascii() {
            return Err(rules::Rule::NotAscii);
        }
        Ok(())
    }
}

/// One sample for each word that a letter says in its own way.
fn one_word_at_a_time() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut with = |change: &dyn Fn(&mut Sample)| {
        let mut sample = Sample::rich();
        change(&mut sample);
        samples.push(sample);
    };
    for word in Connection::WORDS {
        if let Some(connection) = Connection::parse(word) {
            with(&|sample| sample.child.connection = connection);
        }
    }
    for presence in [Presence::Present, Presence::NotPresent, Presence::Unknown] {
        with(&|sample| sample.child.present = presence);
    }
    for made in [Made::Made, Made::NotMade, Made::Unknown] {
        with(&|sample| sample.child.welfare_check = made);
        with(&|sample| sample.child.social_care_referral = made);
    }
    for spoken_to in [
        SpokenTo::No,
        SpokenTo::Alone,
        SpokenTo::WithAdult,
        SpokenTo::Unknown,
    ] {
        with(&|sample| sample.child.spoken_to = spoken_to);
    }
    for born in [Born::About(Private(7)), Born::NotKnown] {
        with(&|sample| sample.child.born = born);
    }
    for precision in [
        TimePrecision::Exact,
        TimePrecision::Approximate,
        TimePrecision::DateOnly,
    ] {
        for minutes in [None, Some(35), Some(60 * 26)] {
            with(&|sample| {
                let incident = &mut sample.referral.incident;
                incident.time_precision = precision;
                incident.occurred_until = minutes.and_then(|m| later(incident.occurred_at, m));
            });
        }
    }
    for role in [
        PartyRole::Victim,
        PartyRole::Suspect,
        PartyRole::Both,
        PartyRole::Unknown,
    ] {
        for word in Relation::WORDS {
            if let Some(relation_to_child) = Relation::parse(word) {
                let party = Party {
                    role,
                    relation_to_child,
                };
                with(&|sample| sample.referral.parties = vec![party]);
            }
        }
    }
    with(&|sample| sample.referral.household_flags = vec![HouseholdFlag::SafeAddress]);
    with(&|sample| sample.school_name = "X".to_owned());
    samples
}

fn later(at: Timestamp, minutes: i64) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_mins(minutes)).ok()
}

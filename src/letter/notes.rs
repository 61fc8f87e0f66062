//! Notes about a letter: answered, told by voice, an answer that does not count. They name nobody: the
//! types they are made from hold roles, times and the public code.

use super::mime::What;
use super::rules::{self, Rule};
use super::sample::Sample;
use super::templates::{
    AFTER_CALL, NOT_COUNTED, NOTE_SUBJECT, NUDGE, OFFICE_NUDGE, RECEIPT, Words,
};
use super::wording::{Civil, one_line};
use super::{
    LetterFault, Outside, ReplyToken, Settings, SignedLetter, Signer, TemplateFault, Templates,
    refuse_office, written,
};
use crate::referral::fact::Message;
use crate::referral::policy::Policy;
use crate::referral::reference::Reference;
use crate::referral::school::{Address, Role};
use crate::store::NoteSays;
use jiff::Timestamp;
use minijinja::{Value, context};

/// Everything one note is made from.
#[derive(Debug, Clone, Copy)]
pub struct NoteInput<'a> {
    /// What it says.
    pub says: NoteSays,
    /// The force's policy: its name and its desk.
    pub policy: &'a Policy,
    /// The school's name as the register prints it (or the authority's).
    pub school_name: &'a str,
    /// To: the contact's address.
    pub to: &'a Address,
    /// The contact's role.
    pub role: Role,
    /// The public code of the notification it is about.
    pub reference: &'a Reference,
    /// The note's own reply token.
    pub token: &'a ReplyToken,
    /// Whether Reply-To may carry the token.
    pub plus_addressing: bool,
    /// Message-ID without angle brackets.
    pub message_id: &'a str,
    /// Date and signature time.
    pub at: Timestamp,
}

/// Renders, writes, checks and signs one note. `random` is as for [`super::make`].
pub fn make_note(
    signer: &Signer,
    templates: &Templates,
    settings: &Settings,
    input: &NoteInput<'_>,
    random: [u8; 16],
) -> Result<SignedLetter, LetterFault> {
    match input.says {
        NoteSays::Nudge { office: true, .. } => {}
        NoteSays::Receipt { .. }
        | NoteSays::AfterCall { .. }
        | NoteSays::NotCounted { .. }
        | NoteSays::Nudge { office: false, .. } => refuse_office(input.role)?,
    }
    let civil = Civil::london()?;
    let words = checked(templates, input, &civil)?;
    let outside = Outside {
        what: What::Note,
        to: input.to,
        token: input.token,
        plus_addressing: input.plus_addressing,
        message_id: input.message_id,
        at: input.at,
    };
    written(signer, settings, &outside, words, &civil, random)
}

/// A note's words, held against the rules.
pub(super) fn checked(
    templates: &Templates,
    input: &NoteInput<'_>,
    civil: &Civil,
) -> Result<Words, TemplateFault> {
    let template = Said::of(input.says).template;
    let words = templates.render_note(template, values(input, civil))?;
    let (reference, token) = (input.reference.to_string(), input.token.0.as_str());
    let broken = |name| move |rule| TemplateFault::Broken { name, rule };
    rules::subject(&words.subject, &reference, token).map_err(broken(NOTE_SUBJECT))?;
    let held = match input.says {
        NoteSays::Nudge { .. } => rules::nudge(&words.text, &reference, token),
        NoteSays::Receipt { .. } | NoteSays::AfterCall { .. } | NoteSays::NotCounted { .. } => {
            let phone = one_line(&input.policy.desk.phone);
            rules::note(&words.text, &reference, token, &phone)
        }
    };
    held.map_err(broken(template))?;
    Ok(words)
}

/// What a note says, as its template is given it.
struct Said {
    message: Message,
    template: &'static str,
    /// A role's word; empty where there is none.
    who: &'static str,
    at: Timestamp,
    /// So many messages wait, and by when the first is to be answered.
    waiting: (u32, Timestamp),
}

impl Said {
    fn of(says: NoteSays) -> Self {
        match says {
            NoteSays::Receipt { role, at } => Self {
                message: Message::Receipt,
                template: RECEIPT,
                who: role.map_or("", |role| role.word()),
                at,
                waiting: (0, at),
            },
            NoteSays::AfterCall { role, at } => Self {
                message: Message::AfterCall,
                template: AFTER_CALL,
                who: role.word(),
                at,
                waiting: (0, at),
            },
            NoteSays::NotCounted { at } => Self {
                message: Message::NotCounted,
                template: NOT_COUNTED,
                who: "",
                at,
                waiting: (0, at),
            },
            NoteSays::Nudge {
                office,
                count,
                at,
                act_by,
            } => Self {
                message: if office {
                    Message::OfficeNudge
                } else {
                    Message::Nudge
                },
                template: if office { OFFICE_NUDGE } else { NUDGE },
                who: "",
                at,
                waiting: (count, act_by),
            },
        }
    }
}

/// All that a note may print.
pub(super) fn values(input: &NoteInput<'_>, civil: &Civil) -> Value {
    let said = Said::of(input.says);
    let desk = &input.policy.desk;
    context! {
        message => said.message.word(),
        school => one_line(input.school_name),
        role => input.role.word(),
        force => one_line(&input.policy.display_name),
        reference => input.reference.to_string(),
        who => said.who,
        time => civil.hour(said.at),
        day => civil.at(said.at).strftime("%A %-d %B %Y").to_string(),
        count => said.waiting.0,
        by => civil.at(said.waiting.1).strftime("%H:%M on %A %-d %B").to_string(),
        overdue => said.waiting.1 <= input.at,
        desk => context! {
            name => one_line(&desk.name),
            phone => one_line(&desk.phone),
            hours => one_line(&desk.hours),
            other_times => one_line(&desk.other_times),
        },
    }
}

/// Every note to every reader under one policy, held against the rules.
pub(super) fn rehearse(templates: &Templates, policy: &Policy) -> Result<(), TemplateFault> {
    let civil = Civil::london()?;
    let sample = Sample::of_the_interface();
    for says in every(sample.at) {
        for role in [Role::KeyAdult, Role::Deputy, Role::Hub] {
            for school_name in ["X", sample.school_name.as_str()] {
                let input = NoteInput {
                    says,
                    role,
                    school_name,
                    ..sample.note(policy)
                };
                let words = checked(templates, &input, &civil)?;
                beyond_the_rules(&input, &words, &civil).map_err(|rule| {
                    let name = Said::of(says).template;
                    TemplateFault::Broken { name, rule }
                })?;
            }
        }
    }
    Ok(())
}

/// One note for each word that a note says in its own way.
fn every(at: Timestamp) -> Vec<NoteSays> {
    let roles = [Role::KeyAdult, Role::Deputy, Role::Hub, Role::Office];
    let some = roles.into_iter().flat_map(|role| {
        let receipt = NoteSays::Receipt {
            role: Some(role),
            at,
        };
        [receipt, NoteSays::AfterCall { role, at }]
    });
    let none = NoteSays::Receipt { role: None, at };
    let nudges =
        [(false, 1), (false, 44), (true, 1), (true, 44)].map(|(office, count)| NoteSays::Nudge {
            office,
            count,
            at,
            act_by: at,
        });
    some.chain([none, NoteSays::NotCounted { at }])
        .chain(nudges)
        .collect()
}

/// What holds for made-up data and cannot be asked of a real note: a school may be called anything.
fn beyond_the_rules(input: &NoteInput<'_>, words: &Words, civil: &Civil) -> Result<(), Rule> {
    let preview = rules::preview(&words.text);
    let hour = civil.hour(Said::of(input.says).at);
    let reference = input.reference.to_string();
    let told = [&input.policy.display_name, &hour, &reference];
    if told.iter().any(|word| preview.contains(word.as_str())) {
        return Err(Rule::Preview);
    }
    let desk = &input.policy.desk;
    let texts = [
        &input.policy.display_name,
        &desk.name,
        &desk.phone,
        &desk.hours,
        &desk.other_times,
    ];
    let plain = texts.iter().all(|text| text.is_ascii());
    if plain && !words.text.is_ascii() {
        return Err(Rule::NotAscii);
    }
    Ok(())
}

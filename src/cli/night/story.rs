//! The night as a story: one line for each fact that a reader of it wants to hear of.

use super::civil;
use crate::referral::answer::{SchoolWord, Verdict};
use crate::referral::attempt::AttemptResult;
use crate::referral::directory::Directory;
use crate::referral::fact::{Fact, Message, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, DeliveryId};
use crate::referral::plan::Target;
use crate::referral::report::Action;
use crate::store::{Trace, TraceLine};

/// How far it is told.
#[derive(Debug, Default)]
pub(super) struct Story {
    told: i64,
}

impl Story {
    /// The lines since the last call, in the order things happened.
    pub(super) fn go_on(&mut self, traces: &[Trace], directory: &Directory) -> Vec<String> {
        let told = self.told;
        let mut lines = Vec::new();
        for trace in traces {
            for line in trace.facts.iter().filter(|line| line.seq > told) {
                self.told = self.told.max(line.seq);
                let words = words(&trace.case, &line.fact, &line.actor);
                let Some(words) = words.filter(|_| !goes_on(trace, line)) else {
                    continue;
                };
                let at = civil(line.at, "%H:%M");
                let place = place(&trace.case, directory);
                let text = format!("{at}    {:<5}{place}: {words}", trace.child_ref);
                lines.push((line.seq, text));
            }
        }
        lines.sort_unstable_by_key(|(seq, _)| *seq);
        lines.into_iter().map(|(_, text)| text).collect()
    }
}

/// Whether it only says that a call that was taken on goes on.
fn goes_on(trace: &Trace, line: &TraceLine) -> bool {
    let of = |fact: &Fact| {
        if let Fact::TaskClaimed { task, .. } = fact {
            Some(*task)
        } else {
            None
        }
    };
    let before = trace.facts.iter().filter(|known| known.seq < line.seq);
    of(&line.fact).is_some_and(|task| {
        before
            .filter_map(|known| of(&known.fact))
            .any(|one| one == task)
    })
}

/// For whom it is, as people say it.
pub(super) fn place(case: &Case, directory: &Directory) -> String {
    match case.target {
        Target::School(urn) => directory
            .schools
            .get(&urn)
            .map_or_else(|| urn.to_string(), |school| school.name.clone()),
        Target::Authority(code) => format!("authority {code}"),
        Target::Unrouted => "no school yet".to_owned(),
    }
}

/// What a fact says; nothing where a reader of a story would not miss it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a story leaves most facts out; `notification trace` shows each"
)]
fn words(case: &Case, fact: &Fact, actor: &str) -> Option<String> {
    match fact {
        Fact::Held { reason, .. } => Some(format!("held ({})", spoken(reason.word()))),
        Fact::AttemptEnded {
            delivery,
            result,
            code,
            ..
        } => Some(attempted(case, *delivery, *result, *code)),
        Fact::ReportReceived {
            delivery, action, ..
        } => Some(reported(case, *delivery, *action)),
        Fact::AnswerReceived {
            contact,
            verdict,
            has_message,
            ..
        } => Some(answered(case, *contact, *verdict, *has_message)),
        Fact::AnswerBelieved { verdict, .. } => Some(believed(*verdict)),
        Fact::AbsenceNoted {
            contact,
            covers: true,
            ..
        } => Some(format!(
            "the {} is away; the next contact is written to",
            role(case, *contact)
        )),
        Fact::Told { role, word, .. } => Some(format!(
            "told by voice, the {}; {}",
            spoken(role.word()),
            heard(*word)
        )),
        Fact::TaskOpened { task_kind, .. } => Some(format!("a person must {}", asked(*task_kind))),
        Fact::TaskClaimed { .. } => {
            let who = actor.strip_prefix("operator:").unwrap_or(actor);
            Some(format!("rung by {who}"))
        }
        Fact::ContradictionFound { .. } => Some("two things cannot both be true".to_owned()),
        Fact::Rerouted { .. } => Some("another notification carries the duty on".to_owned()),
        Fact::LateNoted { .. } => {
            Some("the hour has come, and nobody there has answered".to_owned())
        }
        _ => None,
    }
}

fn attempted(
    case: &Case,
    delivery: DeliveryId,
    result: AttemptResult,
    code: Option<u32>,
) -> String {
    let known = case.deliveries.get(&delivery);
    let to = known.map_or_else(|| "contact".to_owned(), |known| role(case, known.contact));
    let what = known.map_or("message", |known| match known.message {
        Message::Letter => "letter",
        Message::Receipt => "receipt",
        Message::AfterCall => "note about the call",
        Message::NotCounted => "note that an answer did not count",
        Message::Nudge | Message::OfficeNudge => "nudge",
    });
    let route = known.map_or("", |known| known.route.as_str());
    let code = code.map_or_else(String::new, |code| format!(" ({code})"));
    match result {
        AttemptResult::Done => format!("{what} handed over for the {to} (route {route})"),
        AttemptResult::Later => format!("{what} for the {to}: not now, says the relay{code}"),
        AttemptResult::Never => format!("{what} for the {to}: never, says the relay{code}"),
        AttemptResult::Unknown => {
            format!("{what} for the {to} in doubt: the link died behind the final dot")
        }
    }
}

fn reported(case: &Case, delivery: DeliveryId, action: Action) -> String {
    let to = case
        .deliveries
        .get(&delivery)
        .map_or_else(|| "contact".to_owned(), |known| role(case, known.contact));
    match action {
        Action::Delivered => format!("reported in the mailbox of the {to}"),
        Action::Relayed | Action::Expanded => format!("reported as sent on to the {to}"),
        Action::Delayed => format!("reported as delayed on its way to the {to}"),
        Action::Failed => format!("bounced: the mailbox of the {to} cannot be reached"),
    }
}

fn answered(
    case: &Case,
    contact: Option<ContactId>,
    verdict: Verdict,
    has_message: bool,
) -> String {
    let verdict = spoken(verdict.word()).to_uppercase();
    let more = if has_message { ", and more" } else { "" };
    match contact {
        Some(contact) => format!("the {} answers {verdict}{more}", role(case, contact)),
        None => {
            format!(
                "somebody answers {verdict}{more} from an address that is not listed: not counted"
            )
        }
    }
}

fn believed(verdict: Verdict) -> String {
    match verdict {
        Verdict::Received => "acknowledged".to_owned(),
        Verdict::NotOurs => "refused: not on this roll".to_owned(),
        Verdict::Wrong | Verdict::Call | Verdict::None => {
            format!("believed: {}", spoken(verdict.word()))
        }
    }
}

fn heard(word: SchoolWord) -> &'static str {
    match word {
        SchoolWord::Matches => "the school word matches",
        SchoolWord::Unverified => "voice, unverified",
        SchoolWord::Differs => "the school word does not match",
    }
}

fn asked(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ChooseSchool => "find the school",
        TaskKind::RingSchool => "ring the school",
        TaskKind::RecordWhoTold => "record who told the school instead",
        TaskKind::NameChild => "find the child's name",
        TaskKind::ConfirmHold => "confirm what will otherwise happen",
        TaskKind::TellHomeForce => "tell the home force",
        TaskKind::CompleteRefusedPost => "complete a refused post",
        TaskKind::ReadQuarantined => "look at a letter that could not be made",
        TaskKind::ReadReply => "read what the school wrote",
        TaskKind::CheckSender => "find out who answered",
        TaskKind::CheckSenderQuiet => "ask a force whether its posts still leave",
        TaskKind::SettleContradiction => "find out which of two things is true",
        TaskKind::CallUnclaimed => "see to what nobody has taken on (a supervisor)",
        TaskKind::CountersignEnding => "agree to how it ends (a second one)",
        TaskKind::ChooseEnding => "choose how it ends (a supervisor)",
    }
}

fn role(case: &Case, contact: ContactId) -> String {
    let known = case.contacts.iter().find(|(id, ..)| *id == contact);
    known.map_or_else(|| "contact".to_owned(), |(_, role, _)| spoken(role.word()))
}

/// A word of ours as people say it.
pub(super) fn spoken(word: &str) -> String {
    word.replace('_', " ")
}

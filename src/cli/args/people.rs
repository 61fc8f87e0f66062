//! What people at the desk ask for: acts, calls, replies and tasks.

use super::urn;
use crate::referral::answer::{CallOutcome, Verdict};
use crate::referral::ending::{Ending, EndingReason, TaskReason};
use crate::referral::fact::TaskKind;
use crate::referral::id::{AlarmId, InboundId, NotificationId, TaskId};
use crate::referral::post::ForceName;
use crate::referral::reference::Reference;
use crate::referral::school::{Role, Urn};
use clap::{ArgAction, Args, Subcommand};

/// `notification`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum NotificationCommand {
    /// One notification: its state, clocks and letters.
    Show {
        /// `ntf_...`, or its reference as a school says it.
        #[arg(value_name = "ID|REFERENCE", value_parser = id_or_reference)]
        id: String,
    },
    /// Everything that happened to one notification, in order.
    Trace {
        /// `ntf_...`, or its reference as a school says it.
        #[arg(value_name = "ID|REFERENCE", value_parser = id_or_reference)]
        id: String,
    },
    /// An act.
    #[command(flatten)]
    Act(NotificationAct),
}

/// `notification`, where it acts.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum NotificationAct {
    /// Record that a person at the school has it, or settle a contradiction so.
    Acknowledge(Reasoned),
    /// Record that a person at the school was told by voice.
    Tell {
        /// `ntf_...`
        #[arg(value_parser = NotificationId::parse)]
        id: NotificationId,
        /// The role they gave: key_adult, deputy or hub.
        #[arg(long, value_parser = role)]
        role: Role,
        /// They spoke the school word: it is asked for, and compared.
        #[arg(long)]
        word: bool,
    },
    /// Mail nobody about it until it is released. Its clock runs on.
    Hold(Reasoned),
    /// End a hold: the letter is sent.
    Release(Reasoned),
    /// Choose the school.
    Route {
        /// `ntf_...`
        #[arg(value_parser = NotificationId::parse)]
        id: NotificationId,
        /// Which.
        #[arg(long, value_parser = urn)]
        urn: Urn,
    },
    /// Choose how it ends when the ladder could not. What was not told stays live, and the ladder
    /// climbs, until a second operator countersigns it.
    Close(Closing),
    /// Agree, as a second operator, that it was not told.
    Countersign {
        /// `ntf_...`
        #[arg(value_parser = NotificationId::parse)]
        id: NotificationId,
    },
}

/// How a notification ends, and why.
#[derive(Clone, PartialEq, Eq, Args)]
pub struct Closing {
    /// `ntf_...`
    #[arg(value_parser = NotificationId::parse)]
    pub id: NotificationId,
    /// told_late: by another way; done: the school knows already; not_told.
    #[arg(long = "as", value_name = "ENDING", value_parser = ending)]
    pub closed_as: Ending,
    /// How they came to know: officer_visit, trust_lead, authority_lead, mash, marac, other_force,
    /// other_way. Why they were not told: no_establishment, not_reached, unsafe, outside_policy,
    /// exception.
    #[arg(long, value_name = "CODE", value_parser = ending_reason)]
    pub reason: EndingReason,
    /// What is to be said about it; kept sealed.
    #[arg(long, value_name = "TEXT")]
    pub note: String,
}

impl std::fmt::Debug for Closing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Closing({})", self.id)
    }
}

/// An act that a person answers for in words.
#[derive(Clone, PartialEq, Eq, Args)]
pub struct Reasoned {
    /// `ntf_...`
    #[arg(value_parser = NotificationId::parse)]
    pub id: NotificationId,
    /// Why, or how it is known; kept sealed.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

impl std::fmt::Debug for Reasoned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reasoned({})", self.id)
    }
}

/// `call`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum CallCommand {
    /// The most urgent call that nobody has taken on.
    Next {
        /// With the contacts' names; of a call that you have taken on, with the children's names and
        /// birth dates. Who is shown them is recorded.
        #[arg(long)]
        reveal: bool,
    },
    /// Take a call on: for a quarter of an hour nobody else may.
    Claim {
        /// `tsk_...`
        #[arg(value_parser = TaskId::parse)]
        task: TaskId,
    },
    /// Compare the school word: what the school said is typed, not given as an argument. A mismatch is
    /// recorded, and the call goes no further.
    Word {
        /// `tsk_...`
        #[arg(value_parser = TaskId::parse)]
        task: TaskId,
    },
    /// Say whether a child is on the school's roll. Only then the message and the code to be read back
    /// are shown.
    Roll {
        /// `tsk_...`
        #[arg(value_parser = TaskId::parse)]
        task: TaskId,
        /// yes or no
        #[arg(value_parser = yes_or_no, action = ArgAction::Set)]
        on_roll: bool,
        /// About this child's notification.
        #[arg(long, value_parser = NotificationId::parse)]
        notification: NotificationId,
    },
    /// Say what came of a call. Only `told` ends it; no answer comes back by itself.
    Outcome(CallEnded),
    /// Take back a closed or wrong_number that was entered by mistake: the place is rung again.
    Undo(CallUndone),
    /// A school rings: what waits for it, found by a reference, a URN or a name.
    Find {
        /// As the caller says it.
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// A school rings: take its call on, whether or not it was to be rung now.
    Inbound {
        /// `ntf_...`, or its reference as the school says it.
        #[arg(value_name = "ID|REFERENCE", value_parser = id_or_reference)]
        id: String,
    },
    /// How many calls to expect, by when, and how many can be made.
    Forecast {
        /// Only this force's.
        #[arg(long, value_parser = super::force)]
        force: Option<ForceName>,
        /// What falls due within so many days.
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=400))]
        days: u16,
    },
}

/// `call undo`.
#[derive(Clone, PartialEq, Eq, Args)]
pub struct CallUndone {
    /// `tsk_...`
    #[arg(value_parser = TaskId::parse)]
    pub task: TaskId,
    /// Why; kept sealed.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

impl std::fmt::Debug for CallUndone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallUndone({})", self.task)
    }
}

/// `call outcome`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CallEnded {
    /// `tsk_...`
    #[arg(value_parser = TaskId::parse)]
    pub task: TaskId,
    /// told, not_on_roll, no_answer, engaged, voicemail, ring_back, closed, wrong_number, will_not_talk
    #[arg(value_parser = outcome)]
    pub outcome: CallOutcome,
    /// About this child's notification only.
    #[arg(long, value_parser = NotificationId::parse)]
    pub notification: Option<NotificationId>,
    /// The role of whoever was told: key_adult, deputy or hub. Whether they spoke the school word is
    /// known by `call word`.
    #[arg(long, value_parser = role, required_if_eq("outcome", "told"))]
    pub role: Option<Role>,
}

/// `reply`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ReplyCommand {
    /// Mails that still ask for somebody, latest first.
    List {
        /// Those that ask for nobody any more, too.
        #[arg(long)]
        all: bool,
    },
    /// One mail: its kind and verdict, and from which contact.
    Show {
        /// `inb_...`
        #[arg(value_parser = InboundId::parse)]
        id: InboundId,
        /// With what was written, which is personal.
        #[arg(long)]
        reveal: bool,
    },
    /// Say what a mail means, and of which notification.
    Attach {
        /// `inb_...`
        #[arg(value_parser = InboundId::parse)]
        id: InboundId,
        /// Which it answers.
        #[arg(long, value_parser = NotificationId::parse)]
        notification: NotificationId,
        /// What it says: received, not_ours, wrong, call or none.
        #[arg(long, value_parser = verdict)]
        verdict: Verdict,
    },
    /// Say that a mail asks for nothing.
    Dismiss {
        /// `inb_...`
        #[arg(value_parser = InboundId::parse)]
        id: InboundId,
    },
}

/// `task`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TaskCommand {
    /// What people must do, soonest wanted first.
    List {
        /// Of this kind only, as `ring_school` or `read_reply`.
        #[arg(long, value_parser = task_kind)]
        kind: Option<TaskKind>,
    },
    /// Say that a task is done which no other command ends.
    Done(TaskDone),
}

/// `task done`.
#[derive(Clone, PartialEq, Eq, Args)]
pub struct TaskDone {
    /// `tsk_...`
    #[arg(value_parser = TaskId::parse)]
    pub task: TaskId,
    /// done, passed_on, not_needed or not_possible.
    #[arg(long, value_name = "CODE", value_parser = task_reason)]
    pub reason: TaskReason,
    /// What is to be said about it; kept sealed.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

impl std::fmt::Debug for TaskDone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TaskDone({})", self.task)
    }
}

/// `alarm`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AlarmCommand {
    /// Alarms that are not over, longest open first.
    List {
        /// Those that are over, too; latest first.
        #[arg(long)]
        all: bool,
    },
    /// One alarm, with what to do.
    Show {
        /// `alm_...`
        #[arg(value_parser = AlarmId::parse)]
        id: AlarmId,
    },
    /// Take an alarm on: nobody else is told of it.
    Claim {
        /// `alm_...`
        #[arg(value_parser = AlarmId::parse)]
        id: AlarmId,
    },
}

fn role(text: &str) -> Result<Role, String> {
    let told = Role::parse(text).filter(|role| *role != Role::Office);
    told.ok_or_else(|| "one of key_adult, deputy, hub: an office is never told".to_owned())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

fn outcome(text: &str) -> Result<CallOutcome, String> {
    one_of(CallOutcome::parse(text), CallOutcome::WORDS)
}

fn verdict(text: &str) -> Result<Verdict, String> {
    one_of(Verdict::parse(text), Verdict::WORDS)
}

fn task_kind(text: &str) -> Result<TaskKind, String> {
    one_of(TaskKind::parse(text), TaskKind::WORDS)
}

fn ending(text: &str) -> Result<Ending, String> {
    one_of(Ending::parse(text), Ending::WORDS)
}

fn ending_reason(text: &str) -> Result<EndingReason, String> {
    one_of(EndingReason::parse(text), EndingReason::WORDS)
}

fn task_reason(text: &str) -> Result<TaskReason, String> {
    one_of(TaskReason::parse(text), TaskReason::WORDS)
}

/// Neither is shown in a refusal: a slip of the pen may be anything.
fn id_or_reference(text: &str) -> Result<String, String> {
    if NotificationId::parse(text).is_ok() {
        return Ok(text.to_owned());
    }
    let reference = Reference::parse(text).map(|reference| reference.to_string());
    reference.map_err(|_| "neither an id (ntf_...) nor a reference, or mistyped".to_owned())
}

pub(super) fn one_of<T>(read: Option<T>, words: &[&str]) -> Result<T, String> {
    read.ok_or_else(|| format!("one of {}", words.join(", ")))
}

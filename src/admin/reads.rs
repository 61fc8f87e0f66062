//! Questions and their answers, as the socket and the command line without a daemon both give them.
//! Nothing personal is opened, but where somebody asks to reveal it: a child is its `child_ref`, a
//! contact its id and role.

use super::{alarms, calls, clocks, forecasts, inbound, queue, refused, replies, routes};
use crate::referral::ahead::Ahead;
use crate::referral::deadline::{Deadline, Whose, deadline};
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::fact::Fact;
use crate::referral::fold::{Case, DeliveryCase};
use crate::referral::id::{NotificationId, ReferralId};
use crate::referral::names::name_key;
use crate::referral::plan::Target;
use crate::referral::policy::{Policies, Policy};
use crate::referral::post::ForceName;
use crate::referral::reference::Reference;
use crate::referral::school::{School, SchoolStatus, Urn};
use crate::store::totals::Listed;
use crate::store::{NotStored, NotificationView, Readers, Trace, json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// Referrals, newest first.
    Referrals {
        /// Of this force only.
        force: Option<String>,
    },
    /// One referral with its notifications.
    Referral {
        /// `ref_...`
        id: String,
    },
    /// One notification: its state, clocks and deliveries.
    Notification {
        /// `ntf_...`, or its reference.
        id: String,
    },
    /// Everything that happened to one notification.
    Trace {
        /// `ntf_...`, or its reference.
        id: String,
    },
    /// Live notifications, waiting deliveries and open tasks.
    Queue,
    /// By when a school must know.
    Deadline {
        /// The school.
        urn: String,
        /// When the referral is accepted, RFC 3339.
        at: String,
        /// When the incident happened, RFC 3339.
        incident: Option<String>,
    },
    /// Refused posts of known forces, newest first.
    RefusedPosts {
        /// Of this force only.
        force: Option<String>,
    },
    /// One refused post.
    RefusedPost {
        /// `rfp_...`
        id: String,
        /// With what was posted.
        reveal: bool,
    },
    /// The most urgent call that nobody has taken on.
    CallNext {
        /// With contacts' names.
        reveal: bool,
    },
    /// How many calls are to be expected, by when, and how many can be made.
    CallForecast {
        /// Of this force only.
        force: Option<String>,
        /// What falls due within so many days.
        days: u16,
    },
    /// What waits for the schools that somebody who rings may mean: by reference, URN or name.
    CallFind {
        /// As they say it.
        text: String,
    },
    /// What the desk begins its day with: its list of 06:30.
    Morning,
    /// What came back by mail, latest first.
    Replies {
        /// Those that ask for nobody any more, too.
        all: bool,
    },
    /// One reply.
    Reply {
        /// `inb_...`
        id: String,
        /// With what was written.
        reveal: bool,
    },
    /// Open tasks.
    Tasks {
        /// Of this kind only.
        kind: Option<String>,
    },
    /// Routes: whether they may be used, what waits on them.
    Routes,
    /// Alarms that are not over.
    Alarms {
        /// Those that are over, too.
        all: bool,
    },
    /// One alarm, with what to do.
    Alarm {
        /// `alm_...`
        id: String,
    },
    /// Schools by name, town, postcode or URN.
    Schools {
        /// What to look for.
        text: String,
    },
}

impl Question {
    /// Whether the answer opens what is personal.
    pub fn reveals(&self) -> bool {
        match self {
            Self::RefusedPost { reveal, .. }
            | Self::CallNext { reveal }
            | Self::Reply { reveal, .. } => *reveal,
            Self::Referrals { .. }
            | Self::Referral { .. }
            | Self::Notification { .. }
            | Self::Trace { .. }
            | Self::Queue
            | Self::Deadline { .. }
            | Self::RefusedPosts { .. }
            | Self::CallForecast { .. }
            | Self::CallFind { .. }
            | Self::Morning
            | Self::Replies { .. }
            | Self::Tasks { .. }
            | Self::Routes
            | Self::Alarms { .. }
            | Self::Alarm { .. }
            | Self::Schools { .. } => false,
        }
    }
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// This.
    Found(Value),
    /// There is no such thing; one sentence.
    NotThere(String),
}

/// Schools shown for one search.
const SCHOOLS_MAX: usize = 20;

/// Answers a question.
pub async fn answer(
    readers: &Readers,
    (directory, policies): (&Directory, &Policies),
    now: Timestamp,
    question: &Question,
) -> Result<Answer, NotStored> {
    Ok(match question {
        Question::Referrals { force } => {
            let referrals = readers.list_referrals(force.as_deref()).await?;
            let listed = Listed::Referrals(force.as_deref());
            let more = readers.more(listed, referrals.len()).await?;
            let lines = referrals.iter().map(|line| {
                json!({
                    "referral": line.id,
                    "referral_id": line.referral_id,
                    "force": line.force,
                    "received_at": line.received_at.to_string(),
                    "state": line.state,
                    "duplicate_of": line.duplicate_of,
                    "notifications": line.notifications,
                })
            });
            Answer::Found(json!({"referrals": lines.collect::<Vec<_>>(), "more": more}))
        }
        Question::Referral { id } => match ReferralId::parse(id) {
            Ok(id) => referral(readers, id, now).await?,
            Err(error) => Answer::NotThere(error.to_string()),
        },
        Question::Notification { id } => notification(readers, policies, now, (id, false)).await?,
        Question::Trace { id } => notification(readers, policies, now, (id, true)).await?,
        Question::Queue => queue::queue(readers, directory, now).await?,
        Question::Deadline { urn, at, incident } => {
            let incident = incident
                .as_ref()
                .map(|text| text.parse::<Timestamp>())
                .transpose();
            match (Urn::parse(urn), at.parse(), incident) {
                (Some(urn), Ok(at), Ok(incident)) => deadline_of(directory, urn, at, incident),
                _ => Answer::NotThere("a URN is six or seven digits, a time RFC 3339".to_owned()),
            }
        }
        Question::RefusedPosts { force } => refused::list(readers, force.as_deref(), now).await?,
        Question::RefusedPost { id, reveal } => refused::one(readers, id, *reveal, now).await?,
        Question::CallNext { reveal } => {
            calls::next(readers, directory, now, (*reveal, true)).await?
        }
        Question::CallForecast { force, days } => {
            let wanted = (force.as_deref(), *days);
            forecasts::forecast(readers, (directory, policies), now, wanted).await?
        }
        Question::CallFind { text } => inbound::find(readers, directory, now, text).await?,
        Question::Morning => forecasts::morning(readers, (directory, policies), now).await?,
        Question::Replies { all } => replies::list(readers, directory, *all).await?,
        Question::Reply { id, reveal } => replies::one(readers, directory, id, *reveal).await?,
        Question::Tasks { kind } => calls::tasks(readers, kind.as_deref()).await?,
        Question::Routes => routes::list(readers, directory, now).await?,
        Question::Alarms { all } => alarms::list(readers, *all).await?,
        Question::Alarm { id } => alarms::one(readers, id).await?,
        Question::Schools { text } => schools(directory, text),
    })
}

async fn referral(readers: &Readers, id: ReferralId, now: Timestamp) -> Result<Answer, NotStored> {
    let Some(view) = readers.show_referral(id, now).await? else {
        return Ok(Answer::NotThere(format!("there is no referral {id}")));
    };
    let notifications: Vec<Value> = view.notifications.iter().map(line_of).collect();
    Ok(Answer::Found(json!({
        "referral": view.id.to_string(),
        "referral_id": view.referral_id,
        "received_at": view.received_at.to_string(),
        "duplicate_of": view.duplicate_of.map(|id| id.to_string()),
        "notifications": notifications,
    })))
}

fn line_of(view: &NotificationView) -> Value {
    json!({
        "notification": view.id.to_string(),
        "child_ref": view.child_ref,
        "urn": view.urn.map(|urn| urn.to_string()),
        "state": view.state,
        "reasons": view.reasons,
        "will_happen": view.will_happen.map(|(what, at)| json!({"what": what.word(), "at": at.to_string()})),
        "due_at": view.due_at.to_string(),
        "act_by": view.act_by.to_string(),
    })
}

async fn notification(
    readers: &Readers,
    policies: &Policies,
    now: Timestamp,
    (id, with_facts): (&str, bool),
) -> Result<Answer, NotStored> {
    let id = match (NotificationId::parse(id), Reference::parse(id)) {
        (Ok(id), _) => id,
        (Err(_), Ok(reference)) => match readers.find_reference(&reference).await? {
            Some(found) => found.notification,
            None => {
                let words = format!("there is no notification of reference {reference}");
                return Ok(Answer::NotThere(words));
            }
        },
        (Err(error), Err(_)) => return Ok(Answer::NotThere(error.to_string())),
    };
    let Some(trace) = readers.show_trace(id, now).await? else {
        return Ok(Answer::NotThere(format!("there is no notification {id}")));
    };
    let force = ForceName::parse(&trace.force);
    let policy = force.and_then(|force| policies.get(&force));
    let mut shown = shown(&trace, policy.map(AsRef::as_ref), now);
    if with_facts && let Some(members) = shown.as_object_mut() {
        let facts = trace.facts.iter().map(|line| {
            json!({
                "seq": line.seq,
                "at": line.at.to_string(),
                "kind": line.fact.kind(),
                "actor": line.actor,
                "body": json::value(&line.fact.write()),
            })
        });
        members.insert("facts".to_owned(), Value::Array(facts.collect()));
    }
    Ok(Answer::Found(shown))
}

fn shown(trace: &Trace, policy: Option<&Policy>, now: Timestamp) -> Value {
    let case = &trace.case;
    let ahead = case.live().then(|| Ahead::of(case, now));
    json!({
        "notification": case.notification.to_string(),
        "reference": trace.reference,
        "state": trace.state,
        "force": trace.force,
        "referral": case.referral.to_string(),
        "child_ref": trace.child_ref,
        "target": target(case),
        "urn": match case.target {
            Target::School(urn) => Some(urn.to_string()),
            Target::Authority(_) | Target::Unrouted => None,
        },
        "accepted_at": trace.accepted_at.to_string(),
        "due_at": case.due_at.to_string(),
        "act_by": case.act_by.to_string(),
        "due_reasons": case.due_reasons.iter().map(|reason| reason.word()).collect::<Vec<_>>(),
        "assumed": case.assumed,
        "late_on_arrival": case.late_on_arrival,
        "values": {
            "duty": case.duty().word(),
            "hold": case.hold.map(|hold| hold.reason.word()),
            "proof": case.proof().word(),
            "reading": case.reading(),
            "step": case.step(),
            "timing": case.timing(now).word(),
        },
        "reasons": case.reasons.iter().map(|reason| reason.word()).collect::<Vec<_>>(),
        "suggestions": suggestions(trace),
        "will_happen": case.will_happen(now).map(|hold| json!({"what": hold.will_happen.word(), "at": hold.at.to_string()})),
        "ending": ending(trace),
        "clocks": clocks::clocks(trace, policy),
        "ahead": ahead.as_ref().map(clocks::ahead),
        "next": trace.timer.map(|(at, what)| json!({"at": at.to_string(), "what": what})),
        "letters": trace.letters.iter().map(|letter| json!({
            "letter": letter.letter,
            "contact": letter.contact,
            "directory_version": letter.directory_version,
            "sha256": letter.bytes_digest,
            "signer": letter.signer,
            "signed_at": letter.signed_at.map(|at| at.to_string()),
        })).collect::<Vec<_>>(),
        "deliveries": case.deliveries.iter().map(|(id, delivery)| json!({
            "delivery": id.to_string(),
            "letter": delivery.letter.to_string(),
            "message": delivery.message.word(),
            "contact": delivery.contact.to_string(),
            "role": role_of(case, delivery),
            "route": delivery.route.as_str(),
            "state": delivery.state().word(),
            "attempts": delivery.attempts.len(),
            "repeats": delivery.repeats(),
        })).collect::<Vec<_>>(),
    })
}

/// How somebody chose that it ends, who, and whether it still waits for a second operator.
fn ending(trace: &Trace) -> Option<Value> {
    let chosen = trace.case.people.ending()?;
    let mut facts = trace.facts.iter();
    let by = facts.rfind(|line| matches!(line.fact, Fact::EndingChosen { .. }))?;
    Some(json!({
        "closed_as": chosen.closed_as.word(),
        "code": chosen.code.word(),
        "by": by.actor.strip_prefix("operator:").unwrap_or(&by.actor),
        "at": by.at.to_string(),
        "waits": trace.case.live() && !chosen.counts(),
    }))
}

fn target(case: &Case) -> &'static str {
    match case.target {
        Target::School(_) => "school",
        Target::Authority(_) => "authority",
        Target::Unrouted => "unrouted",
    }
}

fn suggestions(trace: &Trace) -> Vec<String> {
    let opened = trace.facts.iter().find_map(|line| {
        if let Fact::NotificationOpened { suggestions, .. } = &line.fact {
            Some(suggestions.iter().map(Urn::to_string).collect())
        } else {
            None
        }
    });
    opened.unwrap_or_default()
}

fn role_of(case: &Case, delivery: &DeliveryCase) -> Option<&'static str> {
    let known = case
        .contacts
        .iter()
        .find(|(contact, ..)| *contact == delivery.contact);
    known.map(|(_, role, _)| role.word())
}

fn deadline_of(
    directory: &Directory,
    urn: Urn,
    at: Timestamp,
    incident: Option<Timestamp>,
) -> Answer {
    let Some(school) = directory.schools.get(&urn) else {
        return Answer::NotThere(format!("no school {urn} in the directory"));
    };
    let whose = Whose {
        urn: Some(urn),
        la_code: school.la_code,
    };
    Answer::Found(deadline_json(
        urn,
        at,
        &deadline(directory, whose, at, incident),
    ))
}

/// A deadline as `deadline --json` prints it (`interfaces.md`).
pub fn deadline_json(urn: Urn, at: Timestamp, deadline: &Deadline) -> Value {
    json!({
        "urn": urn.to_string(),
        "at": seconds(at),
        "due_at": seconds(deadline.due_at),
        "act_by": seconds(deadline.act_by),
        "pupil_day": deadline.pupil_day.to_string(),
        "assumed": deadline.assumed,
        "late_on_arrival": deadline.late_on_arrival,
        "reasons": deadline.reasons.iter().map(|reason| reason.word()).collect::<Vec<_>>(),
    })
}

/// RFC 3339 UTC, whole seconds.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// By URN when digits are given; else every word must stand in name, town or postcode.
pub(super) fn schools_by<'d>(directory: &'d Directory, text: &str) -> Vec<&'d School> {
    let wanted = name_key(text);
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let found = |school: &&School| {
        let place =
            [school.town.as_deref(), school.postcode.as_deref()].map(Option::unwrap_or_default);
        let key = name_key(&[school.name.as_str(), place[0], place[1]].join(" "));
        school.urn.to_string() == text.trim() || words.iter().all(|word| key.contains(word))
    };
    let mut schools: Vec<&School> = directory.schools.values().filter(found).collect();
    schools.sort_by_key(|school| (school.status != SchoolStatus::Open, school.name.clone()));
    schools
}

fn schools(directory: &Directory, text: &str) -> Answer {
    let schools = schools_by(directory, text);
    let more = schools.len().saturating_sub(SCHOOLS_MAX);
    let lines = schools.into_iter().take(SCHOOLS_MAX).map(|school| {
        json!({
            "urn": school.urn.to_string(),
            "name": school.name,
            "town": school.town,
            "postcode": school.postcode,
            "la_code": school.la_code.map(|code| code.to_string()),
            "status": match school.status {
                SchoolStatus::Open => "open",
                SchoolStatus::Closed => "closed",
                SchoolStatus::Proposed => "proposed",
            },
            "contacts": directory.contacts_of(ContactOf::School(school.urn)).iter().map(|contact| json!({
                "contact": contact.id.to_string(),
                "role": contact.role.word(),
                "route": contact.route.as_str(),
            })).collect::<Vec<_>>(),
        })
    });
    Answer::Found(json!({"schools": lines.collect::<Vec<_>>(), "more": more}))
}

//! What it came to: each notification beside what the script says.

use super::super::Stop;
use super::super::exit::Exit;
use super::play::{Followed, Night};
use super::story::{place, spoken};
use super::{DAY_AND_TIME, civil, tell};
use crate::admin::reads::{self, Answer, Question};
use crate::demo::{Expected, SCENES, Scene, Sent};
use crate::referral::answer::Verdict;
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::ContactId;
use crate::referral::policy::Policies;
use crate::store::Trace;
use serde_json::{Value, json};

impl Night<'_> {
    /// Prints one line per notification; true if all are as scripted.
    pub(super) async fn tell_ending(&self) -> Result<bool, Stop> {
        let now = self.clock.now();
        let day = civil(now, DAY_AND_TIME);
        tell(self.output, &format!("It is {day}. What came of it:"))?;
        let mut all = true;
        for one in &self.followed {
            let trace = self.trace(one.id).await?;
            let came = came_to(&trace);
            let as_scripted = came == Came::of(one.expected);
            all &= as_scripted;
            let line = json!({
                "notification": one.id.to_string(),
                "urn": one.expected.urn,
                "state": came.state,
                "expected": one.expected.state,
                "acknowledged_by": came.acknowledged_by,
                "deliveries": self.deliveries(one).await?,
                "tasks": came.tasks,
                "child_ref": one.expected.child_ref,
                "as_scripted": as_scripted,
                "scene": one.scene.title,
            });
            let place = place(&trace.case, &self.store.directory());
            self.output
                .answer(&line, |_| readable(one, &came, &place, as_scripted))?;
        }
        let scripted: usize = SCENES.iter().map(Scene::notifications).sum();
        Ok(all && self.followed.len() == scripted)
    }

    /// As `notification show` tells them.
    async fn deliveries(&self, one: &Followed) -> Result<Option<Value>, Stop> {
        let question = Question::Notification {
            id: one.id.to_string(),
        };
        let (readers, directory) = (self.store.readers(), self.store.directory());
        let policies = Policies::new();
        let known = (&*directory, &policies);
        let found = reads::answer(readers, known, self.clock.now(), &question).await;
        match found.map_err(|error| Stop::new(Exit::Fault, error))? {
            Answer::Found(found) => Ok(found.get("deliveries").cloned()),
            Answer::NotThere(words) => Err(Stop::new(Exit::Fault, words)),
        }
    }
}

/// What a notification came to, as far as the script speaks of it.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    state: &'static str,
    acknowledged_by: Option<&'static str>,
    letters: Vec<Letter>,
    tasks: Vec<&'static str>,
}

#[derive(Debug, PartialEq, Eq)]
struct Letter {
    role: Option<&'static str>,
    route: String,
    state: &'static str,
    attempts: usize,
    repeats: u32,
}

impl Came {
    fn of(expected: &Expected) -> Self {
        let letter = |sent: &Sent| Letter {
            role: Some(sent.role),
            route: sent.route.to_owned(),
            state: sent.state,
            attempts: sent.attempts,
            repeats: sent.repeats,
        };
        Self {
            state: expected.state,
            acknowledged_by: expected.acknowledged_by,
            letters: expected.letters.iter().map(letter).collect(),
            tasks: expected.tasks.to_vec(),
        }
    }
}

fn came_to(trace: &Trace) -> Came {
    let case = &trace.case;
    // Two that were queued in the same moment have no order of their own.
    let order = |contact: ContactId| case.contacts.iter().position(|(id, ..)| *id == contact);
    let mut sent: Vec<_> = case.letters().map(|(_, letter)| letter).collect();
    sent.sort_by_key(|letter| order(letter.contact));
    let letters = sent.into_iter().map(|letter| Letter {
        role: role(case, letter.contact),
        route: letter.route.as_str().to_owned(),
        state: letter.state().word(),
        attempts: letter.attempts.len(),
        repeats: letter.repeats(),
    });
    let mut tasks: Vec<&'static str> = case
        .people
        .open_tasks()
        .map(|(_, task)| task.kind.word())
        .collect();
    tasks.sort_unstable();
    Came {
        state: trace.state,
        acknowledged_by: acknowledged_by(trace),
        letters: letters.collect(),
        tasks,
    }
}

/// The role of the contact whose RECEIVED was believed.
fn acknowledged_by(trace: &Trace) -> Option<&'static str> {
    let believed = trace.facts.iter().find_map(|line| {
        if let Fact::AnswerBelieved {
            inbound: Some(inbound),
            verdict: Verdict::Received,
            ..
        } = &line.fact
        {
            Some(*inbound)
        } else {
            None
        }
    })?;
    let answer = trace.case.people.answers.get(&believed)?;
    role(&trace.case, answer.contact?)
}

fn role(case: &Case, contact: ContactId) -> Option<&'static str> {
    let known = case.contacts.iter().find(|(id, ..)| *id == contact);
    known.map(|(_, role, _)| role.word())
}

fn readable(one: &Followed, came: &Came, place: &str, as_scripted: bool) -> String {
    let by = came
        .acknowledged_by
        .map_or_else(String::new, |role| format!(" by the {}", spoken(role)));
    let tasks: Vec<String> = came.tasks.iter().map(|task| spoken(task)).collect();
    let tasks = if tasks.is_empty() {
        String::new()
    } else {
        format!("; open for a person: {}", tasks.join(", "))
    };
    let verdict = if as_scripted {
        String::new()
    } else {
        format!(
            "  NOT AS SCRIPTED: expected {:?}, is {came:?}",
            Came::of(one.expected)
        )
    };
    let (child, state) = (one.expected.child_ref, came.state);
    format!("  {child:<5}{place}: {state}{by}{tasks}{verdict}")
}

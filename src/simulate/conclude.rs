//! After a year: every notification's record is looked at, and what must never be is counted.

use super::checks::{Checked, World, check};
use super::nudges;
use super::places::County;
use super::record::Record;
use super::table::Due;
use super::tally::{Failure, Tally};
use super::timeline;
use super::year::Year;
use super::{Asked, BUILD, Fault, Played, hexadecimal};
use crate::referral::attempt::Phase;
use crate::referral::fact::Fact;
use crate::referral::id::NotificationId;
use crate::referral::school::Urn;
use crate::store::{Trace, sha256};
use jiff::Timestamp;
use std::collections::HashMap;

/// A notification's record, and what its time asked for.
struct Judged {
    trace: Trace,
    due: Due,
}

/// Looks at every notification's record.
pub(super) async fn conclude(asked: &Asked, number: u64, year: &mut Year) -> Result<Played, Fault> {
    year.sweep().await?;
    let all = judged(year).await?;
    let mut tally = std::mem::take(&mut year.tally);
    let failed_of = |notification: Option<NotificationId>, what: String| Failure {
        seed: asked.seed,
        year: number,
        build: BUILD.to_owned(),
        notification: notification.map(|id| id.to_string()),
        what,
    };
    if tally.stuck > 0 {
        let what = format!("stuck: {} pieces of work were past their time", tally.stuck);
        tally.failures.push(failed_of(None, what));
    }
    let beside = beside(&year.county, &all);
    let records: Vec<Record<'_>> = all.iter().map(|one| Record::of(&one.trace)).collect();
    let mut nudged = nudges::for_nobody(&records);
    let world = World {
        county: &year.county,
        script: &year.script,
    };
    let mut digest: Vec<u8> = Vec::new();
    let mut drawn: Option<(bool, usize, &Judged)> = None;
    for ((one, beside), nth) in all.iter().zip(beside).zip(0..) {
        let Judged { trace, due } = one;
        digest.extend(digest_of(trace));
        let mut checked = check(world, trace, due, beside);
        checked
            .after_answer
            .extend(nudged.remove(&nth).unwrap_or_default());
        let found = count(checked, trace, &mut tally);
        let fails = !found.is_empty();
        let id = trace.case.notification;
        let found = found.into_iter().map(|what| failed_of(Some(id), what));
        tally.failures.extend(found);
        let better = match asked.timeline {
            None => false,
            Some(Some(wanted)) => wanted == id,
            Some(None) => drawn
                .is_none_or(|(failed, facts, _)| !failed && (fails || facts < trace.facts.len())),
        };
        if better {
            drawn = Some((fails, trace.facts.len(), one));
        }
    }
    tally.years = 1;
    tally.notifications = u64::try_from(all.len()).unwrap_or(0);
    tally.digest = hexadecimal(&sha256(&digest));
    let timeline = drawn.map(|(.., one)| timeline::draw(world, &one.trace, &one.due));
    Ok(Played {
        number,
        tally,
        timeline,
    })
}

/// Every notification's record. One that carries another's duty on keeps its time if that is the sooner.
async fn judged(year: &mut Year) -> Result<Vec<Judged>, Fault> {
    let (readers, now) = (year.gateway()?.store.readers().clone(), year.now());
    let mut before: HashMap<NotificationId, (Timestamp, Timestamp)> = HashMap::new();
    let mut all: Vec<Judged> = Vec::new();
    let mut place = 0;
    while let Some(id) = year.followed.get(place).copied() {
        place += 1;
        let found = readers.show_trace(id, now).await.map_err(Fault::other)?;
        let trace = found.ok_or_else(|| Fault::other("a notification is gone"))?;
        let earlier = before.get(&id).copied();
        let occurred_at = year.occurred_at(id).or(earlier.map(|(at, _)| at));
        let occurred_at = occurred_at.ok_or_else(|| Fault::other("nobody posted it"))?;
        let days = year.county.days(year.county.place_for(trace.case.target));
        let act_by = earlier.map(|(_, act_by)| act_by);
        let due = Due::of(days, trace.accepted_at, occurred_at, act_by);
        if let Some(successor) = trace.case.rerouted_to {
            before.insert(successor, (occurred_at, due.act_by));
            year.followed.push(successor);
        }
        all.push(Judged { trace, due });
    }
    Ok(all)
}

/// How many other letters to schools of the same way out were to be handed over while each of these was.
fn beside(county: &County, all: &[Judged]) -> Vec<usize> {
    let route = |urn: Option<Urn>| urn.and_then(|urn| county.place(urn)).map(|p| &p.route);
    let spans: Vec<_> = all
        .iter()
        .map(|one| {
            let place = county
                .place_for(one.trace.case.target)
                .map(|place| place.urn);
            (route(place), one.trace.accepted_at, one.due.last_safe)
        })
        .collect();
    let meets = |(route, from, to): &(_, Timestamp, Timestamp)| {
        let beside = spans
            .iter()
            .filter(|(other, begins, ends)| other == route && begins < to && ends > from);
        beside.count().saturating_sub(1)
    };
    spans.iter().map(meets).collect()
}

/// Counts what of one notification's record counts. Gives its failures.
fn count(checked: Checked, trace: &Trace, tally: &mut Tally) -> Vec<String> {
    if checked.achievable {
        tally.achievable += 1;
    } else {
        tally.unachievable += 1;
    }
    tally.near += u64::from(checked.near);
    for line in &trace.facts {
        if let Fact::AttemptEnded {
            phase: Phase::Daemon,
            why,
            ..
        } = &line.fact
        {
            tally.strikes(format!("ours_{}", why.word()));
        }
    }
    let kinds = [
        (&mut tally.missed, "missed", Vec::from_iter(checked.missed)),
        (&mut tally.unseen, "unseen", Vec::from_iter(checked.unseen)),
        (
            &mut tally.after_answer,
            "after an answer",
            checked.after_answer,
        ),
        (
            &mut tally.outside_hours,
            "outside hours",
            checked.outside_hours,
        ),
        (&mut tally.dropped, "dropped", checked.dropped),
    ];
    let mut failures = Vec::new();
    for (counted, kind, found) in kinds {
        *counted += u64::try_from(found.len()).unwrap_or(0);
        failures.extend(found.into_iter().map(|what| format!("{kind}: {what}")));
    }
    failures
}

/// Every fact's kind and time.
fn digest_of(trace: &Trace) -> Vec<u8> {
    let mut bytes = trace.case.notification.to_string().into_bytes();
    for line in &trace.facts {
        bytes.extend(line.fact.kind().as_bytes());
        bytes.extend(line.at.as_microsecond().to_be_bytes());
    }
    bytes
}

//! `simulate`: years of bad nights, and what came of them.

use super::Stop;
use super::args::Simulate;
use super::exit::Exit;
use super::output::Output;
use crate::seal::random;
use crate::simulate::{Asked, BUILD, Failure, Simulated, Tally, simulate as play};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use tempfile::TempDir;

pub(super) fn simulate(asked: &Simulate, output: Output) -> Result<Exit, Stop> {
    let seed = match asked.seed {
        Some(seed) => seed,
        None => {
            let drawn = random().map_err(|fault| Stop::new(Exit::Fault, fault))?;
            u64::from_be_bytes(drawn)
        }
    };
    let folder = TempDir::with_prefix("firstbell-simulate-")?;
    let asked = Asked {
        seed,
        first_year: asked.first_year,
        years: asked.years,
        faults: asked.faults,
        mutant: asked.mutant,
        timeline: asked.timeline,
        until_failure: asked.mutant.is_some(),
        side_by_side: asked.side_by_side,
    };
    let simulated = play(&asked, folder.path());
    let Simulated { tally, timeline } = simulated.map_err(|fault| Stop::new(Exit::Fault, fault))?;
    let answer = json!({
        "seed": seed,
        "build": BUILD,
        "clean": tally.is_clean(),
        "tally": tally,
        "timeline": timeline,
    });
    output.answer(&answer, |_| readable(seed, &tally, timeline.as_deref()))?;
    Ok(if tally.is_clean() {
        Exit::Success
    } else {
        Exit::No
    })
}

fn readable(seed: u64, tally: &Tally, timeline: Option<&str>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    write(&mut text, seed, tally).unwrap_or_default();
    if let Some(timeline) = timeline {
        text.push('\n');
        text.push_str(timeline);
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn write(text: &mut String, seed: u64, tally: &Tally) -> std::fmt::Result {
    let Tally {
        years,
        referrals,
        notifications,
        attempts,
        knocks,
        achievable,
        unachievable,
        near,
        missed,
        unseen,
        after_answer,
        outside_hours,
        dropped,
        stuck,
        struck,
        people,
        failures,
        digest,
    } = tally;
    writeln!(
        text,
        "firstbell {BUILD}, seed {seed}: {years} force-years, {referrals} referrals, {notifications} notifications, {attempts} attempts, {knocks} knocks"
    )?;
    writeln!(
        text,
        "deadlines: {achievable} achievable, {unachievable} not, {near} near (under 10 min of slack)"
    )?;
    writeln!(text, "missed although achievable:           {missed}")?;
    writeln!(text, "late and before no person in time:    {unseen}")?;
    writeln!(text, "steps taken after an answer:          {after_answer}")?;
    writeln!(
        text,
        "calls and nudges outside hours:       {outside_hours}"
    )?;
    writeln!(text, "steps that came to nothing:           {dropped}")?;
    writeln!(text, "work past its time:                   {stuck}")?;
    writeln!(text, "faults: {}", counted(struck))?;
    writeln!(text, "people: {}", counted(people))?;
    writeln!(text, "digest {digest}")?;
    for failure in failures {
        writeln!(text, "{}", told(failure))?;
    }
    Ok(())
}

fn counted(words: &BTreeMap<String, u64>) -> String {
    let words = words.iter().map(|(word, count)| format!("{word} {count}"));
    words.collect::<Vec<_>>().join(", ")
}

fn told(failure: &Failure) -> String {
    let Failure {
        seed,
        year,
        build,
        notification,
        what,
    } = failure;
    let which = notification.as_deref().unwrap_or("-");
    format!("FAILED seed {seed} year {year} build {build} {which}: {what}")
}

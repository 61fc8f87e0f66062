//! A summer: 1,100 children's notifications of 44 nights fall due on one September morning, and the desk
//! has two callers. Schools answer on the staff days at a usual rate, and some do not pick up.

use super::{County, address, wall};
use crate::store_rules::policy;
use firstbell::admin::reads::{self, Answer, Question};
use firstbell::referral::answer::{CallOutcome, SchoolWord};
use firstbell::referral::id::TaskId;
use firstbell::referral::policy::Policies;
use firstbell::referral::school::Role;
use firstbell::store::Act;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

const SEED: u64 = 2_020;
/// A county's schools.
const SCHOOLS: usize = 600;
const NIGHTS: i64 = 44;
const A_NIGHT: usize = 25;
/// Two callers, each so long over a call.
const CALLERS: [&str; 2] = ["Jo", "Sam"];
const CALL: SignedDuration = SignedDuration::from_mins(4);
/// Of a hundred schools so many answer by themselves: three of four of them on the first staff day, the
/// others on the second, on which they are rung too.
const ANSWER: u64 = 68;
/// Of a hundred calls so many are not picked up.
const NOBODY: u64 = 5;

/// Chance that is the same each time: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn between(&mut self, from: &str, to: &str) -> Timestamp {
        let (from, to) = (wall(from), wall(to));
        let seconds = u64::try_from(to.duration_since(from).as_secs()).unwrap();
        from + SignedDuration::from_secs(i64::try_from(self.below(seconds)).unwrap())
    }
}

/// What the desk is told ten days before.
async fn forecast(county: &County) -> Value {
    let store = &county.opened.store;
    let directory = store.directory();
    let policies = Policies::from([(policy().force.clone(), policy())]);
    let question = Question::CallForecast {
        force: None,
        days: 14,
    };
    let known = (&*directory, &policies);
    let answer = reads::answer(store.readers(), known, county.clock.now(), &question);
    let Answer::Found(found) = answer.await.unwrap() else {
        panic!("no forecast");
    };
    found["forces"][0]["mornings"][0].clone()
}

/// When schools answer what lies in their mailbox, of those that do. Whoever answers on the first staff day
/// does so on the next days too.
fn answers(dice: &mut Dice) -> BTreeSet<(Timestamp, usize)> {
    let mut answers = BTreeSet::new();
    for school in 0..SCHOOLS {
        if dice.below(100) >= ANSWER {
            continue;
        }
        if dice.below(4) < 3 {
            answers.insert((dice.between("2020-09-01T08:35", "2020-09-01T16:00"), school));
        }
        answers.insert((dice.between("2020-09-02T08:35", "2020-09-02T15:30"), school));
        answers.insert((dice.between("2020-09-03T06:50", "2020-09-03T08:00"), school));
    }
    answers
}

/// Those who ring: whom they ring now, each, and when they are done.
#[derive(Default)]
struct Desk {
    ringing: [Option<(TaskId, Timestamp)>; 2],
    /// Schools that were rung.
    rung: BTreeSet<String>,
    calls: u32,
}

impl Desk {
    /// Ends the calls that are over, and begins those that wait.
    async fn step(&mut self, county: &mut County, dice: &mut Dice) {
        let now = county.clock.now();
        for (caller, ringing) in CALLERS.iter().zip(&mut self.ringing) {
            let Some((task, _)) = ringing.take_if(|(_, until)| *until <= now) else {
                continue;
            };
            let outcome = if dice.below(100) < NOBODY {
                CallOutcome::NoAnswer
            } else {
                on_the_roll(county, task, caller).await;
                CallOutcome::Told
            };
            let act = Act::CallOutcome {
                task,
                outcome,
                notification: None,
                role: Role::KeyAdult,
                word: SchoolWord::Unverified,
            };
            // A school that answered while it was rung has ended the call.
            let _ended = county.opened.store.act(act, caller).await.unwrap();
        }
        let tasks = county.opened.store.readers().list_tasks().await.unwrap();
        let mut waiting = tasks.iter().filter(|line| {
            line.kind == "ring_school" && line.claimed.is_none() && line.wanted_by <= now
        });
        for (caller, ringing) in CALLERS.iter().zip(&mut self.ringing) {
            if ringing.is_none()
                && let Some(line) = waiting.next()
            {
                let task = TaskId::parse(&line.task).unwrap();
                let claimed = county.opened.store.act(Act::Claim { task }, caller).await;
                claimed.unwrap().unwrap();
                *ringing = Some((task, now + CALL));
                self.rung.insert(line.subject.clone());
                self.calls += 1;
            }
        }
    }
}

/// The school says of each child on a call that it is on its roll, unless it has answered meanwhile.
async fn on_the_roll(county: &County, task: TaskId, caller: &str) {
    let store = &county.opened.store;
    for child in store.readers().list_on_call(task).await.unwrap() {
        let roll = Act::CallRoll {
            task,
            notification: child.notification,
            on_roll: true,
        };
        store.act(roll, caller).await.unwrap().unwrap();
    }
}

/// The Key Adult of a school answers every letter that lies there; gives how many.
async fn answer(county: &mut County, school: usize, known: &mut BTreeSet<String>) -> usize {
    let own = address(school, Role::KeyAdult);
    let mut letters = county.taken_for(&own);
    letters.retain(|letter| known.insert(letter.message_id.clone()));
    for letter in &letters {
        let headers = "Subject: Re: For the safeguarding lead\n";
        county.mail(letter, headers, "RECEIVED").await;
    }
    letters.len()
}

/// A night's referrals, of schools that chance names.
async fn burst(county: &mut County, dice: &mut Dice) {
    for _ in 0..A_NIGHT {
        let school = dice.below(u64::try_from(SCHOOLS).unwrap());
        let referral = county.referral(usize::try_from(school).unwrap());
        county.accept(&referral).await;
    }
    county.settle().await;
}

/// When each night's referrals are posted: the first on the last afternoon of term.
fn nights() -> Vec<Timestamp> {
    let night = |n| wall("2020-07-22T22:00") + SignedDuration::from_hours(24 * n);
    let first = wall("2020-07-22T16:30");
    std::iter::once(first)
        .chain((0..NIGHTS - 1).map(night))
        .collect()
}

/// The desk rings on the staff day before the pupils' first.
fn rings_at(now: Timestamp) -> bool {
    (wall("2020-09-02T09:00")..wall("2020-09-02T16:00")).contains(&now)
}

/// When the desk next looks at its list: between calls, while it rings.
fn desk_looks(now: Timestamp) -> Timestamp {
    if now < wall("2020-09-02T09:00") {
        wall("2020-09-02T09:00")
    } else if rings_at(now) {
        now + CALL
    } else {
        Timestamp::MAX
    }
}

/// The staff days and the morning: schools answer, referrals still come, the desk rings.
async fn staff_days(county: &mut County, dice: &mut Dice, nights: &[Timestamp]) -> Desk {
    let mut answers = answers(dice);
    let (mut known, mut desk) = (BTreeSet::new(), Desk::default());
    let mut nights = nights.iter().copied().peekable();
    let end = wall("2020-09-03T08:00");
    while county.clock.now() < end {
        let now = county.clock.now();
        let next = [answers.first().map(|(at, _)| *at), nights.peek().copied()];
        let next = next.into_iter().flatten().chain([desk_looks(now)]).min();
        // What happens within some minutes happens together.
        county
            .comes_to(next.unwrap_or(end).max(now + CALL).min(end))
            .await;
        let now = county.clock.now();
        while let Some((_, school)) = answers.first().copied().filter(|(at, _)| *at <= now) {
            answers.pop_first();
            answer(county, school, &mut known).await;
        }
        if nights.next_if(|night| *night <= now).is_some() {
            burst(county, dice).await;
        }
        county.settle().await;
        if rings_at(now) {
            desk.step(county, dice).await;
        }
    }
    desk
}

#[tokio::test]
async fn a_summers_calls_are_made_before_the_first_morning_and_were_foreseen() {
    let mut dice = Dice(SEED);
    let mut county = County::begin("2020-07-22T16:30", SCHOOLS).await;
    let (ten_days_before, staff_back) = (wall("2020-08-24T06:30"), wall("2020-09-01T08:00"));
    let (mut foreseen, nights) = (Value::Null, nights());
    let before = nights.iter().filter(|night| **night < staff_back);
    for night in before.clone() {
        if foreseen.is_null() && *night > ten_days_before {
            county.comes_to(ten_days_before).await;
            foreseen = forecast(&county).await;
        }
        county.comes_to(*night).await;
        burst(&mut county, &mut dice).await;
    }
    county.comes_to(staff_back).await;
    let later = &nights[before.count()..];
    let desk = staff_days(&mut county, &mut dice, later).await;

    let store = &county.opened.store;
    let tasks = store.readers().list_tasks().await.unwrap();
    let remain: Vec<String> = tasks
        .iter()
        .filter(|line| line.kind == "ring_school")
        .map(|line| line.subject.clone())
        .collect();
    let needed = desk
        .rung
        .iter()
        .chain(&remain)
        .collect::<BTreeSet<_>>()
        .len();
    let expected = usize::try_from(foreseen["needed"].as_u64().unwrap()).unwrap();
    println!(
        "{} notifications: foreseen ten days before: {} places, {} to come, {expected} calls; \
         needed {needed}, made {} on the staff day; {} remain for 08:00-08:30",
        county.posted,
        foreseen["places"],
        foreseen["coming"],
        desk.calls,
        remain.len()
    );
    assert_eq!(county.posted, 1_100);
    assert!(needed > 100, "nearly everybody answered: nothing is shown");
    assert!(remain.len() <= 14, "{} calls remain", remain.len());
    assert!(
        expected.abs_diff(needed) * 5 <= needed,
        "{expected} foreseen, {needed} needed"
    );
}

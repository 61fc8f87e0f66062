//! The year's referrals: at least 400, most at night, many in bursts.

use super::Fault;
use super::dice::{Dice, mixed};
use super::places::{County, Place};
use super::script::Flood;
use crate::referral::ladder::LadderHours;
use crate::referral::london;
use crate::referral::policy::{Desk, DutyEndsOn, ParentLine, Policy, Profile};
use crate::referral::post::{Connection, ForceName, RiskGrade};
use crate::referral::read;
use crate::referral::school::Urn;
use crate::referral::tree::Tree;
use crate::store::{NotificationView, Post, ReferralView, json};
use jiff::civil::{Date, Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// A force-year has at least so many referrals.
pub(super) const REFERRALS_MIN: usize = 400;
/// Nights, in a million, on which many come at once.
const BURSTS: u64 = 60_000;
/// Referrals, in a million, that name no school; and that are about two children.
const WITHOUT_SCHOOL: u64 = 10_000;
const OF_TWO: u64 = 80_000;
/// Referrals, in a million, that only supervisors may see; and whose adult has a part in the school.
const RESTRICTED: u64 = 15_000;
const INVOLVED: u64 = 15_000;
/// Referrals of a flood, and the span in which they come.
const FLOOD: usize = 200;
const FLOODS_FOR_S: i64 = 5_400;

/// When a referral is posted, and about whom.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) at: Timestamp,
    pub(super) occurred_at: Timestamp,
    number: usize,
    restricted: bool,
    involved: bool,
    /// Each child's school.
    schools: Vec<Option<Place>>,
}

/// The force's policy.
pub(super) fn policy() -> Option<Policy> {
    Some(Policy {
        force: ForceName::parse("simulated")?,
        display_name: "Simulated Police".to_owned(),
        kinds: vec!["domestic_abuse".to_owned()],
        grades: vec![
            RiskGrade::Standard,
            RiskGrade::Medium,
            RiskGrade::High,
            RiskGrade::NotGraded,
        ],
        age_min: 0,
        age_max: 17,
        connections: vec![
            Connection::Present,
            Connection::ResidesAtAddress,
            Connection::ResidesWithParty,
            Connection::DirectVictim,
        ],
        profile: Profile::Minimal,
        location: false,
        parent_line: ParentLine::NoContact,
        parent_text: None,
        marking: "OFFICIAL-SENSITIVE".to_owned(),
        handling: "Share it only with staff who need it.".to_owned(),
        desk: Desk {
            name: "Simulated Desk".to_owned(),
            phone: "01632 960000".to_owned(),
            hours: "weekdays 06:30 to 17:00".to_owned(),
            other_times: "101".to_owned(),
        },
        duty_ends_on: DutyEndsOn::Answered,
        default_la: None,
        ladder: LadderHours::default(),
    })
}

/// Plans a year's referrals: from `first`, `days` days, soonest first.
pub(super) fn plan(
    seed: u64,
    county: &County,
    (first, days): (Date, usize),
    flood: Option<Flood>,
) -> Vec<Planned> {
    let dice = Dice::of(seed, "posts");
    let mut planned = Vec::new();
    let all = || std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(days);
    for day in all() {
        let weekend = matches!(day.weekday(), Weekday::Friday | Weekday::Saturday);
        for _ in 0..dice.between(0, if weekend { 2 } else { 1 }) {
            planned.push(one(&dice, county, any_time(&dice, day)));
        }
        if dice.happens(BURSTS) {
            let begins = any_time(&dice, day);
            for _ in 0..dice.between(4, 12) {
                let at = begins + SignedDuration::from_secs(dice.between(0, 1800));
                planned.push(one(&dice, county, at));
            }
        }
    }
    if let Some(flood) = flood {
        planned.extend(flooded(&Dice::of(seed, "flood posts"), county, flood));
    }
    let every: Vec<Date> = all().collect();
    while planned.len() < REFERRALS_MIN {
        let day = dice.pick(&every).copied().unwrap_or(first);
        planned.push(one(&dice, county, any_time(&dice, day)));
    }
    planned.sort_by_key(|planned| planned.at);
    for (number, planned) in planned.iter_mut().enumerate() {
        planned.number = number;
    }
    planned
}

/// Most at night, some before school, some while pupils are in.
fn any_time(dice: &Dice, day: Date) -> Timestamp {
    let minutes = match dice.below(10) {
        0..=5 => dice.between(18 * 60, 27 * 60),
        6 => dice.between(27 * 60, 31 * 60),
        7 => dice.between(31 * 60, 32 * 60 + 30),
        8 => dice.between(8 * 60 + 30, 15 * 60),
        _ => dice.between(15 * 60, 18 * 60),
    };
    london::instant(day, Time::midnight())
        + SignedDuration::from_mins(minutes)
        + SignedDuration::from_millis(dice.between(0, 59_999))
}

fn one(dice: &Dice, county: &County, at: Timestamp) -> Planned {
    let before = SignedDuration::from_mins(dice.spread(15, 360));
    let first = dice.pick(&county.places).cloned();
    let first = first.filter(|_| !dice.happens(WITHOUT_SCHOOL));
    let mut schools = vec![first.clone()];
    if dice.happens(OF_TWO) {
        let other = dice.pick(&county.places).cloned();
        schools.push(if dice.below(2) == 0 { first } else { other });
    }
    Planned {
        at,
        occurred_at: at - before,
        number: 0,
        restricted: dice.happens(RESTRICTED),
        involved: dice.happens(INVOLVED),
        schools,
    }
}

/// Many in one night, all to schools of the way that fails in it.
fn flooded(dice: &Dice, county: &County, flood: Flood) -> Vec<Planned> {
    let of_way = county.places.iter();
    let of_way: Vec<Place> = of_way
        .filter(|place| Some(&place.route) == county.routes.first())
        .cloned()
        .collect();
    let one = |_| {
        let at = flood.from + SignedDuration::from_secs(dice.between(0, FLOODS_FOR_S));
        Planned {
            at,
            occurred_at: at - SignedDuration::from_mins(dice.spread(15, 360)),
            number: 0,
            restricted: false,
            involved: false,
            schools: vec![dice.pick(&of_way).cloned()],
        }
    };
    (0..FLOOD).map(one).collect()
}

/// What a post's answer says to the simulator: each notification's id, a line each.
fn answer(view: &ReferralView) -> Vec<u8> {
    let line = |view: &NotificationView| format!("{}\n", view.id);
    let lines: String = view.notifications.iter().map(line).collect();
    lines.into_bytes()
}

impl Planned {
    /// Whether any of its children is at this school.
    pub(super) fn is_for(&self, urn: Urn) -> bool {
        let mut places = self.schools.iter().flatten();
        places.any(|place| place.urn == urn)
    }

    /// The post, as intake would hand it on. That it is no referral is a fault of the simulator.
    pub(super) fn post(
        &self,
        seed: u64,
        policy: &Arc<Policy>,
        now: Timestamp,
    ) -> Result<Post, Fault> {
        let tree = self.document(seed, policy);
        let shape = read::shape(&tree);
        if !shape.is_empty() {
            return Err(no_referral(&shape));
        }
        let read = read::read(&tree, now);
        let (referral, _) = read.map_err(|faults| no_referral(&faults))?;
        Ok(Post {
            key: format!("key-{}", self.number),
            canonical: json::canonical(&tree.without(&["submitted_at"])),
            referral,
            tree,
            policy: Arc::clone(policy),
            answer,
        })
    }

    fn document(&self, seed: u64, policy: &Policy) -> Tree {
        let id = mixed(seed, "referral") & 0xFFFF_FFFF;
        let number = self.number;
        let children = self.schools.iter().enumerate();
        map([
            ("schema", text("oe-referral/1")),
            (
                "referral_id",
                text(&format!("{id:08x}-6a1e-5d0b-9a55-{number:012}")),
            ),
            ("force", text(policy.force.as_str())),
            ("kind", text("domestic_abuse")),
            ("source_system", text("simulated")),
            ("submitted_at", text(&self.at.to_string())),
            ("police_reference", text(&format!("42/{number}"))),
            ("restricted", Tree::Bool(self.restricted)),
            (
                "incident",
                map([
                    ("occurred_at", text(&self.occurred_at.to_string())),
                    ("classification", text("non_crime")),
                    ("risk_grade", text("medium")),
                ]),
            ),
            (
                "children",
                Tree::List(
                    children
                        .map(|(n, at)| child(n, at, self.involved))
                        .collect(),
                ),
            ),
        ])
    }
}

fn no_referral(faults: &[read::Fault]) -> Fault {
    let told = faults
        .iter()
        .map(|fault| format!("{} {}", fault.code, fault.pointer));
    Fault::other(told.collect::<Vec<_>>().join(", "))
}

fn child(number: usize, school: &Option<Place>, involved: bool) -> Tree {
    let mut members = vec![
        ("child_ref", text(&format!("c-{number}"))),
        ("given_name", text(if number == 0 { "Ada" } else { "Ben" })),
        ("family_name", text("Simulated")),
        ("date_of_birth", text("2008-03-12")),
        ("connection", text("resides_at_address")),
        ("present", text("not_present")),
        ("resides_in_force_area", Tree::Bool(true)),
    ];
    match school {
        Some(place) => {
            let school = map([
                ("urn", text(&place.urn.to_string())),
                ("urn_source", text("picked")),
                ("name_recorded", text(&place.name)),
                (
                    "involved_person",
                    text(if involved { "yes" } else { "unknown" }),
                ),
            ]);
            members.push(("education", text("registered")));
            members.push(("schools", Tree::List(vec![school])));
        }
        None => {
            members.push(("education", text("unknown")));
            members.push(("schools", Tree::List(Vec::new())));
        }
    }
    map(members)
}

fn text(value: &str) -> Tree {
    Tree::Text(value.to_owned())
}

fn map<'a>(members: impl IntoIterator<Item = (&'a str, Tree)>) -> Tree {
    let owned = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Tree::Map(owned.collect())
}

//! The scenes: what is posted in the night, what the desk does in the morning, and what is true in the
//! end. Children and incidents are made up.

use jiff::civil::Time;
use serde_json::{Value, json};

/// What one notification of a scene must come to.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The child.
    pub child_ref: &'static str,
    /// The school; none when a person must choose.
    pub urn: Option<&'static str>,
    /// The state's word.
    pub state: &'static str,
    /// The role of the contact whose word was believed.
    pub acknowledged_by: Option<&'static str>,
    /// Its letters, the Key Adult's first.
    pub letters: &'static [Sent],
    /// What a person must still do, in the order of the words' letters.
    pub tasks: &'static [&'static str],
    /// What carries the duty on.
    pub then: Option<&'static Expected>,
}

/// A letter and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// To whom.
    pub role: &'static str,
    /// The route.
    pub route: &'static str,
    /// The delivery's state.
    pub state: &'static str,
    /// Attempts.
    pub attempts: usize,
    /// What a school may have received twice.
    pub repeats: u32,
}

/// When a scene is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// In the evening, after the scene before it.
    InTurn,
    /// When clocks in London next show this.
    At(Time),
}

/// A referral and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// One sentence for the story.
    pub title: &'static str,
    /// The sender's id.
    pub referral_id: &'static str,
    /// When.
    pub posted: Posted,
    /// How long before that the incident was, in minutes.
    minutes_ago: i64,
    /// As the force graded it.
    risk_grade: &'static str,
    /// The children as they are posted.
    children: fn() -> Value,
    /// What must come of it.
    pub expected: &'static [Expected],
}

impl Scene {
    /// How many notifications it comes to, successors included.
    pub fn notifications(&self) -> usize {
        let chain = |first: &'static Expected| {
            std::iter::successors(Some(first), |expected| expected.then).count()
        };
        self.expected.iter().map(chain).sum()
    }

    /// The referral as a records system would post it at `at`.
    pub fn post(&self, at: jiff::Timestamp) -> Value {
        let earlier = |minutes: i64| (at - jiff::SignedDuration::from_mins(minutes)).to_string();
        json!({
            "schema": "oe-referral/1",
            "referral_id": self.referral_id,
            "force": "essex",
            "kind": "domestic_abuse",
            "source_system": "athena",
            "submitted_at": at.to_string(),
            "police_reference": format!("42/{}", self.referral_id.get(..5).unwrap_or_default()),
            "incident": {
                "occurred_at": earlier(self.minutes_ago),
                "attended_at": earlier(self.minutes_ago - 15),
                "time_precision": "approximate",
                "classification": "non_crime",
                "risk_grade": self.risk_grade,
            },
            "children": (self.children)(),
        })
    }
}

/// Something an operator at the desk does in the morning.
#[derive(Debug, Clone, Copy)]
pub struct DeskAct {
    /// When clocks in London show this.
    pub at: Time,
    /// About whom.
    pub child_ref: &'static str,
    /// What.
    pub does: Does,
}

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Chooses the school.
    Route(&'static str),
    /// Takes the call to the school on.
    Claim,
    /// Rang: a deputy was told, and the school word matched.
    Tell,
}

const fn act(hour: i8, minute: i8, child_ref: &'static str, does: Does) -> DeskAct {
    DeskAct {
        at: Time::constant(hour, minute, 0, 0),
        child_ref,
        does,
    }
}

/// The desk's morning, in order.
pub const DESK: &[DeskAct] = &[
    act(6, 35, "c-12", Does::Route("990004")),
    act(8, 11, "c-15", Does::Claim),
    act(8, 14, "c-15", Does::Tell),
];

/// When the morning is over: calls have run their time and a supervisor has been asked.
pub const MORNING_ENDS: Time = Time::constant(10, 50, 0, 0);

fn child(reference: &str, given: &str, family: &str, born: &str, schools: Value) -> Value {
    let education = "registered";
    json!({
        "child_ref": reference,
        "given_name": given,
        "family_name": family,
        "date_of_birth": born,
        "connection": "resides_at_address",
        "present": "present",
        "welfare_check": "made",
        "resides_in_force_area": true,
        "education": education,
        "schools": schools,
    })
}

fn at_school(urn: &str, name: &str) -> Value {
    json!({ "urn": urn, "urn_source": "picked", "name_recorded": name })
}

const fn sent(role: &'static str, route: &'static str, state: &'static str) -> Sent {
    Sent {
        role,
        route,
        state,
        attempts: 1,
        repeats: 0,
    }
}

/// The Key Adult's letter, handed to CJSM, which reports nothing.
const KEY_ADULT: Sent = sent("key_adult", "cjsm", "relayed");
const DEPUTY: Sent = sent("deputy", "cjsm", "relayed");

/// Answered RECEIVED by somebody in this role.
const fn acknowledged(
    child_ref: &'static str,
    urn: &'static str,
    by: &'static str,
    letters: &'static [Sent],
) -> Expected {
    Expected {
        child_ref,
        urn: Some(urn),
        state: "acknowledged",
        acknowledged_by: Some(by),
        letters,
        tasks: &[],
        then: None,
    }
}

/// Answered RECEIVED by the Key Adult, who alone was written to.
const fn received(child_ref: &'static str, urn: &'static str) -> Expected {
    acknowledged(child_ref, urn, "key_adult", &[KEY_ADULT])
}

/// No letter may go, nobody is told by mail, and the hour passes.
const fn overdue(
    child_ref: &'static str,
    urn: Option<&'static str>,
    tasks: &'static [&'static str],
) -> Expected {
    Expected {
        child_ref,
        urn,
        state: "overdue",
        acknowledged_by: None,
        letters: &[],
        tasks,
        then: None,
    }
}

/// What most scenes have in common: posted in turn, about an incident an hour before, graded medium.
const fn scene(
    title: &'static str,
    referral_id: &'static str,
    children: fn() -> Value,
    expected: &'static [Expected],
) -> Scene {
    Scene {
        title,
        referral_id,
        posted: Posted::InTurn,
        minutes_ago: 60,
        risk_grade: "medium",
        children,
        expected,
    }
}

/// The night, in the order it is posted.
pub const SCENES: &[Scene] = &[
    scene(
        "A child at a school that receives through CJSM",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0001",
        || {
            let schools = json!([at_school("990001", "Northgate Primary")]);
            json!([child("c-1", "Amelia", "Okafor", "2017-03-12", schools)])
        },
        &[received("c-1", "990001")],
    ),
    scene(
        "A child at a school with a secure relay of its own, which reports that it is in the mailbox",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0002",
        || {
            let schools = json!([at_school("990003", "Riverside Primary School")]);
            json!([child("c-2", "Łukasz", "Nowak", "2016-07-02", schools)])
        },
        &[acknowledged(
            "c-2",
            "990003",
            "key_adult",
            &[sent("key_adult", "school", "delivered")],
        )],
    ),
    scene(
        "A child on two rolls: both schools are told",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0003",
        || {
            let schools = json!([
                at_school("990002", "Harbour View Academy"),
                at_school("990005", "Chalkwell Bay High School"),
            ]);
            json!([child("c-3", "Niamh", "O'Dowd", "2012-11-30", schools)])
        },
        &[received("c-3", "990002"), received("c-3", "990005")],
    ),
    scene(
        "Siblings at two schools: neither school reads of the other's child",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0004",
        || {
            let yusuf = json!([at_school("990001", "Northgate Primary School")]);
            let zahra = json!([at_school("990002", "Harbour View Academy")]);
            json!([
                child("c-4", "Yusuf", "Rahman", "2017-01-20", yusuf),
                child("c-5", "Zahra", "Rahman", "2012-05-09", zahra),
            ])
        },
        &[received("c-4", "990001"), received("c-5", "990002")],
    ),
    scene(
        "A relay that says 451 twice: the same letter a third time",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0005",
        || {
            let schools = json!([at_school("990004", "St Cedds C of E Primary")]);
            json!([child("c-6", "Esme", "Hart", "2018-02-14", schools)])
        },
        &[acknowledged(
            "c-6",
            "990004",
            "key_adult",
            &[Sent {
                attempts: 3,
                ..KEY_ADULT
            }],
        )],
    ),
    scene(
        "A school nobody knows: held, before a person, and late in the end",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0006",
        || {
            let schools =
                json!([{ "name_recorded": "The Old Mill Free School", "town": "Braintree" }]);
            json!([child("c-7", "Freddie", "Lane", "2015-09-01", schools)])
        },
        &[overdue(
            "c-7",
            None,
            &["call_unclaimed", "choose_ending", "choose_school"],
        )],
    ),
    scene(
        "A connection that dies after the final dot: the same bytes again, and counted",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0007",
        || {
            let schools = json!([at_school("990006", "Mill Lane Primary")]);
            json!([child("c-8", "Tomos", "Rees", "2016-04-03", schools)])
        },
        &[acknowledged(
            "c-8",
            "990006",
            "key_adult",
            &[Sent {
                attempts: 2,
                repeats: 1,
                ..KEY_ADULT
            }],
        )],
    ),
    scene(
        "A Key Adult's mailbox that bounces: the deputy at once",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0008",
        || {
            let schools = json!([at_school("990007", "Oakfield Primary School")]);
            json!([child("c-9", "Aisha", "Begum", "2017-10-21", schools)])
        },
        &[acknowledged(
            "c-9",
            "990007",
            "deputy",
            &[
                Sent {
                    state: "failed",
                    ..KEY_ADULT
                },
                Sent {
                    state: "delivered",
                    ..DEPUTY
                },
            ],
        )],
    ),
    scene(
        "A Key Adult who is away: the deputy at once",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0009",
        || {
            let schools = json!([at_school("990008", "Beacon Hill Academy")]);
            json!([child("c-10", "Noah", "Finch", "2015-06-17", schools)])
        },
        &[acknowledged(
            "c-10",
            "990008",
            "deputy",
            &[KEY_ADULT, DEPUTY],
        )],
    ),
    Scene {
        risk_grade: "high",
        ..scene(
            "A risk grade that local policy refuses: held, and climbs until a person says who told the school",
            "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0010",
            || {
                let schools = json!([at_school("990001", "Northgate Primary")]);
                json!([child("c-11", "Ivy", "Stone", "2016-12-05", schools)])
            },
            &[overdue(
                "c-11",
                Some("990001"),
                &[
                    "call_unclaimed",
                    "choose_ending",
                    "record_who_told",
                    "ring_school",
                ],
            )],
        )
    },
    scene(
        "NOT OURS: the duty goes on, and the desk finds the school",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0011",
        || {
            let schools = json!([at_school("990009", "Fairview Junior")]);
            json!([child("c-12", "Kofi", "Mensah", "2016-01-11", schools)])
        },
        &[Expected {
            child_ref: "c-12",
            urn: Some("990009"),
            state: "refused",
            acknowledged_by: None,
            letters: &[KEY_ADULT],
            tasks: &[],
            then: Some(&Expected {
                child_ref: "c-12",
                urn: None,
                state: "closed",
                acknowledged_by: None,
                letters: &[],
                tasks: &[],
                then: Some(&received("c-12", "990004")),
            }),
        }],
    ),
    scene(
        "RECEIVED from a colleague's own address does not count; the Key Adult's does",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0012",
        || {
            let schools = json!([at_school("990010", "Marsh Road Primary")]);
            json!([child("c-13", "Maisie", "Doyle", "2018-08-08", schools)])
        },
        &[Expected {
            tasks: &["check_sender"],
            ..received("c-13", "990010")
        }],
    ),
    scene(
        "RECEIVED, and more than that: it counts, and a person still reads it",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0013",
        || {
            let schools = json!([at_school("990011", "Elm Grove Primary")]);
            json!([child("c-14", "Jacob", "Pryce", "2017-05-26", schools)])
        },
        &[Expected {
            tasks: &["read_reply"],
            ..received("c-14", "990011")
        }],
    ),
    scene(
        "A school that is silent: rung in the morning, and told by voice",
        "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0014",
        || {
            let schools = json!([at_school("990012", "Kiln Lane Primary")]);
            json!([child("c-15", "Sana", "Iqbal", "2015-11-14", schools)])
        },
        &[Expected {
            child_ref: "c-15",
            urn: Some("990012"),
            state: "told",
            acknowledged_by: None,
            letters: &[
                Sent {
                    state: "delivered",
                    ..KEY_ADULT
                },
                DEPUTY,
            ],
            tasks: &[],
            then: None,
        }],
    ),
    Scene {
        posted: Posted::At(Time::constant(10, 15, 0, 0)),
        minutes_ago: 12 * 60,
        ..scene(
            "The night before, told of at 10:15 only: the child may be in school already",
            "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0015",
            || {
                let schools = json!([at_school("990013", "Saltings Primary")]);
                json!([child("c-16", "Oscar", "Blythe", "2016-09-30", schools)])
            },
            &[acknowledged(
                "c-16",
                "990013",
                "key_adult",
                &[KEY_ADULT, DEPUTY],
            )],
        )
    },
];

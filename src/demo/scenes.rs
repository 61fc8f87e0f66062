//! The scenes: what is posted in the night, and what is true in the end. Children and incidents are
//! made up.

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
    /// The route its letter went, and after how many attempts; none when no letter may go.
    pub sent: Option<(&'static str, usize)>,
}

/// A referral and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// One sentence for the story.
    pub title: &'static str,
    /// The sender's id.
    pub referral_id: &'static str,
    /// The children as they are posted.
    children: fn() -> Value,
    /// What must come of it.
    pub expected: &'static [Expected],
}

impl Scene {
    /// The referral as a records system would post it at `at`, about an incident an hour before.
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
                "occurred_at": earlier(60),
                "attended_at": earlier(45),
                "time_precision": "approximate",
                "classification": "non_crime",
                "risk_grade": "medium",
            },
            "children": (self.children)(),
        })
    }
}

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

const fn sent(
    child_ref: &'static str,
    urn: &'static str,
    route: &'static str,
    attempts: usize,
) -> Expected {
    Expected {
        child_ref,
        urn: Some(urn),
        state: "open",
        sent: Some((route, attempts)),
    }
}

/// The night, in the order it is posted.
pub const SCENES: &[Scene] = &[
    Scene {
        title: "A child at a school that receives through CJSM",
        referral_id: "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0001",
        children: || {
            let schools = json!([at_school("990001", "Northgate Primary")]);
            json!([child("c-1", "Amelia", "Okafor", "2017-03-12", schools)])
        },
        expected: &[sent("c-1", "990001", "cjsm", 1)],
    },
    Scene {
        title: "A child at a school with a secure relay of its own",
        referral_id: "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0002",
        children: || {
            let schools = json!([at_school("990003", "Riverside Primary School")]);
            json!([child("c-2", "Łukasz", "Nowak", "2016-07-02", schools)])
        },
        expected: &[sent("c-2", "990003", "school", 1)],
    },
    Scene {
        title: "A child on two rolls: both schools are told",
        referral_id: "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0003",
        children: || {
            let schools = json!([
                at_school("990002", "Harbour View Academy"),
                at_school("990005", "Chalkwell Bay High School"),
            ]);
            json!([child("c-3", "Niamh", "O'Dowd", "2012-11-30", schools)])
        },
        expected: &[
            sent("c-3", "990002", "cjsm", 1),
            sent("c-3", "990005", "cjsm", 1),
        ],
    },
    Scene {
        title: "Siblings at two schools: neither school reads of the other's child",
        referral_id: "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0004",
        children: || {
            json!([
                child(
                    "c-4",
                    "Yusuf",
                    "Rahman",
                    "2017-01-20",
                    json!([at_school("990001", "Northgate Primary School")])
                ),
                child(
                    "c-5",
                    "Zahra",
                    "Rahman",
                    "2012-05-09",
                    json!([at_school("990002", "Harbour View Academy")])
                ),
            ])
        },
        expected: &[
            sent("c-4", "990001", "cjsm", 1),
            sent("c-5", "990002", "cjsm", 1),
        ],
    },
    Scene {
        title: "A relay that says 451 twice: the same letter a third time",
        referral_id: "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0005",
        children: || {
            let schools = json!([at_school("990004", "St Cedds C of E Primary")]);
            json!([child("c-6", "Esme", "Hart", "2018-02-14", schools)])
        },
        expected: &[sent("c-6", "990004", "cjsm", 3)],
    },
    Scene {
        title: "A school nobody knows: held, and before a person",
        referral_id: "1b7c0a52-6a1e-5d0b-9a55-3f0c5d1e0006",
        children: || {
            let schools =
                json!([{ "name_recorded": "The Old Mill Free School", "town": "Braintree" }]);
            json!([child("c-7", "Freddie", "Lane", "2015-09-01", schools)])
        },
        expected: &[Expected {
            child_ref: "c-7",
            urn: None,
            state: "held",
            sent: None,
        }],
    },
];

/// The recipient that is put off, and how often.
pub(super) const PUT_OFF: (&str, u32) = ("rlacey@stcedds.sch.test.cjsm.net", 2);

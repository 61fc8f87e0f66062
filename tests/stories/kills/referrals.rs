//! Made-up referrals: everything about one follows from its number, so that each try says the same.

use firstbell::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Begins every child's name, and nothing else that a letter says.
const MARK: &str = "Quill";

/// URN, name, and the addresses of Key Adult and deputy, of the directory of stories.
const SCHOOLS: [(&str, &str, [&str; 2]); 3] = [
    (
        "990011",
        "Marsh End Primary School",
        [
            "dsl@marshend.test.cjsm.net",
            "pzielinski@marshend.test.cjsm.net",
        ],
    ),
    (
        "990015",
        "Old Mill Academy",
        ["hsato@oldmill.test.cjsm.net", "jpike@oldmill.test.cjsm.net"],
    ),
    (
        "990016",
        "Riverside Primary School",
        ["safeguarding@riverside.test", "areed@riverside.test"],
    ),
];

pub(super) struct Child {
    pub(super) child_ref: String,
    /// Of no other child.
    pub(super) name: String,
    /// Who must be told.
    pub(super) key_adult: &'static str,
    /// Who must be told instead when the Key Adult's letter was set aside.
    pub(super) deputy: &'static str,
    school: usize,
}

/// One or two children.
pub(super) fn children(number: u32) -> Vec<Child> {
    (0..=number % 2)
        .map(|place| {
            let school = usize::try_from(number / 2 + place).unwrap() % SCHOOLS.len();
            Child {
                child_ref: format!("c{place}"),
                name: format!("{MARK}{}x{}", letters(number), letters(place)),
                key_adult: SCHOOLS[school].2[0],
                deputy: SCHOOLS[school].2[1],
                school,
            }
        })
        .collect()
}

/// The post of a referral, with its idempotency key, byte for byte.
pub(super) fn request(number: u32) -> Vec<u8> {
    let body = document(number).to_string();
    let head = format!(
        "POST /v1/referrals HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nIdempotency-Key: kills-{number}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// The names of all children that a letter speaks of, each once.
pub(super) fn named_in(letter: &[u8]) -> Vec<String> {
    // Quoted-printable may break a name in two.
    let text = String::from_utf8_lossy(letter).replace("=\r\n", "");
    let mut names: Vec<String> = text
        .match_indices(MARK)
        .map(|(at, _)| &text[at..])
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphabetic()).next())
        .map(|name| name.unwrap().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn document(number: u32) -> Value {
    let children = children(number).into_iter().map(|child| {
        json!({
            "child_ref": child.child_ref,
            "given_name": child.name,
            "family_name": "Fairweather",
            "date_of_birth": "2018-04-02",
            "connection": "present",
            "present": "present",
            "resides_in_force_area": true,
            "education": "registered",
            "schools": [{
                "urn": SCHOOLS[child.school].0,
                "urn_source": "picked",
                "name_recorded": SCHOOLS[child.school].1
            }]
        })
    });
    json!({
        "schema": "oe-referral/1",
        "referral_id": format!("018f4c1e-7a00-7000-8000-{number:012}"),
        "force": "essex",
        "kind": "domestic_abuse",
        "source_system": "athena",
        "submitted_at": begun().to_string(),
        "police_reference": format!("42/{number}/26"),
        "incident": {
            "occurred_at": (begun() - SignedDuration::from_hours(1)).to_string(),
            "classification": "crime",
            "risk_grade": "medium"
        },
        "children": children.collect::<Value>()
    })
}

fn begun() -> Timestamp {
    static BEGUN: OnceLock<Timestamp> = OnceLock::new();
    *BEGUN.get_or_init(|| Timestamp::from_second(Clock::system().now().as_second()).unwrap())
}

/// A number in letters.
fn letters(number: u32) -> String {
    let digits = number.to_string();
    digits
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'a'))
        .collect()
}

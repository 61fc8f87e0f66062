//! Posts whose every field carries a made-up word, driven by the one table of fields.

use crate::support::daemon::SCHOOL;
use crate::support::posts::referral;
use firstbell::referral::fields::{FIELDS, Field, Form, Keeping, Kind};
use serde_json::{Value, json};

/// Sealed fields of which every value is one of a few words, or a number: there is no room for a
/// canary in a post that is accepted. In posts that are refused they carry one all the same.
const CANNOT_CARRY: &[&str] = &[
    "/restricted",
    "/incident/time_precision",
    "/incident/classification",
    "/incident/risk_grade",
    "/incident/risk_tool",
    "/incident/marac",
    "/incident/mash",
    "/parties/*/role",
    "/parties/*/relation_to_child",
    "/household_flag",
    "/children/*/age_years",
    "/children/*/connection",
    "/children/*/present",
    "/children/*/welfare_check",
    "/children/*/spoken_to",
    "/children/*/resides_in_force_area",
    "/children/*/education",
    "/children/*/schools/*/urn_source",
    "/children/*/schools/*/involved_person",
    "/children/*/social_care_referral",
    "/police_ask_call",
];

/// A birth date that no other number of the story looks like.
const BORN: &str = "2011-10-29";

/// One field's canary.
pub(super) struct Canary {
    pub(super) field: &'static Field,
    /// The word, or the date, that must be found nowhere.
    pub(super) word: String,
    /// The value that carries it in a post that is accepted; none where there is no room.
    value: Option<Value>,
}

impl Canary {
    /// Whether an accepted post carries it.
    pub(super) fn is_in_good(&self) -> bool {
        self.value.is_some()
    }
}

/// One for each field, sealed or not: what is refused is kept sealed as a whole.
pub(super) fn canaries() -> Vec<Canary> {
    FIELDS
        .iter()
        .enumerate()
        .map(|(n, field)| canary(n, field))
        .collect()
}

fn canary(n: usize, field: &'static Field) -> Canary {
    let mut word = word(n);
    let value = match &field.kind {
        Kind::Text { form, max, .. } => {
            assert!(*max >= word.len(), "{} has no room", field.pointer);
            match form {
                Form::Line if field.name() == "email" => Some(format!("{word}@canary.test")),
                // The only field whose word is not ASCII, so that every encoding has work to do.
                Form::Line if field.name() == "given_name" => {
                    word = word.replacen("jx", "éjx", 1);
                    Some(word.clone())
                }
                Form::Language => {
                    word = word[..8].to_ascii_lowercase();
                    Some(format!("qaa-x-{word}"))
                }
                Form::Line | Form::Prose | Form::Opaque | Form::Of(_) => Some(word.clone()),
            }
            .map(Value::from)
        }
        Kind::Addresses { .. } => Some(json!([format!("{}@canary.test", word.to_lowercase())])),
        Kind::DateOrNull => {
            word = BORN.to_owned();
            Some(json!(BORN))
        }
        Kind::Object
        | Kind::Objects { .. }
        | Kind::WordList(_)
        | Kind::Bool
        | Kind::BoolOrNull
        | Kind::Whole { .. }
        | Kind::Constant(_)
        | Kind::Words(_)
        | Kind::OpenWord
        | Kind::Instant
        | Kind::Uuid
        | Kind::Urn => None,
    };
    let sealed = field.keeping == Keeping::Sealed;
    let value = value.filter(|_| sealed);
    Canary { field, word, value }
}

/// A word of ten letters that no language has, another for each number.
fn word(n: usize) -> String {
    const SYLLABLES: [&str; 12] = [
        "bax", "fol", "gim", "kep", "luv", "mod", "nix", "pom", "rud", "sev", "tiv", "wob",
    ];
    let (high, low) = (SYLLABLES[n / 12], SYLLABLES[n % 12]);
    format!("Zq{high}{low}jx")
}

/// A post that is accepted and mailed, with every canary in its place.
pub(super) fn good(number: u32, canaries: &[Canary]) -> Value {
    let mut document = referral(number, "replaced", SCHOOL);
    document["children"][0]["spoken_to"] = json!("alone");
    document["contact"] = json!({});
    for canary in canaries {
        if let Some(value) = &canary.value {
            set(&mut document, canary.field.pointer, value.clone());
        }
    }
    document
}

/// The good post with one field broken in each way there is; the broken value carries the canary.
pub(super) fn bad(good: &Value, canary: &Canary) -> Vec<Value> {
    let word = canary.word.as_str();
    let mut values = vec![json!([[word]]), json!({ "x": word })];
    match &canary.field.kind {
        // Any word of the right shape is accepted, and held by policy.
        Kind::OpenWord => {}
        Kind::Text { max, form, .. } => {
            values.push(json!(word.repeat(max / word.chars().count() + 1)));
            values.push(json!(format!("{word}\u{202e}")));
            match form {
                Form::Of(_) | Form::Language => values.push(json!(format!("{word} {word}!"))),
                Form::Line | Form::Prose | Form::Opaque => {}
            }
        }
        Kind::Addresses { max } => {
            values.push(json!([word]));
            let address = format!("{word}@canary.test");
            values.push(json!(vec![address; max + 1]));
        }
        Kind::WordList(_) => values.push(json!([word])),
        Kind::DateOrNull => values.push(json!(format!("{word}T10:00"))),
        Kind::Object
        | Kind::Objects { .. }
        | Kind::Bool
        | Kind::BoolOrNull
        | Kind::Whole { .. }
        | Kind::Constant(_)
        | Kind::Words(_)
        | Kind::Instant
        | Kind::Uuid
        | Kind::Urn => values.push(json!(word)),
    }
    let broken = values.into_iter().map(|value| {
        let mut document = good.clone();
        set(&mut document, canary.field.pointer, value);
        document
    });
    broken.collect()
}

/// Sets the member of the first element of each list on the way, making what is not there.
fn set(document: &mut Value, pointer: &str, value: Value) {
    let mut place = document;
    for step in pointer.split('/').skip(1) {
        place = match step {
            "*" => {
                if !place.is_array() {
                    *place = json!([{}]);
                }
                &mut place[0]
            }
            name => &mut place[name],
        };
    }
    *place = value;
}

#[test]
fn no_sealed_field_is_left_without_a_canary() {
    let canaries = canaries();
    let mut without: Vec<&str> = Vec::new();
    for canary in canaries
        .iter()
        .filter(|c| c.field.keeping == Keeping::Sealed)
    {
        match &canary.value {
            Some(value) => assert!(
                value
                    .to_string()
                    .to_lowercase()
                    .contains(&canary.word.to_lowercase())
            ),
            None => without.push(canary.field.pointer),
        }
    }
    assert_eq!(without, CANNOT_CARRY);
    let words: std::collections::BTreeSet<_> = canaries.iter().map(|c| &c.word).collect();
    assert_eq!(words.len(), canaries.len());
    assert!(
        canaries
            .iter()
            .all(|canary| bad(&good(1, &canaries), canary).len() >= 2)
    );
}

//! What is told by voice: the fields that a letter of the same policy prints, and no other.

use super::languages::language;
use super::wording::{self, Civil, NoZone, one_line};
use crate::referral::policy::{Policy, Profile};
use crate::referral::post::{Child, Connection, Referral};

/// The lines of the message, each with its name, in the letter's order.
pub fn spoken(
    referral: &Referral,
    child: &Child,
    policy: &Policy,
) -> Result<Vec<(&'static str, String)>, NoZone> {
    let civil = Civil::london()?;
    let mut lines = vec![
        ("what", what(child.connection).to_owned()),
        ("when", civil.when(&referral.incident)),
        (
            "there_at_the_time",
            wording::presence(child.present).to_owned(),
        ),
        (
            "seen_by_an_officer",
            wording::made(child.welfare_check).to_owned(),
        ),
    ];
    if policy.profile >= Profile::Standard {
        let interpreter = child.interpreter.as_deref();
        let interpreter = interpreter.map(|tag| one_line(language(tag)));
        lines.extend([
            ("spoken_to", wording::spoken_to(child.spoken_to).to_owned()),
            ("interpreter", interpreter.unwrap_or_default()),
            ("involved", wording::involved(&referral.parties)),
        ]);
    }
    if policy.profile >= Profile::Full {
        let text = |text: Option<&String>| text.map(|text| one_line(text)).unwrap_or_default();
        let circumstances = referral.incident.circumstances.as_ref();
        let words = child.child_words.as_ref();
        lines.extend([
            ("circumstances", text(circumstances.map(|text| &text.0))),
            ("child_words", text(words.map(|text| &text.0))),
        ]);
    }
    lines.retain(|(_, text)| !text.is_empty());
    Ok(lines)
}

/// As the letter has it (`letters.md`, the letter).
fn what(connection: Connection) -> &'static str {
    match connection {
        Connection::Present => "was there when police attended a reported domestic abuse incident",
        Connection::ResidesAtAddress => {
            "lives in a household where police attended a reported domestic abuse incident"
        }
        Connection::ResidesWithParty => {
            "lives with someone involved in a reported domestic abuse incident"
        }
        Connection::DirectVictim => "may be the victim of a reported domestic abuse incident",
        Connection::Suspect => "was involved in a reported domestic abuse incident",
    }
}

//! The document that integrators read (`docs/interface.md`) says what the code does.

use firstbell::referral::deadline::DueReason;
use firstbell::referral::fields::{FIELDS, Field, Keeping, Printed};
use firstbell::referral::plan::{HoldReason, RouteReason, WillHappen};
use firstbell::referral::read::{Code, FAULTS_MAX};
use firstbell::referral::state::Word;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn it_has_the_same_fields_and_codes() {
    let document = document();
    let rows = |first: &str| -> Vec<Vec<String>> {
        document
            .lines()
            .filter(|line| line.starts_with(first))
            .map(|line| {
                line.split(" | ")
                    .map(|cell| cell.trim_matches(['|', ' ']).into())
                    .collect()
            })
            .collect()
    };
    let in_document: Vec<_> = rows("| `/")
        .into_iter()
        .map(|row| row[..6].to_vec())
        .collect();
    let in_code: Vec<Vec<String>> = FIELDS.iter().map(row).collect();
    for (document, code) in in_document.iter().zip(&in_code) {
        assert_eq!(document, code);
    }
    assert_eq!(in_document.len(), in_code.len());

    let mut codes = BTreeSet::new();
    for row in rows("| 4").into_iter().chain(rows("| 5")) {
        assert!(codes.insert(row[..2].to_vec()), "{row:?} stands twice");
    }
    let known = Code::WORDS.iter().filter_map(|word| Code::parse(word));
    let known = known.map(|code| vec![code.status().to_string(), format!("`{}`", code.word())]);
    let of_requests = codes_of_intake();
    assert!(of_requests.len() > 10, "{of_requests:?}");
    assert_eq!(codes, known.chain(of_requests).collect());
}

#[test]
fn every_word_of_an_answer_stands_in_it() {
    let document = document();
    let words = [
        Word::WORDS,
        HoldReason::WORDS,
        RouteReason::WORDS,
        WillHappen::WORDS,
        DueReason::WORDS,
    ];
    for word in words.concat() {
        assert!(document.contains(&format!("`{word}`")), "{word}");
    }
    assert!(document.contains(&format!("| faults told | {FAULTS_MAX} |")));
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/interface.md");
    fs::read_to_string(path).expect("docs/interface.md")
}

/// Status and code of every problem that `src/intake` makes besides the reader's faults.
fn codes_of_intake() -> BTreeSet<Vec<String>> {
    let statuses = [
        ("BAD_REQUEST", "400"),
        ("FORBIDDEN", "403"),
        ("NOT_FOUND", "404"),
        ("METHOD_NOT_ALLOWED", "405"),
        ("REQUEST_TIMEOUT", "408"),
        ("CONFLICT", "409"),
        ("PAYLOAD_TOO_LARGE", "413"),
        ("UNSUPPORTED_MEDIA_TYPE", "415"),
        ("UNPROCESSABLE_ENTITY", "422"),
        ("SERVICE_UNAVAILABLE", "503"),
    ];
    let mut codes = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/intake");
    for file in fs::read_dir(folder).expect("src/intake") {
        let source = fs::read_to_string(file.expect("src/intake").path()).expect("src/intake");
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        for made in code.split("::new(").skip(1) {
            let Some(made) = made.trim_start().strip_prefix("StatusCode::") else {
                continue;
            };
            let (status, rest) = made.split_once(',').expect(made);
            let number = statuses.iter().find(|(name, _)| *name == status);
            let (_, number) = number.expect(status);
            let word = rest.split('"').nth(1).expect(rest);
            codes.insert(vec![(*number).to_owned(), format!("`{word}`")]);
        }
    }
    codes
}

fn row(field: &Field) -> Vec<String> {
    let keeping = match field.keeping {
        Keeping::Clear => "clear",
        Keeping::Sealed => "sealed",
        Keeping::ByMember => "-",
    };
    let printed = match field.printed {
        Printed::From(profile) => profile.word(),
        Printed::IfPolicySays => "if policy says so",
        Printed::Never => "never",
        Printed::NotInLetters => "no",
        Printed::ByMember => "-",
    };
    vec![
        format!("`{}`", field.pointer),
        field.kind.type_name().to_owned(),
        if field.required { "yes" } else { "no" }.to_owned(),
        field.kind.to_string(),
        keeping.to_owned(),
        printed.to_owned(),
    ]
}

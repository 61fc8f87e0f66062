//! Folders of answers: each file under `tests/data/answers` holds a reply and what it says. A new case
//! is a new file.

use firstbell::referral::answer::Verdict;
use firstbell::replies::verdict::{Also, Word, read};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Every rule of the grammar has its cases; fewer means that files were lost.
const CASES_MIN: usize = 90;
/// A text of one piece again and again takes at most so many times as long as plain words: with each
/// looked at from every other it would be many thousands.
const TIMES_PLAIN: f64 = 100.0;

#[test]
fn every_answer_reads_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/answers");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    cases.sort();
    let mut wrong = String::new();
    for case in &cases {
        let file = fs::read_to_string(case).unwrap();
        let name = case.file_stem().unwrap().to_string_lossy();
        let (expected, text) = file.split_once("\n\n").expect("a header and a text");
        if let Err(fault) = compare(expected, &read(text)) {
            writeln!(wrong, "{name}: {fault}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    println!("{} answers read as expected", cases.len());
}

fn compare(expected: &str, word: &Word) -> Result<(), String> {
    let mut expected: HashMap<&str, &str> = expected
        .lines()
        .map(|line| line.split_once(": ").expect("key: value"))
        .collect();
    let yes = |flag| if flag { "yes" } else { "no" };
    let reason = expected.remove("reason");
    let said = [
        ("verdict", Some(word.verdict.word())),
        ("has_message", Some(yes(word.has_message))),
        ("all", Some(yes(word.all))),
        ("also", word.also.map(Also::word)),
    ];
    for (key, said) in said {
        let expected = expected.remove(key);
        if said != expected {
            return Err(format!(
                "{key} {expected:?}, read {said:?} {:?}",
                word.reasons
            ));
        }
    }
    assert!(expected.is_empty(), "no such key: {expected:?}");
    match reason {
        Some(reason) if !word.reasons.contains(&reason) => {
            Err(format!("reason {reason:?}, read {:?}", word.reasons))
        }
        None if !word.reasons.is_empty() => Err(format!("no reason, read {:?}", word.reasons)),
        Some(_) | None => Ok(()),
    }
}

/// However a client quotes our letters, no line of them is an answer: neither alone, nor with all that
/// follows it.
#[test]
fn no_part_of_our_own_letters_is_an_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/letters");
    let mut lines_read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let letter = fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines: Vec<&str> = letter.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            for text in [
                (*line).to_owned(),
                lines[at..].join("\n"),
                lines[at..].join(" "),
            ] {
                let word = read(&text);
                assert_eq!((word.verdict, word.also), (Verdict::None, None), "{text}");
            }
            lines_read += 1;
        }
    }
    assert!(lines_read > 100, "{lines_read} lines");
}

#[test]
fn a_text_of_a_mebibyte_is_read_about_as_fast_whatever_it_repeats_and_has_a_message() {
    let mut longest = Duration::ZERO;
    let words = format!("Received\n{}", "the office has it ".repeat((1 << 20) / 18));
    let of_plain = || {
        let begun = Instant::now();
        assert!(read(&words).has_message);
        begun.elapsed().as_secs_f64()
    };
    let plain = (0..5).map(|_| of_plain()).fold(f64::MAX, f64::min);
    for piece in [
        "Received ",
        "received, ",
        "> a\n",
        "a\n> b\n",
        "From: a\n",
        "From: a To: ",
        "On 2026 ",
        "On 2026\n",
        "-- \n",
        "Thanks\n",
        "Thanks\nJane\n",
        "[external] ",
        "warning: ",
        "do not click ",
        "do not click. ",
        "do not click\n",
        "disclaimer: ",
        "disclaimer:\n",
        "disclaimer:\n\n",
        "(one word ",
        "received (one ",
        "not not ",
        ".",
        "\n",
        " ",
        "\u{301}",
        "\u{feff}",
        "\u{fdfa}",
        "'",
        "*",
        "[",
        "-----",
        "hi ",
        "a",
    ] {
        let text = format!("Received\n{}", piece.repeat((1 << 20) / piece.len()));
        let begun = Instant::now();
        let word = read(&text);
        longest = longest.max(begun.elapsed());
        let took = begun.elapsed().as_secs_f64();
        assert!(
            took < plain * TIMES_PLAIN,
            "{piece:?}: {took} s, plain {plain} s"
        );
        assert!(word.has_message, "{piece:?}");
    }
    println!("a mebibyte is read in at most {longest:?}");
}

/// Words and marks that the grammar, the quotes and the signatures are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(
        &[
            "Received",
            "NOT OURS",
            "call",
            "wrong person",
            "thanks",
            "Hi",
            "Jane",
            "not",
            "all",
            "deleted",
            "> ",
            ">",
            "\n",
            "\n\n",
            " ",
            ", ",
            ". ",
            "?",
            " - ",
            "-- \n",
            "Kind regards\n",
            "[EXTERNAL] ",
            "CAUTION: ",
            "From: a\nTo: b\nSubject: c\n",
            "On 23 Nov 2026 she wrote:\n",
            "\u{200b}",
            "\u{ff32}",
            "-----Original Message-----\n",
            "(one word is enough)",
            "Disclaimer: ",
            "01245 000011",
            "\r\n",
        ][..],
    );
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), pieces in pieces()) {
        read(&text);
        let word = read(&pieces);
        prop_assert_eq!(word.verdict == Verdict::None && word.also.is_none(), !word.reasons.is_empty());
    }

    #[test]
    fn what_is_only_quoted_never_answers(text in pieces()) {
        let quoted: String = text.lines().map(|line| format!("> {line}\n")).collect();
        let header = "From: Desk\nSent: Monday\nTo: Head\nSubject: Please answer\n\n";
        let rule = "-----Original Message-----\n";
        for text in [quoted, format!("{rule}{}", text.replace('>', " "))] {
            let word = read(&text);
            prop_assert_eq!((word.verdict, word.also), (Verdict::None, None));
        }
        let word = read(&format!("{header}{}", text.replace('>', " ")));
        prop_assert_eq!((word.verdict, word.also), (Verdict::None, None));
    }

    #[test]
    fn a_quote_below_never_makes_an_answer_of_what_is_none(text in pieces(), quoted in pieces()) {
        let quoted: String = quoted.lines().map(|line| format!("> {line}\n")).collect();
        let whole = format!("{text}\n\nOn 23 Nov 2026 the desk wrote:\n\n{quoted}");
        let (alone, above) = (read(&text), read(&whole));
        if alone.verdict == Verdict::None {
            prop_assert_eq!(above.verdict, Verdict::None);
        }
        prop_assert!(above.verdict == Verdict::None || above.verdict == alone.verdict);
    }
}

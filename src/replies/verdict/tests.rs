//! Every line of every word list does what its list says.

use super::*;
use lists::entries;

fn received(text: &str, has_message: bool) {
    let word = read(text);
    let expected = (Verdict::Received, has_message);
    assert_eq!(
        (word.verdict, word.has_message),
        expected,
        "{text:?}: {:?}",
        word.reasons
    );
}

fn nothing(text: &str, reason: &str) {
    let word = read(text);
    assert_eq!((word.verdict, word.also), (Verdict::None, None), "{text:?}");
    assert!(
        word.reasons.contains(&reason),
        "{text:?}: {:?}",
        word.reasons
    );
}

#[test]
fn every_phrase_of_a_verdict_alone_is_that_verdict() {
    for (list, verdict) in [
        (&lists::RECEIVED_LINES, Verdict::Received),
        (&lists::NOT_OURS_LINES, Verdict::NotOurs),
        (&lists::WRONG_LINES, Verdict::Wrong),
        (&lists::CALL_LINES, Verdict::Call),
    ] {
        for phrase in entries(list) {
            for text in [
                phrase.to_owned(),
                phrase.to_uppercase(),
                format!("Hi,\n{phrase}!"),
            ] {
                let word = read(&text);
                assert_eq!(
                    (word.verdict, word.has_message),
                    (verdict, false),
                    "{text:?}"
                );
                assert!(word.reasons.is_empty() && !word.all && word.also.is_none());
            }
            nothing(&format!("{phrase}?"), reason::QUESTION);
            nothing(&format!("was {phrase}"), reason::NO_VERDICT);
            nothing(&format!("> {phrase}"), reason::NOTHING_SAID);
        }
    }
    for (list, also) in [
        (&lists::DELETED_LINES, Also::Deleted),
        (&lists::NOT_ME_LINES, Also::NotMe),
    ] {
        for phrase in entries(list) {
            let word = read(phrase);
            assert_eq!(
                (word.verdict, word.also),
                (Verdict::None, Some(also)),
                "{phrase:?}"
            );
            assert!(word.reasons.is_empty() && !word.has_message, "{phrase:?}");
        }
    }
}

#[test]
fn every_greeting_and_courtesy_says_nothing() {
    for courtesy in entries(&lists::COURTESY_LINES).chain(entries(&lists::SIGN_OFF_LINES)) {
        received(&format!("Received {courtesy}."), false);
        received(&format!("Received. {courtesy}"), false);
    }
    for greeting in entries(&lists::GREETING_LINES) {
        received(&format!("{greeting}, received"), false);
        received(&format!("{greeting} Encompass Team\n\nReceived"), false);
    }
    for lead in entries(&lists::LEAD_LINES) {
        received(&format!("{lead}, received"), false);
    }
    for title in entries(&lists::TITLES) {
        received(&format!("Dear {title}. Lee,\nreceived"), false);
    }
    for all in entries(&lists::ALL_LINES) {
        assert!(read(&format!("Received {all}, thanks")).all, "{all}");
    }
    for word in entries(&lists::CALL_WORDS_LINES) {
        assert_eq!(
            read(&format!("Call {word}")).verdict,
            Verdict::Call,
            "{word}"
        );
    }
}

#[test]
fn every_qualifying_and_automatic_phrase_leaves_the_answer_to_a_person() {
    for phrase in entries(&lists::QUALIFYING_LINES) {
        nothing(
            &format!("Received. She {phrase} at Northgate"),
            reason::QUALIFIED,
        );
    }
    for phrase in entries(&lists::AUTOMATIC_LINES) {
        nothing(&format!("Received. {phrase}"), reason::AUTOMATIC);
    }
    nothing("Received. She doesn\u{2019}t come here", reason::QUALIFIED);
}

#[test]
fn every_banner_device_and_disclaimer_is_dropped() {
    for line in entries(&lists::MARKING_LINES) {
        received(&format!("*** {line} ***\nReceived"), false);
        received(&format!("[{line}] Received\n\n{line}"), false);
    }
    for line in entries(&lists::DEVICE_LINES) {
        received(&format!("Received\n\n{line}"), false);
    }
    for sentence in entries(&lists::BANNER_SENTENCES) {
        let sentence = match sentence.ends_with(':') {
            true => sentence.to_uppercase(),
            false => format!("{sentence} anything,\nwhatever they say."),
        };
        received(&format!("{sentence}\nReceived"), false);
    }
    for disclaimer in entries(&lists::DISCLAIMERS) {
        received(
            &format!("Received\n\n{disclaimer} is not\nfor you. Never.\n"),
            false,
        );
        received(
            &format!("Received\n\n{disclaimer}, not.\n\nDad is outside"),
            true,
        );
    }
}

#[test]
fn every_mark_of_a_quote_hides_what_stands_below() {
    for sentence in entries(&lists::OWN_LETTER) {
        nothing(
            &format!("{}\nRECEIVED\n", sentence.to_uppercase()),
            reason::NOTHING_SAID,
        );
        received(
            &format!("Received\n  {sentence} and so on. She left."),
            false,
        );
    }
    for intro in entries(&lists::QUOTE_INTROS) {
        let intro = intro.replace(
            " ... ",
            " Mon 23 Nov 2026 at 07:12,\nthe Desk <desk@force.example> ",
        );
        nothing(&format!("{intro}\n\nReceived"), reason::NOTHING_SAID);
        received(&format!("Received\n\n{intro}\n\nShe left"), false);
    }
    for rule in entries(&lists::QUOTE_RULE_LINES) {
        nothing(&format!("-----{rule}-----\nReceived"), reason::NOTHING_SAID);
    }
    let labels: Vec<&str> = entries(&lists::HEADER_LABELS).collect();
    for pair in labels.windows(2) {
        for first in entries(&lists::HEADER_FIRST) {
            let block = format!("{first} : A\n*{}:* B\n\n{}: C", pair[0], pair[1]);
            nothing(&format!("{block}\n\nReceived"), reason::NOTHING_SAID);
            let line = format!("{first}: A {}: B {}: C", pair[0], pair[1]);
            received(&format!("Received\n{line}\nShe left"), false);
        }
    }
}

#[test]
fn every_word_that_cannot_be_a_signature_s_is_a_message() {
    for word in entries(&lists::NEVER_IN_A_SIGNATURE) {
        nothing(&format!("Dear {word} Millie, received"), reason::NO_VERDICT);
        if !entries(&lists::SIGNATURE_WORDS).any(|small| small == word) {
            let word = word.to_uppercase();
            for before in ["Kind regards", "-- "] {
                received(&format!("Received\n{before}\nMillie {word} Smith"), true);
            }
        }
    }
    for word in entries(&lists::SIGNATURE_WORDS) {
        received(
            &format!("Received\nKind regards\nJane Smith\nHead {word} Year"),
            false,
        );
    }
    for place in entries(&lists::PLACES) {
        received(&format!("Received\nThanks\nHillcrest {place}"), true);
        received(
            &format!(
                "Received\nThanks\nJane Lee\nHillcrest {}",
                place.to_uppercase()
            ),
            false,
        );
    }
}

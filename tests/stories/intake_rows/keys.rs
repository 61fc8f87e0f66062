//! Idempotency, duplicates, and a store that cannot keep.

use super::*;
use std::sync::Barrier;
use std::thread;

/// How many answers were the first of their kind, and not the repeat of one.
fn firsts(answers: &[Response]) -> usize {
    let first = |answer: &&Response| answer.header("idempotency-replayed").is_none();
    answers
        .iter()
        .filter(|answer| answer.status == 201)
        .filter(first)
        .count()
}

#[test]
fn row_12_a_post_without_a_good_key_is_refused() {
    let daemon = Daemon::start();
    let body = referral(12).to_string();
    let long = format!("Idempotency-Key: {}\r\n", "k".repeat(300));
    for (fields, code) in [
        ("", "idempotency-key-missing"),
        ("Idempotency-Key: \r\n", "idempotency-key-malformed"),
        ("Idempotency-Key: a b\r\n", "idempotency-key-malformed"),
        ("Idempotency-Key: \"a\r\n", "idempotency-key-malformed"),
        (
            "Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
            "idempotency-key-malformed",
        ),
        (&long, "idempotency-key-malformed"),
    ] {
        let asked = with_fields(fields, body.as_bytes());
        let answer = connect(&daemon, &daemon.pki.essex).ask(&asked);
        assert_problem(&answer, 400, code, &["kkk", "Fairweather"]);
    }
}

#[test]
fn row_13_the_same_post_fifty_times_is_one_referral() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    let mut document = referral(13);
    let answers: Vec<Response> = (0..50)
        .map(|number| {
            // A robot stamps each try and may quote the key.
            let stamp = hours_ago(0) + SignedDuration::from_secs(number);
            set(&mut document, "/submitted_at", json!(stamp.to_string()));
            let key = if number % 2 == 0 {
                "row-13"
            } else {
                "\"row-13\""
            };
            wire.ask(&request(key, document.to_string().as_bytes()))
        })
        .collect();
    let first = &answers[0];
    assert_eq!(first.status, 201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let id = first.json()["id"].clone();
    let location = format!("/v1/referrals/{}", id.as_str().unwrap());
    for answer in &answers[1..] {
        assert_eq!(answer.header("idempotency-replayed"), Some("true"));
        assert_eq!((answer.status, &answer.body), (201, &first.body));
        assert_eq!(answer.header("location"), Some(location.as_str()));
    }
    let kept = wire.ask(&get(&location));
    assert_eq!((kept.status, &kept.json()["id"]), (200, &id));
}

#[test]
fn row_14_a_key_is_not_bound_to_another_body() {
    let daemon = Daemon::start();
    let first = post(&daemon, "row-14", &referral(14));
    let other = post(
        &daemon,
        "row-14",
        &changed(14, "/children/0/given_name", json!("Ash")),
    );
    assert_problem(&other, 422, "idempotency-key-reused", &["Ash", "row-14"]);
    let again = post(&daemon, "row-14", &referral(14));
    assert_eq!((again.status, again.body), (201, first.body));
}

#[test]
fn row_14_a_referral_id_is_not_bound_to_another_body() {
    let daemon = Daemon::start();
    let first = post(&daemon, "row-14-a", &referral(141));
    let other = post(
        &daemon,
        "row-14-b",
        &changed(141, "/children/0/given_name", json!("Ash")),
    );
    assert_problem(&other, 409, "referral-id-reused", &["Ash"]);
    let same = post(&daemon, "row-14-c", &referral(141));
    assert_eq!(
        (same.status, &same.json()["id"]),
        (201, &first.json()["id"])
    );
}

#[test]
fn row_12_a_refusal_binds_no_key() {
    let daemon = Daemon::start();
    let bad = post(
        &daemon,
        "corrected",
        &without(121, "/children/0/family_name"),
    );
    assert_eq!(bad.status, 400);
    assert_eq!(post(&daemon, "corrected", &referral(121)).status, 201);
}

#[test]
fn row_15_sixty_four_at_once_are_one_referral() {
    let daemon = Daemon::start_with(&[("intake.connections_per_force_max", "64")]);
    let body = referral(15).to_string();
    let barrier = Barrier::new(64);
    let answers: Vec<Response> = thread::scope(|scope| {
        let post = || {
            let mut wire = connect(&daemon, &daemon.pki.essex);
            barrier.wait();
            wire.ask(&request("row-15", body.as_bytes()))
        };
        let senders: Vec<_> = (0..64).map(|_| scope.spawn(post)).collect();
        let answers = senders.into_iter().map(|sender| sender.join().unwrap());
        answers.collect()
    });
    assert_eq!(firsts(&answers), 1);
    let id = answers
        .iter()
        .find(|answer| answer.status == 201)
        .map(|answer| answer.json()["id"].clone());
    for answer in &answers {
        match answer.status {
            201 => assert_eq!(Some(answer.json()["id"].clone()), id),
            409 => assert!(answer.header("retry-after").is_some()),
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

#[test]
fn row_16_the_same_content_under_another_id_is_linked() {
    let daemon = Daemon::start();
    let first = post(&daemon, "row-16-a", &referral(16)).json();
    let id = "018f4c1e-7a00-7000-8000-999999999999";
    let answer = post(&daemon, "row-16-b", &changed(16, "/referral_id", json!(id)));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["duplicate_of"], first["id"]);
    assert_ne!(answer.json()["id"], first["id"]);
}

#[test]
fn row_16_other_content_about_the_same_child_is_sent_and_marked() {
    let daemon = Daemon::start();
    post(&daemon, "row-16-c", &referral(161));
    let mut repeat = changed(161, "/incident/risk_grade", json!("standard"));
    set(
        &mut repeat,
        "/referral_id",
        json!("018f4c1e-7a00-7000-8000-888888888888"),
    );
    let answer = post(&daemon, "row-16-d", &repeat);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let document = answer.json();
    assert!(document.get("duplicate_of").is_none());
    let notification = &document["notifications"][0];
    assert_ne!(notification["state"], "held");
    let reasons = notification["reasons"].as_array().unwrap();
    assert!(
        reasons.contains(&json!("repeat-with-other-content")),
        "{reasons:?}"
    );
}

#[test]
fn row_23_a_disk_that_is_nearly_full_gives_503_and_never_201() {
    let daemon = Daemon::start_with(&[("store.disk_free_min_bytes", "1099511627776")]);
    let mut wire = connect(&daemon, &daemon.pki.essex);
    assert_eq!(wire.ask(&get("/healthz")).status, 200);
    let ready = wire.ask(&get("/readyz"));
    assert_problem(&ready, 503, "unavailable", &[]);
    let answer = wire.ask(&request("row-23", referral(23).to_string().as_bytes()));
    assert_problem(&answer, 503, "unavailable", &["Fairweather"]);
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
    // What cannot be accepted cannot be kept as refused either: never a 4xx that loses it.
    let refused = wire.ask(&request("row-23", b"{}"));
    assert_problem(&refused, 503, "unavailable", &[]);
}

#[test]
fn row_23_a_store_that_fills_up_while_it_works_gives_503_and_keeps_what_it_promised() {
    let daemon = Daemon::start_with(&[("store.size_bytes_max", "16777216")]);
    let mut wire = connect(&daemon, &daemon.pki.essex);
    let mut accepted = Vec::new();
    let refused = (1..2_000).find_map(|number| {
        let key = format!("row-23-{number}");
        let answer = wire.ask(&request(&key, heavy(number).to_string().as_bytes()));
        match answer.status {
            201 => {
                accepted.push(answer.header("location").unwrap().to_owned());
                None
            }
            _ => Some(answer),
        }
    });
    let refused = refused.expect("the store never filled up");
    assert_problem(&refused, 503, "unavailable", &[]);
    assert!(refused.header("retry-after").is_some());
    for path in [accepted.first().unwrap(), accepted.last().unwrap()] {
        assert_eq!(wire.ask(&get(path)).status, 200);
    }
}

/// A referral of twelve children about whom everything is said at length.
fn heavy(number: u32) -> Value {
    let mut document = referral(number);
    let children = (0..12).map(|place| {
        let mut child = document["children"][0].clone();
        child["child_ref"] = json!(format!("c{place}"));
        child["given_name"] = json!(format!("Robin{}{}", letters(number), letters(place)));
        child["spoken_to"] = json!("alone");
        child["child_words"] = json!("a".repeat(500));
        child["present_where"] = json!("b".repeat(120));
        child
    });
    let children: Value = children.collect();
    set(&mut document, "/children", children);
    set(
        &mut document,
        "/incident/circumstances",
        json!("c".repeat(1_000)),
    );
    document
}

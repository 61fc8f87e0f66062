//! What stands in the document.

use super::*;
use crate::support::daemon::{CLOSED_SCHOOL, SILENT_SCHOOL};

/// Posts text that may be no JSON at all.
fn post_text(daemon: &Daemon, key: &str, body: &[u8]) -> Response {
    connect(daemon, &daemon.pki.essex).ask(&request(key, body))
}

/// The reasons of the only notification, which is held.
fn held(answer: &Response) -> Vec<Value> {
    assert_eq!(answer.status, 201, "{}", answer.text());
    let document = answer.json();
    let notification = &document["notifications"][0];
    assert_eq!(notification["state"], "held");
    assert!(notification["due_at"].is_string() && notification["act_by"].is_string());
    notification["reasons"].as_array().unwrap().clone()
}

#[test]
fn row_08_a_document_ten_thousand_levels_deep_is_refused() {
    let daemon = Daemon::start();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_problem(
        &post_text(&daemon, "row-8", deep.as_bytes()),
        400,
        "too-deep",
        &[],
    );
}

#[test]
fn row_09_a_member_given_twice_is_refused() {
    let daemon = Daemon::start();
    let text = referral(9).to_string();
    let twice = text.replacen('{', r#"{"force":"kent","#, 1);
    let answer = post_text(&daemon, "row-9", twice.as_bytes());
    assert_problem(&answer, 400, "duplicate-key", &["kent", "Fairweather"]);
    let nested = text.replacen(r#"{"child_ref""#, r#"{"family_name":"A","child_ref""#, 1);
    let answer = post_text(&daemon, "row-9", nested.as_bytes());
    assert_problem(&answer, 400, "duplicate-key", &["Fairweather"]);
}

#[test]
fn row_10_an_unknown_field_is_refused_with_its_place_and_the_nearest_name() {
    let daemon = Daemon::start();
    let answer = post(
        &daemon,
        "row-10",
        &changed(10, "/children/0/familyname", json!("Oakes")),
    );
    assert_problem(&answer, 400, "unknown-field", &["Oakes", "Fairweather"]);
    assert_eq!(pointers(&answer), ["/children/0/familyname"]);
    assert!(answer.text().contains("family_name"), "{}", answer.text());
}

#[test]
fn row_11_what_is_not_exactly_one_json_document_is_refused() {
    let daemon = Daemon::start();
    let good = referral(11).to_string();
    let reference = r#""42/11/26""#;
    assert!(good.contains(reference));
    let cases: [Vec<u8>; 8] = [
        format!("{good} x").into_bytes(),
        format!("{good}{good}").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        good.replace(reference, "NaN").into_bytes(),
        good.replace(reference, "1e999").into_bytes(),
        good.replace(reference, r#""\ud800""#).into_bytes(),
        good.replace(reference, "\"\u{1}\"").into_bytes(),
        [b"\xff".as_slice(), good.as_bytes()].concat(),
    ];
    for body in cases {
        let answer = post_text(&daemon, "row-11", &body);
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&body));
        assert!(!answer.text().contains("Fairweather"));
    }
    assert_eq!(post_text(&daemon, "row-11", good.as_bytes()).status, 201);
}

#[test]
fn row_17_impossible_times_are_all_named_at_once() {
    let daemon = Daemon::start();
    let mut document = referral(17);
    let second = document["children"][0].clone();
    document["children"].as_array_mut().unwrap().push(second);
    set(&mut document, "/children/1/child_ref", json!("c2"));
    set(
        &mut document,
        "/children/0/date_of_birth",
        json!("2096-01-01"),
    );
    set(
        &mut document,
        "/children/1/date_of_birth",
        json!("2018-02-30"),
    );
    set(
        &mut document,
        "/incident/attended_at",
        json!("2026-01-05T10:00:00"),
    );
    set(
        &mut document,
        "/submitted_at",
        json!(hours_ago(2).to_string()),
    );
    let answer = post(&daemon, "row-17", &document);
    assert_eq!(answer.status, 422, "{}", answer.text());
    let pointers = pointers(&answer);
    for pointer in [
        "/children/0/date_of_birth",
        "/children/1/date_of_birth",
        "/incident/attended_at",
        "/incident/occurred_at",
    ] {
        assert!(
            pointers.iter().any(|p| p == pointer),
            "{pointer} in {pointers:?}"
        );
    }
    assert!(!answer.text().contains("2096") && !answer.text().contains("02-30"));
}

#[test]
fn row_18_what_policy_refuses_is_accepted_and_held() {
    let daemon = Daemon::start();
    let adult = day(hours_ago(24 * 366 * 19));
    for (number, pointer, value, reason) in [
        (181, "/children/0/date_of_birth", adult, "adult-at-incident"),
        (182, "/kind", json!("missing_child"), "kind-outside-policy"),
    ] {
        let answer = post(&daemon, pointer, &changed(number, pointer, value));
        let reasons = held(&answer);
        for wanted in ["outside-policy", reason] {
            assert!(reasons.contains(&json!(wanted)), "{wanted} in {reasons:?}");
        }
    }
}

#[test]
fn row_18_a_narrower_policy_holds_the_rest() {
    let daemon = Daemon::start();
    let mut kent = connect(&daemon, &daemon.pki.kent);
    for (number, pointer, value, reason) in [
        (
            183,
            "/incident/risk_grade",
            json!("high"),
            "grade-outside-policy",
        ),
        (
            184,
            "/children/0/date_of_birth",
            day(hours_ago(24 * 800)),
            "age-outside-policy",
        ),
    ] {
        let mut document = changed(number, pointer, value);
        set(&mut document, "/force", json!("kent"));
        let answer = kent.ask(&request(reason, document.to_string().as_bytes()));
        let reasons = held(&answer);
        for wanted in ["outside-policy", reason] {
            assert!(reasons.contains(&json!(wanted)), "{wanted} in {reasons:?}");
        }
    }
}

#[test]
fn row_19_a_school_that_is_not_sure_is_accepted_held_and_never_guessed() {
    let daemon = Daemon::start();
    let urn = "/children/0/schools/0/urn";
    let school = "/children/0/schools/0";
    let named = |urn: (&str, &str), source: &str| json!({"urn": urn.0, "urn_source": source, "name_recorded": urn.1});
    let cases = [
        (without(191, urn), "needs-routing", "urn-absent"),
        (
            changed(192, urn, json!("999999")),
            "needs-routing",
            "urn-unknown",
        ),
        (
            changed(193, school, named(CLOSED_SCHOOL, "picked")),
            "needs-routing",
            "school-closed",
        ),
        (
            changed(194, school, named(CLOSED_SCHOOL, "picked")),
            "needs-routing",
            "successor-proposed",
        ),
        (
            changed(195, school, named(SILENT_SCHOOL, "picked")),
            "needs-routing",
            "not-signed-up",
        ),
        (
            changed(
                196,
                school,
                named((SCHOOL.0, "Quite Another College"), "typed"),
            ),
            "name-unlike-register",
            "urn-found",
        ),
    ];
    for (document, hold, reason) in cases {
        let answer = post(&daemon, reason, &document);
        let reasons = held(&answer);
        for wanted in [hold, reason] {
            assert!(reasons.contains(&json!(wanted)), "{wanted} in {reasons:?}");
        }
    }
}

#[test]
fn row_19_a_malformed_urn_is_a_fault() {
    let daemon = Daemon::start();
    let urn = "/children/0/schools/0/urn";
    let answer = post(&daemon, "row-19", &changed(197, urn, json!("12345x")));
    assert_eq!(
        (answer.status, pointers(&answer)),
        (422, vec![urn.to_owned()])
    );
    assert!(!answer.text().contains("12345x"));
}

#[test]
fn row_20_names_of_people_are_accepted() {
    let daemon = Daemon::start();
    let long = "é".repeat(80);
    let names = [
        "O'Brien-Łukasz",
        "Nguyễn",
        "Nguye\u{302}\u{303}n",
        "Ó Súilleabháin",
        "محمد",
        "I",
        &long,
    ];
    for (number, name) in (200..).zip(names) {
        let document = changed(number, "/children/0/given_name", json!(name));
        let answer = post(&daemon, &format!("row-20-{number}"), &document);
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        assert!(name == "I" || !answer.text().contains(name));
    }
}

#[test]
fn row_21_characters_that_deceive_are_refused_and_stray_blanks_are_not() {
    let daemon = Daemon::start();
    let pointer = "/children/0/family_name";
    for stray in ["\u{202e}", "\u{2066}", "\u{e0041}", "\0", "\r", "\n"] {
        let name = format!("Fair{stray}weather");
        let answer = post(&daemon, "row-21", &changed(21, pointer, json!(name)));
        assert_eq!(answer.status, 422, "{stray:?}: {}", answer.text());
        assert_eq!(pointers(&answer), [pointer], "{stray:?}");
        assert!(!answer.text().contains("weather"));
    }
    for (number, stray) in (210..).zip(["\u{a0}", "\u{200b}", "\u{ad}", "\t"]) {
        let name = format!(" Fair{stray}weather ");
        let answer = post(
            &daemon,
            &format!("row-21-{number}"),
            &changed(number, pointer, json!(name)),
        );
        assert_eq!(answer.status, 201, "{stray:?}: {}", answer.text());
    }
}

#[test]
fn row_22_what_is_code_elsewhere_is_a_name_here() {
    let daemon = Daemon::start();
    let names = ["{{7*7}}", "<script>", "=HYPERLINK()", "%n", "../../x"];
    for (number, name) in (220..).zip(names) {
        let mut document = changed(number, "/children/0/given_name", json!(name));
        set(
            &mut document,
            "/children/0/schools/0/name_recorded",
            json!(name),
        );
        let answer = post(&daemon, &format!("row-22-{number}"), &document);
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        assert!(!answer.text().contains(name));
    }
}

/// Every file of the JSON test suite, posted: what must not parse is a 400, and nothing is a 5xx.
#[test]
fn rows_08_to_11_the_json_test_suite_on_the_wire() {
    let Some(corpora) = std::env::var_os("FIRSTBELL_CORPORA") else {
        eprintln!("skipped: FIRSTBELL_CORPORA is not set");
        return;
    };
    let folder = std::path::Path::new(&corpora).join("json/test_parsing");
    let daemon = Daemon::start();
    let mut posted = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpora hold the JSON test suite") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let answer = post_text(&daemon, "suite", &std::fs::read(&path).unwrap());
        let status = answer.status;
        assert!(
            status == 400 || (status < 500 && !name.starts_with("n_")),
            "{name}: {status}"
        );
        posted += 1;
    }
    assert!(posted > 300, "{posted} files");
}

//! Answers that a person writes with a mail program in the mailbox a letter came to, and the reports
//! that a mail server makes of letters: both through a real Postfix, over verified TLS.

use crate::peers::onward::Onward;
use crate::peers::postfix::{Postfix, PostfixOptions, Tls, free_port};
use crate::peers::s_nail::Answerer;
use crate::support::daemon::{Daemon, Recipe, SCHOOL, Way};
use crate::support::pki::Pki;
use crate::support::posts::{accepted, facts, referral, trace, trace_with};
use crate::support::waiting::until;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;

/// Over a route that takes plus-addresses of ours.
const MARSH_END: (&str, &str) = SCHOOL;
const MARSH_END_KEY_ADULT: &str = "dsl@marshend.test.cjsm.net";
const MARSH_END_DEPUTY: &str = "pzielinski@marshend.test.cjsm.net";
/// Over the same route.
const TOLLGATE: (&str, &str) = ("990012", "Tollgate High School");
const TOLLGATE_KEY_ADULT: &str = "cbowen@tollgate.test.cjsm.net";
const OLD_MILL: (&str, &str) = ("990015", "Old Mill Academy");
const OLD_MILL_KEY_ADULT: &str = "hsato@oldmill.test.cjsm.net";
/// Over a route that does not.
const RIVERSIDE: (&str, &str) = ("990016", "Riverside Primary School");
const RIVERSIDE_KEY_ADULT: &str = "safeguarding@riverside.test";

/// A Postfix that has every school's mail, and a daemon that hears of it.
struct Scene {
    relay: Postfix,
    relays: Pki,
    daemon: Daemon,
}

/// The addresses that are not simply delivered to.
#[derive(Default)]
struct Trouble {
    later: &'static [&'static str],
    unknown: &'static [&'static str],
    unreached: &'static [&'static str],
}

impl Scene {
    fn new(trouble: &Trouble) -> Self {
        let relays = Pki::new();
        let replies = free_port();
        let options = PostfixOptions {
            tls: Tls::StartTls,
            certificate: &relays.server.certificate,
            key: &relays.server.key,
            client_ca: None,
            domains: &[
                "marshend.test.cjsm.net",
                "tollgate.test.cjsm.net",
                "oldmill.test.cjsm.net",
                "riverside.test",
            ],
            port: free_port(),
        };
        let onward = Onward {
            domain: "gateway.test",
            port: replies,
            ca: &relays.ca,
            later: trouble.later,
            unknown: trouble.unknown,
            unreached: trouble.unreached,
        };
        let relay = Postfix::start_and_send_on(options, Some(&onward));
        let way = |name, plus_addressing| Way {
            name,
            port: relay.port(),
            tls: "starttls",
            roots: relays.ca.clone(),
            client: None,
            more: format!("plus_addressing = {plus_addressing}"),
        };
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let daemon = Daemon::made_of(Recipe {
            settings: &[
                (
                    "replies.listen_starttls",
                    &format!("\"127.0.0.1:{replies}\""),
                ),
                (
                    "replies.certificate_file",
                    &quoted(&relays.server.certificate),
                ),
                ("replies.key_file", &quoted(&relays.server.key)),
                ("replies.allowed_relays", "[\"127.0.0.1\"]"),
            ],
            ways: vec![way("cjsm", true), way("school", false)],
            ..Recipe::default()
        });
        Self {
            relay,
            relays,
            daemon,
        }
    }

    /// Waits for the letter in this mailbox, and answers it as a person with s-nail does.
    fn answer(&self, from: &str, letter_to: &str, options: &[&str], typed: &str) {
        let to = format!("\nTo: {letter_to}\n");
        let is_there = || {
            let mails = self.relay.mails();
            let is_it = |mail: &Vec<u8>| String::from_utf8_lossy(mail).contains(&to);
            mails.iter().any(is_it).then_some(())
        };
        until(is_there).unwrap_or_else(|| panic!("no letter:\n{}", self.relay.log()));
        let answerer = Answerer {
            from,
            letter_to,
            options,
            typed,
        };
        answerer.answer(&self.relay, &self.relays.ca);
    }

    /// The trace once it holds so many facts of a kind. What the relay logged says why it does not.
    fn trace_with(&self, notification: &str, kind: &str, count: usize) -> Value {
        let told =
            std::panic::AssertUnwindSafe(|| trace_with(&self.daemon, notification, kind, count));
        std::panic::catch_unwind(told).unwrap_or_else(|why| {
            eprintln!("the relay's log:\n{}", self.relay.log());
            std::panic::resume_unwind(why)
        })
    }

    fn duty(&self, notification: &str) -> Value {
        let shown = self.daemon.json(&["notification", "show", notification]);
        shown["values"]["duty"].clone()
    }
}

/// What is queued of one message, first times only.
fn queued(trace: &Value, message: &str) -> Vec<Value> {
    let queued = facts(trace, "delivery_queued").into_iter();
    queued
        .filter(|fact| fact["message"] == message && fact["after_attempt"] == 0)
        .collect()
}

/// Everything that was reported of one delivery, in order.
fn reported(trace: &Value, delivery: &Value) -> Vec<(String, String)> {
    let of_it = facts(trace, "report_received").into_iter();
    let of_it = of_it.filter(|fact| fact["delivery"] == *delivery);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of_it
        .map(|fact| (text(&fact["action"]), text(&fact["status"])))
        .collect()
}

fn state_of<'a>(trace: &'a Value, delivery: &Value) -> &'a Value {
    let deliveries = trace["deliveries"].as_array().unwrap();
    let found = deliveries.iter().find(|one| one["delivery"] == *delivery);
    &found.unwrap()["state"]
}

/// When the first fact was written that says so.
fn at(trace: &Value, says: impl Fn(&Value) -> bool) -> Timestamp {
    let facts = trace["facts"].as_array().unwrap();
    let found = facts.iter().find(|fact| says(fact)).unwrap();
    found["at"].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_people_answer_with_a_mail_program_in_their_mailbox_acknowledges() {
    let scene = Scene::new(&Trouble {
        later: &[MARSH_END_DEPUTY],
        ..Trouble::default()
    });

    // Her mailbox says first that she is away: the deputy's letter is queued, and waits.
    let posted = accepted(&scene.daemon, &referral(1, "Robin", MARSH_END));
    let away = "I am out of the office until 4 January 2099.";
    let by_itself = ["-C", "Auto-Submitted: auto-replied", "-S", "noquote"];
    scene.answer(MARSH_END_KEY_ADULT, MARSH_END_KEY_ADULT, &by_itself, away);
    let trace = scene.trace_with(&posted, "absence_noted", 1);
    let [ref first, ref waiting] = queued(&trace, "letter")[..] else {
        panic!("two letters: {trace:#}");
    };
    scene.trace_with(&posted, "attempt_ended", 2);
    assert_eq!(scene.duty(&posted), "open");

    // Then she answers, below the letter, which the program quotes without being told.
    scene.answer(MARSH_END_KEY_ADULT, MARSH_END_KEY_ADULT, &[], "RECEIVED");
    let trace = scene.trace_with(&posted, "answer_received", 1);
    let answer = &facts(&trace, "answer_received")[0];
    assert_eq!(answer["strength"], "token");
    assert_eq!(answer["letter"], first["letter"]);
    assert_eq!(answer["contact"], first["contact"]);
    assert_eq!(
        (&answer["verdict"], &answer["has_message"]),
        (&json!("received"), &json!(false))
    );
    assert_eq!(scene.duty(&posted), "acknowledged");
    assert_eq!(state_of(&trace, &waiting["delivery"]), "cancelled");
    let receipts = queued(&trace, "receipt");
    assert!(
        receipts.iter().any(|to| to["contact"] == first["contact"]),
        "{receipts:?}"
    );

    // Where no token of ours may stand in an address, the thread says what is answered. This one
    // stands above the quote.
    let posted = accepted(&scene.daemon, &referral(2, "Sam", RIVERSIDE));
    scene.answer(
        RIVERSIDE_KEY_ADULT,
        RIVERSIDE_KEY_ADULT,
        &["-S", "noquote"],
        "RECEIVED, thank you\n\n~Q",
    );
    let trace = scene.trace_with(&posted, "answer_received", 1);
    let answer = &facts(&trace, "answer_received")[0];
    assert_eq!(answer["strength"], "thread");
    assert_eq!(answer["verdict"], "received");
    assert_eq!(scene.duty(&posted), "acknowledged");
    assert!(!queued(&trace, "receipt").is_empty());

    let log = scene.relay.log();
    assert!(log.contains("Verified TLS connection established to 127.0.0.1"));
    let logged = scene.daemon.log();
    assert!(!logged.contains("RECEIVED"), "{logged}");
}

#[test]
fn reports_that_postfix_makes_find_their_letter_and_a_failed_one_goes_to_the_next_contact() {
    let scene = Scene::new(&Trouble {
        unknown: &[OLD_MILL_KEY_ADULT],
        unreached: &[TOLLGATE_KEY_ADULT],
        ..Trouble::default()
    });
    let post = |number, name, school| accepted(&scene.daemon, &referral(number, name, school));
    let slow = post(1, "Ali", TOLLGATE);
    let unknown = post(2, "Robin", OLD_MILL);
    let there = post(3, "Sam", RIVERSIDE);
    let reported_as = |said: &[(&str, &str)]| -> Vec<(String, String)> {
        let owned = |(action, status): &(&str, &str)| ((*action).to_owned(), (*status).to_owned());
        said.iter().map(owned).collect()
    };
    let delivered = reported_as(&[("delivered", "2.0.0")]);

    let first_of = |trace: &Value| queued(trace, "letter").remove(0)["delivery"].clone();
    let trace = until(|| {
        Some(trace(&scene.daemon, &there))
            .filter(|seen| !reported(seen, &first_of(seen)).is_empty())
    });
    let trace = trace.unwrap_or_else(|| panic!("no report:\n{}", scene.relay.log()));
    assert_eq!(reported(&trace, &first_of(&trace)), delivered);
    assert_eq!(state_of(&trace, &first_of(&trace)), "delivered");
    assert_eq!(trace["values"]["proof"], "delivered");
    assert_eq!(trace["values"]["duty"], "open", "a report is no answer");

    let refused = reported_as(&[("failed", "5.1.1")]);
    let given_up = reported_as(&[("delayed", "4.4.1"), ("failed", "4.4.1")]);
    for (posted, said) in [(&unknown, refused), (&slow, given_up)] {
        let trace = scene.trace_with(posted, "report_received", said.len() + 1);
        let [ref first, ref next] = queued(&trace, "letter")[..] else {
            panic!("two letters: {trace:#}");
        };
        assert_eq!(reported(&trace, &first["delivery"]), said);
        assert_eq!(state_of(&trace, &first["delivery"]), "failed");
        assert_eq!(reported(&trace, &next["delivery"]), delivered);
        assert_eq!(state_of(&trace, &next["delivery"]), "delivered");
        assert_eq!(trace["values"]["proof"], "delivered");
        // At once; shortly before school begins deputies have theirs already.
        let failed = at(&trace, |fact| fact["body"]["action"] == "failed");
        let sent = at(&trace, |fact| {
            fact["body"]["contact"] == next["contact"] && fact["kind"] == "delivery_queued"
        });
        assert!(sent <= failed, "{sent} is after {failed}");
    }
}

#[test]
fn an_answer_from_an_address_that_is_not_listed_counts_for_nothing_and_is_looked_at() {
    let scene = Scene::new(&Trouble::default());
    let posted = accepted(&scene.daemon, &referral(1, "Robin", MARSH_END));
    let colleague = "clerk@marshend.test.cjsm.net";
    scene.answer(colleague, MARSH_END_KEY_ADULT, &[], "RECEIVED");
    let trace = scene.trace_with(&posted, "answer_received", 1);
    let answer = &facts(&trace, "answer_received")[0];
    assert_eq!(
        (&answer["verdict"], &answer["strength"]),
        (&json!("received"), &json!("token"))
    );
    assert_eq!(answer["contact"], json!(null));
    assert_eq!(facts(&trace, "answer_believed"), [json!(null); 0]);
    assert_eq!(scene.duty(&posted), "open");

    let queue = scene.daemon.json(&["queue"]);
    let tasks = queue["tasks"].as_array().unwrap();
    let check = tasks.iter().find(|task| task["kind"] == "check_sender");
    assert_eq!(check.unwrap()["notification"], posted.as_str());
    let letters = queued(&trace, "letter");
    let noted: Vec<_> = queued(&trace, "not_counted");
    assert!(
        noted
            .iter()
            .any(|to| to["contact"] == letters[0]["contact"]),
        "{noted:?}"
    );
    assert_eq!(queued(&trace, "receipt"), [json!(null); 0]);
}

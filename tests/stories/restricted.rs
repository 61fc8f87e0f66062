//! What is restricted is a supervisor's: every way to see it or to act on it, by the real command line, and
//! that the school's other children do not wait for one.

use super::on_call::{doubted, on_roll, refused, said, the_call};
use super::store_rules::open;
use crate::support::daemon::{Daemon, SCHOOL};
use crate::support::posts::{accepted, facts, post, referral, trace};
use crate::support::waiting::until;
use firstbell::clock::Clock;
use firstbell::store::InboundMail;
use serde_json::{Value, json};

fn restricted(number: u32, given_name: &str) -> Value {
    let mut document = referral(number, given_name, SCHOOL);
    document["restricted"] = json!(true);
    document
}

/// Whoever is at the desk supervises, or only acts.
pub(crate) fn as_role(daemon: &mut Daemon, from: &str, to: &str) {
    daemon.stop_and_wait();
    let settings = daemon.folder.path().join("firstbell.toml");
    let written = std::fs::read_to_string(&settings).unwrap();
    let changed = written.replace(&format!("[\"{from}\"]"), &format!("[\"{to}\"]"));
    assert_ne!(changed, written);
    std::fs::write(&settings, changed).unwrap();
    daemon.begin();
}

#[test]
fn a_restricted_case_is_a_supervisors_alone() {
    let mut daemon = Daemon::start();
    let document = restricted(1, "Ermintrude");
    let child = accepted(&daemon, &document);
    let task = the_call(&daemon);
    let list = daemon.json(&["referral", "list"]);
    let referral = list["referrals"][0]["referral"].as_str().unwrap();
    let release = ["notification", "release", &child, "--reason", "agreed"];
    for refused_to in [
        ["notification", "show", &child].as_slice(),
        &["notification", "trace", &child],
        &["referral", "show", referral],
        &["call", "claim", &task],
        &["call", "inbound", &child],
        &["call", "outcome", &task, "told", "--role", "deputy"],
        &["notification", "tell", &child, "--role", "deputy"],
        &release,
    ] {
        refused(&daemon.command(refused_to), "a supervisor's alone");
    }
    let next = daemon.json(&["call", "next"]);
    assert_eq!(next["call"], Value::Null);
    assert_eq!(
        (&next["open"], &next["for_supervisors"]),
        (&json!(0), &json!(1))
    );
    let text = said(&daemon.command(&["call", "next"]));
    assert!(text.contains("; 1 more need a supervisor"), "{text}");
    // That it waits is no secret.
    let queue = daemon.json(&["queue"]);
    assert_eq!(queue["notifications"][0]["hold"], "restricted");

    as_role(&mut daemon, "operator", "supervisor");
    assert_eq!(
        daemon.json(&["call", "next"])["call"]["task"],
        task.as_str()
    );
    daemon.json(&["call", "claim", &task]);
    let own = daemon.json(&["call", "next", "--reveal"]);
    assert_eq!(
        own["call"]["children"][0]["child"]["given_name"],
        "Ermintrude"
    );
    // Whoever supervises no longer is not shown what they took on while they did.
    as_role(&mut daemon, "supervisor", "operator");
    let none = daemon.json(&["call", "next", "--reveal"]);
    assert_eq!((&none["call"], &none["own"]), (&Value::Null, &Value::Null));
    as_role(&mut daemon, "operator", "supervisor");
    let released = daemon.json(&release);
    assert_eq!(released["notifications"][0]["state"], "open");
    assert_eq!(facts(&trace(&daemon, &child), "released").len(), 1);
}

#[test]
fn a_restricted_case_neither_joins_nor_hides_the_call_about_its_schools_other_children() {
    let mut daemon = Daemon::start();
    let hidden = accepted(&daemon, &restricted(1, "Ermintrude"));
    let child = accepted(&daemon, &doubted(2, "Dougal"));
    // Its letter waits: nobody was to ring yet, and another restricted one waits for the same call.
    let second = accepted(&daemon, &referral(3, "Florence", SCHOOL));
    accepted(&daemon, &restricted(4, "Zebedee"));
    let tasks = daemon.json(&["task", "list", "--kind", "ring_school"]);
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 2);

    let next = daemon.json(&["call", "next"]);
    assert_eq!(
        (&next["open"], &next["for_supervisors"]),
        (&json!(1), &json!(1))
    );
    let about = |call: &Value| {
        let children = call["call"]["children"].as_array().unwrap().iter();
        let mut ids: Vec<String> = children
            .map(|child| child["notification"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(about(&next), [child.as_str()]);
    // The school rings about one of them: its others are on that call, what is restricted is not.
    daemon.json(&["call", "inbound", &second]);
    let own = daemon.json(&["call", "next", "--reveal"]);
    let mut both = [child.clone(), second.clone()];
    both.sort();
    assert_eq!(about(&own), both);
    for name in ["Ermintrude", "Zebedee"] {
        assert!(!own.to_string().contains(name), "{name}");
    }
    let task = own["call"]["task"].as_str().unwrap();
    for told in &both {
        on_roll(&daemon, task, told);
    }
    daemon.json(&["call", "outcome", task, "told", "--role", "key_adult"]);
    assert_eq!(trace(&daemon, &child)["state"], "told");

    as_role(&mut daemon, "operator", "supervisor");
    assert_eq!(trace(&daemon, &hidden)["state"], "held");
    daemon.json(&["call", "inbound", &hidden]);
    let own = daemon.json(&["call", "next", "--reveal"]);
    assert_eq!(own["call"]["children"].as_array().unwrap().len(), 2);
    assert!(about(&own).contains(&hidden));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reply_and_a_refused_post_that_are_restricted_are_opened_by_supervisors_alone() {
    let mut daemon = Daemon::start();
    let hidden = accepted(&daemon, &restricted(1, "Ermintrude"));
    let child = accepted(&daemon, &doubted(2, "Dougal"));
    let mut document = restricted(3, "Zebedee");
    document["children"][0]["date_of_birth"] = json!("2118-04-02");
    assert_eq!(post(&daemon, "refused", &document).status, 422);
    let kept = daemon.json(&["referral", "refused", "list"]);
    let post = kept["refused_posts"][0]["refused"].as_str().unwrap();
    let queue = daemon.json(&["queue"]);
    let mut lines = queue["notifications"].as_array().unwrap().iter();
    let line = lines.find(|line| line["notification"] == hidden.as_str());
    let reference = line.unwrap()["reference"].as_str().unwrap();

    daemon.stop_and_wait();
    let opened = open(daemon.folder.path(), &Clock::system()).await;
    let sender = "dsl@marshend.test.cjsm.net";
    let mail = InboundMail {
        source: "smtp".to_owned(),
        mail_from: Some(sender.to_owned()),
        rcpt_to: vec!["replies@gateway.test".to_owned()],
        bytes: format!(
            "From: Grace <{sender}>\r\nSubject: {reference}\r\n\r\nWhat did Zebedee do?\r\n"
        )
        .into_bytes(),
    };
    let reply = opened.store.keep_inbound(mail).await.unwrap().to_string();
    opened.store.close().await.unwrap();
    drop(opened);
    daemon.begin();
    let settled = || {
        let list = daemon.json(&["reply", "list", "--all"]);
        (list["replies"][0]["settled"] == true).then_some(list)
    };
    let list = until(settled).expect("it is classified");
    assert_eq!(list["replies"][0]["notification"], hidden.as_str());

    let reveal = ["referral", "refused", "show", post, "--reveal"];
    let attach = [
        "reply",
        "attach",
        &reply,
        "--notification",
        &child,
        "--verdict",
        "none",
    ];
    let ways = [
        reveal.as_slice(),
        &["reply", "show", &reply],
        &["reply", "show", &reply, "--reveal"],
        &["reply", "dismiss", &reply],
        &attach,
    ];
    for refused_to in ways {
        refused(&daemon.command(refused_to), "a supervisor's alone");
    }
    daemon.json(&["referral", "refused", "show", post]);
    as_role(&mut daemon, "operator", "supervisor");
    for way in [ways[0], ways[2], ways[3]] {
        daemon.json(way);
    }
}

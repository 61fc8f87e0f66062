//! Metrics as a collector reads them, and what is shipped to read them with: rules and a dashboard that
//! name nothing that is not there.

use crate::peers::postfix::free_port;
use crate::support::daemon::{Daemon, Recipe, SCHOOL};
use crate::support::posts::{accepted, referral, trace_with};
use crate::support::waiting::until;
use firstbell::metrics::{FAMILIES, Type};
use firstbell::referral::alarm::AlarmKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A given name that stands nowhere else.
const CANARY: &str = "Ermintrude";

/// Every sample: name, labels, value.
type Samples = Vec<(String, BTreeMap<String, String>, f64)>;

pub(crate) fn get(at: SocketAddr, path: &str) -> (String, String) {
    let mut tcp = TcpStream::connect(at).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    tcp.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

/// Reads the format strictly: what is no sample and no comment is a fault.
fn samples(page: &str) -> Samples {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect(line);
            let (name, labels) = match series.split_once('{') {
                None => (series, ""),
                Some((name, labels)) => (name, labels.strip_suffix('}').expect(line)),
            };
            let labels = labels.split(',').filter(|label| !label.is_empty());
            let labels = labels.map(|label| {
                let (name, value) = label.split_once("=\"").expect(line);
                (
                    name.to_owned(),
                    value.strip_suffix('"').expect(line).to_owned(),
                )
            });
            (
                name.to_owned(),
                labels.collect(),
                value.parse().expect(line),
            )
        })
        .collect()
}

/// The family that a sample belongs to, without what a histogram's samples end in.
fn family(name: &str) -> &str {
    let is_histogram = |family: &str| {
        let mut known = FAMILIES.iter();
        known.any(|known| known.name == family && known.kind == Type::Histogram)
    };
    let ends = ["_bucket", "_sum", "_count"];
    let bare = ends.iter().find_map(|end| name.strip_suffix(end));
    bare.filter(|bare| is_histogram(bare)).unwrap_or(name)
}

fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let found = samples.iter().find(|(known, has, _)| {
        let mut wanted = labels.iter();
        known == name && wanted.all(|(label, word)| has.get(*label).is_some_and(|v| v == word))
    });
    found.map_or(0.0, |(_, _, value)| *value)
}

#[test]
fn what_stands_and_what_happened_is_served_and_no_label_tells_of_a_child() {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = format!("\"{at}\"");
    let daemon = Daemon::made_of(Recipe {
        settings: &[("metrics.listen", &listen), ("alarms.ntp", "false")],
        ..Recipe::default()
    });
    // Totals begin with the first page.
    let (head, _) = get(at, "/metrics");
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    let id = accepted(&daemon, &referral(1, CANARY, SCHOOL));
    let trace = trace_with(&daemon, &id, "attempt_ended", 1);
    let page = until(|| {
        let (_, page) = get(at, "/metrics");
        let seen = samples(&page);
        let labels = [("route", "cjsm"), ("result", "later"), ("enhanced", "none")];
        (value(&seen, "firstbell_attempts_total", &labels) >= 1.0).then_some(page)
    });
    let page = page.expect("the attempt is counted");
    let seen = samples(&page);
    assert_eq!(value(&seen, "firstbell_referrals_accepted_total", &[]), 1.0);
    assert_eq!(
        value(&seen, "firstbell_route_waiting", &[("route", "cjsm")]),
        1.0
    );
    assert_eq!(value(&seen, "firstbell_store_ready", &[]), 1.0);
    assert_eq!(
        value(&seen, "firstbell_handed_over_seconds_count", &[]),
        0.0
    );
    assert!(value(&seen, "firstbell_commit_seconds_count", &[]) > 0.0);
    assert!(
        value(
            &seen,
            "firstbell_certificate_days_left",
            &[("certificate", "intake_certificate")]
        ) > 1.0
    );
    let closed = [("route", "school"), ("state", "closed")];
    assert_eq!(value(&seen, "firstbell_route_breaker", &closed), 1.0);
    let live: f64 = seen
        .iter()
        .filter(|(name, ..)| name == "firstbell_notifications")
        .map(|(_, _, value)| value)
        .sum();
    assert_eq!(live, 1.0);
    assert_labels_are_known(&seen);
    let reference = trace["reference"].as_str().unwrap();
    for telling in [
        CANARY,
        "Fairweather",
        SCHOOL.0,
        SCHOOL.1,
        "42/1/26",
        reference,
        &id,
    ] {
        assert!(!page.contains(telling), "{telling}");
    }
    let (head, _) = get(at, "/");
    assert!(head.starts_with("http/1.1 404 "), "{head}");
}

/// Every sample is of a family of the table, with its labels and no other; every family is on the page.
fn assert_labels_are_known(seen: &Samples) {
    for (name, labels, _) in seen {
        let known = FAMILIES.iter().find(|known| known.name == family(name));
        let known = known.unwrap_or_else(|| panic!("{name} is not in the table"));
        let mut allowed: BTreeSet<&str> = known.labels.iter().copied().collect();
        if name.ends_with("_bucket") {
            allowed.insert("le");
        }
        let used: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
        assert_eq!(used, allowed, "{name}");
        for word in labels.values() {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._+:-".contains(c);
            assert!(
                word.len() <= 40 && word.chars().all(plain),
                "{name}: {word}"
            );
        }
    }
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name)
}

/// The rules as another reader of YAML takes them.
fn rules() -> Vec<Value> {
    let read = "import json,sys,yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let asked = Command::new("python3")
        .args(["-c", read])
        .arg(shipped("alerts.yml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(asked.status.success(), "{said}");
    let rules: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let of = |group: &Value| group["rules"].as_array().unwrap().clone();
    groups.iter().flat_map(of).collect()
}

/// The metrics that an expression names.
fn named(expression: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_word(c));
    words
        .filter(|word| word.starts_with("firstbell_"))
        .collect()
}

fn assert_exists(expression: &str) {
    let names = named(expression);
    assert!(!names.is_empty(), "{expression}");
    for name in names {
        let known = FAMILIES.iter().any(|known| known.name == family(name));
        assert!(known, "{name} in {expression}");
        let histogram = FAMILIES
            .iter()
            .any(|known| known.name == name && known.kind == Type::Histogram);
        assert!(!histogram, "{name} alone is no sample: {expression}");
    }
}

#[test]
fn rules_name_metrics_that_exist_and_every_kind_of_alarm_has_one() {
    let rules = rules();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut names = BTreeMap::new();
    for rule in &rules {
        assert_exists(rule["expr"].as_str().unwrap());
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()));
        assert!(rule["annotations"]["summary"].is_string(), "{rule}");
        assert!(rule["annotations"]["command"].is_string(), "{rule}");
        let name = text(&rule["alert"]);
        assert_eq!(names.insert(name, rule.clone()), None, "twice: {rule}");
    }
    for kind in AlarmKind::ALL {
        let rule = names.get(&kind.alert_name());
        let rule = rule.unwrap_or_else(|| panic!("no rule for {}", kind.word()));
        let wanted = format!("firstbell_alarms_open{{kind=\"{}\"}} > 0", kind.word());
        assert_eq!(text(&rule["expr"]), wanted);
        assert_eq!(text(&rule["labels"]["severity"]), kind.severity().word());
    }
    assert_eq!(
        named("sum(rate(firstbell_x[5m])) > firstbell_y"),
        ["firstbell_x", "firstbell_y"]
    );
}

#[test]
fn the_dashboard_names_metrics_that_exist_and_shows_every_one() {
    let text = std::fs::read_to_string(shipped("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert_exists(expression);
            shown.extend(
                named(expression)
                    .into_iter()
                    .map(|name| family(name).to_owned()),
            );
        }
    }
    let known: BTreeSet<String> = FAMILIES.iter().map(|known| known.name.to_owned()).collect();
    assert_eq!(shown, known);
}

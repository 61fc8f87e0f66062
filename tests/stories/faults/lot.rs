//! Sixty-four posts at once over connections that are kept, and what became of each.

use super::beside::Beside;
use crate::support::daemon::Daemon;
use crate::support::waiting::until;
use crate::support::wire::{ANY_VERSION, Response, Wire};
use firstbell::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::fs;

/// As many as a batch of the story holds.
pub(super) const LOT: usize = 64;

/// The senders, and the posts of one lot.
pub(super) struct Senders {
    wires: Vec<Wire>,
    begun: Timestamp,
}

/// What one post was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) number: usize,
    pub(super) response: Response,
}

impl Answered {
    pub(super) fn is_kept(&self) -> bool {
        self.response.status == 201
    }

    pub(super) fn is_replay(&self) -> bool {
        self.response.header("idempotency-replayed").is_some()
    }
}

impl Senders {
    pub(super) fn connect(daemon: &Daemon) -> Self {
        let essex = Wire::config(&daemon.pki.ca, Some(&daemon.pki.essex), ANY_VERSION);
        let wire = |_| Wire::over(daemon.intake, &essex).unwrap();
        Self {
            wires: (0..LOT).map(wire).collect(),
            begun: Clock::system().now(),
        }
    }

    /// Over the connections of a process that is gone the same posts are sent to the next one.
    pub(super) fn connect_again(self, daemon: &Daemon) -> Self {
        Self {
            begun: self.begun,
            ..Self::connect(daemon)
        }
    }

    /// Posts the lot so that the daemon can only take it as one batch: behind a lock, until all of
    /// it waits there. `at_last` is called before the lock is let go.
    pub(super) fn post_as_one(
        &mut self,
        daemon: &Daemon,
        beside: &mut Beside,
        lot: usize,
        at_last: impl FnOnce(),
    ) -> Vec<Answered> {
        beside.lock();
        self.send(lot);
        until(|| (0..3).all(|_| is_at_rest(daemon)).then_some(())).unwrap();
        at_last();
        beside.unlock();
        self.answers(lot)
    }

    /// Posts the lot and lets the daemon take it as it comes.
    pub(super) fn post(&mut self, lot: usize) -> Vec<Answered> {
        self.send(lot);
        self.answers(lot)
    }

    pub(super) fn post_one(&mut self, number: usize) -> Answered {
        let response = self.wires[0].ask(&request(self.begun, number));
        Answered { number, response }
    }

    /// Whether each is there for its sender, under the id that it was told.
    pub(super) fn assert_there(&mut self, answers: &[Answered]) {
        for (wire, answer) in self.wires.iter_mut().zip(answers) {
            let place = answer.response.header("location").unwrap();
            wire.send(format!("GET {place} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        }
        for (wire, answer) in self.wires.iter_mut().zip(answers) {
            let found = wire.response();
            assert_eq!(found.status, 200, "{}", answer.number);
            assert_eq!(found.json()["id"], answer.response.json()["id"]);
        }
    }

    fn send(&mut self, lot: usize) {
        let begun = self.begun;
        for (place, wire) in self.wires.iter_mut().enumerate() {
            wire.send(&request(begun, lot * LOT + place));
        }
    }

    /// One answer for each post; 201 or 503, and nothing else.
    fn answers(&mut self, lot: usize) -> Vec<Answered> {
        let answered = self.wires.iter_mut().enumerate().map(|(place, wire)| {
            let response = wire.response();
            match response.status {
                201 => {}
                503 => assert!(response.header("retry-after").is_some()),
                other => panic!("{other}: {}", response.text()),
            }
            Answered {
                number: lot * LOT + place,
                response,
            }
        });
        answered.collect()
    }
}

/// Whether the daemon has read all that was sent and has nothing to do: it is where it waits.
fn is_at_rest(daemon: &Daemon) -> bool {
    let port = format!(":{:04X}", daemon.intake.port());
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    // proc(5): both ends' addresses, the state, and bytes not yet acknowledged and not yet read.
    let is_read = sockets.lines().all(|socket| {
        let fields: Vec<&str> = socket.split_whitespace().collect();
        let is_ours = fields[1].ends_with(&port) || fields[2].ends_with(&port);
        !is_ours || fields[4] == "00000000:00000000"
    });
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.process_id())).unwrap();
    is_read
        && threads.into_iter().all(|thread| {
            let about = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
            // The state follows the name, which stands in parentheses and may hold any.
            about
                .rsplit_once(") ")
                .is_none_or(|(_, rest)| rest.starts_with('S'))
        })
}

/// A referral of one child. Nobody knows the school: the case is held for the desk and no letter is
/// sent nor any alarm raised, so that nothing but these posts writes.
fn request(begun: Timestamp, number: usize) -> Vec<u8> {
    let body = json!({
        "schema": "oe-referral/1",
        "referral_id": format!("018f4c1e-7a00-7000-8000-{number:012}"),
        "force": "essex",
        "kind": "domestic_abuse",
        "source_system": "athena",
        "submitted_at": begun.to_string(),
        "police_reference": format!("42/{number}/26"),
        "incident": {
            "occurred_at": (begun - SignedDuration::from_hours(1)).to_string(),
            "classification": "crime",
            "risk_grade": "medium"
        },
        "children": [{
            "child_ref": "c1",
            "given_name": "Robin",
            "family_name": "Fairweather",
            "date_of_birth": "2018-04-02",
            "connection": "present",
            "present": "present",
            "resides_in_force_area": true,
            "education": "registered",
            "schools": [{
                "urn": "999999",
                "urn_source": "picked",
                "name_recorded": "Nowhere School"
            }]
        }]
    })
    .to_string();
    format!(
        "POST /v1/referrals HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nIdempotency-Key: faults-{number}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

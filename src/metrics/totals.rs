//! What happened since this run began: counted from facts as they come, each once.

use super::Snapshot;
use super::text::Page;
use crate::store::{Followed, Happened, NotStored, Readers, Times};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Enhanced status codes that are told apart (RFC 3463 and its registry); a peer can send any, and a
/// label may not hold what a peer chooses.
const ENHANCED: &[&str] = &[
    "2.0.0", "2.1.5", "2.6.0", "4.0.0", "4.1.8", "4.2.0", "4.2.1", "4.2.2", "4.3.0", "4.3.1",
    "4.3.2", "4.4.0", "4.4.1", "4.4.2", "4.4.3", "4.4.4", "4.4.5", "4.4.7", "4.5.0", "4.5.3",
    "4.7.0", "4.7.1", "4.7.5", "5.0.0", "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.8",
    "5.1.10", "5.2.0", "5.2.1", "5.2.2", "5.2.3", "5.3.0", "5.3.4", "5.4.1", "5.4.4", "5.4.6",
    "5.5.0", "5.5.1", "5.5.2", "5.5.4", "5.6.0", "5.7.0", "5.7.1", "5.7.8", "5.7.9", "5.7.26",
];
/// Steps of following for one page: more is counted by the next.
const STEPS_MAX: usize = 50;
/// From acceptance to the relay, seconds.
const HANDED_OVER: &[f64] = &[
    1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0,
];
/// From acceptance to a person's answer, seconds.
const ANSWERED: &[f64] = &[
    300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0,
];

#[derive(Debug)]
pub(super) struct Totals {
    followed: Option<Followed>,
    accepted: u64,
    refused: BTreeMap<u32, u64>,
    attempts: BTreeMap<(String, &'static str, &'static str), u64>,
    inbound: BTreeMap<String, u64>,
    handed_over: Times,
    delivered: Times,
    answered: Times,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            followed: None,
            accepted: 0,
            refused: BTreeMap::new(),
            attempts: BTreeMap::new(),
            inbound: BTreeMap::new(),
            handed_over: Times::new(HANDED_OVER),
            delivered: Times::new(HANDED_OVER),
            answered: Times::new(ANSWERED),
        }
    }
}

impl Totals {
    /// Takes what happened since the last page.
    pub(super) async fn follow(
        &mut self,
        readers: &Readers,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), NotStored> {
        let mut place = match self.followed {
            Some(place) => place,
            None => readers.follow_from_now().await?,
        };
        for _ in 0..STEPS_MAX {
            let (happened, next) = readers.follow(place, now).await?;
            for one in happened {
                self.take(one, snapshot);
            }
            self.followed = Some(next);
            if next == place {
                break;
            }
            place = next;
        }
        Ok(())
    }

    fn take(&mut self, happened: Happened, snapshot: &Snapshot) {
        match happened {
            Happened::Accepted => self.accepted = self.accepted.saturating_add(1),
            Happened::Refused(status) => count(&mut self.refused, status),
            Happened::Attempt {
                route,
                result,
                enhanced,
            } => {
                let known = snapshot.routes.iter().any(|known| known.name == route);
                let route = if known { route } else { "other".to_owned() };
                count(&mut self.attempts, (route, result, code(enhanced)));
            }
            Happened::HandedOver(after) => self.handed_over.note(after),
            Happened::Delivered(after) => self.delivered.note(after),
            Happened::Answered(after) => self.answered.note(after),
            Happened::Inbound(kind) => count(&mut self.inbound, kind),
        }
    }

    pub(super) fn put(&self, page: &mut Page) {
        page.put_count("firstbell_referrals_accepted_total", &[], self.accepted);
        for (status, count) in &self.refused {
            let status = status.to_string();
            let labels = [("status", status.as_str())];
            page.put_count("firstbell_posts_refused_total", &labels, *count);
        }
        for ((route, result, enhanced), count) in &self.attempts {
            let labels = [
                ("route", route.as_str()),
                ("result", *result),
                ("enhanced", *enhanced),
            ];
            page.put_count("firstbell_attempts_total", &labels, *count);
        }
        for (kind, count) in &self.inbound {
            page.put_count("firstbell_inbound_total", &[("kind", kind)], *count);
        }
        page.put_histogram("firstbell_handed_over_seconds", &self.handed_over);
        page.put_histogram("firstbell_delivered_seconds", &self.delivered);
        page.put_histogram("firstbell_answered_seconds", &self.answered);
    }
}

fn count<K: Ord>(counted: &mut BTreeMap<K, u64>, key: K) {
    let count = counted.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// A code of the list, or that it is none of it.
fn code(enhanced: Option<String>) -> &'static str {
    match enhanced {
        None => "none",
        Some(given) => ENHANCED
            .iter()
            .copied()
            .find(|known| *known == given)
            .unwrap_or("other"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_chooses_no_label() {
        let code = |text: &str| code(Some(text.to_owned()));
        assert_eq!(code("5.1.1"), "5.1.1");
        assert_eq!(code("5.999.999"), "other");
        assert_eq!(code("amelia"), "other");
        assert_eq!(super::code(None), "none");
        let mut totals = Totals::default();
        for n in 0..1_000 {
            let attempt = Happened::Attempt {
                route: format!("route-{n}"),
                result: "later",
                enhanced: Some(format!("4.{n}.{n}")),
            };
            totals.take(attempt, &Snapshot::default());
        }
        let listed = |code: &&&str| (0..1_000).any(|n| **code == format!("4.{n}.{n}"));
        let listed = ENHANCED.iter().filter(listed).count();
        assert_eq!(
            totals.attempts.len(),
            listed + 1,
            "those of the list and other, of no known route"
        );
    }
}

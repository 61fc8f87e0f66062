//! Which letters are tried where only a few go of those that were tried before: a route whose relay
//! answers and takes nothing. Each statement ends at the first that is due; `crate::delivery` says whose
//! turn it is.

use super::Scout;

// An hour, in microseconds: with less left a letter is urgent.
const SOON: &str = "SELECT d.id, d.letter, d.notification, d.attempts, d.lease, d.lane, l.item IS NULL AS unsigned, l.render_tries FROM delivery d INDEXED BY delivery_again JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = $1 AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.attempts > 0 AND d.not_before <= $2 AND d.last_safe_at BETWEEN $2 AND $2 + 3600000000 AND +d.lane BETWEEN $4 AND $5 AND d.last_safe_at < $6 AND (n.hold IS NULL OR l.kind <> 'notification') AND NOT $7 ORDER BY d.not_before LIMIT +$3";
const FEW: &str = "SELECT d.id, d.letter, d.notification, d.attempts, d.lease, d.lane, l.item IS NULL AS unsigned, l.render_tries FROM delivery d INDEXED BY delivery_few JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = $1 AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.attempts IN (1,2) AND +d.not_before <= $2 AND +d.last_safe_at >= $2 AND d.lane BETWEEN $4 AND $5 AND +d.last_safe_at < $6 AND (n.hold IS NULL OR l.kind <> 'notification') AND NOT $7 ORDER BY d.lane, d.last_safe_at, d.id LIMIT +$3";
const LONGEST_DUE: &str = "SELECT d.id, d.letter, d.notification, d.attempts, d.lease, d.lane, l.item IS NULL AS unsigned, l.render_tries FROM delivery d INDEXED BY delivery_again JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = $1 AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.attempts > 0 AND d.not_before <= $2 AND +d.lane BETWEEN $4 AND $5 AND +d.last_safe_at < $6 AND (n.hold IS NULL OR l.kind <> 'notification') AND NOT $7 ORDER BY d.not_before LIMIT +$3";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[SOON, FEW, LONGEST_DUE];

/// What to ask for, one after the other, until there is somebody: no turn is lost.
pub(super) fn statements_of(turn: Scout) -> [&'static str; 3] {
    match turn {
        Scout::Soon => [SOON, FEW, LONGEST_DUE],
        Scout::Few => [FEW, SOON, LONGEST_DUE],
        Scout::LongestDue => [LONGEST_DUE, SOON, FEW],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::retry::{RetrySettings, next_attempt};
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;
    use sqlx::{Connection, Row, SqliteConnection};
    use std::time::Duration;
    use tokio::runtime;

    /// As delivery has them (`crate::delivery`, scouts).
    const TURNS: [Scout; 4] = [Scout::Soon, Scout::Few, Scout::Soon, Scout::LongestDue];
    const BETWEEN: SignedDuration = SignedDuration::from_secs(10);
    /// Instead of what a claim joins: of a letter and its case only so much counts here.
    const THIN: &str = "PRAGMA foreign_keys = OFF; DROP TABLE letter; DROP TABLE notification; CREATE TABLE letter(id TEXT PRIMARY KEY, kind TEXT, item TEXT, render_tries INTEGER); CREATE TABLE notification(id TEXT PRIMARY KEY, hold TEXT); INSERT INTO letter VALUES ('l', 'notification', NULL, 0); INSERT INTO notification VALUES ('n', NULL)";
    const ADD: &str = "INSERT INTO delivery(id, letter, notification, cause, lane, route, state, last_safe_at, not_before, attempts) VALUES ($1, 'l', 'n', $1, 0, 'cjsm', 'queued', $2, $3, $4)";
    const REFUSED: &str = "UPDATE delivery SET attempts = $2, not_before = $3 WHERE id = $1";

    #[derive(Debug, Clone)]
    struct Letter {
        last_safe: Timestamp,
        due: Timestamp,
        attempts: u32,
        /// Scouts that others were since it was urgent and could have been one.
        passed_over: usize,
    }

    fn evening() -> Timestamp {
        "2026-11-23T03:00:00Z".parse().unwrap()
    }

    impl Letter {
        fn is_urgent(&self, now: Timestamp) -> bool {
            let left = self.last_safe.duration_since(now);
            (SignedDuration::ZERO..=SignedDuration::from_hours(1)).contains(&left)
        }
    }

    async fn queue(letters: &[Letter]) -> SqliteConnection {
        let mut queue = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let schema = sqlx::migrate!("src/store/migrations");
        schema.run_direct(None, &mut queue, false).await.unwrap();
        sqlx::raw_sql(THIN).execute(&mut queue).await.unwrap();
        for (nth, letter) in letters.iter().enumerate() {
            let add = sqlx::query(ADD)
                .bind(nth.to_string())
                .bind(letter.last_safe.as_microsecond())
                .bind(letter.due.as_microsecond())
                .bind(letter.attempts);
            add.execute(&mut queue).await.unwrap();
        }
        queue
    }

    /// Who goes.
    async fn scout(queue: &mut SqliteConnection, turn: Scout, now: Timestamp) -> Option<usize> {
        for statement in statements_of(turn) {
            let found = sqlx::query(statement)
                .bind("cjsm")
                .bind(now.as_microsecond())
                .bind(1)
                .bind(0)
                .bind(0)
                .bind(i64::MAX)
                .bind(false)
                .fetch_optional(&mut *queue)
                .await
                .unwrap();
            if let Some(row) = found {
                return row.get::<String, _>("id").parse().ok();
            }
        }
        None
    }

    /// The relay refuses whoever comes.
    async fn refuse(queue: &mut SqliteConnection, nth: usize, letter: &mut Letter, now: Timestamp) {
        let settings = RetrySettings {
            first: Duration::from_secs(30),
            longest: Duration::from_secs(600),
            in_doubt: Duration::from_secs(120),
        };
        letter.attempts += 1;
        letter.due = next_attempt(
            &settings,
            letter.attempts,
            now,
            Some(letter.last_safe),
            u64::MAX,
        );
        let refused = sqlx::query(REFUSED)
            .bind(nth.to_string())
            .bind(letter.attempts)
            .bind(letter.due.as_microsecond());
        refused.execute(queue).await.unwrap();
    }

    /// Plays scouts until everybody must have been one. Gives what was wrong, if anything.
    async fn play(mut letters: Vec<Letter>) -> Result<(), String> {
        let mut queue = queue(&letters).await;
        let (all, mut now) = (letters.len(), evening());
        let mut tried = vec![false; all];
        let until =
            now + SignedDuration::from_hours(1) + BETWEEN * i32::try_from(4 * all + 4).unwrap();
        let ever_urgent = letters
            .iter()
            .filter(|it| (now..until).contains(&it.last_safe));
        let ever_urgent = ever_urgent.count();
        for turn in TURNS.into_iter().cycle().take(4 * all + 4) {
            now += BETWEEN;
            let due = |letter: &Letter| letter.due <= now;
            let few = |letter: &Letter| {
                due(letter) && (1..3).contains(&letter.attempts) && letter.last_safe >= now
            };
            let a_few = letters.iter().any(few);
            let Some(went) = scout(&mut queue, turn, now).await else {
                if letters.iter().any(due) {
                    return Err("a turn was lost".to_owned());
                }
                continue;
            };
            if turn == Scout::Few && a_few && !few(&letters[went]) {
                return Err("the turn of those that were hardly tried is lost".to_owned());
            }
            for (nth, letter) in letters.iter_mut().enumerate() {
                if nth == went || letter.due > now || !letter.is_urgent(now) {
                    letter.passed_over = 0;
                    continue;
                }
                letter.passed_over += 1;
                // Each second turn is an urgent one's.
                if letter.passed_over > 2 * ever_urgent + 2 {
                    return Err(format!("an urgent letter waits: {letter:?}"));
                }
            }
            tried[went] = true;
            refuse(&mut queue, went, &mut letters[went], now).await;
        }
        let starved = tried.iter().filter(|tried| !**tried).count();
        (starved == 0)
            .then_some(())
            .ok_or(format!("{starved} starved"))
    }

    fn letter() -> impl Strategy<Value = Letter> {
        let left = prop_oneof![-7_200_i64..0, 0_i64..3_600, 3_600_i64..50_000];
        let attempts = prop_oneof![1_u32..3, 3_u32..500];
        (left, 1_i64..40_000, attempts).prop_map(|(left_s, due_s, attempts)| Letter {
            last_safe: evening() + SignedDuration::from_secs(left_s),
            due: evening() - SignedDuration::from_secs(due_s),
            attempts,
            passed_over: 0,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Whatever waits, and a relay that takes nothing of it: nobody is left out, and nobody whose last
        /// safe moment comes within the hour waits for those who have all night.
        #[test]
        fn nobody_starves_and_what_is_urgent_waits_for_nobody_who_is_not(
            letters in proptest::collection::vec(letter(), 1..50),
        ) {
            let own = runtime::Builder::new_current_thread().build().unwrap();
            let played = own.block_on(play(letters));
            prop_assert!(played.is_ok(), "{}", played.unwrap_err());
        }
    }

    #[tokio::test]
    async fn of_five_hundred_that_were_due_all_night_the_urgent_one_goes_first() {
        let at = |left_s, due_s| Letter {
            last_safe: evening() + SignedDuration::from_secs(left_s),
            due: evening() - SignedDuration::from_secs(due_s),
            attempts: 9,
            passed_over: 0,
        };
        let mut letters: Vec<Letter> = (0..500).map(|nth| at(40_000, 1_000 + nth)).collect();
        letters.push(at(1_800, 1));
        let hardly = Letter {
            attempts: 2,
            ..at(40_000, 2)
        };
        letters.push(hardly);
        let mut queue = queue(&letters).await;
        for (turn, expected) in TURNS.into_iter().zip([500, 501, 500, 499]) {
            assert_eq!(
                scout(&mut queue, turn, evening()).await,
                Some(expected),
                "{turn:?}"
            );
        }
    }
}

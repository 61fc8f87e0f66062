//! Every statement is prepared against the real schema, so that none is found wrong at night; and none
//! reads a table through that grows for years.

use super::*;
use sqlx::{Connection, Executor, Row, SqlSafeStr, SqliteConnection};
use std::collections::BTreeSet;

/// Tables that hold a row or more for each letter, for as long as a case is kept.
const GROWING: [&str; 16] = [
    "attempt",
    "blind",
    "child",
    "content_key",
    "delivery",
    "fact",
    "inbound",
    "intake_key",
    "item",
    "letter",
    "letter_member",
    "notification",
    "nudge",
    "referral",
    "task",
    "task_member",
];

/// What may read such a table through, and why.
const READ_THROUGH: [(&str, &str); 5] = [
    (
        "SELECT COUNT(*) FROM referral WHERE ($1 IS NULL OR force = $1)",
        "a person asked how many there are",
    ),
    (
        "SELECT EXISTS (SELECT 1 FROM referral)",
        "it ends at the first row",
    ),
    (
        "SELECT id, referral_id, force, received_at, ended, duplicate_of, ",
        "a person asked for the last of all forces",
    ),
    (
        "SELECT i.id, i.received_at, i.kind, i.verdict, i.strength, ",
        "a person asked which replies there are",
    ),
    (
        "SELECT COUNT(*) FROM inbound i WHERE ($1 = 1 OR ",
        "a person asked which replies there are",
    ),
];

async fn schema() -> SqliteConnection {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::migrate!("src/store/migrations")
        .run_direct(None, &mut connection, false)
        .await
        .unwrap();
    connection
}

fn statements() -> impl Iterator<Item = &'static str> {
    let groups = [
        absences::STATEMENTS,
        accept::STATEMENTS,
        acts::STATEMENTS,
        acts::AGAIN,
        acts::CALLS,
        acts::FIRST,
        acts::ON_CALL,
        acts::REPLIES,
        acts::TASKS,
        acts::UNDONE,
        acts::VIEWS,
        addresses::STATEMENTS,
        alarms::STATEMENTS,
        answers::STATEMENTS,
        carrying::STATEMENTS,
        cases::STATEMENTS,
        conditions::STATEMENTS,
        directory_load::STATEMENTS,
        directory_rows::STATEMENTS,
        due::STATEMENTS,
        failures::STATEMENTS,
        figures::STATEMENTS,
        mailboxes::STATEMENTS,
        forecasts::STATEMENTS,
        inbound::STATEMENTS,
        inbound_views::STATEMENTS,
        letters::STATEMENTS,
        nudges::STATEMENTS,
        numbers::STATEMENTS,
        open::STATEMENTS,
        opening::STATEMENTS,
        outcomes::STATEMENTS,
        refuse::STATEMENTS,
        rejoin::STATEMENTS,
        refused::STATEMENTS,
        revealed::STATEMENTS,
        routes::STATEMENTS,
        scouts::STATEMENTS,
        senders::STATEMENTS,
        superseded::STATEMENTS,
        tasks::STATEMENTS,
        timers::STATEMENTS,
        totals::STATEMENTS,
        tx::STATEMENTS,
        views::STATEMENTS,
        writer::STATEMENTS,
    ];
    let tables = directory_tables::statements();
    groups.into_iter().flatten().copied().chain(tables)
}

#[tokio::test]
async fn every_statement_prepares() {
    let mut connection = schema().await;
    for statement in statements() {
        let prepared = connection.prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}

/// SQLite looks at the value of a bare `LIMIT ?` when it plans, and so prepares the statement anew each
/// time that it is bound to another: it cost a tenth of a claim. An expression it does not look into.
#[test]
fn no_statement_is_planned_anew_for_each_limit() {
    for statement in statements() {
        let bare = ["LIMIT $", "LIMIT ?"]
            .iter()
            .any(|it| statement.contains(it));
        assert!(!bare, "LIMIT +$n: {statement}");
    }
}

/// A letter in the hundred-thousandth case costs what the first one cost.
#[tokio::test]
async fn no_statement_reads_through_a_table_that_grows() {
    let mut connection = schema().await;
    let partial = partial_indexes(&mut connection).await;
    let (mut excused, mut bad) = (BTreeSet::new(), Vec::new());
    for statement in statements() {
        let mut excuses = READ_THROUGH.iter().map(|(start, _)| *start);
        if let Some(excuse) = excuses.find(|start| statement.starts_with(start)) {
            excused.insert(excuse);
            continue;
        }
        let Some(plan) = plan(&mut connection, statement).await else {
            continue;
        };
        let found = plan
            .iter()
            .filter(|step| reads_through(step, statement, &partial));
        bad.extend(found.map(|step| format!("{statement}\n  {step}")));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert_eq!(
        excused.len(),
        READ_THROUGH.len(),
        "an excuse that nobody needs"
    );
    let through = "SELECT id FROM delivery WHERE state = 'failed'";
    let found = plan(&mut connection, through).await.unwrap();
    assert!(
        found
            .iter()
            .any(|step| reads_through(step, through, &partial))
    );
}

async fn partial_indexes(connection: &mut SqliteConnection) -> BTreeSet<String> {
    sqlx::query("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'")
        .fetch_all(connection)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

/// How SQLite would carry a statement out; none for what is not a question or a change. What an insertion
/// names beside its own table are the foreign keys of others, which are looked at when they are broken.
async fn plan(connection: &mut SqliteConnection, statement: &'static str) -> Option<Vec<String>> {
    let verbs = ["SELECT", "UPDATE", "DELETE", "INSERT"];
    let inserts = statement.starts_with("INSERT") && statement.contains(" VALUES ");
    if inserts || !verbs.iter().any(|verb| statement.starts_with(verb)) {
        return None;
    }
    // Explaining needs no values: what is not bound is NULL.
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = sqlx::raw_sql(explain).fetch_all(connection).await.unwrap();
    Some(rows.iter().map(|row| row.get("detail")).collect())
}

fn reads_through(step: &str, statement: &str, partial: &BTreeSet<String>) -> bool {
    let words: Vec<&str> = step.split_whitespace().collect();
    // All referrals of a force, in the order of their arrival, are a table that grows.
    if step.contains("referral_received (force=?)") && !statement.contains("MIN(received_at)") {
        return true;
    }
    let ["SCAN", name, rest @ ..] = words.as_slice() else {
        return false;
    };
    let named = |table: &&str| {
        name == table
            || statement.contains(&format!("FROM {table} {name} "))
            || statement.contains(&format!("JOIN {table} {name} "))
    };
    GROWING.iter().any(named) && !rest.iter().any(|word| partial.contains(*word))
}

/// What is asked after each commit, and for each scout, ends at the first row that will do, however many
/// wait: it is found by an index, in the order of that index.
#[tokio::test]
async fn what_is_asked_of_the_queue_all_the_time_sorts_nothing() {
    let mut connection = schema().await;
    let often = [due::STATEMENTS, scouts::STATEMENTS].concat();
    let next = routes::STATEMENTS
        .iter()
        .filter(|it| it.contains("json_each($1)"));
    let often: Vec<&'static str> = often.into_iter().chain(next.copied()).collect();
    assert_eq!(often.len(), 7);
    for statement in often {
        let plan = plan(&mut connection, statement).await.unwrap();
        let by_index = plan
            .iter()
            .any(|step| step.starts_with("SEARCH d USING") && step.contains("(route=?"));
        let sorts = plan.iter().filter(|step| step.contains("TEMP B-TREE"));
        // The routes are sorted, which are few.
        let sorts = sorts.count() > usize::from(statement.ends_with(" r ORDER BY r.key"));
        assert!(by_index && !sorts, "{statement}\n{plan:#?}");
    }
}

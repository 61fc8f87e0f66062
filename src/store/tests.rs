//! Every statement is prepared against the real schema, so that none is found wrong at night.

use super::*;
use sqlx::{Connection, Executor, SqlSafeStr, SqliteConnection};

#[tokio::test]
async fn every_statement_prepares() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::migrate!("src/store/migrations")
        .run_direct(None, &mut connection, false)
        .await
        .unwrap();
    let groups = [
        accept::STATEMENTS,
        acts::STATEMENTS,
        acts::CALLS,
        acts::FIRST,
        acts::ON_CALL,
        acts::REPLIES,
        acts::TASKS,
        acts::VIEWS,
        addresses::STATEMENTS,
        alarms::STATEMENTS,
        answers::STATEMENTS,
        carrying::STATEMENTS,
        cases::STATEMENTS,
        conditions::STATEMENTS,
        directory_load::STATEMENTS,
        directory_rows::STATEMENTS,
        failures::STATEMENTS,
        figures::STATEMENTS,
        forecasts::STATEMENTS,
        inbound::STATEMENTS,
        inbound_views::STATEMENTS,
        letters::STATEMENTS,
        nudges::STATEMENTS,
        open::STATEMENTS,
        opening::STATEMENTS,
        outcomes::STATEMENTS,
        refuse::STATEMENTS,
        refused::STATEMENTS,
        revealed::STATEMENTS,
        routes::STATEMENTS,
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
    for statement in groups.into_iter().flatten().copied().chain(tables) {
        let prepared = connection.prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}

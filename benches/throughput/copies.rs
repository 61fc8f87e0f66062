//! A database as years leave it: one real case, many times over.
//!
//! Every row that a case has is copied, with identifiers, references and digests of its own; what is
//! sealed is copied as it is, and so only of use to somebody who does not open it. Made by SQL, because
//! posting a million referrals takes an hour.

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};
use std::path::Path;
use tokio::runtime::Runtime;

/// Identifiers end with 26 characters, of which the first ten are the time: with a number in their place
/// the copies lie in order, as cases that came one after the other do.
const TIME: usize = 10;

/// The tables that a case has rows in, and which of them are its own: by [`CASE_IDS`].
const TABLES: &[(&str, &str)] = &[
    (
        "content_key",
        "id IN (SELECT content_key FROM item WHERE owner IN (SELECT id FROM case_id))",
    ),
    ("referral", "id IN (SELECT id FROM case_id)"),
    ("item", "owner IN (SELECT id FROM case_id)"),
    ("blind", "owner IN (SELECT id FROM case_id)"),
    ("child", "id IN (SELECT id FROM case_id)"),
    ("notification", "id IN (SELECT id FROM case_id)"),
    ("fact", "stream IN (SELECT id FROM case_id)"),
    ("letter", "id IN (SELECT id FROM case_id)"),
    ("delivery", "id IN (SELECT id FROM case_id)"),
    ("attempt", "delivery IN (SELECT id FROM case_id)"),
    ("intake_key", "referral IN (SELECT id FROM case_id)"),
];

/// Whose identifiers belong to the case.
const CASE_IDS: &str = "CREATE TEMP TABLE case_id AS \
    WITH one AS (SELECT * FROM notification ORDER BY rowid LIMIT 1) \
    SELECT id FROM one UNION SELECT referral FROM one UNION SELECT child FROM one \
    UNION SELECT l.id FROM letter l JOIN one ON l.notification = one.id \
    UNION SELECT d.id FROM delivery d JOIN one ON d.notification = one.id";

/// What else is unique: what a copy's number is put before.
const UNIQUE: &[(&str, &str)] = &[
    ("notification", "reference"),
    ("referral", "referral_id"),
    ("letter", "token"),
];

/// Adds so many copies of the database's first case. Nobody else has the database open.
pub(crate) fn multiply(database: &Path, copies: usize) {
    Runtime::new().unwrap().block_on(async {
        let mut connection = SqliteConnectOptions::new()
            .filename(database)
            .foreign_keys(false)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", "-1048576")
            .pragma("temp_store", "memory")
            .connect()
            .await
            .unwrap();
        run(&mut connection, CASE_IDS.to_owned()).await;
        let swaps = swaps(&mut connection).await;
        for (table, which) in TABLES {
            let make = format!("CREATE TEMP TABLE one_{table} AS SELECT * FROM {table} WHERE {which}");
            run(&mut connection, make).await;
            let columns = columns(&mut connection, table).await;
            let mut values = Vec::new();
            for column in &columns {
                let needed = needed(&mut connection, table, column, &swaps).await;
                values.push(value(table, column, &needed));
            }
            let columns: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
            let add = format!(
                "WITH RECURSIVE copy(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copy WHERE k < {copies}) \
                 INSERT INTO {table}({}) SELECT {} FROM copy CROSS JOIN one_{table} o",
                columns.join(", "),
                values.join(", ")
            );
            run(&mut connection, add).await;
        }
        let counted = "UPDATE store SET fact_seq = (SELECT MAX(seq) FROM fact)".to_owned();
        run(&mut connection, counted).await;
    });
}

/// Each text that is the case's own, and the SQL of what a copy has in its place.
async fn swaps(connection: &mut SqliteConnection) -> Vec<(String, String)> {
    let ids = "SELECT id FROM case_id UNION SELECT i.id FROM item i JOIN case_id c ON i.owner = c.id \
        UNION SELECT i.content_key FROM item i JOIN case_id c ON i.owner = c.id";
    let mut swaps = Vec::new();
    for id in texts(connection, ids.to_owned()).await {
        let (prefix, rest) = id.split_at(id.find('_').unwrap() + 1);
        let other = format!(
            "'{prefix}' || printf('%0{TIME}d', copy.k) || '{}'",
            &rest[TIME..]
        );
        swaps.push((id, other));
    }
    for (table, column) in UNIQUE {
        let asked = format!("SELECT {column} FROM {table} WHERE id IN (SELECT id FROM case_id)");
        for text in texts(connection, asked).await {
            let other = format!("copy.k || '-{text}'");
            swaps.push((text, other));
        }
    }
    swaps
}

/// Those texts that occur in a column at all: each swap is made a million times.
async fn needed(
    connection: &mut SqliteConnection,
    table: &str,
    column: &str,
    swaps: &[(String, String)],
) -> Vec<(String, String)> {
    let asked = format!(
        "SELECT CAST(\"{column}\" AS TEXT) FROM one_{table} WHERE \"{column}\" IS NOT NULL"
    );
    let rows = sqlx::query(AssertSqlSafe(asked))
        .fetch_all(connection)
        .await;
    let texts: Vec<Vec<u8>> = rows
        .unwrap()
        .iter()
        .map(|row| row.get_unchecked::<Vec<u8>, _>(0))
        .collect();
    let occurs = |old: &str| {
        let found = |text: &Vec<u8>| text.windows(old.len()).any(|part| part == old.as_bytes());
        texts.iter().any(found)
    };
    swaps
        .iter()
        .filter(|(old, _)| occurs(old))
        .cloned()
        .collect()
}

/// The SQL of a copy's value.
fn value(table: &str, column: &str, swaps: &[(String, String)]) -> String {
    match (table, column) {
        ("fact", "seq") => {
            "(SELECT fact_seq FROM store) + (copy.k - 1) * (SELECT COUNT(*) FROM one_fact) \
             + (SELECT COUNT(*) FROM one_fact f WHERE f.seq <= o.seq)"
                .to_owned()
        }
        ("fact", "leaf") | ("blind", "digest") | ("intake_key", "key_digest") => {
            "randomblob(32)".to_owned()
        }
        ("fact", "body") => format!("CAST({} AS BLOB)", swapped("CAST(o.body AS TEXT)", swaps)),
        _ if swaps.is_empty() => format!("o.\"{column}\""),
        _ => {
            let column = format!("o.\"{column}\"");
            let text = swapped(&column, swaps);
            format!("CASE typeof({column}) WHEN 'text' THEN {text} ELSE {column} END")
        }
    }
}

fn swapped(text: &str, swaps: &[(String, String)]) -> String {
    swaps.iter().fold(text.to_owned(), |text, (old, new)| {
        format!("replace({text}, '{old}', {new})")
    })
}

async fn columns(connection: &mut SqliteConnection, table: &str) -> Vec<String> {
    texts(
        connection,
        format!("SELECT name FROM pragma_table_info('{table}')"),
    )
    .await
}

async fn texts(connection: &mut SqliteConnection, asked: String) -> Vec<String> {
    let rows = sqlx::query(AssertSqlSafe(asked))
        .fetch_all(connection)
        .await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn run(connection: &mut SqliteConnection, statement: String) {
    let done = sqlx::query(AssertSqlSafe(statement.clone()))
        .execute(connection)
        .await;
    done.unwrap_or_else(|error| panic!("{error}: {statement}"));
}

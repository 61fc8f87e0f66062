//! The bare writer: one task and one connection with the store's settings, which inserts the rows that
//! the daemon wrote for each referral, as they lie in its database, in batches of one commit each. It
//! plans nothing, seals nothing and reads nothing.

use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, SqliteConnection, TypeInfo, ValueRef};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// As `store.batch_max` and `store.queue_max` are preset.
const BATCH_MAX: usize = 256;
const QUEUE_MAX: usize = 1024;
/// As the measured daemon's `store.checkpoint_pages`.
pub(crate) const CHECKPOINT_PAGES: u64 = 10_000;
/// A page in the write-ahead log, with its header.
const LOG_PAGE_BYTES: u64 = 4096 + 24;

/// What an accepted referral leaves, in an order that the foreign keys allow, and which rows of the
/// table those are.
const TABLES: &[(&str, &str)] = &[
    ("content_key", "scope IN ('incident', 'child')"),
    ("referral", "1"),
    ("item", "kind IN ('incident', 'police_reference', 'child')"),
    ("blind", "1"),
    ("child", "1"),
    ("notification", "1"),
    ("fact", "actor LIKE 'force:%'"),
    (
        "letter",
        "rowid IN (SELECT MIN(rowid) FROM letter GROUP BY notification)",
    ),
    (
        "delivery",
        "rowid IN (SELECT MIN(rowid) FROM delivery GROUP BY notification)",
    ),
    ("intake_key", "1"),
];

pub(crate) struct Bare {
    runtime: Runtime,
    path: PathBuf,
    source: SqliteConnection,
    connection: Option<SqliteConnection>,
    tables: Arc<Vec<Table>>,
}

struct Table {
    name: &'static str,
    insert: Arc<str>,
    /// The last row that was read from the source.
    read_to: i64,
}

/// The rows of one referral.
#[derive(Debug, Default)]
pub(crate) struct Referral {
    rows: Vec<(usize, Vec<Value>)>,
}

#[derive(Debug)]
enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

type Asked = (Referral, oneshot::Sender<()>);

impl Bare {
    /// A database in `folder` with the schema of `source`, and what rows there refer to.
    pub(crate) fn new(folder: &Path, source: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let path = folder.join("bare.db");
        let (source, connection, tables) = runtime.block_on(async {
            let mut source = SqliteConnectOptions::new()
                .filename(source)
                .read_only(true)
                .connect()
                .await
                .unwrap();
            let mut connection = connect(&path).await;
            for row in rows(&mut source, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid").await {
                run(&mut connection, row.get(0)).await;
            }
            let mut tables = Vec::new();
            for (name, _) in TABLES {
                let insert = insert(&mut source, name).await;
                tables.push(Table { name, insert, read_to: 0 });
            }
            let insert = insert(&mut source, "basis").await;
            for row in rows(&mut source, "SELECT rowid, * FROM basis").await {
                add(&mut connection, &insert, &values(&row)).await;
            }
            (source, connection, tables)
        });
        Self {
            runtime,
            path,
            source,
            connection: Some(connection),
            tables: Arc::new(tables),
        }
    }

    /// The rows of so many referrals that were accepted since this was last asked.
    pub(crate) fn read(&mut self, count: usize) -> Vec<Referral> {
        let mut referrals: Vec<Referral> = Vec::new();
        referrals.resize_with(count, Referral::default);
        let tables = Arc::get_mut(&mut self.tables).unwrap();
        for (place, (table, (_, which))) in tables.iter_mut().zip(TABLES).enumerate() {
            let name = table.name;
            let text = format!(
                "SELECT rowid, * FROM {name} WHERE rowid > {} AND {which} ORDER BY rowid",
                table.read_to
            );
            let new = self.runtime.block_on(rows(&mut self.source, &text));
            assert_eq!(new.len() % count, 0, "{} rows of {name}", new.len());
            table.read_to = new.last().unwrap().get(0);
            // One writer wrote them, a referral after the other.
            for (of_one, referral) in new.chunks(new.len() / count).zip(&mut referrals) {
                referral.rows.extend(of_one.iter().map(|row| {
                    let mut values = values(row);
                    // A letter that was signed by now was not when it was accepted.
                    if name == "letter" {
                        values[column(row, "item")] = Value::Null;
                    }
                    (place, values)
                }));
            }
        }
        referrals
    }

    /// Inserts them for so many callers at once, each of whom waits until its referral is on disk.
    pub(crate) fn insert(&mut self, referrals: Vec<Referral>, callers: usize) -> Duration {
        let connection = self.connection.take().unwrap();
        let (tables, path) = (Arc::clone(&self.tables), self.path.clone());
        let (connection, took) = self.runtime.block_on(async move {
            let (ask, asked) = mpsc::channel(QUEUE_MAX);
            let mut writing = JoinSet::new();
            writing.spawn(write(connection, tables, path, asked));
            let referrals: Arc<Vec<_>> = Arc::new(
                referrals
                    .into_iter()
                    .map(|one| std::sync::Mutex::new(Some(one)))
                    .collect(),
            );
            let next = Arc::new(AtomicUsize::new(0));
            let begun = Instant::now();
            let mut calling = JoinSet::new();
            for _ in 0..callers {
                let (ask, referrals, next) = (ask.clone(), referrals.clone(), next.clone());
                calling.spawn(async move {
                    while let Some(one) = referrals.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let one = one.lock().unwrap().take().unwrap();
                        let (reply, answer) = oneshot::channel();
                        assert!(ask.send((one, reply)).await.is_ok());
                        answer.await.unwrap();
                    }
                });
            }
            drop(ask);
            while let Some(ended) = calling.join_next().await {
                ended.unwrap();
            }
            let took = begun.elapsed();
            (writing.join_next().await.unwrap().unwrap(), took)
        });
        self.connection = Some(connection);
        took
    }
}

impl Referral {
    pub(crate) fn row_count(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn byte_count(&self) -> usize {
        let values = self.rows.iter().flat_map(|(_, values)| values);
        values
            .map(|value| match value {
                Value::Null => 0,
                Value::Integer(_) => 8,
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
            })
            .sum()
    }
}

/// The store's settings.
async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .page_size(4096)
        .pragma("mmap_size", "0")
        .pragma("wal_autocheckpoint", "0")
        .pragma("cache_size", "-32768")
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
        .connect()
        .await
        .unwrap()
}

async fn write(
    mut connection: SqliteConnection,
    tables: Arc<Vec<Table>>,
    path: PathBuf,
    mut asked: mpsc::Receiver<Asked>,
) -> SqliteConnection {
    while let Some(first) = asked.recv().await {
        run(&mut connection, "BEGIN IMMEDIATE").await;
        let (mut next, mut replies) = (Some(first), Vec::new());
        while let Some((referral, reply)) = next.take() {
            for (place, values) in &referral.rows {
                add(&mut connection, &tables[*place].insert, values).await;
            }
            replies.push(reply);
            if replies.len() < BATCH_MAX {
                next = asked.try_recv().ok();
            }
        }
        run(&mut connection, "COMMIT").await;
        for reply in replies {
            reply.send(()).unwrap();
        }
        let log = fs::metadata(path.with_extension("db-wal")).unwrap();
        if log.len() / LOG_PAGE_BYTES >= CHECKPOINT_PAGES {
            run(&mut connection, "PRAGMA wal_checkpoint(PASSIVE)").await;
        }
    }
    connection
}

async fn run(connection: &mut SqliteConnection, text: &str) {
    let done = sqlx::query(AssertSqlSafe(text)).execute(connection).await;
    done.unwrap();
}

async fn rows(connection: &mut SqliteConnection, text: &str) -> Vec<SqliteRow> {
    let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(connection).await;
    rows.unwrap()
}

/// The statement that inserts a row of a table.
async fn insert(source: &mut SqliteConnection, table: &str) -> Arc<str> {
    let columns = rows(
        source,
        &format!("SELECT name FROM pragma_table_info('{table}')"),
    )
    .await;
    let names: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    let places: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
    let (names, places) = (names.join(", "), places.join(", "));
    format!("INSERT INTO {table}({names}) VALUES ({places})").into()
}

async fn add(connection: &mut SqliteConnection, insert: &Arc<str>, values: &[Value]) {
    let query = sqlx::query(AssertSqlSafe(Arc::clone(insert)));
    let added = values.iter().fold(query, bind).execute(connection).await;
    added.unwrap();
}

fn bind<'a>(
    query: Query<'a, Sqlite, SqliteArguments>,
    value: &'a Value,
) -> Query<'a, Sqlite, SqliteArguments> {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Integer(integer) => query.bind(integer),
        Value::Text(text) => query.bind(text.as_str()),
        Value::Bytes(bytes) => query.bind(bytes.as_slice()),
    }
}

/// A row's values, without the row's number before them.
fn values(row: &SqliteRow) -> Vec<Value> {
    (1..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at).unwrap();
            if raw.is_null() {
                return Value::Null;
            }
            match raw.type_info().name() {
                "INTEGER" => Value::Integer(row.get_unchecked(at)),
                "TEXT" => Value::Text(row.get_unchecked(at)),
                "BLOB" => Value::Bytes(row.get_unchecked(at)),
                other => panic!("a column of type {other}"),
            }
        })
        .collect()
}

/// The place of a column among the values.
fn column(row: &SqliteRow, name: &str) -> usize {
    let mut columns = row.columns().iter().skip(1);
    columns.position(|column| column.name() == name).unwrap()
}

//! Writes that are kept back and carried out together, in the order in which they were asked for.
//!
//! Each call of SQLite through sqlx is a turn to its thread and back, which costs as much as the row
//! itself. Why is there no way round the order? Every read of the same command carries out what was
//! kept back before it, as the last of the same turn or in the turn after: see
//! [`Tx::rows`](super::tx::Tx::rows) and [`Tx::flushed`](super::tx::Tx::flushed).

use super::tx::Fault;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, SqliteConnection, Type};

/// Statements with their values, to be carried out in one turn.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
    arguments: SqliteArguments,
    /// Values that the last statement still wants.
    wanted: usize,
    is_bad: bool,
}

impl Script {
    /// Adds a statement; its places are written `?`, and a value for each follows by [`Self::bind`].
    pub(super) fn add(&mut self, statement: &'static str) -> &mut Self {
        self.is_bad |= self.wanted != 0;
        self.wanted = statement.bytes().filter(|byte| *byte == b'?').count();
        self.text.push_str(statement);
        self.text.push(';');
        self
    }

    /// Binds the next value of the statement added last.
    pub(super) fn bind<'v, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'v, Sqlite> + Type<Sqlite>,
    {
        let added = self.arguments.add(value);
        let wanted = self.wanted.checked_sub(1);
        self.is_bad |= added.is_err() || wanted.is_none();
        self.wanted = wanted.unwrap_or(0);
        self
    }

    /// Whether there is nothing to carry out.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The script, if each of its places has its value: one too many or too few would shift all that
    /// follow into others' columns.
    pub(super) fn checked(self) -> Result<Self, Fault> {
        if self.is_bad || self.wanted != 0 {
            return Err(Fault::Damaged("a script's values"));
        }
        Ok(self)
    }

    /// Carries everything out, and gives the rows that its questions found. The first statement that
    /// fails ends it.
    pub(super) async fn run(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<Vec<SqliteRow>, Fault> {
        // Made of constants only.
        let rows = sqlx::query_with(AssertSqlSafe(self.text), self.arguments)
            .fetch_all(connection)
            .await?;
        Ok(rows)
    }
}

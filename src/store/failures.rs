//! Why a delivery still waits: what its last attempt came to.

use super::cases::read_fact;
use super::tx::Fault;
use super::{NotStored, QueueLine, Readers, stored};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use crate::referral::fact::Fact;

const ENDED: &str =
    "SELECT kind, v, body FROM fact WHERE stream = $1 AND kind = 'attempt_ended' ORDER BY n DESC";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ENDED];

/// What an attempt failed of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFailure {
    /// Why.
    pub why: AttemptWhy,
    /// How far it came.
    pub phase: Phase,
    /// The peer's reply code.
    pub code: Option<u32>,
    /// Its enhanced status code (RFC 3463).
    pub enhanced: Option<String>,
}

impl Readers {
    /// What the last attempt of a waiting delivery failed of; none before one has failed.
    pub async fn find_failure(&self, line: &QueueLine) -> Result<Option<LastFailure>, NotStored> {
        stored(self.last_failure(line).await)
    }

    async fn last_failure(&self, line: &QueueLine) -> Result<Option<LastFailure>, Fault> {
        let Some(notification) = line.notification.as_deref().filter(|_| line.attempts > 0) else {
            return Ok(None);
        };
        let rows = sqlx::query(ENDED)
            .bind(notification)
            .fetch_all(&self.pool)
            .await?;
        for row in &rows {
            if let Fact::AttemptEnded {
                delivery,
                result,
                phase,
                why,
                code,
                enhanced,
                ..
            } = read_fact(row)?
                && delivery.to_string() == line.delivery
                && result != AttemptResult::Done
            {
                return Ok(Some(LastFailure {
                    why,
                    phase,
                    code,
                    enhanced,
                }));
            }
        }
        Ok(None)
    }
}

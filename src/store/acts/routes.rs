//! Routes suspended and resumed.

use super::super::routes::{self, NewBlock};
use super::super::tx::{Fault, Tx};
use super::{Acted, NotActed, first};
use crate::referral::route::SuspendReason;
use crate::referral::school::RouteName;
use jiff::Timestamp;

/// A suspension, as an operator says it: at once unless `from` says later.
pub(super) struct Suspension<'a> {
    pub(super) route: &'a RouteName,
    pub(super) reason: SuspendReason,
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) note: Option<&'a str>,
}

pub(super) async fn suspend(
    tx: &mut Tx<'_>,
    wished: &Suspension<'_>,
    operator: &str,
) -> Result<Acted, Fault> {
    let from = wished.from.unwrap_or(tx.now).max(tx.now);
    if wished.until.is_some_and(|until| until <= from) {
        return Ok(Err(NotActed::NotNow("it would end before it begins")));
    }
    let new = NewBlock {
        route: wished.route,
        reason: wished.reason,
        from,
        until: wished.until,
        note: wished.note,
    };
    if routes::suspend(tx, &new, operator, &first::actor(operator)).await? {
        Ok(Ok(Vec::new()))
    } else {
        let words = "this route has more suspensions than make sense: resume it first";
        Ok(Err(NotActed::NotNow(words)))
    }
}

pub(super) async fn resume(
    tx: &mut Tx<'_>,
    route: &RouteName,
    reason: SuspendReason,
    planned: bool,
    operator: &str,
) -> Result<Acted, Fault> {
    if routes::resume(tx, route, reason, planned, &first::actor(operator)).await? {
        Ok(Ok(Vec::new()))
    } else {
        Ok(Err(NotActed::NotNow("this route is not suspended")))
    }
}

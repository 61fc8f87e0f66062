//! What the table of facts names: the core's types that stand in facts.

pub(super) use crate::referral::alarm::{AlarmChannel, AlarmKind};
pub(super) use crate::referral::answer::{CallOutcome, Clash, SchoolWord, Strength, Verdict};
pub(super) use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
pub(super) use crate::referral::deadline::DueReason;
pub(super) use crate::referral::ending::{Ending, EndingReason, TaskReason};
pub(super) use crate::referral::field::{Digest, Field};
pub(super) use crate::referral::id::*;
pub(super) use crate::referral::ladder::RungWhat;
pub(super) use crate::referral::plan::{HoldReason, RouteReason, Target, WillHappen};
pub(super) use crate::referral::report::{Action, Sub};
pub(super) use crate::referral::route::SuspendReason;
pub(super) use crate::referral::school::{Role, RouteName, Urn};
pub(super) use crate::referral::tree::Tree;
pub(super) use jiff::Timestamp;

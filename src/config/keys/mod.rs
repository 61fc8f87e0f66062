//! The table of keys: every key once, with its type, unit, bounds, default and meaning.

mod alarms;
mod delivery;
mod gateway;
mod intake;
mod mailbox;
mod people;
mod policy;
mod replies;

pub(super) use alarms::{Alarms, Heartbeat, Metrics};
pub(super) use delivery::{Delivery, Route};
pub(super) use gateway::{Directory, Gateway, Letters, Log, Signing, Store};
pub(super) use intake::Intake;
pub(super) use mailbox::Mailbox;
pub(super) use people::{Force, OperatorRow, Operators};
pub(super) use policy::PolicyRow;
pub(super) use replies::Replies;

use super::table::Section;

/// Every section, in the order of the sample file.
pub(super) static SECTIONS: &[&Section] = &[
    &Gateway::SECTION,
    &Log::SECTION,
    &Store::SECTION,
    &Signing::SECTION,
    &Letters::SECTION,
    &Directory::SECTION,
    &Intake::SECTION,
    &Delivery::SECTION,
    &Route::SECTION,
    &Replies::SECTION,
    &Mailbox::SECTION,
    &Alarms::SECTION,
    &Heartbeat::SECTION,
    &Metrics::SECTION,
    &PolicyRow::SECTION,
    &Force::SECTION,
    &Operators::SECTION,
    &OperatorRow::SECTION,
];

//! Stories told at the edge, and folders of data: the one integration-test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy spares only the test functions themselves, not what they call"
)]

mod peers;
mod support;

mod acts;
mod alarms;
mod answers;
mod breakers;
mod canary;
mod config_files;
mod conflicts;
mod county;
mod deadline;
mod desk;
mod dialogues;
mod directory_files;
mod ended_cases;
mod exchange;
mod faults;
mod hostile_relays;
mod house_rules;
mod hub;
mod inbound_kinds;
mod intake_rows;
mod kills;
mod ladder_rows;
mod letter;
mod mailboxes;
mod mailers;
mod metrics;
mod on_call;
mod operators;
mod orders;
mod payload;
mod postfix;
mod relays;
mod restricted;
mod routes;
mod scripted_peers;
mod smtp_in;
mod store_rules;
mod supersedes;

//! From posted cases to the desk's mailbox: what is foreseen of calls is told there, in the hours of the
//! desk, with what to do and what to type.

use super::lines::posted;
use super::wall;
use crate::alarms::lanes::{lane, sources};
use crate::alarms::sinks::Sink;
use crate::store_rules::policy;
use crate::support::pki::Pki;
use firstbell::alarms::looks::Looks;
use firstbell::alarms::runbook::Runbook;
use firstbell::alarms::{Pace, Stage};
use firstbell::referral::alarm::AlarmKind;
use firstbell::referral::policy::Policies;
use firstbell::watch::capacity::Capacity;

/// More than two callers can ring on the morning, though the usual part of them answers.
const SCHOOLS: usize = 36;

#[tokio::test]
async fn a_weekends_cases_are_told_to_the_desk_on_sunday_and_that_calls_do_not_fit_at_its_opening()
{
    // A Saturday night.
    let mut county = posted("2020-11-28T02:00", SCHOOLS).await;
    let pki = Pki::new();
    let (mails, hooks) = (Sink::mailbox(&pki), Sink::listener(&pki));
    let store = county.opened.store.clone();
    let policies = Policies::from([(policy().force.clone(), policy())]);
    let capacity = Capacity::new(store.clone(), policies);
    let lane = lane(&pki, county.folder.path(), (&mails, &hooks));
    let looks = Looks::new(store.clone(), sources(capacity.found()));
    let mut alarms = Stage::new(store, looks, lane, Pace::default());
    let mut told = Vec::new();
    for time in [
        "2020-11-29T16:59",
        "2020-11-29T17:00",
        // Nobody is told twice, nor is a second person woken for what may wait.
        "2020-11-29T18:00",
        "2020-11-30T06:29",
        "2020-11-30T06:30",
        "2020-11-30T06:46",
    ] {
        county.comes_to(wall(time)).await;
        capacity.step(county.clock.now()).await;
        alarms.step(county.clock.now()).await;
        told.push((mails.taken().len(), hooks.taken().len()));
    }
    assert_eq!(told, [(0, 0), (1, 0), (1, 0), (1, 0), (2, 0), (2, 1)]);
    let kinds = [AlarmKind::CallsExpected, AlarmKind::CallsOverCapacity];
    for (mail, kind) in mails.taken().iter().zip(kinds) {
        let runbook = Runbook::of(kind);
        let subject = format!("\r\nSubject: [alarm] {}: gateway.test\r\n", runbook.summary);
        assert!(mail.contains(&subject), "{mail}");
        assert!(mail.contains("RCPT TO:<desk@force.test>"), "{mail}");
        let first = runbook.text.split_once(['.', ',']).unwrap().0;
        let unfolded = mail.replace("\r\n", " ");
        assert!(unfolded.contains(first), "{first}: {mail}");
        assert!(
            mail.contains("firstbell call forecast --force essex"),
            "{mail}"
        );
        assert!(
            !mail.contains("Child-") && !mail.contains("County School"),
            "{mail}"
        );
    }
}

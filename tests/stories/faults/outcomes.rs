//! Outcomes that cannot be recorded: delivery stops, and so does intake.

use super::disk::{Disk, How, Which};
use crate::exchange::{Exchange, Manner};
use crate::support::daemon::{Daemon, Recipe, SCHOOL};
use crate::support::posts::{accepted, post, referral, trace_in_state};
use crate::support::waiting::until;

const LETTERS: u32 = 6;
/// Outcomes that are offered again and refused, while it is looked whether more is claimed.
const REFUSED: i64 = 12;

#[test]
fn while_outcomes_cannot_be_recorded_nothing_more_is_claimed_and_posts_are_refused() {
    let relay = Exchange::start(Manner::HoldsReply);
    let disk = Disk::new();
    let daemon = Daemon::made_of(Recipe {
        ways: vec![relay.way("connections = 2")],
        environment: disk.environment(),
        ..Recipe::default()
    });
    let letters: Vec<String> = (1..=LETTERS)
        .map(|number| accepted(&daemon, &referral(number, "Ermintrude", SCHOOL)))
        .collect();
    let begun = |count| until(|| (relay.count().letters >= count).then_some(()));
    begun(2).expect("two are on their way");
    disk.fail(How::NoSpace, Which::From(1));
    relay.be(Manner::Takes);
    until(|| (disk.seen().failed >= REFUSED).then_some(())).expect("they are offered again");
    let refused = post(&daemon, "seven", &referral(7, "Dougal", SCHOOL));
    assert_eq!(refused.status, 503, "{}", refused.text());
    let count = relay.count();
    assert_eq!(
        (count.letters, count.taken),
        (2, 2),
        "nothing more was claimed"
    );

    disk.mend();
    for letter in &letters {
        let relayed = trace_in_state(&daemon, letter, "relayed");
        assert_eq!(relayed["deliveries"][0]["repeats"], 0);
    }
    let count = relay.count();
    let all = usize::try_from(LETTERS).unwrap();
    assert_eq!((count.letters, count.taken), (all, all), "each once");
}

//! Routes as the store keeps them: room for letters, suspensions, attempts that were not spent.

use super::{Opened, document, one_accepted, open, post};
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use firstbell::referral::route::SuspendReason;
use firstbell::referral::school::{Role, RouteName};
use firstbell::referral::state::Timing;
use firstbell::store::{Act, Claim, Ended, NotActed, Room};
use jiff::{SignedDuration, Timestamp};

fn cjsm() -> RouteName {
    RouteName::parse("cjsm").unwrap()
}

async fn act(opened: &Opened, act: Act) -> Result<(), NotActed> {
    opened.store.act(act, "A Tester").await.unwrap().map(drop)
}

fn suspend(from: Option<Timestamp>, until: Option<Timestamp>) -> Act {
    Act::SuspendRoute {
        route: cjsm(),
        reason: SuspendReason::Maintenance,
        from,
        until,
        note: None,
    }
}

/// When its only letter is next due.
async fn not_before(opened: &Opened) -> Timestamp {
    let queue = opened.store.readers().list_queue().await.unwrap();
    assert_eq!(queue.len(), 1);
    queue[0].not_before
}

#[tokio::test]
async fn what_is_no_letter_is_claimed_only_into_its_own_room_and_after_letters() {
    let (_folder, _, opened) = one_accepted().await;
    let letter = opened.claim().await.unwrap();
    assert!(letter.is_letter);
    opened.sign(&letter, b"the letter").await;
    opened.end(&letter, AttemptResult::Done).await;
    let tell = Act::Tell {
        notification: letter.notification,
        role: Role::Deputy,
        word: firstbell::referral::answer::SchoolWord::Matches,
    };
    act(&opened, tell).await.unwrap();
    let no_room = Room {
        others: 0,
        ..Room::of(4)
    };
    assert_eq!(opened.store.is_due(&cjsm(), no_room).await, Ok(false));
    let claims = opened.store.claim_into(&cjsm(), no_room).await.unwrap();
    assert!(claims.is_empty());
    assert_eq!(opened.store.is_due(&cjsm(), Room::of(1)).await, Ok(true));
    let claims = opened.store.claim_into(&cjsm(), Room::of(4)).await.unwrap();
    let kinds: Vec<bool> = claims.iter().map(|claim| claim.is_letter).collect();
    assert_eq!(kinds, [false]);
}

#[tokio::test]
async fn only_what_cannot_wait_is_claimed_where_the_room_says_so() {
    let (_folder, clock, opened) = one_accepted().await;
    let within = |hours| Room {
        safe_before: Some(clock.now() + SignedDuration::from_hours(hours)),
        ..Room::of(1)
    };
    for (hours, due) in [(1, false), (24, true)] {
        assert_eq!(opened.store.is_due(&cjsm(), within(hours)).await, Ok(due));
        let claims = opened.store.claim_into(&cjsm(), within(hours)).await;
        assert_eq!(claims.unwrap().len(), usize::from(due));
    }
}

/// Scouts: of those that were tried before as many as there is room for, the longest due first.
#[tokio::test]
async fn what_was_tried_before_goes_as_the_room_says_and_what_is_new_goes_in_any_case() {
    let (_folder, clock, opened) = one_accepted().await;
    let again = |again| Room {
        again,
        ..Room::of(4)
    };
    let post_now = async |number: u32| {
        let document = document(number, clock.now());
        let post = post(&document, &format!("key-{number}"), clock.now());
        assert!(opened.store.accept(post).await.is_ok());
    };
    post_now(2).await;
    let tried = opened.store.claim_into(&cjsm(), Room::of(4)).await.unwrap();
    assert_eq!(tried.len(), 2);
    // The second is refused first, and is due again first.
    for claim in tried.iter().rev() {
        opened.sign(claim, b"a letter").await;
        opened.end(claim, AttemptResult::Later).await;
        clock.advance_to(clock.now() + SignedDuration::from_mins(2));
    }
    post_now(3).await;
    let none = again(Some(0));
    assert_eq!(opened.store.is_due(&cjsm(), none).await, Ok(true));
    let new = opened.store.claim_into(&cjsm(), none).await.unwrap();
    assert_eq!(
        new.iter().map(|claim| claim.attempt).collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(opened.store.is_due(&cjsm(), none).await, Ok(false));
    assert!(
        opened
            .store
            .claim_into(&cjsm(), none)
            .await
            .unwrap()
            .is_empty()
    );
    for expected in [&tried[1], &tried[0]] {
        let one = opened
            .store
            .claim_into(&cjsm(), again(Some(1)))
            .await
            .unwrap();
        let of: Vec<_> = one.iter().map(|claim| claim.delivery).collect();
        assert_eq!(of, [expected.delivery], "the longest due, and one");
    }
}

#[tokio::test]
async fn a_suspension_is_in_force_from_its_beginning_to_its_end() {
    let (folder, clock, opened) = one_accepted().await;
    let hour = SignedDuration::from_hours(1);
    let begins = clock.now() + hour;
    let planned = suspend(Some(begins), Some(begins + hour));
    act(&opened, planned).await.unwrap();
    assert!(opened.store.next_due(&[&cjsm()]).await.unwrap()[0].unwrap() <= clock.now());
    clock.advance_to(begins);
    let ends = opened.store.next_due(&[&cjsm()]).await.unwrap();
    assert_eq!(
        ends,
        [Some(begins + hour)],
        "it is looked at when that ends"
    );
    assert!(opened.claim().await.is_none());
    opened.kill().await;
    let opened = open(folder.path(), &clock).await;
    assert!(opened.claim().await.is_none(), "a restart changes nothing");
    clock.advance_to(begins + hour);
    assert!(opened.claim().await.is_some(), "and nobody had to be there");

    let over = suspend(None, Some(clock.now()));
    let refused = act(&opened, over).await.unwrap_err();
    assert_eq!(refused.to_string(), "it would end before it begins");
    for _ in 0..32 {
        act(&opened, suspend(None, None)).await.unwrap();
    }
    let never = opened.store.next_due(&[&cjsm()]).await.unwrap();
    assert_eq!(never, [None], "not before somebody resumes it");
    let refused = act(&opened, suspend(None, None)).await.unwrap_err();
    assert!(refused.to_string().contains("resume it first"));
    let resume = |planned| Act::ResumeRoute {
        route: cjsm(),
        reason: SuspendReason::Over,
        planned,
    };
    act(&opened, resume(false)).await.unwrap();
    assert!(act(&opened, resume(true)).await.is_err(), "all were lifted");
}

#[tokio::test]
async fn nothing_is_silently_late_over_a_suspended_route() {
    let (_folder, clock, opened) = one_accepted().await;
    act(&opened, suspend(None, None)).await.unwrap();
    let live = opened.store.readers().list_live(clock.now()).await.unwrap();
    let (notification, act_by) = (live[0].notification, live[0].act_by);
    let mut call_at = None;
    let mut at_risk_at = None;
    while clock.now() < act_by && call_at.is_none() {
        let next = opened.store.next_timer().await.unwrap().unwrap();
        clock.advance_to(next.max(clock.now()));
        opened.store.fire_timers(64).await.unwrap();
        let now = clock.now();
        let trace = opened.store.readers().show_trace(notification, now);
        let case = trace.await.unwrap().unwrap().case;
        if case.timing(now) == Timing::AtRisk {
            at_risk_at.get_or_insert(now);
        }
        let tasks = opened.store.readers().list_tasks().await.unwrap();
        if tasks.iter().any(|task| task.kind == "ring_school") {
            call_at = Some(now);
        }
    }
    let call_at = call_at.expect("a person is asked to ring");
    assert!(call_at < act_by, "{call_at}");
    println!("at risk {at_risk_at:?}, call {call_at}, act by {act_by}");
    assert!(opened.claim().await.is_none());
}

async fn met_nobody(opened: &Opened, claim: &Claim) {
    let attempted = Attempted {
        result: AttemptResult::Later,
        phase: Phase::Connect,
        why: AttemptWhy::Unreachable,
        code: None,
        enhanced: None,
        tls: None,
        words: Vec::new(),
    };
    let ended = Ended {
        delivery: claim.delivery,
        attempt: claim.attempt,
        attempted,
    };
    opened.store.ended(ended).await.unwrap();
}

#[tokio::test]
async fn attempts_that_met_no_relay_or_were_cut_short_push_no_letter_away() {
    let soon = SignedDuration::from_secs(5);
    let (folder, clock, mut opened) = one_accepted().await;
    for nth in 0..12 {
        let claim = opened.claim().await.unwrap();
        let ended_at = clock.now();
        if nth % 2 == 0 {
            met_nobody(&opened, &claim).await;
        } else {
            opened.kill().await;
            opened = open(folder.path(), &clock).await;
        }
        let due = not_before(&opened).await;
        assert!(due >= ended_at && due <= ended_at + soon, "{nth}: {due}");
        clock.advance_to(ended_at + soon);
    }
    // The first that is spent waits as a first one does: below half a minute, not ten.
    let claim = opened.claim().await.unwrap();
    assert_eq!(claim.attempt, 13);
    opened.sign(&claim, b"the letter").await;
    let ended_at = clock.now();
    opened.end(&claim, AttemptResult::Later).await;
    let due = not_before(&opened).await;
    assert!(due <= ended_at + SignedDuration::from_secs(30), "{due}");
}

/// What is asked before a claim says the same as the claim.
#[tokio::test]
async fn what_is_due_is_asked_for_by_what_there_is_room_for() {
    let (_folder, clock, opened) = one_accepted().await;
    let (hour, store) = (SignedDuration::from_hours(1), &opened.store);
    let none_again = Room {
        again: Some(0),
        ..Room::of(4)
    };
    let near = |hours: i64, again| Room {
        again,
        others: 0,
        safe_before: Some(clock.now() + hour * i32::try_from(hours).unwrap()),
        ..Room::of(4)
    };
    let asked = async || {
        let rooms = [
            Room::of(4),
            none_again,
            near(1, None),
            near(24, None),
            near(24, Some(0)),
        ];
        let mut due = Vec::new();
        for room in rooms {
            due.push(store.is_due(&cjsm(), room).await.unwrap());
        }
        due
    };
    let waits = async |hours: i64| {
        let before = clock.now() + hour * i32::try_from(hours).unwrap();
        store.a_letter_waits(&cjsm(), before).await.unwrap()
    };
    assert_eq!(asked().await, [true, true, false, true, true], "new");
    let claim = opened.claim().await.unwrap();
    assert_eq!(asked().await, [false; 5], "under way");
    opened.sign(&claim, b"a letter").await;
    opened.end(&claim, AttemptResult::Later).await;
    let due = not_before(&opened).await;
    if due > clock.now() {
        assert_eq!(asked().await, [false; 5], "it waits for its next attempt");
    }
    assert_eq!(
        (waits(1).await, waits(24).await),
        (false, true),
        "due or not"
    );
    clock.advance_to(due);
    assert_eq!(asked().await, [true, false, false, true, false], "tried");
    act(&opened, suspend(None, None)).await.unwrap();
    assert_eq!(asked().await, [false; 5]);
    assert!(!waits(24).await);
}

//! While a school is on the telephone: its word compared, the roll question answered, and a call that the
//! school itself makes.

use super::super::cases::{Observed, apply, case_of, load};
use super::super::rows::notification_ids;
use super::super::tasks::{self, can_be_done_from};
use super::super::tx::{By, Fault, Tx, sha256};
use super::super::views::readable;
use super::calls::{Call, NOT_YOURS, call_outcome, claim, claimed_by_another, open_task, renew};
use super::tasks::is_own;
use super::{Acted, NotActed, first, notifications};
use crate::referral::answer::{CallOutcome, SCHOOL_WORD_TRIES, SchoolWord};
use crate::referral::decide::call_ahead;
use crate::referral::directory::ContactOf;
use crate::referral::fact::{Fact, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use crate::referral::school::{Contact, Role, spoken_words};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use sqlx::Row;

/// Live notifications of one force for the same place.
const OF_PLACE: &str = "SELECT id AS notification FROM notification WHERE live = 1 AND force = $1 AND ((urn IS NOT NULL AND urn = $2) OR (la_code IS NOT NULL AND la_code = $3)) ORDER BY act_by, id LIMIT 200";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[OF_PLACE];

const NO_CALL: &str = "this task is no call";
const ASK_AGAIN: &str = "the words do not match: ask for them again with firstbell call word, or end the \
     call as will_not_talk";
const NO_FURTHER: &str = "the words did not match: this call goes no further. End it as \
     will_not_talk, and ring the directory's number";
const DIFFERED: &str = "the last word that was heard of this school does not match: ask for it on this call \
    with firstbell call word, or a supervisor records it with firstbell notification tell";
const RING_THEM: &str = "the last word that was heard of this school does not match: tell whoever rings \
     nothing, and ring the directory's number";
const NONE_KEPT: &str = "no word of this school is kept: go on without, recorded as unverified";

/// What came of comparing what the school said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    Matches,
    Differs,
    /// No contact of the school has a card's hash.
    NoneKept,
}

/// Compares with every card's hash of the school, in a time that does not tell how far it matched.
pub(super) fn compared(said: &str, contacts: &[Contact]) -> Compared {
    let digest = sha256(spoken_words(said).as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let hashes = contacts.iter().filter_map(|known| known.word_hash.as_ref());
    let mut found = Compared::NoneKept;
    for hash in hashes {
        let same = verify_slices_are_equal(hash.as_bytes(), digits.as_bytes()).is_ok();
        found = match (same, found) {
            (true, _) | (_, Compared::Matches) => Compared::Matches,
            (false, _) => Compared::Differs,
        };
    }
    found
}

/// The contacts of whom a case is for.
pub(super) fn contacts_of<'t>(tx: &'t Tx<'_>, case: &Case) -> &'t [Contact] {
    match case.target {
        Target::School(urn) => tx.state.directory.contacts_of(ContactOf::School(urn)),
        Target::Authority(code) => tx.state.directory.contacts_of(ContactOf::Authority(code)),
        Target::Unrouted => &[],
    }
}

/// What was heard of the school's word, in order: each comparison, and whether it matched.
#[derive(Debug, Default)]
pub(super) struct Heard(Vec<bool>);

impl Heard {
    /// The word as it counts: the last comparison decides, else what was said of it.
    pub(super) fn word(&self, said: SchoolWord) -> SchoolWord {
        match self.0.last() {
            Some(true) => SchoolWord::Matches,
            Some(false) => SchoolWord::Differs,
            None => said,
        }
    }

    /// Whether the school may be asked for its word once more.
    fn may_ask(&self) -> bool {
        self.0.iter().filter(|matches| !**matches).count() < SCHOOL_WORD_TRIES
    }

    /// Why nobody may be told as things stand.
    pub(super) fn stopped(&self) -> Option<NotActed> {
        (self.0.last() == Some(&false)).then_some(NotActed::NotNow(if self.may_ask() {
            ASK_AGAIN
        } else {
            NO_FURTHER
        }))
    }
}

/// What was heard on a call: of whoever was on it the longest.
pub(super) async fn heard_on(
    tx: &mut Tx<'_>,
    call: TaskId,
    members: &[NotificationId],
) -> Result<Heard, Fault> {
    let mut heard = Heard::default();
    for member in members {
        let of_member = heard_of(tx, *member, |task| task == Some(call)).await?;
        if of_member.0.len() > heard.0.len() {
            heard = of_member;
        }
    }
    Ok(heard)
}

/// What was heard of one notification, on the calls that are meant.
pub(super) async fn heard_of(
    tx: &mut Tx<'_>,
    member: NotificationId,
    meant: impl Fn(Option<TaskId>) -> bool,
) -> Result<Heard, Fault> {
    let mut heard = Heard::default();
    for fact in &load(tx, member).await?.0 {
        if let Fact::SchoolWordHeard { task, matches } = fact
            && meant(*task)
        {
            heard.0.push(*matches);
        }
    }
    Ok(heard)
}

/// Why nobody is told of a notification now, on whatever call: the last word that was heard of its school
/// does not match. A word that matches lets it go on, or a supervisor, who records it.
pub(super) async fn differs(
    tx: &mut Tx<'_>,
    member: NotificationId,
) -> Result<Option<NotActed>, Fault> {
    let heard = heard_of(tx, member, |_| true).await?;
    let differs = heard.0.last() == Some(&false);
    Ok(differs.then_some(NotActed::NotNow(DIFFERED)))
}

/// Whether the roll question was answered on a call.
pub(super) async fn rolled(
    tx: &mut Tx<'_>,
    member: NotificationId,
    of: TaskId,
) -> Result<bool, Fault> {
    let facts = load(tx, member).await?.0;
    let answered = |fact: &Fact| matches!(fact, Fact::RollAnswered { task, .. } if *task == of);
    Ok(facts.iter().any(answered))
}

/// An operator's own call, and whom it is about.
async fn own_call(
    tx: &mut Tx<'_>,
    task: TaskId,
    operator: &str,
) -> Result<Result<Vec<NotificationId>, NotActed>, Fault> {
    let (row, members) = match open_task(tx, task).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let kind: String = row.try_get("kind")?;
    if TaskKind::parse(&kind) != Some(TaskKind::RingSchool) {
        return Ok(Err(NotActed::NotNow(NO_CALL)));
    }
    if !is_own(&row, operator, tx)? {
        return Ok(Err(NotActed::NotNow(NOT_YOURS)));
    }
    Ok(Ok(members))
}

/// Compares what the school said with its card. What was said is kept nowhere.
pub(super) async fn word(
    tx: &mut Tx<'_>,
    task: TaskId,
    said: &str,
    operator: &str,
) -> Result<Acted, Fault> {
    let members = match own_call(tx, task, operator).await? {
        Ok(members) => members,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(first_of) = members.first() else {
        return Ok(Err(NotActed::NotThere("notification in this call")));
    };
    if !heard_on(tx, task, &members).await?.may_ask() {
        return Ok(Err(NotActed::NotNow(NO_FURTHER)));
    }
    let case = case_of(tx, *first_of).await?;
    let matches = match compared(said, contacts_of(tx, &case)) {
        Compared::Matches => true,
        Compared::Differs => false,
        Compared::NoneKept => return Ok(Err(NotActed::NotNow(NONE_KEPT))),
    };
    let actor = first::actor(operator);
    for member in &members {
        let heard = Fact::SchoolWordHeard {
            task: Some(task),
            matches,
        };
        apply(tx, *member, Observed::by(&actor, heard), None).await?;
    }
    renew(tx, task, &members, (operator, &actor)).await?;
    Ok(Ok(members))
}

/// Whether the child is on the roll. With a yes comes the code that is read back; a no ends the call for
/// this child.
pub(super) async fn roll(
    tx: &mut Tx<'_>,
    (task, about): (TaskId, NotificationId),
    on_roll: bool,
    operator: &str,
) -> Result<Acted, Fault> {
    let members = match own_call(tx, task, operator).await? {
        Ok(members) => members,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(refused) = heard_on(tx, task, &members).await?.stopped() {
        return Ok(Err(refused));
    }
    if !members.contains(&about) {
        return Ok(Err(NotActed::NotThere("notification in this call")));
    }
    if on_roll && let Some(refused) = differs(tx, about).await? {
        return Ok(Err(refused));
    }
    let actor = first::actor(operator);
    if !on_roll {
        let call = Call {
            task,
            outcome: CallOutcome::NotOnRoll,
            only: Some(about),
            role: Role::KeyAdult,
            word: SchoolWord::Unverified,
        };
        return call_outcome(tx, &call, operator, &actor).await;
    }
    // Asked again, it is the same code.
    if !rolled(tx, about, task).await? {
        let code = format!("{:04}", tx.random_u64()? % 10_000);
        let answered = Fact::RollAnswered { task, code };
        apply(tx, about, Observed::by(&actor, answered), None).await?;
    }
    renew(tx, task, &members, (operator, &actor)).await?;
    Ok(Ok(vec![about]))
}

/// The live notifications of a force for the same place, soonest act-by first.
pub(super) async fn of_place(
    tx: &mut Tx<'_>,
    target: Target,
    force: Option<&ForceName>,
) -> Result<Vec<NotificationId>, Fault> {
    let (urn, la_code) = match target {
        Target::School(urn) => (Some(urn.to_string()), None),
        Target::Authority(code) => (None, Some(code.to_string())),
        Target::Unrouted => return Ok(Vec::new()),
    };
    let rows = sqlx::query(OF_PLACE)
        .bind(force.map(ForceName::as_str))
        .bind(urn)
        .bind(la_code)
        .fetch_all(tx.flushed().await?)
        .await?;
    notification_ids(&rows)
}

/// The school rings us: everything that waits for it is one call, which the operator has taken on. What is
/// restricted is on a call of its own: on it if this one is, and not otherwise.
pub(super) async fn inbound(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    operator: &str,
) -> Result<Acted, Fault> {
    let case = match notifications::live(tx, notification).await? {
        Ok(case) => case,
        Err(refused) => return Ok(Err(refused)),
    };
    if case.target == Target::Unrouted {
        let words = "no school is known: choose it with firstbell notification route";
        return Ok(Err(NotActed::NotNow(words)));
    }
    if case.conflict() {
        let words = "an adult involved has a part in this school: do not speak of it on this call";
        return Ok(Err(NotActed::NotNow(words)));
    }
    let (.., by) = load(tx, notification).await?;
    let of_place = of_place(tx, case.target, by.force.as_ref()).await?;
    let task = tasks::open_or_new(tx, &case, TaskKind::RingSchool, &by).await?;
    match open_task(tx, task).await? {
        Ok((row, _)) => {
            if let Some(refused) = claimed_by_another(&row, operator, tx.now)? {
                return Ok(Err(refused));
            }
        }
        // There is none yet: this call opens it.
        Err(NotActed::NotThere(_)) => {}
        Err(refused) => return Ok(Err(refused)),
    }
    // Who did not know the word may ring again as well.
    let heard = heard_of(tx, notification, |of| of != Some(task)).await?;
    if heard.0.last() == Some(&false) {
        return Ok(Err(NotActed::NotNow(RING_THEM)));
    }
    let actor = first::actor(operator);
    for member in of_place {
        joins(tx, member, (task, &case), (&by, &actor)).await?;
    }
    claim(tx, task, operator, &actor).await
}

/// A notification of the school joins the call that it makes itself. Whoever is not told on it is rung when
/// their own ladder does, and not before.
async fn joins(
    tx: &mut Tx<'_>,
    member: NotificationId,
    (task, call): (TaskId, &Case),
    (by, actor): (&By, &str),
) -> Result<(), Fault> {
    let kind = TaskKind::RingSchool;
    let Some(case) = readable(case_of(tx, member).await)? else {
        return Ok(());
    };
    let has_one = case.people.has_open(kind);
    if has_one || case.conflict() || case.restricted() != call.restricted() {
        return Ok(());
    }
    let ahead = call_ahead(&case, tx.now).unwrap_or_else(|| case.act_by.max(tx.now));
    let wanted_by = can_be_done_from(tx, &case, (kind, ahead), by.force.as_ref());
    tasks::write(tx, &case, task, kind, wanted_by, by).await?;
    let opened = Fact::TaskOpened {
        task,
        task_kind: kind,
        wanted_by,
    };
    apply(tx, member, Observed::by(actor, opened), None).await?;
    Ok(())
}

//! Who may be written to about a case as time goes on. Its contacts were named when it was opened, which in
//! a holiday may be weeks ago: who has left since is written to no more, and who has come since joins them.
//! That narrows at once; and who joins is a contact of the live directory, approved like the others, who
//! passes the very plan that the first ones passed.

use super::opening::planned_again;
use super::tx::{Fault, Tx};
use crate::referral::decide::Observation;
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::ContactId;
use crate::referral::london;
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use crate::referral::school::{Contact, Recipient, Role};
use jiff::Timestamp;

/// The case's contacts whom the directory no longer has, or not on this day.
pub(super) fn left(directory: &Directory, case: &Case, now: Timestamp) -> Vec<ContactId> {
    // While the store opens no directory is loaded yet, and nobody has left.
    if directory.version < case.directory_version {
        return Vec::new();
    }
    let listed = listed(directory, case);
    let today = london::civil(now).date();
    let stays = |id: ContactId| {
        let known = listed.iter().find(|known| known.id == id);
        known.is_some_and(|known| known.is_valid_on(today))
    };
    let named = case.contacts.iter().map(|(contact, ..)| *contact);
    named.filter(|contact| !stays(*contact)).collect()
}

fn listed<'d>(directory: &'d Directory, case: &Case) -> &'d [Contact] {
    match case.target {
        Target::School(urn) => directory.contacts_of(ContactOf::School(urn)),
        Target::Authority(code) => directory.contacts_of(ContactOf::Authority(code)),
        Target::Unrouted => &[],
    }
}

/// Whether it matters to what is observed who is in charge now: it may ask for a letter.
pub(super) fn matters_to(observation: Observation) -> bool {
    match observation {
        Observation::Timer
        | Observation::AttemptEnded { .. }
        | Observation::Quarantined { .. }
        | Observation::Answered { .. }
        | Observation::Read { .. }
        | Observation::Reported { .. }
        | Observation::Absent { .. }
        | Observation::Suspended { .. }
        | Observation::Released => true,
        Observation::Opened
        | Observation::Superseded
        | Observation::Recorded
        | Observation::NotOnRoll
        | Observation::Told
        | Observation::EndingChosen
        | Observation::RouteChosen { .. } => false,
    }
}

/// The contacts who may be sent the letter now and were not named as the case was opened; none if there
/// are none. What was posted is opened only where the directory lists somebody who is not named.
pub(super) async fn renewed(
    tx: &mut Tx<'_>,
    case: &Case,
    force: Option<&ForceName>,
) -> Result<Option<Fact>, Fault> {
    let known = |id: ContactId| case.contacts.iter().any(|(known, ..)| *known == id);
    let directory = tx.state.directory.clone();
    let today = london::civil(tx.now).date();
    let mut listed = listed(&directory, case).iter();
    let is_new = |contact: &Contact| {
        contact.role != Role::Office && !known(contact.id) && contact.is_valid_on(today)
    };
    if !case.live() || !listed.any(is_new) {
        return Ok(None);
    }
    let planned = match planned_again(tx, case, force).await {
        Ok(planned) => planned,
        // Who was named stays so: what else is due must not wait for it.
        Err(fault) if fault.is_of_content() => {
            tracing::error!(notification = %case.notification, %fault, "its contacts could not be planned again");
            None
        }
        Err(fault) => return Err(fault),
    };
    let planned = planned.into_iter().flat_map(|planned| planned.recipients);
    let new: Vec<Recipient> = planned.filter(|one| !known(one.contact().id)).collect();
    let contacts = new.iter().map(Recipient::contact);
    Ok((!new.is_empty()).then(|| Fact::ContactsRenewed {
        contacts: contacts.clone().map(|contact| contact.id).collect(),
        roles: contacts.clone().map(|contact| contact.role).collect(),
        routes: contacts.map(|contact| contact.route.clone()).collect(),
        directory_version: directory.version,
    }))
}

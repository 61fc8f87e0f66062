//! A school rings us: what waits for it, by a reference, a URN or words of its name.

use super::reads::{self, Answer};
use crate::referral::directory::Directory;
use crate::referral::plan::Target;
use crate::referral::reference::Reference;
use crate::referral::school::{School, Urn};
use crate::store::{LiveLine, NotStored, Readers};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Schools shown for one search: whoever rings is asked for more words.
const SCHOOLS_MAX: usize = 10;

/// The schools that may be meant, each with its live notifications.
pub(super) async fn find(
    readers: &Readers,
    directory: &Directory,
    now: Timestamp,
    text: &str,
) -> Result<Answer, NotStored> {
    let urns: Vec<Urn> = match Reference::parse(text) {
        Ok(reference) => of_reference(readers, &reference, now).await?,
        Err(_) => {
            let schools = reads::schools_by(directory, text).into_iter();
            schools.map(|school| school.urn).collect()
        }
    };
    let more = urns.len().saturating_sub(SCHOOLS_MAX);
    let mut schools = Vec::new();
    for urn in urns.into_iter().take(SCHOOLS_MAX) {
        let live = readers.list_live_of(urn, now).await?;
        schools.push(shown(urn, directory.schools.get(&urn), &live));
    }
    Ok(Answer::Found(json!({ "schools": schools, "more": more })))
}

async fn of_reference(
    readers: &Readers,
    reference: &Reference,
    now: Timestamp,
) -> Result<Vec<Urn>, NotStored> {
    let Some(matched) = readers.find_reference(reference).await? else {
        return Ok(Vec::new());
    };
    let trace = readers.show_trace(matched.notification, now).await?;
    Ok(match trace.map(|trace| trace.case.target) {
        Some(Target::School(urn)) => vec![urn],
        Some(Target::Authority(_) | Target::Unrouted) | None => Vec::new(),
    })
}

fn shown(urn: Urn, school: Option<&School>, live: &[LiveLine]) -> Value {
    let notifications = live.iter().map(|line| {
        json!({
            "notification": line.notification.to_string(),
            "reference": line.reference,
            "force": line.force,
            "state": line.state,
            "hold": line.hold,
            "act_by": line.act_by.to_string(),
        })
    });
    json!({
        "urn": urn.to_string(),
        "name": school.map(|school| school.name.clone()),
        "notifications": notifications.collect::<Vec<_>>(),
    })
}

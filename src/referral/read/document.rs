//! The document: what stands beside the children.

use super::child::{Times, child};
use super::cross;
use super::values::{Node, Reader};
use crate::referral::post::{
    AskCall, AskFor, Classification, Conference, ForceName, HouseholdFlag, Incident, Party,
    PartyRole, Referral, Relation, RiskGrade, RiskTool, TimePrecision,
};
use jiff::Timestamp;

/// The referral; none when a required value is missing or faulty.
pub(super) fn referral(reader: &mut Reader, root: &Node<'_>, now: Timestamp) -> Option<Referral> {
    reader.text(root, "schema");
    let referral_id = reader.uuid(root, "referral_id");
    let supersedes = reader.uuid(root, "supersedes");
    cross::supersedes_another(reader, root, referral_id.as_ref(), supersedes.as_ref());
    let force = reader.text(root, "force");
    let kind = reader.text(root, "kind");
    let source_system = reader.text(root, "source_system");
    let submitted_by = reader.text(root, "submitted_by");
    let submitted_at = reader.instant(root, "submitted_at");
    cross::submitted_by_now(reader, root, submitted_at, now);
    let police_reference = reader.private(root, "police_reference");
    let restricted = reader.bool(root, "restricted");
    let incident = reader
        .object(root, "incident")
        .and_then(|node| incident(reader, &node, submitted_at));
    let parties = parties(reader, root);
    let household_flags = reader.words(root, "household_flag", HouseholdFlag::parse);
    let times = Times {
        now,
        submitted_at,
        occurred_at: incident.as_ref().map(|incident| incident.occurred_at),
    };
    let nodes = reader.objects(root, "children");
    let children: Vec<_> = nodes
        .iter()
        .map(|node| child(reader, node, times))
        .collect();
    cross::child_refs_differ(reader, &nodes);
    let police_ask_call = reader.word(root, "police_ask_call", AskCall::parse);
    let withhold_from = reader.addresses(root, "withhold_from");
    let contact = reader
        .object(root, "contact")
        .map(|node| ask_for(reader, &node));
    Some(Referral {
        referral_id: referral_id?,
        supersedes,
        force: ForceName::parse(&force?)?,
        kind: kind?,
        source_system: source_system?,
        submitted_by,
        submitted_at: submitted_at?,
        police_reference: police_reference?,
        restricted: restricted.unwrap_or(false),
        incident: incident?,
        parties,
        household_flags,
        children: children.into_iter().collect::<Option<_>>()?,
        police_ask_call: police_ask_call.unwrap_or(AskCall::None),
        withhold_from,
        contact,
    })
}

fn incident(
    reader: &mut Reader,
    node: &Node<'_>,
    submitted_at: Option<Timestamp>,
) -> Option<Incident> {
    let occurred_at = reader.instant(node, "occurred_at");
    let occurred_until = reader.instant(node, "occurred_until");
    let reported_at = reader.instant(node, "reported_at");
    let attended_at = reader.instant(node, "attended_at");
    cross::before_submission(reader, node, occurred_at, submitted_at);
    let time_precision = reader.word(node, "time_precision", TimePrecision::parse);
    let time_precision = time_precision.unwrap_or(TimePrecision::Exact);
    cross::range_runs_forward(reader, node, occurred_at, occurred_until, time_precision);
    let classification = reader.word(node, "classification", Classification::parse);
    let risk_grade = reader.word(node, "risk_grade", RiskGrade::parse);
    let risk_tool = reader.word(node, "risk_tool", RiskTool::parse);
    let location_text = reader.private(node, "location_text");
    let circumstances = reader.private(node, "circumstances");
    let marac = reader.word(node, "marac", Conference::parse);
    let mash = reader.word(node, "mash", Conference::parse);
    Some(Incident {
        occurred_at: occurred_at?,
        occurred_until,
        reported_at,
        attended_at,
        time_precision,
        classification: classification?,
        risk_grade: risk_grade?,
        risk_tool,
        location_text,
        circumstances,
        marac,
        mash,
    })
}

/// Parties without a fault; a faulty one is told by its fault.
fn parties(reader: &mut Reader, root: &Node<'_>) -> Vec<Party> {
    let nodes = reader.objects(root, "parties");
    let party = |node: &Node<'_>| {
        let role = reader.word(node, "role", PartyRole::parse);
        let relation_to_child = reader.word(node, "relation_to_child", Relation::parse);
        Some(Party {
            role: role?,
            relation_to_child: relation_to_child?,
        })
    };
    nodes.iter().filter_map(party).collect()
}

fn ask_for(reader: &mut Reader, node: &Node<'_>) -> AskFor {
    AskFor {
        name: reader.private(node, "name"),
        phone: reader.private(node, "phone"),
        email: reader.private(node, "email"),
    }
}

//! Reports with a part for machines: delivery status (RFC 3464), disposition (RFC 8098), feedback
//! (RFC 5965). Only parts of the mail itself count: a report that a person forwards is a reply.

use super::Finding;
use super::headers::{Headers, xtext};
use super::mime::Part;
use super::scan;
use crate::referral::report::{Action, Kind};

/// Recipients and groups read of one report.
const GROUPS_MAX: usize = 1_000;

/// What the machine-readable part says, if there is one that says anything.
pub(super) fn read(parts: &[Part]) -> Option<Finding> {
    let own = |kinds: &[&str]| {
        let mut parts = parts.iter().filter(|part| part.enclosed == 0);
        parts.find(|part| kinds.contains(&part.kind.as_str()))
    };
    if let Some(part) = own(&[
        "message/disposition-notification",
        "message/global-disposition-notification",
    ]) {
        return Some(disposition(part));
    }
    if own(&["message/feedback-report"]).is_some() {
        return Some(Finding::new(Kind::AbuseReport, "feedback-report"));
    }
    if let Some(part) = own(&["message/delivery-status", "message/global-delivery-status"])
        && let Some(found) = delivery(&groups(part.bytes()))
    {
        return Some(found);
    }
    let report_type = parts.first().and_then(|part| part.parameter("report-type"));
    match report_type
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "disposition-notification" => {
            Some(Finding::new(Kind::ReadReceipt, "report-type-disposition"))
        }
        "feedback-report" => Some(Finding::new(Kind::AbuseReport, "report-type-feedback")),
        _ => None,
    }
}

/// A delivery status that lost its part: its fields stand in the text, as old gateways and lists
/// write them, or in the mail's own header.
pub(super) fn read_text(text: &str, headers: &Headers) -> Option<Finding> {
    delivery(&groups(text.as_bytes())).or_else(|| delivery(std::slice::from_ref(headers)))
}

fn disposition(part: &Part) -> Finding {
    let fields = groups(part.bytes());
    let of = |name: &str| fields.iter().find_map(|group| group.get(name));
    let mut found = Finding::new(Kind::ReadReceipt, "disposition-notification");
    // `manual-action/MDN-sent-manually; displayed`: the word after the semicolon says what was done.
    let done = of("disposition")
        .and_then(|value| value.split_once(';'))
        .map(|(_, done)| done);
    if let Some(done) = done.filter(|done| done.to_ascii_lowercase().contains("delet")) {
        let was_error = done.contains("error");
        found.reasons.push(
            if was_error {
                "deleted-with-error"
            } else {
                "deleted"
            }
            .to_owned(),
        );
    }
    let recipient = of("original-recipient").or_else(|| of("final-recipient"));
    found.recipients.extend(recipient.and_then(mailbox));
    found
}

/// Groups of fields between empty lines (RFC 3464 2.1): first the message's, then one a recipient.
pub(super) fn groups(body: &[u8]) -> Vec<Headers> {
    let (mut groups, mut at) = (Vec::new(), 0);
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        if groups.len() >= GROUPS_MAX {
            break;
        }
        let (group, length) = Headers::read(rest, false);
        at += length.max(1);
        if !group.is_empty() {
            groups.push(group);
        }
    }
    groups
}

/// What one group says of one recipient.
struct Said {
    action: Action,
    status: Option<String>,
    class: u8,
    recipient: Option<String>,
}

impl Said {
    fn read(group: &Headers) -> Option<Self> {
        let status = group.get("status").and_then(first_status);
        let word = group.get("action").and_then(|value| {
            let word = value
                .split(|c: char| !c.is_ascii_alphabetic())
                .find(|word| !word.is_empty())?;
            Action::parse(&word.to_ascii_lowercase())
        });
        let recipient = [
            "original-recipient",
            "final-recipient",
            "x-actual-recipient",
        ]
        .iter()
        .find_map(|name| group.get(name).and_then(mailbox));
        if word.is_none() && (status.is_none() || recipient.is_none()) {
            return None;
        }
        let action = word.unwrap_or(
            match status.as_deref().and_then(|code| code.bytes().next()) {
                Some(b'2') => Action::Delivered,
                Some(b'4') => Action::Delayed,
                _ => Action::Failed,
            },
        );
        let codes = group
            .get("diagnostic-code")
            .map(scan::codes)
            .unwrap_or_default();
        let status = more_exact(status, &codes);
        let class = match (&status, codes.first()) {
            (Some(status), _) => status.bytes().next().unwrap_or(b'5').saturating_sub(b'0'),
            (None, Some(code)) => code.class,
            (None, None) => 5,
        };
        Some(Self {
            action,
            status,
            class,
            recipient,
        })
    }

    fn kind(&self) -> Kind {
        match self.action {
            Action::Delivered | Action::Relayed | Action::Expanded => Kind::DeliveryReport,
            Action::Delayed => Kind::BounceTemporary,
            Action::Failed if self.class == 4 => Kind::BounceTemporary,
            Action::Failed => Kind::BouncePermanent,
        }
    }

    /// What is worse decides for the whole.
    fn weight(&self) -> u8 {
        match self.action {
            Action::Failed if self.class == 4 => 4,
            Action::Failed => 5,
            Action::Delayed => 3,
            Action::Relayed => 2,
            Action::Expanded => 1,
            Action::Delivered => 0,
        }
    }
}

fn delivery(groups: &[Headers]) -> Option<Finding> {
    let said: Vec<Said> = groups.iter().filter_map(Said::read).collect();
    let worst = said.iter().rev().max_by_key(|said| said.weight())?;
    let mut found = Finding::new(worst.kind(), "delivery-status");
    found
        .reasons
        .push(format!("action-{}", worst.action.word()));
    found.status.clone_from(&worst.status);
    found.action = Some(worst.action);
    let alike = said.iter().filter(|said| said.weight() == worst.weight());
    for recipient in alike.filter_map(|said| said.recipient.as_ref()) {
        if !found
            .recipients
            .iter()
            .any(|own| own.eq_ignore_ascii_case(recipient))
        {
            found.recipients.push(recipient.clone());
        }
    }
    Some(found)
}

/// `5.1.1 (bad address)` and `5.1.1`.
fn first_status(value: &str) -> Option<String> {
    let mut words = value.split(|c: char| !c.is_ascii_digit() && c != '.');
    words
        .find(|word| scan::is_enhanced(word))
        .map(str::to_owned)
}

/// The reporting system often says only `x.0.0` or "expired"; what the peer itself answered, in the
/// diagnostic code, says why (RFC 3464 2.3.6), as long as both are of one class.
fn more_exact(status: Option<String>, codes: &[scan::Code]) -> Option<String> {
    let class = status.as_deref().and_then(|status| status.get(..1));
    let mut stated = codes.iter().filter_map(|code| code.enhanced.as_ref());
    let better = stated
        .find(|code| !code.ends_with(".0.0") && class.is_none_or(|class| code.starts_with(class)));
    better.cloned().or(status)
}

/// `rfc822; a+2Bb@c` (RFC 3464 2.3.1), xtext decoded; some write it without the type.
fn mailbox(value: &str) -> Option<String> {
    let address = value.split_once(';').map_or(value, |(_, address)| address);
    let decoded = xtext(address);
    // A plus address that nobody encoded must not be read as xtext: `+` and two digits is both.
    let is_encoded = address.contains('+') && decoded.matches('@').count() == 1;
    scan::address(if is_encoded { &decoded } else { address }).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_groups(text: &str) -> Finding {
        delivery(&groups(text.as_bytes())).unwrap()
    }

    #[test]
    fn the_worst_recipient_decides_and_is_named() {
        let found = read_groups(
            "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@b.c\nAction: delivered\nStatus: 2.0.0\n\n\
             Final-Recipient: rfc822; d@e.f\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550\n 5.1.1\n no\n",
        );
        assert_eq!(found.kind, Kind::BouncePermanent);
        assert_eq!(
            (found.status.as_deref(), found.action),
            (Some("5.1.1"), Some(Action::Failed))
        );
        assert_eq!(found.recipients, ["d@e.f"]);
    }

    #[test]
    fn relayed_is_not_delivered_and_delayed_is_not_failed() {
        let of = |action: &str, status: &str| {
            read_groups(&format!(
                "Final-Recipient: rfc822;a@b.c\nAction: {action}\nStatus: {status}"
            ))
        };
        assert_eq!(of("relayed", "2.1.9").action, Some(Action::Relayed));
        assert_eq!(of("Expanded (to list)", "2.1.5").kind, Kind::DeliveryReport);
        assert_eq!(of("delayed", "4.4.1").kind, Kind::BounceTemporary);
        assert_eq!(of("failed", "4.4.7").kind, Kind::BounceTemporary);
        assert_eq!(of("failed", "5.4.7").kind, Kind::BouncePermanent);
    }

    #[test]
    fn our_own_address_comes_back_decoded() {
        let text = "Original-Recipient: rfc822;dsl+2Bsafe@b.sch.uk\nAction: failed\nStatus: 5.1.1";
        assert_eq!(read_groups(text).recipients, ["dsl+safe@b.sch.uk"]);
    }

    #[test]
    fn groups_are_bounded() {
        assert_eq!(
            groups("a: b\n\n".repeat(5_000).as_bytes()).len(),
            GROUPS_MAX
        );
    }
}

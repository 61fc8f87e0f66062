//! The people and machines at schools, as far as they write: reports on letters, replies, absences.

use super::carrier::Carried;
use super::dice::Dice;
use super::places::County;
use super::tally::Tally;
use crate::referral::london;
use crate::store::InboundMail;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Staff read their mail between these times.
const READ_FROM: Time = Time::constant(6, 55, 0, 0);
const READ_TO: Time = Time::constant(17, 30, 0, 0);
/// In a million: letters that a person answers; of those, answers of a kind.
const ANSWERED: u64 = 600_000;
/// In a million: letters about whose arrival a relay reports.
const REPORTED: u64 = 600_000;

/// In a million: letters whose reader rings us instead, and whose reader is the wrong person.
const RINGS: u64 = 30_000;
const WRONG: u64 = 5_000;
/// In a million: letters of a holiday that a machine answers, which says that the school is closed.
const CLOSED: u64 = 60_000;
const A_WEEKEND: SignedDuration = SignedDuration::from_hours(80);

/// What follows from a letter.
#[derive(Debug, Default)]
pub(super) struct Follows {
    pub(super) mails: Vec<Coming>,
    /// When the school rings us.
    pub(super) rings: Option<Timestamp>,
}

/// A mail on its way to the gateway, and what it is in the tally.
#[derive(Debug, Clone)]
pub(super) struct Coming {
    pub(super) at: Timestamp,
    pub(super) mail: InboundMail,
    pub(super) word: &'static str,
}

/// What of a letter its reader's programs need.
struct Read {
    reply_to: String,
    from: String,
    envid: String,
    message_id: String,
    subject: String,
}

/// What follows from a letter that arrived at `at`. `faults` in a million. What leaves no mail behind is
/// counted in `tally`.
pub(super) fn follows(
    county: &County,
    carried: &Carried,
    at: Timestamp,
    (faults, tally): (u64, &mut Tally),
    dice: &Dice,
) -> Follows {
    // To an empty sender nothing is ever sent (RFC 5321, 4.5.5).
    let Some(read) = read(carried) else {
        return Follows::default();
    };
    let days = county.days(county.place_of(&read.from));
    let mut coming = reports(&read, at, (faults, &mut *tally), dice);
    let away = days.next_staffed(at, READ_FROM, READ_TO);
    if dice.happens(CLOSED)
        && let Some(opens) = away.filter(|opens| opens.duration_since(at) > A_WEEKEND)
    {
        coming.push(closed(&read, at + seconds(dice.between(5, 120)), opens));
    }
    if dice.happens(40_000) {
        coming.push(absence(&read, at + seconds(dice.between(5, 120)), dice));
    }
    let Some(opens) = away.filter(|_| dice.happens(ANSWERED)) else {
        return Follows {
            mails: coming,
            rings: None,
        };
    };
    let mut answered = opens + seconds(dice.spread(60, 4 * 3600));
    if dice.happens(faults / 8) {
        answered += seconds(dice.between(3600, 30 * 3600));
        tally.does("answer_late");
    }
    if dice.happens(RINGS) {
        return Follows {
            mails: coming,
            rings: days.telephone_from(answered),
        };
    }
    let (words, word) = match dice.below(100) {
        _ if dice.happens(WRONG) => ("WRONG PERSON", "wrong_person"),
        0..=87 => ("RECEIVED", "received"),
        88..=92 => ("Thank you, I will speak to the class teacher.", "free_text"),
        93..=95 => ("CALL", "call"),
        _ => ("NOT OURS", "not_ours"),
    };
    coming.push(answer(&read, answered, words, word));
    if dice.happens(faults / 20) {
        let later = answered + seconds(dice.between(60, 7200));
        coming.push(answer(&read, later, "NOT OURS", "contradictory"));
    }
    Follows {
        mails: coming,
        rings: None,
    }
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

fn reports(
    read: &Read,
    at: Timestamp,
    (faults, tally): (u64, &mut Tally),
    dice: &Dice,
) -> Vec<Coming> {
    let mut coming = Vec::new();
    let soon = at + seconds(dice.between(5, 180));
    if dice.happens(faults / 10) {
        // Made up by somebody who knows our address and no token.
        let forged = Read {
            envid: "0123456789abcdefghjkmnpqrs".to_owned(),
            message_id: "made.up@elsewhere.test".to_owned(),
            reply_to: read.reply_to.split('+').next().unwrap_or("x").to_owned()
                + "@gateway.simulated.test",
            from: read.from.clone(),
            subject: read.subject.clone(),
        };
        coming.push(report(&forged, soon, "failed", "report_forged"));
    }
    if !dice.happens(REPORTED) {
        return coming;
    }
    if dice.happens(faults / 4) {
        tally.does("report_lost");
        return coming;
    }
    if dice.happens(faults / 40) {
        coming.push(report(read, soon, "failed", "bounced"));
        return coming;
    }
    let arrives = if dice.happens(faults / 4) {
        (at + seconds(dice.between(3600, 20 * 3600)), "report_late")
    } else {
        (soon, "reported")
    };
    coming.push(report(read, arrives.0, "delivered", arrives.1));
    if dice.happens(faults / 10) {
        let later = arrives.0 + seconds(dice.between(5, 600));
        coming.push(report(read, later, "delayed", "report_out_of_order"));
    }
    coming
}

/// What the reader's programs see; none where nobody may answer.
fn read(carried: &Carried) -> Option<Read> {
    let reply_to = carried.envelope.mail_from.as_ref()?.as_str().to_owned();
    let head = std::str::from_utf8(&carried.letter).ok()?;
    let (head, _) = head.split_once("\r\n\r\n")?;
    let head = head.replace("\r\n ", " ");
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(name).map(str::trim))
    };
    let message_id = header("Message-ID:")?;
    Some(Read {
        reply_to,
        from: carried.envelope.rcpt_to.as_str().to_owned(),
        envid: carried.envelope.envid.clone(),
        message_id: message_id.trim_matches(['<', '>']).to_owned(),
        subject: header("Subject:").unwrap_or_default().to_owned(),
    })
}

fn answer(read: &Read, at: Timestamp, words: &str, word: &'static str) -> Coming {
    let from = &read.from;
    let body = format!("{words}\r\n");
    person(read, at, ("Re:", "", &body), (Some(from.clone()), word))
}

fn absence(read: &Read, at: Timestamp, dice: &Dice) -> Coming {
    let until = london::civil(at).date();
    let until = until.saturating_add(dice.between(1, 12).days());
    let until = until.strftime("%A %-d %B %Y");
    let body =
        format!("I am away from school until {until} and will not read this before then.\r\n");
    let automatic = "Auto-Submitted: auto-replied\r\n";
    let parts = ("Automatic reply:", automatic, body.as_str());
    person(read, at, parts, (Some(read.from.clone()), "absence"))
}

fn closed(read: &Read, at: Timestamp, opens: Timestamp) -> Coming {
    let opens = london::civil(opens).strftime("%A %-d %B %Y");
    let body = format!("The school is closed until {opens}. Your message has been received.\r\n");
    let automatic = "Auto-Submitted: auto-replied\r\n";
    let parts = ("Automatic reply:", automatic, body.as_str());
    person(read, at, parts, (Some(read.from.clone()), "closed"))
}

/// A mail in the letter's thread.
fn person(
    read: &Read,
    at: Timestamp,
    (prefix, headers, body): (&str, &str, &str),
    (mail_from, word): (Option<String>, &'static str),
) -> Coming {
    let (from, to, thread, subject) = (&read.from, &read.reply_to, &read.message_id, &read.subject);
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let id = format!("{word}.{}.{}", at.as_microsecond(), read.envid);
    let text = format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: {prefix} {subject}\r\nDate: {date}\r\n\
         Message-ID: <{id}@school.simulated.test>\r\nIn-Reply-To: <{thread}>\r\n\
         References: <{thread}>\r\n{headers}MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\n{body}"
    );
    Coming {
        at,
        mail: InboundMail {
            source: "smtp".to_owned(),
            mail_from,
            rcpt_to: vec![to.clone()],
            bytes: text.into_bytes(),
        },
        word,
    }
}

/// A delivery report (RFC 3464).
fn report(read: &Read, at: Timestamp, action: &str, word: &'static str) -> Coming {
    let status = match action {
        "delivered" => "2.0.0",
        "delayed" => "4.4.1",
        _ => "5.1.1",
    };
    let (rcpt, to, envid, thread) = (&read.from, &read.reply_to, &read.envid, &read.message_id);
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let id = format!("{action}.{}.{envid}", at.as_microsecond());
    let text = format!(
        "From: Mail Delivery System <postmaster@relay.simulated.test>\r\nTo: <{to}>\r\n\
         Subject: Delivery report\r\nDate: {date}\r\nMessage-ID: <{id}@relay.simulated.test>\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nAbout your message to {rcpt}.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; relay.simulated.test\r\nOriginal-Envelope-Id: {envid}\r\n\r\n\
         Final-Recipient: rfc822; {rcpt}\r\nAction: {action}\r\nStatus: {status}\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{thread}>\r\n--b--\r\n"
    );
    Coming {
        at,
        mail: InboundMail {
            source: "smtp".to_owned(),
            mail_from: None,
            rcpt_to: vec![to.clone()],
            bytes: text.into_bytes(),
        },
        word,
    }
}

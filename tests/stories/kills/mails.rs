//! What comes back of a letter: the mails of a school and of its relay, made once, so that each time
//! they are sent they are the same bytes.

use super::dice::Dice;
use super::field::Transaction;
use super::referrals::named_in;
use firstbell::clock::Clock;

/// What a mail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A person has it.
    Received,
    /// A person says that the child is not on their roll.
    NotOurs,
    /// A person asks something.
    Question,
    /// A machine says that somebody is away.
    Away,
    /// A machine says RECEIVED.
    Machine,
    /// The relay reports that it is in the mailbox (RFC 3464).
    Delivered,
    /// The relay reports that it will never be.
    Failed,
}

impl What {
    pub(super) const ALL: [Self; 7] = [
        Self::Received,
        Self::NotOurs,
        Self::Question,
        Self::Away,
        Self::Machine,
        Self::Delivered,
        Self::Failed,
    ];

    /// The kind of the one fact that it becomes, and the field and word which tell it from others.
    pub(super) fn fact(self) -> (&'static str, Option<(&'static str, &'static str)>) {
        match self {
            Self::Received => ("answer_received", Some(("verdict", "received"))),
            Self::NotOurs => ("answer_received", Some(("verdict", "not_ours"))),
            Self::Question => ("answer_received", Some(("verdict", "none"))),
            Self::Away => ("absence_noted", None),
            Self::Machine => ("receipt_received", None),
            Self::Delivered => ("report_received", Some(("action", "delivered"))),
            Self::Failed => ("report_received", Some(("action", "failed"))),
        }
    }

    pub(super) fn is_report(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed)
    }

    fn is_by_a_person(self) -> bool {
        matches!(self, Self::Received | Self::NotOurs | Self::Question)
    }
}

/// What comes back of one letter, in this order; mostly nothing.
pub(super) fn chosen(dice: &mut Dice) -> &'static [What] {
    match dice.below(16) {
        0..4 => &[What::Received],
        4 => &[What::Delivered, What::Received],
        5 => &[What::NotOurs],
        6 => &[What::Question],
        7 => &[What::Failed],
        8 => &[What::Away],
        9 => &[What::Machine],
        10 => match dice.below(3) {
            0 => &[What::Received, What::NotOurs],
            1 => &[What::Received, What::Failed],
            _ => &[What::Machine, What::Received],
        },
        _ => &[],
    }
}

/// A letter as a school's relay took it.
#[derive(Clone)]
pub(super) struct Letter {
    /// Of whom it speaks.
    pub(super) child: String,
    /// Whose mailbox it is for.
    pub(super) recipient: String,
    pub(super) message_id: String,
    pub(super) reply_to: String,
    /// The envelope's sender, to which reports go.
    reports_to: String,
    envid: String,
    subject: String,
}

impl Letter {
    /// None for a note, which speaks of no child.
    pub(super) fn read(taken: &Transaction) -> Option<Self> {
        let child = named_in(&taken.bytes).pop()?;
        let envid = taken.mail.split(' ').find_map(|p| p.strip_prefix("ENVID="));
        Some(Self {
            child,
            recipient: taken.recipient.clone(),
            message_id: header(&taken.bytes, "Message-ID"),
            reply_to: header(&taken.bytes, "Reply-To"),
            reports_to: taken.mail.split(['<', '>']).nth(1)?.to_owned(),
            envid: envid?.to_owned(),
            subject: header(&taken.bytes, "Subject"),
        })
    }

    /// Whether an answer to it goes to an address of its own.
    pub(super) fn has_token(&self) -> bool {
        self.reply_to.contains('+')
    }
}

/// A field of a letter's head, unfolded.
pub(super) fn header(letter: &[u8], name: &str) -> String {
    let text = std::str::from_utf8(letter).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(known, _)| *known == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {head}"))
        .1
        .to_owned()
}

/// A mail with its envelope.
pub(super) struct Mail {
    /// None: the null sender of reports and automatic replies.
    pub(super) mail_from: Option<String>,
    pub(super) rcpt_to: String,
    pub(super) bytes: Vec<u8>,
}

impl Mail {
    pub(super) fn about(letter: &Letter, what: What) -> Self {
        let text = if what.is_report() {
            report(letter, what)
        } else {
            reply(letter, what)
        };
        Self {
            mail_from: what.is_by_a_person().then(|| letter.recipient.clone()),
            rcpt_to: if what.is_report() {
                letter.reports_to.clone()
            } else {
                letter.reply_to.clone()
            },
            bytes: text.replace('\n', "\r\n").into_bytes(),
        }
    }
}

fn reply(letter: &Letter, what: What) -> String {
    let (subject, marks, text) = match what {
        What::Away => (
            "Automatic reply",
            "Auto-Submitted: auto-replied\n",
            "I am on leave. For anything urgent please ring the office.",
        ),
        What::Machine => ("RE", "Auto-Submitted: auto-replied\n", "RECEIVED"),
        What::NotOurs => ("RE", "", "NOT OURS"),
        What::Question => ("RE", "", "Is she the younger of the two sisters?"),
        What::Received | What::Delivered | What::Failed => ("RE", "", "RECEIVED"),
    };
    format!(
        "From: {from}\nTo: {to}\nDate: {date}\nMessage-ID: <{what:?}.{own}\n\
         In-Reply-To: {message_id}\nSubject: {subject}: {asked}\n{marks}\
         Content-Type: text/plain; charset=utf-8\n\n{text}\n",
        from = letter.recipient,
        to = letter.reply_to,
        date = date(),
        own = letter.message_id.trim_start_matches('<'),
        message_id = letter.message_id,
        asked = letter.subject,
    )
}

fn report(letter: &Letter, what: What) -> String {
    let (subject, action, status) = if what == What::Failed {
        ("Undelivered Mail Returned to Sender", "failed", "5.1.1")
    } else {
        ("Successful Mail Delivery Report", "delivered", "2.0.0")
    };
    format!(
        "From: MAILER-DAEMON@relay.test (Mail Delivery System)\nTo: {to}\nDate: {date}\n\
         Message-ID: <{what:?}.{envid}@relay.test>\nSubject: {subject}\n\
         Auto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n\n\
         --b\nContent-Type: text/plain; charset=utf-8\n\nThis is the mail system at host relay.test.\n\
         --b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; relay.test\nOriginal-Envelope-Id: {envid}\n\n\
         Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {status}\n\
         --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {message_id}\nTo: {recipient}\n--b--\n",
        to = letter.reports_to,
        date = date(),
        envid = letter.envid,
        recipient = letter.recipient,
        message_id = letter.message_id,
    )
}

fn date() -> String {
    let now = Clock::system().now();
    now.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

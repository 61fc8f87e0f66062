//! What comes back and is nobody's word: a letter of ours itself, and reports without a letter or a year late.

use super::{County, address, wall};
use firstbell::referral::fact::TaskKind;
use firstbell::referral::school::Role;
use firstbell::store::InboundMail;
use jiff::SignedDuration;

const REPORT: &str = "From: MAILER-DAEMON@relay.test\nTo: replies@force.test\nSubject: Undelivered Mail\n\
    MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
    --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.test\n\n\
    Final-Recipient: rfc822; TO\nAction: failed\nStatus: 5.1.1\n\n\
    --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <ID>\n\n--b--\n";

impl County {
    async fn comes_back(&self, mail: &str) {
        let mail = InboundMail {
            source: "mailbox".to_owned(),
            mail_from: None,
            rcpt_to: Vec::new(),
            bytes: mail.replace('\n', "\r\n").into_bytes(),
        };
        self.opened.store.keep_inbound(mail).await.unwrap();
    }

    /// The kinds of mails that wait to be read.
    async fn to_read(&self) -> Vec<String> {
        let readers = self.opened.store.readers();
        let tasks = readers.list_tasks_of(TaskKind::ReadReply).await.unwrap();
        let replies = readers.list_replies(true).await.unwrap();
        let of = |inbound: &str| replies.iter().find(|line| line.inbound == inbound);
        let kinds = tasks
            .iter()
            .filter_map(|task| of(&task.reply.as_ref()?.0)?.kind.clone());
        kinds.collect()
    }
}

/// A rule in a mailbox sent it on, or a folder of what was sent is read.
#[tokio::test]
async fn a_letter_of_ours_that_is_found_in_a_mailbox_is_nobodys_answer() {
    let mut county = County::begin("2020-11-24T19:00", 1).await;
    let document = county.referral(0);
    let id = county.accept(&document).await.notifications[0].id;
    county.settle().await;
    let letter = county.taken_for(&address(0, Role::KeyAdult)).remove(0);
    let ours = format!(
        "From: Secure Desk <{}>\nTo: replies@force.test\nMessage-ID: <{}>\nSubject: please answer\n\
         Content-Type: text/plain\n\nReceived\n",
        letter.to, letter.message_id
    );
    county.comes_back(&ours).await;
    county.comes_to(wall("2020-11-25T08:31")).await;
    assert_eq!(county.to_read().await, ["unclassified"]);
    let case = county.trace(id).await.case;
    assert!(case.people.answers.is_empty());
    // The ladder went on: the deputy has a letter, and nobody had a note.
    assert_eq!(county.taken_for(&address(0, Role::KeyAdult)).len(), 1);
    assert_eq!(county.taken_for(&address(0, Role::Deputy)).len(), 1);
}

#[tokio::test]
async fn a_report_that_names_no_letter_is_read_and_one_that_is_a_year_late_reopens_nothing() {
    let mut county = County::begin("2020-11-24T19:00", 1).await;
    let document = county.referral(0);
    let id = county.accept(&document).await.notifications[0].id;
    county.settle().await;
    let letter = county.taken_for(&address(0, Role::KeyAdult)).remove(0);
    county.mail(&letter, "Subject: Re: it\n", "Received").await;
    county.settle().await;
    let report = |message_id: &str| {
        REPORT
            .replace("TO", &letter.to)
            .replace("ID>", &format!("{message_id}>"))
    };
    county.comes_back(&report("made.up@elsewhere.test")).await;
    county.settle().await;
    assert_eq!(county.to_read().await, ["bounce_permanent"]);
    let before = county.trace(id).await.facts.len();
    let year = wall("2020-11-24T19:00") + SignedDuration::from_hours(24 * 365);
    county.comes_to(year).await;
    county.comes_back(&report(&letter.message_id)).await;
    county.settle().await;
    assert_eq!(county.to_read().await, ["bounce_permanent"; 2]);
    let trace = county.trace(id).await;
    assert!(
        trace.facts[before..]
            .iter()
            .all(|line| line.fact.kind() != "report_received")
    );
    assert_eq!(county.taken_for(&address(0, Role::Deputy)).len(), 0);
}

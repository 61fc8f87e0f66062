//! A letter or note as mail: one text part, signed as RFC 3156 `multipart/signed`.
//!
//! The signed bytes are written once and never parsed and written again: a signature is over bytes.

use super::headers::{bare, field, mailbox};
use super::quoted_printable;
use crate::referral::school::Address;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// It has no `Auto-Submitted`, because we want to hear that somebody is away.
    Letter,
    /// Nothing is to answer it by itself (RFC 3834 section 5).
    Note,
}

/// The fields that stand outside and, protected, inside the signed part (RFC 9788).
#[derive(Debug, Clone)]
pub(super) struct Head<'a> {
    pub(super) what: What,
    pub(super) from_name: &'a str,
    pub(super) from: &'a Address,
    pub(super) to: &'a Address,
    pub(super) subject: &'a str,
    /// RFC 5322 3.3.
    pub(super) date: String,
    /// Without angle brackets.
    pub(super) message_id: &'a str,
    pub(super) reply_to: Address,
}

impl Head<'_> {
    fn fields(&self) -> String {
        [
            field("From", &mailbox(self.from_name, self.from)),
            field("To", &bare(self.to)),
            field("Subject", self.subject),
            field("Date", &self.date),
            field("Message-ID", &format!("<{}>", self.message_id)),
            field("Reply-To", &bare(&self.reply_to)),
            match self.what {
                What::Letter => String::new(),
                What::Note => field("Auto-Submitted", "auto-generated"),
            },
        ]
        .concat()
    }
}

/// The part that is signed, in canonical form, without the CRLF that belongs to the boundary after
/// it (RFC 3156 section 5). `text` is lines that each end in LF.
///
/// It carries the message's own header fields, because relays rewrite subjects, and says with
/// `hp="clear"` that it does (RFC 9788 section 2.1.1).
pub(super) fn signed_part(head: &Head<'_>, text: &str) -> String {
    let content_type = r#"text/plain; charset="utf-8"; hp="clear""#;
    [
        head.fields(),
        field("Content-Type", content_type),
        field("Content-Transfer-Encoding", "quoted-printable"),
        "\r\n".to_owned(),
        quoted_printable::encode(text.trim_end_matches('\n')),
    ]
    .concat()
}

/// The whole message around a part and the armored signature over exactly its bytes. `micalg` names
/// the signature's hash (RFC 3156 section 5).
pub(super) fn message(
    head: &Head<'_>,
    part: &str,
    signature: &str,
    micalg: &str,
    boundary: &str,
) -> String {
    let content_type = format!(
        "multipart/signed; micalg={micalg}; protocol=\"application/pgp-signature\"; \
         boundary=\"{boundary}\""
    );
    let signature = signature.trim_end().replace('\n', "\r\n");
    [
        head.fields(),
        field("MIME-Version", "1.0"),
        field("Content-Type", &content_type),
        format!("\r\n--{boundary}\r\n{part}\r\n--{boundary}\r\n"),
        field(
            "Content-Type",
            r#"application/pgp-signature; name="signature.asc""#,
        ),
        field("Content-Description", description(head.what)),
        field(
            "Content-Disposition",
            r#"attachment; filename="signature.asc""#,
        ),
        format!("\r\n{signature}\r\n\r\n--{boundary}--\r\n"),
    ]
    .concat()
}

fn description(what: What) -> &'static str {
    match what {
        What::Letter => "our seal on this letter",
        What::Note => "our seal on this note",
    }
}

/// A boundary from random bytes that the caller draws from a CSPRNG.
pub(super) fn boundary(random: [u8; 16]) -> String {
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("seal-{digits}")
}

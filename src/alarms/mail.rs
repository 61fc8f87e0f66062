//! An alarm as a mail: plain ASCII text, what to do in it, sent with an empty sender so that nothing can
//! loop (RFC 3834 section 2). It is in clear on the desk's own mailbox, and says nothing that may not be.

use super::message::{Group, Message, NAMED_MAX};
use crate::referral::london;
use crate::referral::school::Address;
use crate::store::sha256;
use jiff::fmt::rfc2822;
use std::fmt::{self, Write};

/// Longest line that is not broken, characters (RFC 5322 2.1.1 asks for 78).
const LINE_MAX: usize = 76;

/// The bytes to send: canonical lines of printable ASCII.
pub(super) fn bytes(message: &Message, from: &Address, to: &Address) -> Vec<u8> {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, message, from, to);
    text.replace('\n', "\r\n").into_bytes()
}

fn write(text: &mut String, message: &Message, from: &Address, to: &Address) -> fmt::Result {
    let zoned = message.at.to_zoned(london::LONDON.clone());
    writeln!(text, "From: {}", from.as_str())?;
    writeln!(text, "To: {}", to.as_str())?;
    writeln!(text, "Subject: {}", subject(message))?;
    writeln!(
        text,
        "Date: {}",
        rfc2822::to_string(&zoned).unwrap_or_default()
    )?;
    writeln!(text, "Message-ID: <{}@{}>", id(message), message.gateway)?;
    writeln!(text, "Auto-Submitted: auto-generated")?;
    writeln!(text, "MIME-Version: 1.0")?;
    writeln!(text, "Content-Type: text/plain; charset=us-ascii")?;
    writeln!(text, "Content-Transfer-Encoding: 7bit")?;
    writeln!(text)?;
    for group in &message.groups {
        write_group(text, group)?;
    }
    writeln!(text, "All of them: firstbell alarm list")
}

/// One alarm by its summary; several by their number.
fn subject(message: &Message) -> String {
    let gateway = &message.gateway;
    match (message.groups.as_slice(), message.firing()) {
        ([group], 1) => format!("[alarm] {}: {gateway}", group.runbook.summary),
        ([group], count) => {
            format!(
                "[alarm] {count} times: {}: {gateway}",
                group.runbook.summary
            )
        }
        (groups, count) => {
            let kinds = groups.len();
            format!("[alarm] {count} alarms of {kinds} kinds: {gateway}")
        }
    }
}

fn id(message: &Message) -> String {
    let mut name = message.at.to_string();
    for line in message.groups.iter().flat_map(|group| &group.firing) {
        name += &line.alarm.to_string();
    }
    let digest = sha256(name.as_bytes());
    let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("alarm-{}", digits.collect::<String>())
}

fn write_group(text: &mut String, group: &Group) -> fmt::Result {
    let count = group.firing.len();
    writeln!(text, "{} ({})", group.runbook.summary, group.kind.word())?;
    for line in group.runbook.text.lines() {
        wrapped(text, line)?;
    }
    writeln!(text)?;
    for line in group.firing.iter().take(NAMED_MAX) {
        let since = london::civil(line.opened_at).strftime("%H:%M on %a %-d %b");
        writeln!(text, "  {}  since {since}", line.alarm)?;
        writeln!(text, "    {}", line.subject)?;
        writeln!(text, "    {}", group.runbook.command(&line.subject))?;
        writeln!(text, "    take it on: firstbell alarm claim {}", line.alarm)?;
    }
    let more = count.saturating_sub(NAMED_MAX);
    if more > 0 {
        writeln!(text, "  and {more} more of this kind")?;
    }
    writeln!(text)
}

/// Breaks a line between words.
fn wrapped(text: &mut String, line: &str) -> fmt::Result {
    let mut width = 0;
    for word in line.split_whitespace() {
        if width > 0 && width + 1 + word.len() > LINE_MAX {
            writeln!(text)?;
            width = 0;
        }
        if width > 0 {
            write!(text, " ")?;
            width += 1;
        }
        write!(text, "{word}")?;
        width += word.len();
    }
    writeln!(text)
}

//! One command line, read by RFC 5321 4.1. What it does not allow is refused, never guessed.

use super::path::{mailbox, path};

/// A command that can be obeyed, or refused only for when it comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// MAIL.
    Mail {
        /// None is the null sender.
        from: Option<String>,
        /// The size it declares (RFC 1870).
        size_bytes: Option<u64>,
    },
    /// RCPT.
    Rcpt(String),
    /// DATA.
    Data,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
    /// VRFY.
    Vrfy,
    /// AUTH (RFC 4954), which is never offered.
    Auth,
}

/// The reply to a line that is no command we know, or not written as it must be.
pub(super) type Refusal = &'static str;

const NOT_A_COMMAND: Refusal = "500 5.5.2 not a command";
const NOT_DONE_HERE: Refusal = "502 5.5.1 not done here";
const MALFORMED: Refusal = "501 5.5.4 not written as RFC 5321 says";
const BAD_ADDRESS: Refusal = "501 5.1.7 not an address that can be answered";
const UNKNOWN_PARAMETER: Refusal = "555 5.5.4 a parameter that is not offered";

/// Reads a line without its CR LF.
pub(super) fn parse(line: &[u8]) -> Result<Command, Refusal> {
    let printable = line.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let line = std::str::from_utf8(line).ok().filter(|_| printable);
    // Blanks before the end are tolerated (RFC 5321 4.1.1).
    let line = line.ok_or(NOT_A_COMMAND)?.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let alone = |command| rest.is_empty().then_some(command).ok_or(MALFORMED);
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => greeted_by(rest).map(|()| Command::Ehlo),
        "HELO" => greeted_by(rest).map(|()| Command::Helo),
        "STARTTLS" => alone(Command::StartTls),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" => alone(Command::Data),
        "RSET" => alone(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => alone(Command::Quit),
        "VRFY" => Ok(Command::Vrfy),
        "AUTH" => Ok(Command::Auth),
        "EXPN" | "HELP" | "TURN" | "ETRN" | "BDAT" => Err(NOT_DONE_HERE),
        _ => Err(NOT_A_COMMAND),
    }
}

/// A domain or an address literal. It proves nothing and is not kept, so only its shape counts.
fn greeted_by(name: &str) -> Result<(), Refusal> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let good = (1..=255).contains(&name.len()) && name.bytes().all(part);
    good.then_some(()).ok_or(MALFORMED)
}

fn mail(rest: &str) -> Result<Command, Refusal> {
    let (inside, parameters) = after_keyword(rest, "FROM:")?;
    let from = match inside {
        "" => None,
        sender => Some(mailbox(sender).ok_or(BAD_ADDRESS)?.to_owned()),
    };
    let (mut size_bytes, mut body) = (None, None);
    for parameter in parameters {
        let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let again = match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => size_bytes.replace(size(value)?).is_some(),
            "BODY" => body.replace(eight_bits(value)?).is_some(),
            _ => return Err(UNKNOWN_PARAMETER),
        };
        if again {
            return Err(MALFORMED);
        }
    }
    Ok(Command::Mail { from, size_bytes })
}

fn rcpt(rest: &str) -> Result<Command, Refusal> {
    let (inside, mut parameters) = after_keyword(rest, "TO:")?;
    if parameters.next().is_some() {
        return Err(UNKNOWN_PARAMETER);
    }
    let to = mailbox(inside).ok_or(MALFORMED)?;
    Ok(Command::Rcpt(to.to_owned()))
}

/// The inside of the path behind `FROM:` or `TO:`, and the parameters behind it.
fn after_keyword<'a>(
    rest: &'a str,
    keyword: &str,
) -> Result<(&'a str, impl Iterator<Item = &'a str>), Refusal> {
    let (given, rest) = rest.split_at_checked(keyword.len()).ok_or(MALFORMED)?;
    if !given.eq_ignore_ascii_case(keyword) {
        return Err(MALFORMED);
    }
    let (inside, behind) = path(rest).ok_or(MALFORMED)?;
    if !behind.is_empty() && !behind.starts_with(' ') {
        return Err(MALFORMED);
    }
    Ok((inside, behind.split(' ').filter(|word| !word.is_empty())))
}

/// Up to 20 digits (RFC 1870 3); more than we can count is more than we take.
fn size(value: &str) -> Result<u64, Refusal> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    let size = value.parse().unwrap_or(u64::MAX);
    digits.then_some(size).ok_or(MALFORMED)
}

/// RFC 6152; binary mails (RFC 3030) are not offered.
fn eight_bits(value: &str) -> Result<(), Refusal> {
    let known = ["7BIT", "8BITMIME"].iter();
    let mut known = known.filter(|word| value.eq_ignore_ascii_case(word));
    known.next().map(|_| ()).ok_or(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_the_rfc_writes_them() {
        let mail = |from: Option<&str>, size_bytes| Command::Mail {
            from: from.map(str::to_owned),
            size_bytes,
        };
        for (line, command) in [
            ("ehlo relay.test", Command::Ehlo),
            ("EHLO [IPv6:2001:db8::1]", Command::Ehlo),
            ("HELO WIN_BOX", Command::Helo),
            ("MAIL FROM:<>", mail(None, None)),
            ("mail from:<> SIZE=5 BODY=8bitmime  ", mail(None, Some(5))),
            (
                "MAIL FROM:<a@b> SIZE=99999999999999999999",
                mail(Some("a@b"), Some(u64::MAX)),
            ),
            (
                r#"MAIL FROM:<"a> b"@c.test>"#,
                mail(Some(r#""a> b"@c.test"#), None),
            ),
            (
                "RCPT TO:<a+b@c.test>",
                Command::Rcpt("a+b@c.test".to_owned()),
            ),
            ("DATA ", Command::Data),
            ("NOOP whatever", Command::Noop),
            ("VRFY desk", Command::Vrfy),
            ("AUTH PLAIN AGEAYg==", Command::Auth),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_the_rfc_does_not_write_is_refused() {
        for (line, refusal) in [
            ("", NOT_A_COMMAND),
            (" NOOP", NOT_A_COMMAND),
            ("NOOP\tx", NOT_A_COMMAND),
            ("NOOP \u{e9}", NOT_A_COMMAND),
            ("GET / HTTP/1.1", NOT_A_COMMAND),
            ("BDAT 3 LAST", NOT_DONE_HERE),
            ("EHLO", MALFORMED),
            ("EHLO a b", MALFORMED),
            ("STARTTLS now", MALFORMED),
            ("DATA x", MALFORMED),
            ("MAIL", MALFORMED),
            ("MAIL FROM: <a@b>", MALFORMED),
            ("MAIL FROM:a@b", MALFORMED),
            ("MAIL FROM:<a@b>SIZE=1", MALFORMED),
            ("MAIL FROM:<a@b> SIZE=", MALFORMED),
            ("MAIL FROM:<a@b> SIZE=1 SIZE=2", MALFORMED),
            ("MAIL FROM:<a@b> BODY=BINARYMIME", MALFORMED),
            ("MAIL FROM:<a@b> RET=HDRS", UNKNOWN_PARAMETER),
            ("MAIL FROM:<a b@c>", BAD_ADDRESS),
            ("MAIL FROM:<@relay.test:a@b>", BAD_ADDRESS),
            ("RCPT TO:<>", MALFORMED),
            ("RCPT TO:<a@b> NOTIFY=NEVER", UNKNOWN_PARAMETER),
            ("RCPT FROM:<a@b>", MALFORMED),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(refusal), "{line}");
        }
    }
}

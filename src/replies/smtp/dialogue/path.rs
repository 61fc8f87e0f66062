//! Paths and mailboxes of the envelope (RFC 5321 4.1.2).
//!
//! Source routes are refused: nobody has sent them for decades. A sender's mailbox is only kept, so
//! what real systems write there (two dots, long local parts) is taken: too strict a reading would
//! lose a school's answer.

/// Longest mailbox, bytes (RFC 5321 4.5.3.1.3 has 256 with the brackets).
const MAILBOX_BYTES_MAX: usize = 254;

/// Splits `<inside>behind`. A `>` within a quoted local part does not end the path.
pub(super) fn path(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('<')?;
    let quoted = if inside.starts_with('"') {
        quoted_length(inside)?
    } else {
        0
    };
    let end = quoted + inside.get(quoted..)?.find('>')?;
    Some((inside.get(..end)?, inside.get(end + 1..)?))
}

/// A mailbox as it stands, if it is one.
pub(super) fn mailbox(text: &str) -> Option<&str> {
    let (local_good, domain) = if text.starts_with('"') {
        let end = quoted_length(text)?;
        (true, text.get(end..)?.strip_prefix('@')?)
    } else {
        let (local, domain) = text.split_once('@')?;
        let atom = |byte: u8| byte.is_ascii_graphic() && !br#"()<>[]\,;:@""#.contains(&byte);
        (!local.is_empty() && local.bytes().all(atom), domain)
    };
    let literal = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']'));
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let name = literal.unwrap_or(domain);
    let domain_good =
        !name.is_empty() && name.bytes().all(part) && (literal.is_some() || !name.contains(':'));
    (text.len() <= MAILBOX_BYTES_MAX && local_good && domain_good).then_some(text)
}

/// Bytes of the quoted string that a text begins with, its quotes included.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_its_bracket() {
        assert_eq!(path("<a@b> SIZE=1"), Some(("a@b", " SIZE=1")));
        assert_eq!(path("<>"), Some(("", "")));
        assert_eq!(path(r#"<"a\">"@b>x"#), Some((r#""a\">"@b"#, "x")));
        for text in ["", "a@b", "<a@b", r#"<"a>"#, "(<a@b>)"] {
            assert_eq!(path(text), None, "{text}");
        }
    }

    #[test]
    fn a_mailbox_has_a_local_part_and_a_domain() {
        let long = format!("{}@school.test", "a".repeat(240));
        for good in [
            "a@b",
            "o'neil+x@school.test",
            "a..b@school.test",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            r#""a b\"@c"@school.test"#,
            &long,
        ] {
            assert_eq!(mailbox(good), Some(good));
        }
        let longer = format!("{}@school.test", "a".repeat(250));
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@b:c",
            "a@[]",
            r#""a"b@c"#,
            "a<@b",
            &longer,
        ] {
            assert_eq!(mailbox(bad), None, "{bad}");
        }
    }
}

//! The text of a mail as a person sees it, and the part of it that its sender wrote.

use super::mime::Part;
use mail_parser::decoders::html::html_to_text;

/// Tags that begin a new line when shown.
const BLOCK_TAGS: &[&str] = &[
    "div",
    "p",
    "tr",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "table",
    "blockquote",
    "ul",
    "ol",
    "hr",
];

/// How a line begins under which mail programs put the mail answered to.
const QUOTE_BEGINS: &[&str] = &[
    ">",
    "-----original message",
    "----- original message",
    "-------- original message",
    "---------- forwarded message",
    "________________________________",
    "from: ",
    "sent from ",
    "original message",
    "neges wreiddiol",
];

/// How the line ends that names who wrote the mail answered to, and when.
const QUOTE_LINE_ENDS: &[&str] = &["wrote:", "writes:", "ysgrifennodd:"];

/// A line that is only this ends what somebody says; a signature follows.
const CLOSINGS: &[&str] = &[
    "regards",
    "kind regards",
    "best regards",
    "with kind regards",
    "many thanks and kind regards",
    "best wishes",
    "yours sincerely",
    "yours faithfully",
    "cofion",
    "cofion gorau",
    "cofion cynnes",
    "yn gywir",
    "--",
];

/// The text of the mail itself, enclosed messages and attachments aside: its plain parts, else its
/// HTML parts as text.
pub(super) fn of(parts: &[Part]) -> String {
    let plain = joined(parts, "text/plain", flowed);
    if plain.trim().is_empty() {
        joined(parts, "text/html", |part| from_html(&part.text()))
    } else {
        plain
    }
}

fn joined(parts: &[Part], kind: &str, text: impl Fn(&Part) -> String) -> String {
    let of_kind = parts
        .iter()
        .filter(|part| part.enclosed == 0 && part.kind == kind && !part.is_attachment);
    let texts: Vec<String> = of_kind.map(text).collect();
    texts.join("\n")
}

/// Undoes format=flowed (RFC 3676 4): soft line ends joined, stuffed blanks removed.
fn flowed(part: &Part) -> String {
    let text = part.text().replace("\r\n", "\n");
    if !part
        .parameter("format")
        .is_some_and(|f| f.eq_ignore_ascii_case("flowed"))
    {
        return text;
    }
    let del_sp = part
        .parameter("delsp")
        .is_some_and(|d| d.eq_ignore_ascii_case("yes"));
    let mut joined = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.split('\n') {
        let depth = line.bytes().take_while(|byte| *byte == b'>').count();
        let words = line.get(depth..).unwrap_or_default();
        let words = words.strip_prefix(' ').unwrap_or(words);
        match open {
            Some(last) if last == depth => {}
            Some(_) | None => {
                if !joined.is_empty() {
                    joined.push('\n');
                }
                joined.push_str(&">".repeat(depth));
                if depth > 0 {
                    joined.push(' ');
                }
            }
        }
        let is_soft = words.ends_with(' ') && words != "-- ";
        let kept = if is_soft && del_sp {
            words.strip_suffix(' ')
        } else {
            None
        };
        joined.push_str(kept.unwrap_or(words));
        open = is_soft.then_some(depth);
    }
    joined
}

/// HTML as text; every block begins a line.
fn from_html(html: &str) -> String {
    let mut broken = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        broken.push_str(before);
        let name: String = tag
            .chars()
            .skip(1)
            .skip_while(|c| *c == '/')
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        if BLOCK_TAGS.contains(&&*name.to_ascii_lowercase()) {
            broken.push_str("<br>");
        }
        broken.push('<');
        rest = tag.get(1..).unwrap_or_default();
    }
    broken.push_str(rest);
    let text = html_to_text(&broken);
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// How much of a text is searched for phrases: many pages.
const SEARCHED_BYTES_MAX: usize = 256 * 1024;

/// As much of a text as is searched for phrases: what no honest sender writes must not cost seconds.
pub(super) fn start_of(text: &str) -> &str {
    let end = text.floor_char_boundary(SEARCHED_BYTES_MAX);
    text.get(..end).unwrap_or(text)
}

/// What stands above the mail answered to, when one is quoted. Only for evidence of machines: the
/// verdict of a person's reply reads the whole text by its own rules.
pub(super) fn above_quote(text: &str) -> &str {
    until(text, |line| {
        QUOTE_BEGINS.iter().any(|begin| line.starts_with(begin))
            || QUOTE_LINE_ENDS.iter().any(|end| line.ends_with(end))
    })
}

/// What stands above a closing such as "Kind regards" on a line of its own.
pub(super) fn above_signature(text: &str) -> &str {
    until(text, |line| {
        let line = line.trim_end_matches([',', '.', '!', ' ']);
        CLOSINGS.contains(&line)
    })
}

fn until(text: &str, ends: impl Fn(&str) -> bool) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if ends(&plain(line)) {
            return text.get(..at).unwrap_or(text);
        }
        at += line.len();
    }
    text
}

/// Lower case, every run of blanks one space, typographic apostrophes and dashes plain: what phrases
/// are compared with.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut blank = true;
    for c in text.chars() {
        let c = match c {
            '\u{2018}' | '\u{2019}' | '\u{2bc}' | '`' => '\'',
            '\u{2013}' | '\u{2014}' => '-',
            c => c,
        };
        if c.is_whitespace() || matches!(c, '\u{a0}' | '\u{200b}' | '\u{feff}') {
            if !blank {
                plain.push(' ');
            }
            blank = true;
        } else {
            plain.extend(c.to_lowercase());
            blank = false;
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

#[cfg(test)]
mod tests {
    use super::super::mime::parts;
    use super::*;

    #[test]
    fn flowed_lines_are_joined_within_their_quote_depth() {
        let mail = b"Content-Type: text/plain; format=flowed\r\n\r\nReceived, \r\nthank you.\r\n\
            > soft \r\n> quoted\r\n -- not a signature\r\n";
        assert_eq!(
            of(&parts(mail).unwrap()),
            "Received, thank you.\n> soft quoted\n-- not a signature\n"
        );
    }

    #[test]
    fn html_is_shown_line_by_line() {
        let mail = b"Content-Type: text/html\n\n<html><head><style>p {}</style></head><body>\
            <div>RECEIVED</div><div><br></div><p>Jo&nbsp;Smith</p>&amp; others</body></html>";
        let text = of(&parts(mail).unwrap());
        assert_eq!(text.lines().next(), Some("RECEIVED"), "{text:?}");
        assert!(
            !text.contains("RECEIVED Jo") && text.contains("& others"),
            "{text:?}"
        );
    }

    #[test]
    fn what_is_quoted_and_signed_is_left_out() {
        let text = "Received\nKind Regards,\nJo\nOn Mon, 23 Nov 2026 Desk wrote:\n> I am away\n";
        assert_eq!(above_quote(text), "Received\nKind Regards,\nJo\n");
        assert_eq!(above_signature(text), "Received\n");
    }

    #[test]
    fn every_mark_of_a_quote_and_closing_cuts() {
        for begin in QUOTE_BEGINS {
            let text = format!("a\n{}x\nb", begin.to_uppercase());
            assert_eq!(above_quote(&text), "a\n", "{begin}");
        }
        for end in QUOTE_LINE_ENDS {
            assert_eq!(above_quote(&format!("a\nJo {end}\nb")), "a\n", "{end}");
        }
        for closing in CLOSINGS {
            assert_eq!(
                above_signature(&format!("a\n{closing},\nb")),
                "a\n",
                "{closing}"
            );
        }
    }
}

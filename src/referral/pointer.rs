//! JSON pointers (RFC 6901) to places in a post.
//!
//! A member's name is the sender's data as much as a value is: a pointer shows it cut and without
//! characters that could harm a log or a screen, so a pointer may stand in an answer.

use super::text;

/// A name is cut after this many characters: our own longest has 21, and an answer must stay small.
pub const NAME_CHARACTERS_MAX: usize = 64;

/// The pointer of the member `name` of the map at `pointer`.
pub fn member(pointer: &str, name: &str) -> String {
    let mut place = format!("{pointer}/");
    for c in name.chars().take(NAME_CHARACTERS_MAX) {
        match c {
            '~' => place.push_str("~0"),
            '/' => place.push_str("~1"),
            _ if c.is_control() || text::forbidden(c) => place.push(char::REPLACEMENT_CHARACTER),
            _ => place.push(c),
        }
    }
    place
}

/// The pointer of the element `index` of the list at `pointer`.
pub fn element(pointer: &str, index: usize) -> String {
    format!("{pointer}/{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_cut_and_made_harmless() {
        assert_eq!(member("/a", "b~/c"), "/a/b~0~1c");
        assert_eq!(member("", "x\u{202E}y\n"), "/x\u{FFFD}y\u{FFFD}");
        assert_eq!(
            member("", &"n".repeat(9_000)).len(),
            1 + NAME_CHARACTERS_MAX
        );
        assert_eq!(element("/children", 2), "/children/2");
    }
}

//! What the head of a post must say before its body is looked at.

use super::problem::Problem;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_CHARACTERS_MAX: usize = 128;

/// Checks the media type and reads the Idempotency-Key.
pub(super) fn check(headers: &HeaderMap) -> Result<String, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type-unsupported",
            "Post application/json in UTF-8, with one Content-Type.",
        ));
    }
    if !is_plain(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-encoding-unsupported",
            "Post the document as it is: nothing is decompressed here.",
        ));
    }
    idempotency_key(headers)
}

/// One Content-Type `application/json`; a charset, where there is one, is UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    json && parts
        .filter_map(|part| part.split_once('='))
        .all(|(name, value)| {
            !name.eq_ignore_ascii_case("charset")
                || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Reads the key, without its quotes: `"abc"` and `abc` are one key, so that a client that begins
/// to quote does not post twice. Exactly one; 1..128 visible ASCII.
fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "idempotency-key-missing",
            "Send an Idempotency-Key, and the same one each time this post is tried.",
        ));
    };
    let key = value.to_str().ok().and_then(unquoted);
    match (key, values.next()) {
        (Some(key), None) => Ok(key.to_owned()),
        (None, _) | (_, Some(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "idempotency-key-malformed",
            "Send one Idempotency-Key of 1 to 128 visible ASCII characters.",
        )),
    }
}

/// A quote or a backslash inside is refused: whether it is part of the key depends on the reader.
fn unquoted(value: &str) -> Option<&str> {
    let key = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    let visible = key
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    (visible && (1..=KEY_CHARACTERS_MAX).contains(&key.len())).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn with_key(value: &str) -> Result<String, &'static str> {
        let headers = head(&[
            ("content-type", "application/json"),
            ("idempotency-key", value),
        ]);
        check(&headers).map_err(|problem| problem.code())
    }

    fn with_type(value: &str) -> Result<String, &'static str> {
        let headers = head(&[("content-type", value), ("idempotency-key", "k")]);
        check(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(with_key("8e03-a"), Ok("8e03-a".into()));
        assert_eq!(with_key("\"8e03-a\""), Ok("8e03-a".into()));
        assert_eq!(with_key(&"k".repeat(128)), Ok("k".repeat(128)));
        assert_eq!(
            with_key(&format!("\"{}\"", "k".repeat(128))),
            Ok("k".repeat(128))
        );
    }

    #[test]
    fn a_key_that_could_be_read_in_two_ways_is_malformed() {
        let long = "k".repeat(300);
        for value in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "a\"b",
            "\"a\\\"b\"",
            "a b",
            "a\tb",
            &long,
        ] {
            assert_eq!(
                with_key(value),
                Err("idempotency-key-malformed"),
                "{value:?}"
            );
        }
        let two = head(&[
            ("content-type", "application/json"),
            ("idempotency-key", "a"),
            ("idempotency-key", "a"),
        ]);
        assert_eq!(
            check(&two).map_err(|p| p.code()),
            Err("idempotency-key-malformed")
        );
        let none = head(&[("content-type", "application/json")]);
        assert_eq!(
            check(&none).map_err(|p| p.code()),
            Err("idempotency-key-missing")
        );
    }

    #[test]
    fn only_json_in_utf_8_is_read() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=UTF-8",
            "application/json ;charset=\"utf-8\"",
            "application/json;",
        ] {
            assert_eq!(with_type(good), Ok("k".into()), "{good}");
        }
        for bad in [
            "text/plain",
            "application/json-seq",
            "application/problem+json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-16",
            "",
        ] {
            assert_eq!(with_type(bad), Err("media-type-unsupported"), "{bad}");
        }
    }

    #[test]
    fn nothing_encoded_is_read() {
        for (encoding, good) in [
            ("identity", true),
            ("gzip", false),
            ("identity, gzip", false),
        ] {
            let headers = head(&[
                ("content-type", "application/json"),
                ("content-encoding", encoding),
                ("idempotency-key", "k"),
            ]);
            assert_eq!(check(&headers).is_ok(), good, "{encoding}");
        }
    }
}

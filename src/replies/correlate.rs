//! Which letter a mail belongs to: the surest clue that is found decides, in a fixed order. What was
//! made up is not found; a mistyped public code is never guessed.

use super::classify::Clues;
use crate::store::{Matched, NotStored, Readers};

/// Finds what a mail belongs to. In order: the reply token in the address it was sent to; the ENVID
/// that a report names; the Message-ID it answers or returns; a token or public code that stands in
/// it. Public codes of several notifications say nothing: a person chooses.
pub async fn correlate(
    readers: &Readers,
    rcpt_to: &[String],
    clues: &Clues,
) -> Result<Option<Matched>, NotStored> {
    let addressed = rcpt_to.iter().filter_map(|address| token_of(address));
    for token in addressed.chain(clues.envids.iter().map(|id| id.to_ascii_lowercase())) {
        if let Some(matched) = readers.find_token(&token).await? {
            return Ok(Some(matched));
        }
    }
    for id in &clues.message_ids {
        if let Some(matched) = readers.find_message_id(id).await? {
            return Ok(Some(matched));
        }
    }
    for token in &clues.tokens {
        if let Some(matched) = readers.find_token(token).await? {
            return Ok(Some(matched));
        }
    }
    let mut named: Option<Matched> = None;
    for code in &clues.references {
        let Some(matched) = readers.find_reference(code).await? else {
            continue;
        };
        match named {
            Some(known) if known.notification != matched.notification => return Ok(None),
            Some(_) | None => named = Some(matched),
        }
    }
    Ok(named)
}

/// The token of a plus-address: what stands between the first `+` and the `@`.
fn token_of(address: &str) -> Option<String> {
    let (local, _) = address.rsplit_once('@')?;
    let (_, token) = local.split_once('+')?;
    Some(token.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::token_of;

    #[test]
    fn a_token_stands_behind_the_first_plus() {
        assert_eq!(token_of("r+AbC@gate.test").as_deref(), Some("abc"));
        assert_eq!(token_of("replies@gate.test"), None);
        assert_eq!(token_of("no address"), None);
    }
}

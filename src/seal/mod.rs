//! Sealing: content that can be erased by destroying a key.
//!
//! An *item* is sealed with AES-256-GCM under a key derived (HKDF-SHA-256) from a random *content
//! key* and the item's id, so that one item can be disclosed alone. Content keys are wrapped by the
//! key of a weekly *epoch* ([`epoch`]); epoch keys are files outside the database, wrapped by the
//! *credential*. A *commitment* is HMAC-SHA-256 of the content under the item's key: it proves what
//! was sealed, and says nothing once the key is gone.
//!
//! Why is there no key in the database? A backup or an old copy of the WAL would keep it readable
//! after erasure.

pub mod epoch;
pub mod randomness;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};

/// A key of 32 random bytes. Never printed, never serialised except wrapped.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Sealing or opening failed. Says nothing of what was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// The bytes do not open under this key, id and kind.
    #[error("the sealed bytes do not open under this key")]
    DoesNotOpen,
    /// The operating system gave no random bytes, or a primitive refused.
    #[error("the cryptographic library failed")]
    Library,
}

/// An item as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// HMAC-SHA-256 of the content under the item's key.
    pub commitment: [u8; 32],
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// Fills an array with random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], SealFault> {
    let mut bytes = [0u8; N];
    rand::fill(&mut bytes).map_err(|_| SealFault::Library)?;
    Ok(bytes)
}

impl Key {
    /// A new random key.
    pub fn generate() -> Result<Self, SealFault> {
        random().map(Self)
    }

    /// Takes 32 bytes that were read from a file.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Wraps another key under this one; `name` is bound in.
    pub fn wrap(&self, key: &Key, name: &str) -> Result<Vec<u8>, SealFault> {
        encrypt(&self.0, name.as_bytes(), &key.0)
    }

    /// Opens a wrapped key.
    pub fn unwrap(&self, wrapped: &[u8], name: &str) -> Result<Key, SealFault> {
        let bytes = decrypt(&self.0, name.as_bytes(), wrapped)?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| SealFault::DoesNotOpen)
    }

    /// A key for another use, derived from this one (HKDF-SHA-256, RFC 5869).
    pub fn derive(&self, purpose: &str) -> Result<Key, SealFault> {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                32
            }
        }
        let purpose = [purpose.as_bytes()];
        let mut bytes = [0u8; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"firstbell")
            .extract(&self.0)
            .expand(&purpose, Length)
            .and_then(|derived| derived.fill(&mut bytes))
            .map_err(|_| SealFault::Library)?;
        Ok(Self(bytes))
    }

    /// HMAC-SHA-256 of several parts, each with its length, so that no two lists collide.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0u8; 32];
        bytes
            .iter_mut()
            .zip(context.sign().as_ref())
            .for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// Seals one item under a content key.
pub fn seal(
    content_key: &Key,
    content_key_id: &str,
    item: &str,
    kind: &str,
    content: &[u8],
) -> Result<Sealed, SealFault> {
    let key = content_key.derive(item)?;
    let bytes = encrypt(&key.0, &bound(item, kind, content_key_id), content)?;
    Ok(Sealed {
        commitment: key.mac(&[content]),
        bytes,
    })
}

/// Opens one item.
pub fn open(
    content_key: &Key,
    content_key_id: &str,
    item: &str,
    kind: &str,
    sealed: &[u8],
) -> Result<Vec<u8>, SealFault> {
    let key = content_key.derive(item)?;
    decrypt(&key.0, &bound(item, kind, content_key_id), sealed)
}

/// What a sealed item is bound to: moved to another row, it does not open.
fn bound(item: &str, kind: &str, content_key_id: &str) -> Vec<u8> {
    [item, kind, content_key_id].join("\n").into_bytes()
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, SealFault> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealFault::Library)?;
    Ok(LessSafeKey::new(key))
}

/// A random nonce is safe here: each item has its own key and is sealed once.
fn encrypt(key: &[u8; 32], bound: &[u8], content: &[u8]) -> Result<Vec<u8>, SealFault> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut sealed = content.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound),
            &mut sealed,
        )
        .map_err(|_| SealFault::Library)?;
    Ok(nonce.into_iter().chain(sealed).collect())
}

fn decrypt(key: &[u8; 32], bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealFault> {
    let (nonce, ciphertext) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(SealFault::DoesNotOpen)?;
    let mut bytes = ciphertext.to_vec();
    let content = cipher(key)?
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(bound),
            &mut bytes,
        )
        .map_err(|_| SealFault::DoesNotOpen)?;
    Ok(content.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_opens_only_where_it_was_sealed() {
        let key = Key::generate().unwrap();
        let sealed = seal(&key, "cky_1", "itm_1", "child", b"Amelia").unwrap();
        assert!(!sealed.bytes.windows(6).any(|window| window == b"Amelia"));
        assert_eq!(
            open(&key, "cky_1", "itm_1", "child", &sealed.bytes).unwrap(),
            b"Amelia"
        );
        for (content_key_id, item, kind) in [
            ("cky_2", "itm_1", "child"),
            ("cky_1", "itm_2", "child"),
            ("cky_1", "itm_1", "letter"),
        ] {
            assert!(open(&key, content_key_id, item, kind, &sealed.bytes).is_err());
        }
        let mut flipped = sealed.bytes.clone();
        flipped[20] ^= 1;
        assert!(open(&key, "cky_1", "itm_1", "child", &flipped).is_err());
    }

    #[test]
    fn lists_of_parts_do_not_collide() {
        let key = Key::from_bytes([1; 32]);
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
    }
}

//! The keys the store seals with, shared by the writer and the readers.

use super::{OpenFault, Settings};
use crate::seal::epoch::{EpochFault, Epochs, read_credential};
use crate::seal::{self, Key, SealFault, Sealed};
use jiff::Timestamp;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Content could not be sealed or opened. The operator's words; never the content.
#[derive(Debug, thiserror::Error)]
pub enum VaultFault {
    /// An epoch's key cannot be had.
    #[error(transparent)]
    Epoch(#[from] EpochFault),
    /// A key or item does not open.
    #[error(transparent)]
    Seal(#[from] SealFault),
}

/// Epoch keys, and the intake key that blinds idempotency keys and duplicates.
#[derive(Debug, Clone)]
pub(super) struct Vault {
    epochs: Arc<Mutex<Epochs>>,
    intake_key: Key,
}

/// A content key with its name, as items are sealed under it.
#[derive(Debug, Clone)]
pub(super) struct ContentKey {
    pub(super) id: String,
    pub(super) key: Key,
}

/// Whether the credential opens every epoch that is there: the store would otherwise begin to run and
/// fail at the first content it opens.
pub fn check_keys(settings: &Settings) -> Result<(), OpenFault> {
    let credential = read_credential(&settings.credential).map_err(VaultFault::from)?;
    let mut epochs = Epochs::new(settings.state_dir.join("epochs"), credential);
    epochs.check().map_err(VaultFault::from)?;
    Ok(())
}

impl Vault {
    pub(super) fn open(state_dir: &Path, credential: &Path) -> Result<Self, VaultFault> {
        let credential = read_credential(credential)?;
        let intake_key = credential.derive("intake")?;
        let epochs = Epochs::new(state_dir.join("epochs"), credential);
        Ok(Self {
            epochs: Arc::new(Mutex::new(epochs)),
            intake_key,
        })
    }

    /// A new content key in the epoch of `now`, with its wrapped form.
    pub(super) fn new_key(
        &self,
        id: String,
        now: Timestamp,
    ) -> Result<(ContentKey, String, Vec<u8>), VaultFault> {
        let epoch = Epochs::name_at(now);
        let key = Key::generate()?;
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        let wrapped = epochs.get_or_make(&epoch)?.wrap(&key, &id)?;
        Ok((ContentKey { id, key }, epoch, wrapped))
    }

    pub(super) fn unwrap(
        &self,
        id: String,
        epoch: &str,
        wrapped: &[u8],
    ) -> Result<ContentKey, VaultFault> {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = epochs.get(epoch)?.unwrap(wrapped, &id)?;
        Ok(ContentKey { id, key })
    }

    /// A digest that finds equal values and says nothing else.
    pub(super) fn blind(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let parts: Vec<&[u8]> = [purpose.as_bytes()]
            .into_iter()
            .chain(parts.iter().copied())
            .collect();
        self.intake_key.mac(&parts)
    }
}

impl ContentKey {
    pub(super) fn seal(&self, item: &str, kind: &str, content: &[u8]) -> Result<Sealed, SealFault> {
        seal::seal(&self.key, &self.id, item, kind, content)
    }

    pub(super) fn open(&self, item: &str, kind: &str, sealed: &[u8]) -> Result<Vec<u8>, SealFault> {
        seal::open(&self.key, &self.id, item, kind, sealed)
    }
}

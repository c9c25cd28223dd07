//! Who may map the index of a database first, in one process.
//!
//! SQLite maps it once for all connections of a process. If the one that did
//! may not write to it, none of those that come meanwhile may either. So
//! read-only reads stand aside while a writer opens, and a writer waits for
//! reads that are under way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

static GATES: Mutex<BTreeMap<PathBuf, Weak<RwLock<()>>>> = Mutex::new(BTreeMap::new());

/// One for each database that somebody reads or is opening.
#[derive(Debug)]
pub(super) struct Gate(Arc<RwLock<()>>);

impl Gate {
    /// The gate of the database at `path`, the one path by which all know it.
    pub(super) fn of(path: &Path) -> Self {
        let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        let known = gates.get(path).and_then(Weak::upgrade);
        Self(known.unwrap_or_else(|| {
            let gate = Arc::default();
            gates.insert(path.to_owned(), Arc::downgrade(&gate));
            gate
        }))
    }

    /// For a read, however many there are.
    pub(super) fn look(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a writer that opens.
    pub(super) fn open(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

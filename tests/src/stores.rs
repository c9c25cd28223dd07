use std::fmt;
use std::sync::Arc;

use superstep::{MemoryStore, Store};
use tempfile::TempDir;

/// An empty store of some kind.
pub struct Place {
    /// The kind, for messages.
    pub kind: &'static str,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Goes when the place goes.
    _folder: Option<TempDir>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

/// One of every store that ships.
pub fn stores() -> Vec<Place> {
    vec![
        memory(),
        #[cfg(feature = "sqlite")]
        sqlite(),
    ]
}

/// A store in memory.
pub fn memory() -> Place {
    Place {
        kind: "memory",
        store: Arc::new(MemoryStore::new()),
        _folder: None,
    }
}

/// A SQLite store in a folder of its own.
#[cfg(feature = "sqlite")]
pub fn sqlite() -> Place {
    let folder = tempfile::tempdir().expect("a folder for a database");
    Place {
        kind: "sqlite",
        store: sqlite_at(&folder.path().join("runs.db")),
        _folder: Some(folder),
    }
}

/// The SQLite store at `path`.
#[cfg(feature = "sqlite")]
pub fn sqlite_at(path: &std::path::Path) -> Arc<dyn Store> {
    Arc::new(superstep::store::SqliteStore::open(path).expect("the database opens"))
}

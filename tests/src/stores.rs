use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use superstep::store::{EffectKind, EffectRecord, StoreExt, StoreFuture};
use superstep::{MemoryStore, Store};
use tempfile::TempDir;

use crate::{Hooked, Moment};

/// An empty store of some kind.
pub struct Place {
    /// The kind, for messages.
    pub kind: &'static str,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Removed with the place.
    _folder: Option<TempDir>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

impl Place {
    /// The store with a hook around every call; see [`Hooked`].
    pub fn hooked(
        &self,
        hook: impl Fn(Moment, &'static str) -> StoreFuture<'static, ()> + Send + Sync + 'static,
    ) -> Arc<dyn Store> {
        Arc::new(Hooked::new(Arc::clone(&self.store), hook))
    }
}

/// Every effect of `run`, by step, task, name and number.
pub async fn effects(place: &Place, run: &str) -> Vec<EffectRecord> {
    let effects = place.store.all_effects(run, 0, u32::MAX.into()).await;
    effects.expect("the store works")
}

/// Name, number and kind of every effect of `run`.
pub async fn kinds(place: &Place, run: &str) -> Vec<(String, u64, EffectKind)> {
    let effects = effects(place, run).await.into_iter();
    effects
        .map(|record| (record.name, record.n, record.kind))
        .collect()
}

/// One of [`kinds`].
pub fn kind(name: &str, n: u64, kind: EffectKind) -> (String, u64, EffectKind) {
    (name.to_owned(), n, kind)
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

/// The time by the clock of a store from [`clocked`].
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<SystemTime>>);

impl TestClock {
    /// What it shows.
    pub fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets it, forth or back.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.set(self.now() + time);
    }
}

/// A store in memory whose clock stands still until it is set.
pub fn clocked() -> (Place, TestClock) {
    // Any time that is whole.
    let time = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = TestClock(Arc::new(Mutex::new(time)));
    let read = clock.clone();
    let place = Place {
        kind: "memory with a clock of its own",
        store: Arc::new(MemoryStore::with_clock(move || read.now())),
        _folder: None,
    };
    (place, clock)
}

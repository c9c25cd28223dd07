//! Reading, beside the writer: in WAL mode neither waits for the other.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;
use tokio::task;

use super::errors::{Fail, backend, translate};
use crate::store::StoreError;

/// More readers at once than this do not read faster.
const READERS: usize = 4;

/// Opened as they are needed, kept once they are open.
#[derive(Clone)]
pub(super) struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    busy: Duration,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    /// Begins with `first`, if there is one.
    pub(super) fn new(path: PathBuf, busy: Duration, first: Option<Connection>) -> Self {
        Self {
            shared: Arc::new(Shared {
                path,
                busy,
                idle: Mutex::new(first.into_iter().collect()),
                permits: Semaphore::new(READERS),
            }),
        }
    }

    /// Runs `query` on a thread that may block, in one read transaction: all
    /// that it reads is of one moment.
    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fail> + Send + 'static,
    {
        // The semaphore is never closed.
        let permit = self.shared.permits.acquire().await.ok();
        let shared = Arc::clone(&self.shared);
        let read = task::spawn_blocking(move || shared.read(query)).await;
        drop(permit);
        read.unwrap_or_else(|error| Err(backend(format!("a reader stopped: {error}"))))
    }
}

impl Shared {
    fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Fail>) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open(&self.path, self.busy).map_err(|error| translate(error, &self.path))?,
        };
        let found = within_one_moment(&conn, query);
        // A connection that failed is not trusted with the next query.
        if !matches!(found, Err(Fail::Sql(_))) {
            self.idle().push(conn);
        }
        found.map_err(|fail| fail.at(&self.path))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn within_one_moment<T>(
    conn: &Connection,
    query: impl FnOnce(&Connection) -> Result<T, Fail>,
) -> Result<T, Fail> {
    let tx = conn.unchecked_transaction()?;
    let found = query(&tx)?;
    tx.finish()?;
    Ok(found)
}

/// A connection that cannot write.
pub(super) fn open(path: &Path, busy: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(busy)?;
    Ok(conn)
}

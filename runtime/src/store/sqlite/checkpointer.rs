//! Moves what is in the write-ahead log into the database, concurrently with the writer.
//!
//! SQLite would do it at the end of some commit, every thousand pages, and that
//! commit would wait for two syncs. On a thread and a connection of its own it
//! holds nobody up: writing and reading continue meanwhile.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::errors::backend;
use super::open;
use super::thread::Thread;
use crate::store::StoreError;

/// How many transactions of the writer make it worth a checkpoint; a plain step
/// changes two or three pages.
const TRANSACTIONS: u32 = 256;

/// In pages: a log that is longer than this, because it is written to without a
/// pause or in large pieces, is emptied and restarted by the writer itself.
///
/// A short log is better: overwriting a file syncs twice as fast as growing it,
/// and the first process after a kill reads the whole log again.
pub(super) const LONGEST_LOG: u32 = 1_000;

/// In bytes: only a reader that stays in its transaction lets a log grow beyond this.
/// A longer log is cut when it restarts.
pub(super) const LONG_LOG: u64 = 64 << 20;

/// How often to try again while a reader is in the way.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Checkpointer {
    /// Dropped first: the thread ends when nobody can ask it any more.
    asks: Sender<Ask>,
    transactions: AtomicU32,
    shared: Arc<Shared>,
    _thread: Thread,
}

#[derive(Default)]
struct Shared {
    /// Whether it was asked and has not begun yet: one request serves all.
    is_asked: AtomicBool,
    /// Since when a reader has kept the log long.
    held_up: Mutex<Option<Instant>>,
}

enum Ask {
    Passive,
    /// Empties the log, so that the file gets as short as it can, and answers.
    Truncate(oneshot::Sender<()>),
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let conn = open::beside_the_writer(path)?;
        let (asks, asked) = channel();
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let thread = Thread::start("checkpointer", move || serving.serve(&conn, &asked));
        Ok(Self {
            asks,
            transactions: AtomicU32::new(0),
            shared,
            _thread: thread
                .map_err(|error| backend(format!("no thread for checkpoints: {error}")))?,
        })
    }

    /// Counts one transaction, after which the log has `bytes`.
    pub(super) fn count(&self, bytes: u64) {
        let transactions = self.transactions.fetch_add(1, Ordering::Relaxed) + 1;
        let is_long = || bytes > LONG_LOG && self.shared.held_up().is_none();
        let is_due = transactions >= TRANSACTIONS || is_long();
        if is_due && !self.shared.is_asked.swap(true, Ordering::Relaxed) {
            self.transactions.store(0, Ordering::Relaxed);
            self.ask(Ask::Passive);
        }
    }

    /// Returns when what is in the log has been moved, as far as readers let it.
    pub(super) async fn truncate(&self) {
        let (reply, done) = oneshot::channel();
        self.ask(Ask::Truncate(reply));
        // The only answer is that it is done.
        let _ = done.await;
    }

    /// How long a reader has kept the log long.
    pub(super) fn held_up(&self) -> Option<Duration> {
        self.shared.held_up().map(|since| since.elapsed())
    }

    fn ask(&self, ask: Ask) {
        // The thread ends after us.
        let _ = self.asks.send(ask);
    }
}

impl Shared {
    fn serve(&self, conn: &Connection, asked: &Receiver<Ask>) {
        loop {
            let wait = if self.held_up().is_some() {
                AGAIN
            } else {
                Duration::MAX
            };
            match asked.recv_timeout(wait) {
                Ok(Ask::Truncate(reply)) => {
                    // First concurrently with the writer, then the little that is left.
                    self.checkpoint(conn, "PASSIVE");
                    self.checkpoint(conn, "TRUNCATE");
                    // Nobody listens if the caller's future was dropped.
                    let _ = reply.send(());
                }
                Ok(Ask::Passive) | Err(RecvTimeoutError::Timeout) => {
                    self.is_asked.store(false, Ordering::Relaxed);
                    self.checkpoint(conn, "PASSIVE");
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn checkpoint(&self, conn: &Connection, mode: &str) {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let left = conn.query_row(&sql, [], |row| {
            let (frames, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok((frames, frames - moved))
        });
        // What fails is tried again with the next request, and at the latest by the
        // writer, where it matters.
        let page = conn.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0));
        let (Ok((frames, left)), Ok(page)) = (left, page) else {
            return;
        };
        let is_long = frames * page > LONG_LOG.cast_signed();
        let mut held_up = self.held_up.lock().unwrap_or_else(PoisonError::into_inner);
        *held_up = (is_long && left > 0).then(|| held_up.unwrap_or_else(Instant::now));
    }

    fn held_up(&self) -> Option<Instant> {
        *self.held_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

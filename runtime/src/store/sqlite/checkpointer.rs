//! Moves what is in the write-ahead log into the database, beside the writer.
//!
//! SQLite would do it at the end of some commit, every thousand pages, and that
//! commit would wait for two syncs. On a thread and a connection of its own it
//! holds nobody up: writing and reading go on meanwhile.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;

use super::errors::backend;
use super::open;
use crate::store::StoreError;

/// How many transactions of the writer make it worth a checkpoint; a plain step
/// changes two or three pages.
const TRANSACTIONS: u32 = 256;

/// In pages: a log that is longer than this, because it is written to without a
/// pause or in large pieces, is finished and begun again by the writer itself.
///
/// A short log is better: to write over a file syncs twice as fast as to let it
/// grow, and the first process after a kill reads the whole log again.
pub(super) const LONGEST_LOG: u32 = 1_000;

pub(super) struct Checkpointer {
    poke: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    transactions: u32,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let conn = open::beside_the_writer(path)?;
        let (poke, pokes) = sync_channel(1);
        let thread = Builder::new()
            .name("superstep-checkpointer".to_owned())
            .spawn(move || serve(&conn, &pokes))
            .map_err(|error| backend(format!("no thread for checkpoints: {error}")))?;
        Ok(Self {
            poke: Some(poke),
            thread: Some(thread),
            transactions: 0,
        })
    }

    /// Counts one transaction.
    pub(super) fn count(&mut self) {
        self.transactions += 1;
        if self.transactions >= TRANSACTIONS
            && let Some(poke) = &self.poke
        {
            self.transactions = 0;
            // If the last one is still being worked on, that will do.
            let _ = poke.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.poke = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(conn: &Connection, pokes: &Receiver<()>) {
    while pokes.recv().is_ok() {
        // What fails now is tried again with the next, and at the latest by the
        // writer, where it counts.
        let _ = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}

//! One writer per open store, which groups what waits into one transaction.
//!
//! A transaction costs about the same whether it carries one commit or a
//! hundred: its price is the sync at its end. So while one transaction is being
//! written, the jobs that arrive queue up, and the next one takes them all.
//!
//! A job reads before it writes and may be run again: a refusal leaves nothing
//! behind and spares its neighbours, and if the database fails a group, it is
//! rolled back and every job gets a transaction of its own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::errors::{Fail, backend, translate};
use super::owners::Owners;
use crate::store::StoreError;

/// More than this does not make a group cheaper, only its first caller wait longer.
const GROUP: usize = 256;

pub(super) struct Writer {
    queue: RwLock<Option<Sender<Box<dyn Job>>>>,
    thread: Option<JoinHandle<()>>,
}

trait Job: Send {
    /// Does the work inside a transaction; an error means that the transaction
    /// must not be committed.
    fn run(&mut self, conn: &Connection) -> rusqlite::Result<()>;

    /// Tells the caller, once the transaction is on disk or has failed.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Work<T, F> {
    work: F,
    done: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Fail> + Send,
{
    fn run(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self.done = Some(match (self.work)(conn) {
            Ok(value) => Ok(value),
            Err(Fail::Refused(error)) => Err(error),
            Err(Fail::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let done = self.done.unwrap_or_else(|| Err(stopped()));
        // Nobody listens if the caller's future was dropped; the work is done all the same.
        let _ = self.reply.send(outcome.and(done));
    }
}

impl Writer {
    pub(super) fn start(
        conn: Connection,
        path: PathBuf,
        owners: Arc<Owners>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = channel();
        let thread = Builder::new()
            .name("superstep-writer".to_owned())
            .spawn(move || serve(&conn, &path, &owners, &jobs))
            .map_err(|error| backend(format!("no thread for the writer: {error}")))?;
        Ok(Self {
            queue: RwLock::new(Some(queue)),
            thread: Some(thread),
        })
    }

    /// Has `work` done in a transaction, and waits until that is on disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fail> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work {
            work,
            done: None,
            reply,
        });
        self.send(job);
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// If the thread is gone, the job is dropped and its caller told.
    fn send(&self, job: Box<dyn Job>) {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = &*queue {
            let _ = queue.send(job);
        }
    }
}

impl Drop for Writer {
    /// Waits for what is queued, and until the file is closed.
    fn drop(&mut self) {
        *self.queue.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    backend("the thread that writes has stopped; open the store again")
}

fn serve(conn: &Connection, path: &Path, owners: &Owners, jobs: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        commit(conn, path, group);
    }
    owners.leave(conn);
}

fn commit(conn: &Connection, path: &Path, mut group: Vec<Box<dyn Job>>) {
    if let Err(error) = statement(conn, "BEGIN IMMEDIATE") {
        return answer(group, Err(translate(error, path)));
    }
    let written = group
        .iter_mut()
        .try_for_each(|job| job.run(conn))
        .and_then(|()| statement(conn, "COMMIT"));
    let Err(error) = written else {
        return answer(group, Ok(()));
    };
    // SQLite has rolled back by itself after some errors, a full disk among them.
    if !conn.is_autocommit() {
        let _ = statement(conn, "ROLLBACK");
    }
    if group.len() == 1 {
        return answer(group, Err(translate(error, path)));
    }
    for job in group {
        commit(conn, path, vec![job]);
    }
}

fn answer(group: Vec<Box<dyn Job>>, outcome: Result<(), StoreError>) {
    for job in group {
        job.answer(outcome.clone());
    }
}

fn statement(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

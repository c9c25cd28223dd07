//! Where transactions are written: the connection, and the work that is given to it.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::checkpointer::Checkpointer;
use super::errors::{Fail, translate, translate_on};
use super::owners::Owners;
use super::watch::Watch;
use crate::store::{CallOutcome, StoreError};

/// How long to sleep at most before asking again whether another process is done.
const NAP: Duration = Duration::from_millis(25);

pub(super) trait Job: Send {
    /// Does the work inside a transaction; an error means that the transaction
    /// must not be committed. May be called again after a rollback.
    fn run(&mut self, conn: &Connection) -> rusqlite::Result<()>;

    /// Tells the caller, once the transaction is on disk or has failed.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

pub(super) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A job that does `work`, and where its answer arrives.
pub(super) fn job<T, F>(work: F) -> (Box<dyn Job>, Answer<T>)
where
    T: Send + 'static,
    F: FnMut(&Connection) -> Result<T, Fail> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let done = None;
    (Box::new(Work { work, done, reply }), answer)
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
        let done = self.done.unwrap_or_else(|| Err(dropped()));
        // Nobody listens if the caller's future was dropped; the work is done all the same.
        let _ = self.reply.send(outcome.and(done));
    }
}

pub(super) fn dropped() -> StoreError {
    StoreError::Unavailable {
        reason: "the writer dropped the work".into(),
        outcome: CallOutcome::Unknown,
    }
}

/// Whether to wait for another process that is writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    /// For the time that the store was opened with.
    Some,
}

pub(super) struct Desk {
    conn: Connection,
    files: Watch,
    busy: Duration,
    checkpointer: Arc<Checkpointer>,
    /// Whether a transaction failed: whoever opens the file next may find it
    /// committed all the same.
    in_doubt: bool,
}

impl Desk {
    pub(super) fn new(
        conn: Connection,
        files: Watch,
        busy: Duration,
        checkpointer: Arc<Checkpointer>,
    ) -> Result<Self, StoreError> {
        // Waiting is up to `begin`: a caller that writes in place must not be held up.
        conn.busy_timeout(Duration::ZERO)
            .map_err(|error| translate(error, files.path()))?;
        Ok(Self {
            conn,
            files,
            busy,
            checkpointer,
            in_doubt: false,
        })
    }

    /// Writes a group in one transaction and answers it. Returns it unwritten if
    /// another process is writing and there is no patience.
    pub(super) fn write(
        &mut self,
        mut group: Vec<Box<dyn Job>>,
        patience: Patience,
    ) -> Result<(), Vec<Box<dyn Job>>> {
        // Left open by a job that panicked.
        self.roll_back();
        if let Err(gone) = self.files.check(&self.conn) {
            for job in group {
                job.answer(Err(gone.clone()));
            }
            return Ok(());
        }
        if let Err(error) = self.begin(patience) {
            if patience == Patience::None && is_busy(&error) {
                return Err(group);
            }
            self.answer(group, Err(error));
            return Ok(());
        }
        let written = group
            .iter_mut()
            .try_for_each(|job| job.run(&self.conn))
            .and_then(|()| self.execute("COMMIT"));
        self.checkpointer.count(self.files.committed());
        let Err(error) = written else {
            self.answer(group, Ok(()));
            return Ok(());
        };
        self.in_doubt = true;
        self.roll_back();
        if group.len() == 1 {
            self.answer(group, Err(error));
            return Ok(());
        }
        for job in group {
            self.write(vec![job], Patience::Some)?;
        }
        Ok(())
    }

    /// In WAL mode this is the one place where another process can be in the way.
    fn begin(&self, patience: Patience) -> rusqlite::Result<()> {
        let deadline = Instant::now() + self.busy;
        let mut nap = Duration::from_millis(1);
        loop {
            match self.execute("BEGIN IMMEDIATE") {
                Err(error)
                    if is_busy(&error)
                        && patience == Patience::Some
                        && Instant::now() < deadline =>
                {
                    sleep(nap);
                    nap = (nap * 2).min(NAP);
                }
                begun => return begun,
            }
        }
    }

    /// SQLite has done it by itself after some errors, a full disk among them.
    fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            let _ = self.execute("ROLLBACK");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn answer(&self, group: Vec<Box<dyn Job>>, outcome: rusqlite::Result<()>) {
        let outcome = outcome.map_err(|error| translate_on(&self.conn, error, self.files.path()));
        for job in group {
            job.answer(outcome.clone());
        }
    }

    /// The last thing before the store closes. A lease that is in doubt names
    /// our file, which is then left for the next store to bury.
    pub(super) fn leave(&self, owners: &Owners) {
        if self.in_doubt || owners.is_named(&self.conn) {
            owners.stay();
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

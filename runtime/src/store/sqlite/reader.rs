//! Reading, concurrently with the writer: in WAL mode neither waits for the other.
//!
//! On the store's own threads: tokio's may all be taken by nodes that block,
//! and even then a run must be readable.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::errors::{Fail, backend, translate, translate_on};
use super::identity::Identity;
use super::read_only::ReadOnly;
use super::thread::Thread;
use crate::store::{CallOutcome, StoreError};

/// More readers at once than this do not read faster.
const READERS: usize = 4;

/// Started as they are needed, each with a connection that it opens when it
/// first reads; they end with the store.
pub(super) struct Readers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<Thread>>,
}

struct Shared {
    source: Source,
    queue: Mutex<Queue>,
    /// Calls a thread that waits.
    called: Condvar,
}

/// Where connections come from.
pub(super) enum Source {
    /// From a file that a writer of this store has open.
    Beside { file: Identity, busy: Duration },
    /// From one that may not be written: one for each read.
    ReadOnly(ReadOnly),
}

#[derive(Default)]
struct Queue {
    looks: VecDeque<Box<dyn Look>>,
    /// How many threads have nothing to read, or are about to take something.
    idle: usize,
    /// The connection that inspected the file when it was opened.
    first: Option<Connection>,
    closed: bool,
}

/// Something to be read.
trait Look: Send {
    /// Whether nobody waits for it any more.
    fn is_over(&self) -> bool;

    /// Reads, on the connection that was kept if there is one.
    fn take(self: Box<Self>, source: &Source, kept: &mut Option<Connection>) -> Answer;
}

/// Tells the caller, who may read again at once: it is sent when the thread is free.
type Answer = Box<dyn FnOnce()>;

struct Query<T, F> {
    /// The oldest schema that has what it asks for.
    since: u32,
    query: F,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Look for Query<T, F>
where
    T: Send + 'static,
    F: Fn(&Connection) -> Result<T, Fail> + Send,
{
    fn is_over(&self) -> bool {
        self.reply.is_closed()
    }

    fn take(self: Box<Self>, source: &Source, kept: &mut Option<Connection>) -> Answer {
        let Self {
            since,
            query,
            reply,
        } = *self;
        let found = source.read(kept, since, query);
        // Nobody listens if the caller's future was dropped.
        Box::new(move || drop(reply.send(found)))
    }
}

impl Source {
    fn read<T>(
        &self,
        kept: &mut Option<Connection>,
        since: u32,
        query: impl Fn(&Connection) -> Result<T, Fail>,
    ) -> Result<T, StoreError> {
        let (file, busy) = match self {
            Self::Beside { file, busy } => (file, *busy),
            Self::ReadOnly(place) => return place.look(since, query),
        };
        let conn = match kept.take() {
            Some(conn) => conn,
            None => beside(file, busy)?,
        };
        match within_one_moment(&conn, query) {
            // A connection that failed is not trusted with the next query.
            Err(Fail::Sql(error)) => Err(translate_on(&conn, error, file.path())),
            Err(Fail::Refused(refusal)) => {
                *kept = Some(conn);
                Err(refusal)
            }
            Ok(found) => {
                *kept = Some(conn);
                Ok(found)
            }
        }
    }
}

/// Another file may have been put at the path since the store was opened.
fn beside(file: &Identity, busy: Duration) -> Result<Connection, StoreError> {
    file.check()?;
    open(file.path(), busy).map_err(|error| translate(error, file.path()))
}

impl Readers {
    /// Begins with `first`, if there is one.
    pub(super) fn new(source: Source, first: Option<Connection>) -> Self {
        let queue = Queue {
            first,
            ..Queue::default()
        };
        Self {
            shared: Arc::new(Shared {
                source,
                queue: Mutex::new(queue),
                called: Condvar::new(),
            }),
            threads: Mutex::default(),
        }
    }

    /// Runs `query` on a thread that may block, in one read transaction: all
    /// that it reads is of one moment. It needs what databases have since
    /// schema `since`.
    pub(super) async fn read<T, F>(&self, since: u32, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, Fail> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.push(Box::new(Query {
            since,
            query,
            reply,
        }))?;
        let stopped = |_| {
            Err(StoreError::Unavailable {
                reason: "a reader stopped".into(),
                outcome: CallOutcome::DidNotHappen,
            })
        };
        answer.await.unwrap_or_else(stopped)
    }

    fn push(&self, look: Box<dyn Look>) -> Result<(), StoreError> {
        let mut queue = self.shared.queue();
        queue.looks.push_back(look);
        let is_enough = queue.looks.len() <= queue.idle;
        drop(queue);
        self.shared.called.notify_one();
        if is_enough { Ok(()) } else { self.start_one() }
    }

    /// One more thread, unless there are enough.
    fn start_one(&self) -> Result<(), StoreError> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() == READERS {
            return Ok(());
        }
        let serving = Arc::clone(&self.shared);
        match Thread::start("reader", move || serving.serve()) {
            Ok(thread) => threads.push(thread),
            // The existing ones will do.
            Err(_) if !threads.is_empty() => {}
            Err(error) => return Err(backend(format!("no thread for a reader: {error}"))),
        }
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.called.notify_all();
    }
}

impl Shared {
    fn serve(&self) {
        let mut conn = self.queue().first.take();
        let mut answer = None;
        while let Some(look) = self.next(answer.take()) {
            if look.is_over() {
                continue;
            }
            // Whoever asked for what panics learns it from the closed channel.
            let take = AssertUnwindSafe(|| look.take(&self.source, &mut conn));
            answer = catch_unwind(take).ok();
        }
    }

    /// Sends the last answer, and waits for something to read; `None` when the
    /// store is closed.
    fn next(&self, answer: Option<Answer>) -> Option<Box<dyn Look>> {
        self.queue().idle += 1;
        if let Some(answer) = answer {
            answer();
        }
        let mut queue = self.queue();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(look) = queue.looks.pop_front() {
                queue.idle -= 1;
                return Some(look);
            }
            queue = self
                .called
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn within_one_moment<T>(
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

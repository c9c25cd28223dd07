//! Runs in one SQLite file.

mod cells;
mod checkpointer;
mod commit;
mod desk;
mod effects;
mod errors;
mod files;
mod gate;
mod graphs;
mod heads;
mod history;
mod identity;
mod labels;
mod lease;
mod lineage;
mod older;
mod open;
mod owners;
mod park;
#[cfg(test)]
mod plans;
mod prune;
mod questions;
mod read;
mod read_only;
mod reader;
mod schema;
mod shrink;
mod signals;
mod sizes;
mod snapshots;
#[cfg(test)]
mod tests;
mod thread;
mod turns;
mod waits;
mod watch;
mod writer;

use std::fmt;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use serde::Serialize;

use self::checkpointer::Checkpointer;
use self::desk::Desk;
use self::errors::Fail;
use self::identity::Identity;
use self::open::{Opened, Settings};
use self::owners::Owners;
use self::read_only::ReadOnly;
use self::reader::{Readers, Source};
use self::watch::Watch;
use self::writer::Writer;
use super::{
    Answer, Claim, Commit, Committed, EffectKey, EffectRecord, Event, GraphChange, Head, Lease,
    Listed, Loaded, Mail, NewSignal, Page, Park, Parked, Prune, Pruned, Question, Recording,
    Registration, RunFilter, Snapshot, StepRecord, Store, StoreError, StoreFuture, TurnRecord,
    clock,
};
use crate::as_json;
use crate::hash::Digest;

/// SQLite counts its milliseconds in 32 bits.
const LONGEST_WAIT: Duration = Duration::from_millis(i32::MAX as u64);

/// Keeps runs in one SQLite file, which several processes may share.
///
/// A commit that was acknowledged is on disk. Reading never waits for writing.
/// Commits that arrive together share one transaction. The runs of a process
/// that was killed can be taken over at once.
///
/// Next to `runs.db` there are, while it is open, SQLite's `runs.db-wal` and
/// `runs.db-shm`, and the folder `runs.db-owners` with one lock file for every
/// process. Keep them together, on a local disk: SQLite's locks do not work on
/// network file systems.
///
/// Clones are cheap and share everything. Opening, and dropping the last clone,
/// block for a few milliseconds; the methods need a tokio runtime.
///
/// ```
/// use superstep::store::{SqliteStore, StoreExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("runs.db");
/// let store = SqliteStore::open(path)?;
/// assert!(store.all_runs().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    file: Identity,
    /// Closed before the writer: SQLite cleans up with the last connection, if it may write.
    readers: Readers,
    /// `None` if it was opened read-only.
    writing: Option<Writing>,
}

struct Writing {
    /// How long it waits for other processes that write.
    busy: Duration,
    writer: Writer,
    checkpointer: Arc<Checkpointer>,
    owners: Arc<Owners>,
}

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When the disk says it has it. Survives a power cut. The default.
    #[default]
    Full,
    /// When the operating system has it. Survives a killed process; a power
    /// cut or a crash of the system may undo the last commits, as if they had
    /// never been made: a run is then at an earlier step, never in between.
    Normal,
}

impl Synchronous {
    fn word(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

/// How to open a [`SqliteStore`]; from [`SqliteStore::options`].
///
/// ```no_run
/// use superstep::store::{SqliteStore, Synchronous};
///
/// let store = SqliteStore::options()
///     .synchronous(Synchronous::Normal)
///     .open("runs.db")?;
/// # Ok::<(), superstep::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    settings: Settings,
}

impl SqliteOptions {
    /// When a commit counts as done; [`Synchronous::Full`] by default.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.settings.synchronous = synchronous;
        self
    }

    /// How long to wait for another process that is writing before giving up
    /// with [`StoreError::Busy`]; 5 s by default, and never more than 24 days.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.settings.busy = timeout.min(LONGEST_WAIT);
        self
    }

    /// Opens the database at `path`; creates it if there is no file or an empty one.
    /// It is always taken as a path, never as a URI; links are followed, and
    /// a later change of directory does not matter.
    ///
    /// # Errors
    /// - [`StoreError::CannotOpen`] if the path is empty, a folder, in a
    ///   folder that does not exist or not readable;
    /// - [`StoreError::NotADatabase`], [`StoreError::Foreign`] and
    ///   [`StoreError::NewerSchema`] if something else is there, which is not
    ///   changed;
    /// - [`StoreError::ReadOnly`] if file or folder cannot be written;
    /// - [`StoreError::Linked`] if the file has another name, through a hard link;
    /// - [`StoreError::TooManyFiles`] if this process can open no more;
    /// - [`StoreError::Full`], [`StoreError::Busy`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let path = open::locate(path.as_ref())?;
        let busy = self.settings.busy;
        let Opened {
            writer: conn,
            reader,
        } = open::open(&path, &self.settings)?;
        let file = Identity::of(path)?;
        let files = Watch::new(file.clone(), &conn)?;
        let owners = Owners::open(file.path());
        let owners = owners.map_err(|error| open::io_error(&error, file.path()))?;
        // What remains of dead owners only clutters the folder.
        let _ = owners.sweep(&conn);
        let owners = Arc::new(owners);
        let checkpointer = Arc::new(Checkpointer::start(file.path())?);
        let desk = Desk::new(conn, files, busy, Arc::clone(&checkpointer))?;
        let writer = Writer::start(desk, Arc::clone(&owners))?;
        let source = Source::Beside {
            file: file.clone(),
            busy,
        };
        let writing = Writing {
            busy,
            writer,
            checkpointer,
            owners,
        };
        let readers = Readers::new(source, reader);
        Ok(SqliteStore::of(file, readers, Some(writing)))
    }

    /// Opens the database at `path` to read it, whoever else has it open, and never
    /// writes, neither to the file nor next to it.
    ///
    /// Every method that writes is [`StoreError::ReadOnly`]. A file of an older schema
    /// stays as it is; [`head`](Store::head), [`runs`](Store::runs) and
    /// [`steps`](Store::steps) read it, everything else is [`StoreError::OldSchema`].
    ///
    /// File and folder need not be writable. What an owner committed is read as soon as
    /// it is acknowledged, whether that owner is alive or was killed. Each read has a
    /// connection of its own, so a store that is kept open holds nobody up.
    ///
    /// The path means what it means to [`open`](Self::open). Of the options only
    /// [`busy_timeout`](Self::busy_timeout) counts.
    ///
    /// # Errors
    /// - [`StoreError::CannotOpen`] if there is no file, an empty one, or one that this
    ///   process may not read;
    /// - [`StoreError::NeedsRecovery`] if the log of a dead owner is there and its index
    ///   (`-shm`) is not, so that only a process that may write can read the last commits;
    /// - [`StoreError::NotADatabase`], [`StoreError::Foreign`], [`StoreError::NewerSchema`],
    ///   [`StoreError::Linked`], [`StoreError::TooManyFiles`], [`StoreError::Busy`].
    ///
    /// Reading gives the same errors if the files have changed since, and [`StoreError::Moved`].
    pub fn open_read_only(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let path = open::locate(path.as_ref())?;
        let place = ReadOnly::open(path, self.settings.busy)?;
        let file = place.file().clone();
        let readers = Readers::new(Source::ReadOnly(place), None);
        Ok(SqliteStore::of(file, readers, None))
    }
}

/// The condition of a [`SqliteStore`]; from [`SqliteStore::health`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SqliteHealth {
    /// For how long a reader, of any process, has kept the write-ahead log from being
    /// emptied, while it is longer than 64 MiB. It keeps growing until that
    /// reader ends; reading and committing get slower with it. In JSON `held_up_ms`.
    #[serde(
        rename = "held_up_ms",
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::millis"
    )]
    pub held_up: Option<Duration>,
}

impl SqliteStore {
    /// Opens the database at `path` with the default options; creates it if
    /// there is no file or an empty one.
    ///
    /// # Errors
    /// Those of [`SqliteOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path)
    }

    /// Opens the database at `path` to read it, with the default options; it is never
    /// written.
    ///
    /// ```
    /// use superstep::store::{SqliteStore, Store, StoreError, StoreExt};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.db");
    /// # drop(SqliteStore::open(&path)?);
    /// let store = SqliteStore::open_read_only(path)?;
    /// assert!(store.all_runs().await?.is_empty());
    /// let refused = store.label("some-run", 1, "draft").await;
    /// assert!(matches!(refused, Err(StoreError::ReadOnly { .. })));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`SqliteOptions::open_read_only`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open_read_only(path)
    }

    /// The options, to change before [`open`](SqliteOptions::open).
    pub fn options() -> SqliteOptions {
        SqliteOptions {
            settings: Settings {
                synchronous: Synchronous::Full,
                busy: Duration::from_secs(5),
            },
        }
    }

    /// Its file: the absolute path, without symbolic links.
    pub fn path(&self) -> &Path {
        self.inner.file.path()
    }

    /// How long the write-ahead log is, in bytes. Above 64 MiB a reader holds it up:
    /// [`health`](Self::health) says for how long.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if it is not there any more; a read-only store does
    /// not need it.
    pub fn log_bytes(&self) -> Result<u64, StoreError> {
        match watch::log_bytes(self.path()) {
            Err(StoreError::Moved { .. }) if self.inner.writing.is_none() => Ok(0),
            bytes => bytes,
        }
    }

    /// What an operator should know. Costs next to nothing. A read-only store
    /// cannot tell.
    pub fn health(&self) -> SqliteHealth {
        let writing = self.inner.writing.as_ref();
        SqliteHealth {
            held_up: writing.and_then(|writing| writing.checkpointer.held_up()),
        }
    }

    fn of(file: Identity, readers: Readers, writing: Option<Writing>) -> Self {
        let inner = Inner {
            file,
            readers,
            writing,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    fn writing(&self) -> Result<&Writing, StoreError> {
        let refused = || StoreError::opened_read_only(self.path().display());
        self.inner.writing.as_ref().ok_or_else(refused)
    }

    fn read<'a, T, F>(&'a self, query: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, Fail> + Send + 'static,
    {
        Box::pin(self.inner.readers.read(schema::NEWEST, query))
    }

    /// Reads what `older` provides in databases of every older schema.
    fn read_of_any_schema<'a, T, F>(&'a self, query: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, Fail> + Send + 'static,
    {
        Box::pin(self.inner.readers.read(1, query))
    }

    fn write<'a, T, F>(&'a self, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fail> + Send + 'static,
    {
        Box::pin(async move { self.writing()?.writer.write(work).await })
    }

    /// Work that looks at this owner's lock file, and at those of others.
    fn write_as_owner<'a, T, F>(&'a self, mut work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &Owners) -> Result<T, Fail> + Send + 'static,
    {
        Box::pin(async move {
            let Writing { writer, owners, .. } = self.writing()?;
            let owners = Arc::clone(owners);
            writer.write(move |conn| work(conn, &owners)).await
        })
    }

    /// Work that may take over a lease: along with its result it returns the lock
    /// file of the owner it took it from, which is removed when no lease names
    /// it any more.
    fn take_over<'a, T, F>(&'a self, mut work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &Owners) -> Result<(T, Option<String>), Fail> + Send + 'static,
    {
        Box::pin(async move {
            let Writing { writer, owners, .. } = self.writing()?;
            let known = Arc::clone(owners);
            let work = writer.write(move |conn| work(conn, &known));
            let (done, left_behind) = work.await?;
            if let Some(name) = left_behind {
                let owners = Arc::clone(owners);
                let bury = move |conn: &Connection| owners.bury(conn, &name);
                // A file that stays is buried when the database is opened next.
                let _ = writer.write(bury).await;
            }
            Ok(done)
        })
    }

    /// Each run in a transaction of its own: commits happen in between.
    async fn prune_each(&self, prune: &Prune) -> Result<Pruned, StoreError> {
        let writing = self.writing()?;
        let (asked, owners) = (prune.clone(), Arc::clone(&writing.owners));
        let look = self.read(move |conn| prune::candidates(conn, &owners, &asked));
        let mut pruned = Pruned::default();
        for run in look.await? {
            let (asked, owners) = (prune.clone(), Arc::clone(&writing.owners));
            let drop = self.write(move |conn| prune::prune(conn, &owners, &asked, &run));
            let steps = drop.await?;
            pruned.runs += u64::from(steps > 0);
            pruned.steps += steps;
        }
        shrink::give_back(&writing.writer, &writing.checkpointer).await;
        Ok(pruned)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn waits(&self) -> Duration {
        let writing = self.inner.writing.as_ref();
        writing.map_or(Duration::ZERO, |writing| writing.busy)
    }

    /// All who share the file are on one machine, and so is its clock.
    fn now(&self) -> StoreFuture<'_, SystemTime> {
        Box::pin(ready(Ok(clock::now())))
    }

    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        let run = run.to_owned();
        self.read_of_any_schema(move |conn| heads::head(conn, &run))
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        let run = run.to_owned();
        self.read(move |conn| read::load(conn, &run))
    }

    fn runs<'a>(
        &'a self,
        filter: &'a RunFilter,
        page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>> {
        let filter = filter.clone();
        self.read_of_any_schema(move |conn| heads::page(conn, &filter, &page))
    }

    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>> {
        let run = run.to_owned();
        self.read_of_any_schema(move |conn| history::steps(conn, &run, from, to, &page))
    }

    fn digests<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>> {
        let run = run.to_owned();
        self.read(move |conn| history::digests(conn, &run, &page))
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>> {
        let run = run.to_owned();
        self.read(move |conn| effects::effects(conn, &run, from, to, &page))
    }

    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>> {
        let run = run.to_owned();
        self.read(move |conn| questions::of_run(conn, &run))
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        let run = run.to_owned();
        self.read(move |conn| history::snapshot(conn, &run, step))
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        self.read(move |conn| read::graph(conn, fingerprint))
    }

    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>> {
        let run = run.to_owned();
        self.read(move |conn| graphs::changes(conn, &run))
    }

    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>> {
        let run = run.to_owned();
        self.read(move |conn| turns::page(conn, &run, &page))
    }

    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>> {
        let (run, token) = (run.to_owned(), token.to_owned());
        self.read(move |conn| turns::with_token(conn, &run, &token))
    }

    fn acquire<'a>(&'a self, run: &'a str, claim: Claim) -> StoreFuture<'a, Lease> {
        let run = run.to_owned();
        self.take_over(move |conn, owners| lease::acquire(conn, owners, &run, &claim))
    }

    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease> {
        let run = run.to_owned();
        self.write(move |conn| lease::renew(conn, &run, epoch, term))
    }

    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()> {
        let run = run.to_owned();
        self.write_as_owner(move |conn, owners| lease::release(conn, owners, &run, epoch))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        self.take_over(move |conn, owners| commit::commit(conn, owners, &commit))
    }

    fn journal(&self, recording: Recording) -> StoreFuture<'_, ()> {
        self.write(move |conn| effects::journal(conn, &recording))
    }

    fn answer(&self, answer: Answer) -> StoreFuture<'_, ()> {
        self.write(move |conn| questions::answer(conn, &answer))
    }

    fn put_snapshot<'a>(
        &'a self,
        run: &'a str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> StoreFuture<'a, ()> {
        let run = run.to_owned();
        self.write(move |conn| snapshots::put(conn, &run, epoch, &snapshot))
    }

    fn label<'a>(&'a self, run: &'a str, step: u64, label: &'a str) -> StoreFuture<'a, ()> {
        let (run, label) = (run.to_owned(), label.to_owned());
        self.write(move |conn| labels::label(conn, &run, step, &label))
    }

    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>> {
        let run = run.to_owned();
        self.read(move |conn| Ok(labels::labels(conn, &run)?.into_iter().collect()))
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> StoreFuture<'a, Pruned> {
        Box::pin(self.prune_each(prune))
    }

    fn register(&self, registration: Registration) -> StoreFuture<'_, Mail> {
        self.write(move |conn| waits::register(conn, &registration))
    }

    fn mail<'a>(&'a self, run: &'a str, known: u64) -> StoreFuture<'a, Mail> {
        let run = run.to_owned();
        self.read(move |conn| signals::mail(conn, &run, known))
    }

    fn signal(&self, signal: NewSignal) -> StoreFuture<'_, ()> {
        self.write(move |conn| signals::signal(conn, &signal))
    }

    fn park(&self, park: Park) -> StoreFuture<'_, Parked> {
        self.write_as_owner(move |conn, owners| park::park(conn, owners, &park))
    }

    fn outbox(&self, limit: usize) -> StoreFuture<'_, Vec<Event>> {
        self.read(move |conn| read::outbox(conn, limit))
    }

    fn mark_delivered<'a>(&'a self, ids: &'a [u64]) -> StoreFuture<'a, ()> {
        let ids = ids.to_vec();
        self.write(move |conn| commit::mark_delivered(conn, &ids))
    }

    fn stuck(&self, page: Page<String>) -> StoreFuture<'_, Listed<String, String>> {
        self.read(move |conn| heads::stuck(conn, &page))
    }
}

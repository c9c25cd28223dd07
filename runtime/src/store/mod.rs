//! Where runs live: an object-safe async trait over encoded bytes.
//!
//! A store knows nothing of states, nodes or reducers. It keeps runs, their
//! steps and their leases, and it keeps one promise above all: a
//! [`commit`](Store::commit) happens completely or not at all, once, and only
//! by the holder of the run's lease.

pub(crate) mod clock;
mod error;
mod into_store;
mod memory;
mod pages;
mod records;
pub mod rules;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

pub use error::{CallOutcome, StoreError};
pub use into_store::IntoStore;
pub use memory::MemoryStore;
pub use pages::{Pages, StoreExt};
pub use records::{
    Access, Answer, Claim, Commit, Committed, Creation, Deadline, EffectClass, EffectKey,
    EffectKind, EffectRecord, Event, GraphChange, Head, Lease, Listed, Loaded, Mail, NewSignal,
    Origin, Page, Park, Parked, PendingResult, Prune, Pruned, Pruning, Question, QuestionKind,
    Recording, Registration, RunFilter, Signal, Snapshot, Status, StepKind, StepRecord, TurnRecord,
    Wait,
};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteHealth, SqliteOptions, SqliteStore, Synchronous};

use crate::hash::Digest;

/// How long a run's id may be, in bytes; it is never empty.
pub const LONGEST_RUN_ID: usize = 1_024;

/// How long a label may be, in bytes; it is never empty.
pub const LONGEST_LABEL: usize = 256;

/// How many bytes any store takes for a turn's token, the name of an effect or a question, a
/// question's id, and the names of graphs, nodes, owners and events.
pub const LONGEST_NAME: usize = 1_024;

/// The most items that a page of a list has.
pub const LARGEST_PAGE: usize = 1_000;

/// What every method of a [`Store`] returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps runs.
///
/// Every method is atomic and may be called concurrently. A method's effect
/// does not depend on its future being polled to the end: once polled, it
/// happens or fails as a whole, even if the future is dropped.
///
/// **A call may be made again.** A caller that gets no answer, or [`StoreError::Unavailable`],
/// does not know whether the call happened. The same call with the same arguments settles it:
/// nothing happens twice, and the answer is that of the first, apart from times, from what
/// [`prune`](Self::prune) counts, and from [`Committed::Already`] in place of
/// [`Committed::Now`]. A repeated call that needs a lease fails if the lease was lost:
/// only a commit whose step is there, and a park, no longer need one.
///
/// **Keys** are arbitrary texts, compared by their bytes, up to [`LONGEST_RUN_ID`],
/// [`LONGEST_LABEL`] and [`LONGEST_NAME`]. The engine accepts no longer ones, and a store
/// may refuse them ([`StoreError::TooLarge`]).
///
/// **Lists** come in pages, in the order of their keys: see [`Page`] and [`Listed`]. A page is
/// of one moment, a list of several pages is not. Whatever is listed all the time, from the
/// first page to the last, is on exactly one of them. [`Pages`] is the way through.
///
/// **Times** are those of one clock, the store's own: [`now`](Self::now) reads it, and
/// what is stored is compared with nothing else, since the callers' clocks may
/// differ from it and from one another. They are kept to the millisecond. A term may have
/// any length, even [`Duration::MAX`]: it ends in the far future.
pub trait Store: Send + Sync + 'static {
    /// The time by the store's clock, by which leases lapse and records are dated.
    fn now(&self) -> StoreFuture<'_, SystemTime>;

    /// How long a call may wait for others before the store itself gives up.
    fn waits(&self) -> Duration {
        Duration::ZERO
    }

    /// The head of a run; `None` if there is no such run.
    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>>;

    /// All that is needed to continue a run, read at one moment:
    /// see [`Loaded`].
    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>>;

    /// The heads of the runs that `filter` lets through, by id.
    fn runs<'a>(
        &'a self,
        filter: &'a RunFilter,
        page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>>;

    /// The records of steps `from..=to` of a run, by number; those that do not
    /// exist are left out. The history of a fork's origin is the fork's too.
    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>>;

    /// Number and [digest](StepRecord::digest) of every step of a run, by
    /// number, the history of a fork's origin included.
    fn digests<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>>;

    /// The effect records of steps `from..=to` of a run, those of a fork's
    /// origin included, by their [keys](EffectRecord::key).
    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>>;

    /// All questions of a run, answered or not, by id.
    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>>;

    /// The newest snapshot of a run at or before `step`, that of a fork's origin included.
    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>>;

    /// The canonical text of a graph that wrote some step.
    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>>;

    /// The steps at which a run's graph changes, in order; those
    /// of a fork's origin, up to where it branches off, included. They stay when steps are pruned.
    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>>;

    /// The further turns of a run, by the step that began them; those of a fork's origin, up to where it branches
    /// off, included. They stay when steps are pruned.
    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>>;

    /// The turn that the run itself began with that token; `None` if it began none.
    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>>;

    /// Takes the lease of an existing run, with a new epoch.
    ///
    /// A lease is free if there is none, if it has expired by the store's
    /// clock (two terms later if its owner is known to be alive), if its owner
    /// is known to be dead, or if the claim's owner has it already
    /// (whoever held it for that owner before loses it). If this very claim
    /// took it, its epoch stays, and its term begins again.
    ///
    /// # Errors
    /// [`StoreError::LeaseHeld`] if another owner's lease is alive,
    /// [`StoreError::NoSuchRun`].
    fn acquire<'a>(&'a self, run: &'a str, claim: Claim) -> StoreFuture<'a, Lease>;

    /// Prolongs a lease to `term` from now.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if its epoch is no longer the run's.
    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease>;

    /// Gives a lease back; harmless if it is lost already.
    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()>;

    /// Commits one step: record, snapshot, effects, events, head and lease, all
    /// or nothing. What is [unheard](Commit::unheard) of is removed before the effects are written.
    ///
    /// If the step exists with the same idempotency key, nothing changes and the
    /// answer is [`Committed::Already`], whatever the lease; it says whether the lease is still the
    /// caller's: by its epoch, or by its claim if the commit takes the lease. If an earlier turn
    /// of the run began with the commit's token, nothing changes either, and
    /// the answer is [`Committed::TokenSpent`]. A step of kind
    /// [`Update`](StepKind::Update) keeps the head's error, the pending
    /// results, and the effects, questions and waits of the open step, which then has
    /// the next number, and wakes a run that waits; any other clears error and results. One of kind
    /// [`Turn`](StepKind::Turn), or with a token, begins a [turn](Self::turns), and leaves the
    /// error with the one before. With the first step of a fork come the effects that are on
    /// record of its open step, the one after it. A record that names a
    /// [graph](StepRecord::graph) is noted as a [change](Self::graphs) of it.
    ///
    /// # Errors
    /// - [`StoreError::IdempotencyViolation`] if the step exists with another key;
    /// - [`StoreError::NotNext`] if the step is not the one after the head, if
    ///   `previous` is not the head's chain value, or if an effect is of another step;
    /// - [`StoreError::LeaseLost`] / [`StoreError::LeaseHeld`] as [`Commit::access`] asks;
    /// - [`StoreError::NoSuchRun`] without [`Commit::create`];
    /// - [`StoreError::NoSuchStep`] if a fork's origin has no such step, or one
    ///   with another chain value than `previous`.
    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed>;

    /// Writes effects of the open step into the journal.
    ///
    /// What is recorded stands. A record is ignored if a
    /// [`Done`](EffectKind::Done) or [`Clock`](EffectKind::Clock) of the same call
    /// says something else, or if it says [`Failed`](EffectKind::Failed) of what
    /// another attempt has begun ([`Intent`](EffectKind::Intent)): it comes late,
    /// from an attempt that is over.
    ///
    /// # Errors
    /// - [`StoreError::LeaseLost`] if the epoch is no longer the run's;
    /// - [`StoreError::NotNext`] if a record is not of the step after the head.
    fn journal(&self, recording: Recording) -> StoreFuture<'_, ()>;

    /// Registers what tasks of the open step wait for, and says what is there.
    ///
    /// In this order, and all or nothing: it writes the effects, as [`journal`](Self::journal)
    /// does; a record that names a [signal](EffectRecord::signal) takes it out of the run's
    /// queue. It closes waits. It registers the new ones: their deadlines are fixed now, and one that is
    /// registered already keeps the deadline that it has. And it records of those that may be over that
    /// they are, if their deadline has passed and no signal that they
    /// [take](rules::takes) is in the queue.
    ///
    /// # Errors
    /// As [`journal`](Self::journal).
    fn register(&self, registration: Registration) -> StoreFuture<'_, Mail>;

    /// What has come for a run since the signal with the number `known`, 0 if none is known.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`].
    fn mail<'a>(&'a self, run: &'a str, known: u64) -> StoreFuture<'a, Mail>;

    /// Sends a signal to a run: it is kept, behind those that came before, until the run
    /// receives it, also if nobody waits for it yet. If the run has stopped and waits for it, the run
    /// [wakes](Head::wakes).
    ///
    /// Nothing changes if the run has ever got a signal with that id.
    ///
    /// # Errors
    /// [`StoreError::RunFinished`], [`StoreError::MailboxFull`], [`StoreError::NoSuchRun`].
    fn signal(&self, signal: NewSignal) -> StoreFuture<'_, ()>;

    /// Leaves the open step: keeps the results of its finished tasks, each replacing any
    /// kept before for that task, its effects and its questions, sets the run's status
    /// and error, and gives the lease back.
    ///
    /// A question whose id is there already stays as it is, answered or not:
    /// an answer may come while the run is driven. Asking once more takes another id.
    ///
    /// If the run is to [wait](rules::can_wake) and what one of its waits waits for [is
    /// there](rules::is_ready), nothing changes, the lease stays, and the answer is
    /// [`Parked::Mail`]. Signals that the effects take are not there any more. Else the run
    /// [wakes](Head::wakes) at the earliest of the deadlines, or at once, if one of the questions that
    /// the caller takes for open was answered meanwhile.
    ///
    /// Nothing changes if the run was parked under that epoch before, whoever holds it
    /// now, and no other park has happened since.
    ///
    /// # Errors
    /// - [`StoreError::LeaseLost`] if the epoch is no longer the run's;
    /// - [`StoreError::NotNext`] if an effect or a question is not of the step
    ///   after the head.
    fn park(&self, park: Park) -> StoreFuture<'_, Parked>;

    /// Answers an open question, and writes what it says of an effect. A run that has stopped and
    /// waits [wakes](Head::wakes).
    ///
    /// Nothing changes if it was answered with that token and text before, as long as it
    /// exists: even after its step was committed, until that is pruned.
    ///
    /// # Errors
    /// - [`StoreError::NoSuchQuestion`], even if its step was committed meanwhile;
    /// - [`StoreError::Answered`], [`StoreError::NoSuchRun`];
    /// - [`StoreError::NotNext`] if the effect is not of the step after the head;
    /// - [`StoreError::OutcomeKnown`] if what is recorded of the effect contradicts
    ///   it, by the rule of [`journal`](Self::journal).
    fn answer(&self, answer: Answer) -> StoreFuture<'_, ()>;

    /// Writes a snapshot of the head's state, replacing older ones unless
    /// a fork or the steps after a pruned part of the history stand on them.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]; [`StoreError::NotNext`] if its step is not the head.
    fn put_snapshot<'a>(
        &'a self,
        run: &'a str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> StoreFuture<'a, ()>;

    /// Names a step of a run. The same label for the same step again is harmless.
    ///
    /// # Errors
    /// [`StoreError::LabelTaken`] if the run uses the label for another step,
    /// [`StoreError::NoSuchStep`] if the run has no such step, or it was pruned,
    /// [`StoreError::NoSuchRun`].
    fn label<'a>(&'a self, run: &'a str, step: u64, label: &'a str) -> StoreFuture<'a, ()>;

    /// The labels of a run with their steps, by label, including those of a fork's
    /// origin up to where it branches off, unless it has one of that
    /// name itself.
    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>>;

    /// Drops runs or parts of their history. Whatever a resume or a fork needs stays.
    ///
    /// Atomic for each run, not for all of them: others commit in
    /// between, and if the future is dropped the rest is left to the next call.
    fn prune<'a>(&'a self, prune: &'a Prune) -> StoreFuture<'a, Pruned>;

    /// Up to `limit` events that are not marked yet, oldest first. No engine asks for them so far.
    fn outbox(&self, limit: usize) -> StoreFuture<'_, Vec<Event>>;

    /// Marks events as delivered. No engine does so far.
    fn mark_delivered<'a>(&'a self, ids: &'a [u64]) -> StoreFuture<'a, ()>;

    /// Runs that nothing will ever move again, by id: neither final nor failed,
    /// and neither claimable, leased, with a time at which they [wake](Head::wakes), nor with an
    /// open question or a wait for a signal in their open step. Always
    /// empty unless the database was changed by hand, or a run was parked as
    /// interrupted without a question or a wait.
    fn stuck(&self, page: Page<String>) -> StoreFuture<'_, Listed<String, String>>;
}

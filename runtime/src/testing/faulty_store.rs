use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::StoreCall;
use crate::hash::Digest;
use crate::store::{
    Answer, CallOutcome, Claim, Commit, Committed, EffectKey, EffectRecord, Event, GraphChange,
    Head, Lease, Listed, Loaded, Mail, NewSignal, Page, Park, Parked, Prune, Pruned, Question,
    Recording, Registration, RunFilter, Snapshot, StepRecord, Store, StoreError, StoreFuture,
    TurnRecord,
};

/// What goes wrong with one call of a [`FaultyStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The store never sees the call; its caller gets [`StoreError::Unavailable`] with
    /// [`CallOutcome::DidNotHappen`].
    LoseCall,
    /// The store does it, and its answer is lost; the caller gets
    /// [`StoreError::Unavailable`] with [`CallOutcome::Unknown`].
    LoseAnswer,
    /// The store does it, and no answer ever comes.
    Hang,
    /// The process [dies](FaultyStore::die) before the store sees the call.
    DieBefore,
    /// The process [dies](FaultyStore::die) after the store has done it.
    DieAfter,
}

/// A store that can be away, or lose an answer, when a test wants it to.
///
/// It counts its calls, from the first poll on; faults are set for the
/// *n*-th call from now on. Clones share everything. It can also play the store of a process
/// that dies: then the call at which that happens never ends, and no later one gets through.
/// To continue, wrap the store beneath again.
///
/// ```
/// use std::sync::Arc;
/// use superstep::store::{CallOutcome, MemoryStore, Prune, Store, StoreError};
/// use superstep::testing::{Fault, FaultyStore, StoreCall};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// let store = FaultyStore::new(Arc::new(MemoryStore::new()));
/// store.fail_call(StoreCall::Prune, 1, Fault::LoseAnswer);
///
/// let lost = store.prune(&Prune::runs()).await;
/// let unknown = CallOutcome::Unknown;
/// assert!(matches!(lost, Err(StoreError::Unavailable { outcome, .. }) if outcome == unknown));
/// store.prune(&Prune::runs()).await?; // the same call again settles it
/// assert_eq!(store.calls(), [StoreCall::Prune, StoreCall::Prune]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    shared: Arc<Mutex<Shared>>,
    life: watch::Sender<Life>,
}

/// The condition of the process that has the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Lives,
    /// What it has in memory may still be there, and waits for the call at which it died.
    Dead,
    /// Nothing of it is left but what it handed to others.
    Buried,
}

#[derive(Debug, Default)]
struct Shared {
    calls: Vec<StoreCall>,
    plans: Vec<Plan>,
}

/// A fault to come.
#[derive(Debug)]
struct Plan {
    /// Only for this method.
    only: Option<StoreCall>,
    /// How many of its calls are left, the one that fails included.
    left: u64,
    fault: Fault,
}

impl Plan {
    /// Counts this call; whether the fault strikes now.
    fn is_due(&mut self, call: StoreCall) -> bool {
        let concerned = self.only.is_none_or(|only| only == call);
        self.left -= u64::from(concerned);
        self.left == 0
    }
}

impl FaultyStore {
    /// `store`, without faults until some are set.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            inner: store,
            shared: Arc::default(),
            life: watch::Sender::default(),
        }
    }

    /// Makes the `n`-th call from now on fail, whatever it is; the next one is the first.
    pub fn fail(&self, n: u64, fault: Fault) {
        self.plan(None, n, fault);
    }

    /// Makes the `n`-th call of one method from now on fail; the next one is the first.
    pub fn fail_call(&self, call: StoreCall, n: u64, fault: Fault) {
        self.plan(Some(call), n, fault);
    }

    fn plan(&self, only: Option<StoreCall>, n: u64, fault: Fault) {
        let left = n.max(1);
        self.shared().plans.push(Plan { only, left, fault });
    }

    /// The calls so far, in the order in which they were first polled.
    pub fn calls(&self) -> Vec<StoreCall> {
        self.shared().calls.clone()
    }

    /// Kills the process that has this store: no call gets through any more. What it has
    /// in memory is for the test to drop.
    pub fn die(&self) {
        self.live(Life::Dead);
    }

    /// Everything that the process had in memory has been dropped. What is left of its calls on
    /// the runtime ends.
    pub(crate) fn bury(&self) {
        self.live(Life::Buried);
    }

    fn live(&self, life: Life) {
        self.life.send_replace(life);
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        *self.life.borrow() != Life::Lives
    }

    /// Waits until the process dies, e.g. from [`Fault::DieBefore`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use superstep::store::{MemoryStore, Store};
    /// use superstep::testing::{Fault, FaultyStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    /// store.fail(1, Fault::DieBefore);
    /// tokio::select! {
    ///     _ = store.now() => unreachable!("nobody is there to hear the answer"),
    ///     () = store.died() => {}
    /// }
    /// # }
    /// ```
    pub async fn died(&self) {
        self.wait_for(|life| *life != Life::Lives).await;
    }

    async fn wait_for(&self, is_it: impl FnMut(&Life) -> bool) {
        // The sender is `self`, so it cannot be gone.
        let _ = self.life.subscribe().wait_for(is_it).await;
    }

    /// The process dies in `call`, which never returns to it.
    async fn die_in<T>(&self, call: StoreCall) -> Result<T, StoreError> {
        self.die();
        self.wait_for(|life| *life == Life::Buried).await;
        Err(away(call, CallOutcome::Unknown))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call; of several faults that are due the one that was set first happens.
    fn begin(&self, call: StoreCall) -> Option<Fault> {
        let mut shared = self.shared();
        shared.calls.push(call);
        let due = shared.plans.extract_if(.., |plan| plan.is_due(call));
        let faults: Vec<_> = due.map(|plan| plan.fault).collect();
        faults.first().copied()
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        call: StoreCall,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            if self.is_dead() {
                return Err(away(call, CallOutcome::DidNotHappen));
            }
            match self.begin(call) {
                None => inner.await,
                Some(Fault::LoseCall) => Err(away(call, CallOutcome::DidNotHappen)),
                Some(Fault::LoseAnswer) => {
                    drop(inner.await);
                    Err(away(call, CallOutcome::Unknown))
                }
                Some(Fault::Hang) => {
                    drop(inner.await);
                    pending().await
                }
                Some(Fault::DieBefore) => self.die_in(call).await,
                Some(Fault::DieAfter) => {
                    drop(inner.await);
                    self.die_in(call).await
                }
            }
        })
    }
}

fn away(call: StoreCall, outcome: CallOutcome) -> StoreError {
    StoreError::Unavailable {
        reason: format!("the test wants `{}` to fail", call.as_str()),
        outcome,
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore")
            .field("shared", &*self.shared())
            .finish_non_exhaustive()
    }
}

impl Store for FaultyStore {
    fn waits(&self) -> Duration {
        self.inner.waits()
    }

    fn now(&self) -> StoreFuture<'_, SystemTime> {
        self.around(StoreCall::Now, self.inner.now())
    }

    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        self.around(StoreCall::Head, self.inner.head(run))
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        self.around(StoreCall::Load, self.inner.load(run))
    }

    fn runs<'a>(
        &'a self,
        filter: &'a RunFilter,
        page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>> {
        self.around(StoreCall::Runs, self.inner.runs(filter, page))
    }

    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>> {
        self.around(StoreCall::Steps, self.inner.steps(run, from, to, page))
    }

    fn digests<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>> {
        self.around(StoreCall::Digests, self.inner.digests(run, page))
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>> {
        self.around(StoreCall::Effects, self.inner.effects(run, from, to, page))
    }

    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>> {
        self.around(StoreCall::Questions, self.inner.questions(run))
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        self.around(StoreCall::Snapshot, self.inner.snapshot(run, step))
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        self.around(StoreCall::Graph, self.inner.graph(fingerprint))
    }

    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>> {
        self.around(StoreCall::Graphs, self.inner.graphs(run))
    }

    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>> {
        self.around(StoreCall::Turns, self.inner.turns(run, page))
    }

    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>> {
        self.around(StoreCall::Turn, self.inner.turn(run, token))
    }

    fn acquire<'a>(&'a self, run: &'a str, claim: Claim) -> StoreFuture<'a, Lease> {
        self.around(StoreCall::Acquire, self.inner.acquire(run, claim))
    }

    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease> {
        self.around(StoreCall::Renew, self.inner.renew(run, epoch, term))
    }

    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()> {
        self.around(StoreCall::Release, self.inner.release(run, epoch))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        self.around(StoreCall::Commit, self.inner.commit(commit))
    }

    fn journal(&self, recording: Recording) -> StoreFuture<'_, ()> {
        self.around(StoreCall::Journal, self.inner.journal(recording))
    }

    fn register(&self, registration: Registration) -> StoreFuture<'_, Mail> {
        self.around(StoreCall::Register, self.inner.register(registration))
    }

    fn mail<'a>(&'a self, run: &'a str, known: u64) -> StoreFuture<'a, Mail> {
        self.around(StoreCall::Mail, self.inner.mail(run, known))
    }

    fn signal(&self, signal: NewSignal) -> StoreFuture<'_, ()> {
        self.around(StoreCall::Signal, self.inner.signal(signal))
    }

    fn park(&self, park: Park) -> StoreFuture<'_, Parked> {
        self.around(StoreCall::Park, self.inner.park(park))
    }

    fn answer(&self, answer: Answer) -> StoreFuture<'_, ()> {
        self.around(StoreCall::Answer, self.inner.answer(answer))
    }

    fn put_snapshot<'a>(
        &'a self,
        run: &'a str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> StoreFuture<'a, ()> {
        let inner = self.inner.put_snapshot(run, epoch, snapshot);
        self.around(StoreCall::PutSnapshot, inner)
    }

    fn label<'a>(&'a self, run: &'a str, step: u64, label: &'a str) -> StoreFuture<'a, ()> {
        self.around(StoreCall::Label, self.inner.label(run, step, label))
    }

    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>> {
        self.around(StoreCall::Labels, self.inner.labels(run))
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> StoreFuture<'a, Pruned> {
        self.around(StoreCall::Prune, self.inner.prune(prune))
    }

    fn outbox(&self, limit: usize) -> StoreFuture<'_, Vec<Event>> {
        self.around(StoreCall::Outbox, self.inner.outbox(limit))
    }

    fn mark_delivered<'a>(&'a self, ids: &'a [u64]) -> StoreFuture<'a, ()> {
        self.around(StoreCall::MarkDelivered, self.inner.mark_delivered(ids))
    }

    fn stuck(&self, page: Page<String>) -> StoreFuture<'_, Listed<String, String>> {
        self.around(StoreCall::Stuck, self.inner.stuck(page))
    }
}

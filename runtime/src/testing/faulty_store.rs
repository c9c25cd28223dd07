use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::StoreCall;
use crate::hash::Digest;
use crate::store::{
    Answer, CallOutcome, Claim, Commit, Committed, EffectRecord, Event, Head, Journal, Lease,
    Loaded, Park, Prune, Pruned, Question, Snapshot, StepRecord, Store, StoreError, StoreFuture,
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
}

/// A store that can be away, or lose an answer, when a test wants it to.
///
/// It counts the calls that are made of it, from the first poll on; faults are set for the
/// *n*-th call from now on. Clones share everything.
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
    /// Whether it comes true with this call, which counts for it.
    fn is_due(&mut self, call: StoreCall) -> bool {
        let concerned = self.only.is_none_or(|only| only == call);
        self.left -= u64::from(concerned);
        self.left == 0
    }
}

impl FaultyStore {
    /// `store`, well until it is told otherwise.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            inner: store,
            shared: Arc::default(),
        }
    }

    /// Lets the `n`-th call from now on fail, whatever it is; the next one is the first.
    pub fn fail(&self, n: u64, fault: Fault) {
        self.plan(None, n, fault);
    }

    /// Lets the `n`-th call of one method from now on fail; the next one is the first.
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

    fn runs(&self) -> StoreFuture<'_, Vec<Head>> {
        self.around(StoreCall::Runs, self.inner.runs())
    }

    fn steps<'a>(&'a self, run: &'a str, from: u64, to: u64) -> StoreFuture<'a, Vec<StepRecord>> {
        self.around(StoreCall::Steps, self.inner.steps(run, from, to))
    }

    fn digests<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(u64, Digest)>> {
        self.around(StoreCall::Digests, self.inner.digests(run))
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
    ) -> StoreFuture<'a, Vec<EffectRecord>> {
        self.around(StoreCall::Effects, self.inner.effects(run, from, to))
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

    fn journal(&self, journal: Journal) -> StoreFuture<'_, ()> {
        self.around(StoreCall::Journal, self.inner.journal(journal))
    }

    fn park(&self, park: Park) -> StoreFuture<'_, ()> {
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

    fn stuck(&self) -> StoreFuture<'_, Vec<String>> {
        self.around(StoreCall::Stuck, self.inner.stuck())
    }
}

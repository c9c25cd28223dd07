use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use superstep::Digest;
use superstep::store::{
    Answer, Claim, Commit, Committed, EffectKey, EffectRecord, Event, GraphChange, Head, Lease,
    Listed, Loaded, Mail, NewSignal, Page, Park, Parked, Prune, Pruned, Question, Recording,
    Registration, RunFilter, Snapshot, StepRecord, Store, StoreError, StoreFuture, TurnRecord,
};

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The store has not seen the call yet: an error keeps it away.
    Before,
    /// The store has done it: an error hides that from the caller.
    After,
}

type Hook = dyn Fn(Moment, &'static str) -> StoreFuture<'static, ()> + Send + Sync;

/// A store with a hook around every call, which may fail it, count it, or
/// keep it waiting.
#[derive(Clone)]
pub struct Hooked {
    inner: Arc<dyn Store>,
    hook: Arc<Hook>,
    commits: u32,
}

impl Hooked {
    /// `inner` with `hook`, which gets the moment and the call's name.
    pub fn new(
        inner: Arc<dyn Store>,
        hook: impl Fn(Moment, &'static str) -> StoreFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            hook: Arc::new(hook),
            commits: 1,
        }
    }

    /// Tries every commit `times` times, and answers as the first time.
    #[must_use]
    pub fn committing(mut self, times: u32) -> Self {
        self.commits = times;
        self
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        call: &'static str,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            (self.hook)(Moment::Before, call).await?;
            let value = inner.await?;
            (self.hook)(Moment::After, call).await?;
            Ok(value)
        })
    }
}

/// What a hook returns when it lets the call pass.
pub fn well() -> StoreFuture<'static, ()> {
    Box::pin(ready(Ok(())))
}

/// A hook that fails every `n`th call of `call` at `moment`; `*` is any call.
pub fn every_nth(
    n: u64,
    moment: Moment,
    call: &'static str,
) -> impl Fn(Moment, &'static str) -> StoreFuture<'static, ()> + Send + Sync + 'static {
    failing(moment, call, move |count| count.is_multiple_of(n))
}

/// A hook that fails the `n`th call of `call` at `moment`, and no other.
pub fn only_nth(
    n: u64,
    moment: Moment,
    call: &'static str,
) -> impl Fn(Moment, &'static str) -> StoreFuture<'static, ()> + Send + Sync + 'static {
    failing(moment, call, move |count| count == n)
}

fn failing(
    moment: Moment,
    call: &'static str,
    which: impl Fn(u64) -> bool + Send + Sync + 'static,
) -> impl Fn(Moment, &'static str) -> StoreFuture<'static, ()> + Send + Sync + 'static {
    let calls = AtomicU64::new(0);
    move |now, name| {
        let meant = now == moment && (call == "*" || call == name);
        if meant && which(calls.fetch_add(1, Ordering::Relaxed) + 1) {
            return Box::pin(ready(Err(StoreError::Backend {
                message: format!("no luck with `{name}`"),
                source: None,
            })));
        }
        well()
    }
}

impl Store for Hooked {
    fn now(&self) -> StoreFuture<'_, SystemTime> {
        self.around("now", self.inner.now())
    }

    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        self.around("head", self.inner.head(run))
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        self.around("load", self.inner.load(run))
    }

    fn runs<'a>(
        &'a self,
        filter: &'a RunFilter,
        page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>> {
        self.around("runs", self.inner.runs(filter, page))
    }

    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>> {
        self.around("steps", self.inner.steps(run, from, to, page))
    }

    fn digests<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>> {
        self.around("digests", self.inner.digests(run, page))
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>> {
        self.around("effects", self.inner.effects(run, from, to, page))
    }

    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>> {
        self.around("questions", self.inner.questions(run))
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        self.around("snapshot", self.inner.snapshot(run, step))
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        self.around("graph", self.inner.graph(fingerprint))
    }

    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>> {
        self.around("graphs", self.inner.graphs(run))
    }

    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>> {
        self.around("turns", self.inner.turns(run, page))
    }

    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>> {
        self.around("turn", self.inner.turn(run, token))
    }

    fn acquire<'a>(&'a self, run: &'a str, claim: Claim) -> StoreFuture<'a, Lease> {
        self.around("acquire", self.inner.acquire(run, claim))
    }

    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease> {
        self.around("renew", self.inner.renew(run, epoch, term))
    }

    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()> {
        self.around("release", self.inner.release(run, epoch))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        let repeated = async move {
            let first = self.inner.commit(commit.clone()).await?;
            for _ in 1..self.commits {
                let again = self.inner.commit(commit.clone()).await?;
                assert!(
                    matches!(again, Committed::Already(_)),
                    "a commit was taken twice"
                );
            }
            Ok(first)
        };
        self.around("commit", Box::pin(repeated))
    }

    fn journal(&self, recording: Recording) -> StoreFuture<'_, ()> {
        self.around("journal", self.inner.journal(recording))
    }

    fn register(&self, registration: Registration) -> StoreFuture<'_, Mail> {
        self.around("register", self.inner.register(registration))
    }

    fn mail<'a>(&'a self, run: &'a str, known: u64) -> StoreFuture<'a, Mail> {
        self.around("mail", self.inner.mail(run, known))
    }

    fn signal(&self, signal: NewSignal) -> StoreFuture<'_, ()> {
        self.around("signal", self.inner.signal(signal))
    }

    fn park(&self, park: Park) -> StoreFuture<'_, Parked> {
        self.around("park", self.inner.park(park))
    }

    fn answer(&self, answer: Answer) -> StoreFuture<'_, ()> {
        self.around("answer", self.inner.answer(answer))
    }

    fn put_snapshot<'a>(
        &'a self,
        run: &'a str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> StoreFuture<'a, ()> {
        self.around(
            "put_snapshot",
            self.inner.put_snapshot(run, epoch, snapshot),
        )
    }

    fn label<'a>(&'a self, run: &'a str, step: u64, label: &'a str) -> StoreFuture<'a, ()> {
        self.around("label", self.inner.label(run, step, label))
    }

    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>> {
        self.around("labels", self.inner.labels(run))
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> StoreFuture<'a, Pruned> {
        self.around("prune", self.inner.prune(prune))
    }

    fn outbox(&self, limit: usize) -> StoreFuture<'_, Vec<Event>> {
        self.around("outbox", self.inner.outbox(limit))
    }

    fn mark_delivered<'a>(&'a self, ids: &'a [u64]) -> StoreFuture<'a, ()> {
        self.around("mark_delivered", self.inner.mark_delivered(ids))
    }

    fn stuck(&self, page: Page<String>) -> StoreFuture<'_, Listed<String, String>> {
        self.around("stuck", self.inner.stuck(page))
    }
}

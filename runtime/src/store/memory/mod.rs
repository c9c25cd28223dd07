mod commit;
mod heads;
mod lineage;
mod mailbox;
mod prune;
mod run;

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use self::run::Run;
use super::rules;
use super::{
    Answer, Claim, Commit, Committed, EffectKey, EffectRecord, Event, GraphChange, Head, Lease,
    Listed, Loaded, Mail, NewSignal, Page, Park, Parked, Prune, Pruned, Question, Recording,
    Registration, RunFilter, Snapshot, StepRecord, Store, StoreError, StoreFuture, TurnRecord,
};
use crate::hash::Digest;

/// Keeps runs in memory, for as long as the process lives.
///
/// Everything that [`Store`] promises holds here too, leases and epochs
/// included; only the disk is missing. Clones share their runs.
///
/// ```
/// use superstep::store::{MemoryStore, StoreExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), superstep::store::StoreError> {
/// let store = MemoryStore::new();
/// assert!(store.all_runs().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    kept: Arc<Mutex<Kept>>,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

#[derive(Default)]
struct Kept {
    runs: BTreeMap<String, Run>,
    graphs: BTreeMap<Digest, String>,
    outbox: BTreeMap<u64, Event>,
    last_event: u64,
    /// The highest epoch of a run that was pruned.
    last_epoch: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store on the system's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemTime::now)
    }

    /// An empty store on another clock, for tests that let leases lapse
    /// without waiting.
    pub fn with_clock(clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            kept: Arc::default(),
            clock: Arc::new(clock),
        }
    }

    fn time(&self) -> SystemTime {
        rules::whole((self.clock)())
    }

    /// Everything is validated before anything is changed, so a panic
    /// leaves nothing half done.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("runs", &self.kept().runs.len())
            .finish_non_exhaustive()
    }
}

impl Kept {
    fn run(&mut self, run: &str) -> Result<&mut Run, StoreError> {
        self.runs.get_mut(run).ok_or_else(|| no_such_run(run))
    }
}

fn no_such_run(run: &str) -> StoreError {
    StoreError::NoSuchRun {
        run: run.to_owned(),
    }
}

impl Store for MemoryStore {
    fn now(&self) -> StoreFuture<'_, SystemTime> {
        Box::pin(ready(Ok(self.time())))
    }

    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        Box::pin(async move { Ok(self.kept().runs.get(run).map(Run::head)) })
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        Box::pin(async move { Ok(self.kept().runs.get(run).map(Run::load)) })
    }

    fn runs<'a>(
        &'a self,
        filter: &'a RunFilter,
        page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>> {
        Box::pin(async move { Ok(self.kept().heads(filter, &page)) })
    }

    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>> {
        Box::pin(async move { Ok(self.kept().steps(run, from, to, &page)) })
    }

    fn digests<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>> {
        Box::pin(async move { Ok(self.kept().digests(run, &page)) })
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>> {
        Box::pin(async move { Ok(self.kept().effects(run, from, to, &page)) })
    }

    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>> {
        Box::pin(async move {
            let kept = self.kept();
            let questions = kept
                .runs
                .get(run)
                .map(|run| run.questions.values().cloned());
            Ok(questions.into_iter().flatten().collect())
        })
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        Box::pin(async move { Ok(self.kept().snapshot(run, step)) })
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        Box::pin(async move { Ok(self.kept().graphs.get(&fingerprint).cloned()) })
    }

    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>> {
        Box::pin(async move { Ok(self.kept().changes(run)) })
    }

    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>> {
        Box::pin(async move { Ok(self.kept().turns(run, &page)) })
    }

    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>> {
        Box::pin(async move { Ok(self.kept().turn(run, token)) })
    }

    fn acquire<'a>(&'a self, run: &'a str, claim: Claim) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            let now = self.time();
            let mut kept = self.kept();
            let stored = kept.run(run)?;
            let grant = rules::take(run, &stored.lease, &claim, now, || Ok(rules::Life::Unknown))?;
            stored.lease = grant.state;
            Ok(grant.lease)
        })
    }

    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            let now = self.time();
            let mut kept = self.kept();
            let stored = kept.run(run)?;
            let grant = rules::renew(run, &stored.lease, epoch, now, term)?;
            stored.lease = grant.state;
            Ok(grant.lease)
        })
    }

    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            if let Some(stored) = self.kept().runs.get_mut(run)
                && let Some(state) = rules::release(&stored.lease, epoch)
            {
                stored.lease = state;
            }
            Ok(())
        })
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        Box::pin(async move { self.kept().commit(commit, self.time()) })
    }

    fn journal(&self, recording: Recording) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let now = self.time();
            self.kept().run(&recording.run)?.journal(recording, now)
        })
    }

    fn register(&self, registration: Registration) -> StoreFuture<'_, Mail> {
        Box::pin(async move {
            let now = self.time();
            self.kept()
                .run(&registration.run)?
                .register(registration, now)
        })
    }

    fn mail<'a>(&'a self, run: &'a str, known: u64) -> StoreFuture<'a, Mail> {
        Box::pin(async move {
            let now = self.time();
            Ok(self.kept().run(run)?.mail(known, now))
        })
    }

    fn signal(&self, signal: NewSignal) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let now = self.time();
            self.kept().run(&signal.run)?.signal(signal, now)
        })
    }

    fn park(&self, park: Park) -> StoreFuture<'_, Parked> {
        Box::pin(async move {
            let now = self.time();
            self.kept().run(&park.run)?.park(park, now)
        })
    }

    fn answer(&self, answer: Answer) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let now = self.time();
            self.kept().run(&answer.run)?.answer(answer, now)
        })
    }

    fn put_snapshot<'a>(
        &'a self,
        run: &'a str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.kept().put_snapshot(run, epoch, snapshot) })
    }

    fn label<'a>(&'a self, run: &'a str, step: u64, label: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.kept().label(run, step, label) })
    }

    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>> {
        Box::pin(async move { Ok(self.kept().labels(run).into_iter().collect()) })
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> StoreFuture<'a, Pruned> {
        Box::pin(async move { Ok(self.kept().prune(prune, self.time())) })
    }

    fn outbox(&self, limit: usize) -> StoreFuture<'_, Vec<Event>> {
        Box::pin(async move { Ok(self.kept().outbox.values().take(limit).cloned().collect()) })
    }

    fn mark_delivered<'a>(&'a self, ids: &'a [u64]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut kept = self.kept();
            for id in ids {
                kept.outbox.remove(id);
            }
            Ok(())
        })
    }

    fn stuck(&self, page: Page<String>) -> StoreFuture<'_, Listed<String, String>> {
        Box::pin(async move { Ok(self.kept().stuck(&page, self.time())) })
    }
}

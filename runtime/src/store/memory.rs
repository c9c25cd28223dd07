use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::rules::{self, Facts, LeaseState, Verdict};
use super::{
    Commit, Committed, Event, Head, Lease, Loaded, Park, PendingResult, Snapshot, Status, StepKind,
    StepRecord, Store, StoreError, StoreFuture, clock,
};
use crate::hash::Digest;

/// Keeps runs in memory, for as long as the process lives.
///
/// Everything that [`Store`] promises holds here too, leases and epochs
/// included; only the disk is missing. Clones share their runs.
///
/// ```
/// use superstep::store::{MemoryStore, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), superstep::store::StoreError> {
/// let store = MemoryStore::new();
/// assert!(store.runs().await?.is_empty());
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
}

struct Run {
    /// Its `lease` is left empty and filled from `lease` when it is handed out.
    head: Head,
    lease: LeaseState,
    steps: BTreeMap<u64, StepRecord>,
    snapshots: BTreeMap<u64, Snapshot>,
    pending: BTreeMap<Digest, PendingResult>,
    /// Of all turns so far.
    tokens: BTreeSet<String>,
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

    fn now(&self) -> SystemTime {
        clock::whole((self.clock)())
    }

    /// Everything is validated before anything is changed, so what a panic
    /// leaves behind is whole.
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
        self.runs.get_mut(run).ok_or_else(|| StoreError::NoSuchRun {
            run: run.to_owned(),
        })
    }

    fn commit(&mut self, commit: Commit, now: SystemTime) -> Result<Committed, StoreError> {
        let facts = self.runs.get(&commit.run).map(|run| Facts {
            step: run.head.step,
            chain: run.head.chain,
            key: run.steps.get(&commit.record.step).map(|step| step.key),
            token_spent: (commit.token.as_ref()).is_some_and(|token| run.tokens.contains(token)),
            lease: run.lease.clone(),
        });
        match rules::judge(&commit, facts.as_ref(), now, || false)? {
            Verdict::Already => Ok(Committed::Already),
            Verdict::TokenSpent => Ok(Committed::TokenSpent),
            Verdict::Write(lease) => {
                self.write(commit, &lease, now);
                Ok(Committed::Now(lease))
            }
        }
    }

    fn write(&mut self, commit: Commit, lease: &Lease, now: SystemTime) {
        for event in commit.events {
            self.last_event += 1;
            let event = Event {
                id: self.last_event,
                run: commit.run.clone(),
                step: commit.record.step,
                ..event
            };
            self.outbox.insert(event.id, event);
        }
        if let Some(create) = commit.create {
            self.graphs
                .entry(create.fingerprint)
                .or_insert(create.description);
            let head = Head {
                run: commit.run.clone(),
                graph: create.graph,
                fingerprint: create.fingerprint,
                version: create.version,
                seed: create.seed,
                status: commit.status,
                error: None,
                step: commit.record.step,
                chain: commit.record.chain,
                turn: commit.turn,
                turn_step: commit.turn_step,
                token: None,
                lease: None,
                created: now,
                updated: now,
            };
            let run = Run {
                head,
                lease: LeaseState::free(now),
                steps: BTreeMap::new(),
                snapshots: BTreeMap::new(),
                pending: BTreeMap::new(),
                tokens: BTreeSet::new(),
            };
            self.runs.entry(commit.run.clone()).or_insert(run);
        }
        let Some(run) = self.runs.get_mut(&commit.run) else {
            return; // `judge` has seen it
        };
        run.lease = LeaseState {
            owner: (!commit.release).then(|| lease.owner.clone()),
            epoch: lease.epoch,
            expires: lease.expires,
        };
        run.head.status = commit.status;
        if commit.record.kind != StepKind::Update {
            run.head.error = None;
        }
        run.tokens.extend(commit.token.clone());
        run.head.step = commit.record.step;
        run.head.chain = commit.record.chain;
        run.head.turn = commit.turn;
        run.head.turn_step = commit.turn_step;
        run.head.token = commit.token.or(run.head.token.take());
        run.head.updated = now;
        if commit.record.kind != StepKind::Update {
            run.pending.clear();
        }
        if let Some(snapshot) = commit.snapshot {
            run.snapshots.retain(|step, _| *step > snapshot.step);
            run.snapshots.insert(snapshot.step, snapshot);
        }
        let record = StepRecord {
            committed: now,
            ..commit.record
        };
        run.steps.insert(record.step, record);
    }

    fn park(&mut self, park: Park, now: SystemTime) -> Result<(), StoreError> {
        let run = self.run(&park.run)?;
        rules::held(&park.run, &run.lease, park.epoch)?;
        run.lease.owner = None;
        run.head.status = park.status;
        run.head.error = park.error;
        run.head.updated = now;
        let results = park.results.into_iter().map(|kept| (kept.task, kept));
        run.pending.extend(results);
        Ok(())
    }
}

impl Run {
    fn head(&self) -> Head {
        Head {
            lease: self.lease.lease(),
            ..self.head.clone()
        }
    }

    fn load(&self) -> Loaded {
        let snapshot = self.snapshots.values().next_back().cloned();
        let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.step);
        Loaded {
            head: self.head(),
            snapshot,
            steps: self
                .steps
                .range(from..)
                .map(|(_, step)| step.clone())
                .collect(),
            pending: self.pending.values().cloned().collect(),
        }
    }

    /// As the SQL query of the other store has it: a question or a timer is
    /// what keeps these two from being stuck, and none is kept here.
    fn is_stuck(&self, now: SystemTime) -> bool {
        let leased = self.lease.owner.is_some() && self.lease.expires > now;
        matches!(self.head.status, Status::Interrupted | Status::Sleeping) && !leased
    }
}

impl Store for MemoryStore {
    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        Box::pin(async move { Ok(self.kept().runs.get(run).map(Run::head)) })
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        Box::pin(async move { Ok(self.kept().runs.get(run).map(Run::load)) })
    }

    fn runs(&self) -> StoreFuture<'_, Vec<Head>> {
        Box::pin(async move { Ok(self.kept().runs.values().map(Run::head).collect()) })
    }

    fn steps<'a>(&'a self, run: &'a str, from: u64, to: u64) -> StoreFuture<'a, Vec<StepRecord>> {
        Box::pin(async move {
            let kept = self.kept();
            let steps = kept.runs.get(run).filter(|_| from <= to);
            let found = steps.map(|run| run.steps.range(from..=to));
            Ok(found
                .into_iter()
                .flatten()
                .map(|(_, step)| step.clone())
                .collect())
        })
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        Box::pin(async move {
            let kept = self.kept();
            let newest = |run: &Run| {
                run.snapshots
                    .range(..=step)
                    .next_back()
                    .map(|(_, s)| s.clone())
            };
            Ok(kept.runs.get(run).and_then(newest))
        })
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        Box::pin(async move { Ok(self.kept().graphs.get(&fingerprint).cloned()) })
    }

    fn acquire<'a>(
        &'a self,
        run: &'a str,
        owner: &'a str,
        term: Duration,
    ) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            let now = self.now();
            let mut kept = self.kept();
            let stored = kept.run(run)?;
            let lease = rules::take(run, &stored.lease, owner, now, term, || false)?;
            stored.lease = LeaseState {
                owner: Some(lease.owner.clone()),
                epoch: lease.epoch,
                expires: lease.expires,
            };
            Ok(lease)
        })
    }

    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease> {
        Box::pin(async move {
            let expires = clock::after(self.now(), term);
            let mut kept = self.kept();
            let stored = kept.run(run)?;
            let lease = rules::held(run, &stored.lease, epoch)?;
            stored.lease.expires = expires;
            Ok(Lease { expires, ..lease })
        })
    }

    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            if let Some(stored) = self.kept().runs.get_mut(run)
                && stored.lease.epoch == epoch
            {
                stored.lease.owner = None;
            }
            Ok(())
        })
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        Box::pin(async move { self.kept().commit(commit, self.now()) })
    }

    fn park(&self, park: Park) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.kept().park(park, self.now()) })
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

    fn stuck(&self) -> StoreFuture<'_, Vec<String>> {
        Box::pin(async move {
            let now = self.now();
            let kept = self.kept();
            let stuck = kept.runs.iter().filter(|(_, run)| run.is_stuck(now));
            Ok(stuck.map(|(id, _)| id.clone()).collect())
        })
    }
}

//! The store as the owners see it: a [`MemoryStore`] on the simulated clock,
//! which now and then refuses a write or loses an answer.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use super::bugs::Bug;
use super::dice::Dice;
use super::invariants::Watch;
use crate::store::{
    Access, Claim, Commit, Committed, EffectRecord, Head, Journal, Lease, Loaded, MemoryStore,
    Park, StepRecord, Store, StoreError, StoreFuture,
};

/// The one run of a simulation.
pub(super) const RUN: &str = "run";

/// How long a lease lasts.
pub(super) const TERM: Duration = Duration::from_secs(30);

/// How often a write goes wrong: once in so many times, or never if that is 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) refused: u64,
    pub(super) unanswered: u64,
}

pub(super) struct Shelf {
    store: MemoryStore,
    /// Milliseconds since the beginning.
    clock: Arc<AtomicU64>,
    dice: Dice,
    pub(super) weather: Weather,
    pub(super) watch: Watch,
    bug: Option<Bug>,
    /// What a store would hold that lets steps be written again.
    rewritten: BTreeMap<u64, StepRecord>,
}

impl Shelf {
    pub(super) fn new(seed: u64, weather: Weather, watch: Watch, bug: Option<Bug>) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&clock);
        Self {
            store: MemoryStore::with_clock(move || after(&read)),
            clock,
            dice: Dice::new(seed, "shelf"),
            weather,
            watch,
            bug,
            rewritten: BTreeMap::new(),
        }
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock
            .fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    fn now(&self) -> SystemTime {
        after(&self.clock)
    }

    fn lease(&self) -> Option<Lease> {
        self.head()?.lease
    }

    pub(super) fn head(&self) -> Option<Head> {
        ready(self.store.head(RUN)).expect("reading goes well")
    }

    pub(super) fn load(&self) -> Option<Loaded> {
        let mut loaded = ready(self.store.load(RUN)).expect("reading goes well")?;
        self.rewrite(&mut loaded.steps);
        Some(loaded)
    }

    pub(super) fn steps(&self) -> Vec<StepRecord> {
        let mut steps = ready(self.store.steps(RUN, 0, u64::MAX)).expect("reading goes well");
        self.rewrite(&mut steps);
        steps
    }

    pub(super) fn effects(&self) -> Vec<EffectRecord> {
        ready(self.store.effects(RUN, 0, u64::MAX)).expect("reading goes well")
    }

    pub(super) fn stuck(&self) -> Vec<String> {
        ready(self.store.stuck()).expect("reading goes well")
    }

    fn rewrite(&self, steps: &mut [StepRecord]) {
        for step in steps {
            if let Some(record) = self.rewritten.get(&step.step) {
                *step = record.clone();
            }
        }
    }

    pub(super) fn acquire(&mut self, owner: &str) -> Result<Lease, StoreError> {
        self.disturbed(|shelf| {
            let (before, epoch) = (shelf.lease(), shelf.watch.epoch());
            if shelf.bug == Some(Bug::LiveLeaseTaken) {
                ready(shelf.store.release(RUN, epoch))?;
            }
            let mut lease = ready(shelf.store.acquire(RUN, Claim::new(owner, TERM)))?;
            if shelf.bug == Some(Bug::TakeoverKeepsEpoch) {
                lease.epoch = epoch;
            }
            shelf.watch.taken(before, owner, shelf.now());
            shelf.watch.granted(lease.epoch);
            Ok(lease)
        })
    }

    pub(super) fn renew(&mut self, epoch: u64) -> Result<Lease, StoreError> {
        self.disturbed(|shelf| ready(shelf.store.renew(RUN, epoch, TERM)))
    }

    pub(super) fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.disturbed(|shelf| ready(shelf.store.release(RUN, epoch)))
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<Committed, StoreError> {
        self.disturbed(|shelf| {
            let (step, access) = (commit.record.step, commit.access.clone());
            let (token, release) = (commit.token.clone(), commit.release);
            let before = shelf.lease();
            let answer = shelf.deliver(commit);
            shelf.watch.wrote();
            if let Err(StoreError::IdempotencyViolation { stored, given, .. }) = &answer {
                shelf.watch.refused(*stored, *given);
            }
            if let Ok(Committed::Now(lease)) = &answer {
                if let Access::Take(claim) = &access {
                    shelf.watch.taken(before, &claim.owner, shelf.now());
                }
                shelf.watch.committed(step, &access, lease.epoch);
                let lease = shelf.lease().filter(|_| release);
                shelf.watch.left(lease);
                token
                    .into_iter()
                    .for_each(|token| shelf.watch.turned(token));
            }
            answer
        })
    }

    fn deliver(&mut self, mut commit: Commit) -> Result<Committed, StoreError> {
        match (self.bug, &mut commit.access) {
            (Some(Bug::NoEpochCheck), Access::Held { epoch }) => *epoch = self.watch.epoch(),
            (Some(Bug::FalseAcknowledgement), _) if self.dice.one_in(20) => {
                return Ok(Committed::Already(self.lease()));
            }
            (Some(Bug::TokenForgotten), _) => commit.token = None,
            _ => {}
        }
        let record = commit.record.clone();
        let holds = matches!(commit.access, Access::Held { epoch } if epoch == self.watch.epoch());
        let answer = ready(self.store.commit(commit));
        match (self.bug, answer) {
            (Some(Bug::StepRewritten), Err(StoreError::IdempotencyViolation { step, .. })) => {
                self.rewritten.insert(step, record);
                Ok(Committed::Already(self.lease()))
            }
            (Some(Bug::RepeatedCommitIsNew), Ok(Committed::Already(Some(lease)))) if holds => {
                Ok(Committed::Now(lease))
            }
            (_, answer) => answer,
        }
    }

    pub(super) fn journal(
        &mut self,
        epoch: u64,
        effects: Vec<EffectRecord>,
    ) -> Result<(), StoreError> {
        self.disturbed(|shelf| {
            let journal = Journal {
                run: RUN.into(),
                epoch,
                effects: effects.clone(),
            };
            ready(shelf.store.journal(journal))?;
            shelf.watch.journaled(epoch, &effects);
            Ok(())
        })
    }

    pub(super) fn park(&mut self, park: Park) -> Result<(), StoreError> {
        self.disturbed(|shelf| {
            let (epoch, results) = (park.epoch, park.results.clone());
            ready(shelf.store.park(park))?;
            shelf.watch.wrote();
            shelf.watch.parked(epoch, &results);
            let lease = shelf.lease();
            shelf.watch.left(lease);
            Ok(())
        })
    }

    /// A write that may be refused before it happens, or whose answer may be
    /// lost after it happened.
    fn disturbed<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.dice.one_in(self.weather.refused) {
            return Err(unwell());
        }
        let answer = write(self);
        if self.dice.one_in(self.weather.unanswered) {
            return Err(unwell());
        }
        answer
    }
}

/// The time on the simulated clock.
fn after(clock: &AtomicU64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(clock.load(Ordering::Relaxed))
}

fn unwell() -> StoreError {
    StoreError::Backend {
        message: "as the dice would have it".into(),
        source: None,
    }
}

/// What a [`MemoryStore`] answers at once.
fn ready<T>(future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a store in memory does not wait"),
    }
}

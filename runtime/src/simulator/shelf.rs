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
    Access, Answer, Claim, Commit, Committed, EffectRecord, GraphChange, Head, Lease, Loaded, Mail,
    MemoryStore, NewSignal, Park, Parked, Prune, Question, Recording, Registration, Signal,
    StepKind, StepRecord, Store, StoreError, StoreExt, StoreFuture,
};

/// The run of a simulation, before it branches off.
pub(super) const RUN: &str = "run";

/// How long a lease lasts.
pub(super) const TERM: Duration = Duration::from_secs(30);

/// How often a write fails: once in this many times, or never if that is 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) refused: u64,
    pub(super) unanswered: u64,
    /// How often what is written is more than a store takes.
    pub(super) too_large: u64,
}

pub(super) struct Shelf {
    store: MemoryStore,
    /// Which run it serves now.
    run: String,
    /// Milliseconds since the beginning.
    clock: Arc<AtomicU64>,
    dice: Dice,
    pub(super) weather: Weather,
    pub(super) watch: Watch,
    bug: Option<Bug>,
    /// What a store that lets steps be rewritten would hold.
    rewritten: BTreeMap<u64, StepRecord>,
}

impl Shelf {
    pub(super) fn new(seed: u64, weather: Weather, watch: Watch, bug: Option<Bug>) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&clock);
        Self {
            store: MemoryStore::with_clock(move || after(&read)),
            run: RUN.into(),
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

    pub(super) fn now(&self) -> SystemTime {
        after(&self.clock)
    }

    fn lease(&self) -> Option<Lease> {
        self.head()?.lease
    }

    pub(super) fn head(&self) -> Option<Head> {
        ready(self.store.head(&self.run)).expect("reading goes well")
    }

    pub(super) fn load(&self) -> Option<Loaded> {
        let mut loaded = ready(self.store.load(&self.run)).expect("reading goes well")?;
        self.rewrite(&mut loaded.steps);
        Some(loaded)
    }

    pub(super) fn steps(&self) -> Vec<StepRecord> {
        let mut steps =
            ready(self.store.all_steps(&self.run, 0, u64::MAX)).expect("reading goes well");
        self.rewrite(&mut steps);
        steps
    }

    pub(super) fn effects(&self) -> Vec<EffectRecord> {
        ready(self.store.all_effects(&self.run, 0, u64::MAX)).expect("reading goes well")
    }

    pub(super) fn graphs(&self) -> Vec<GraphChange> {
        ready(self.store.graphs(&self.run)).expect("reading goes well")
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    pub(super) fn questions(&self) -> Vec<Question> {
        ready(self.store.questions(&self.run)).expect("reading goes well")
    }

    /// Answers what a node asks.
    pub(super) fn tell(&mut self, asked: &Question, answer: Answer) -> Result<(), StoreError> {
        self.disturbed(|shelf| {
            let text = answer.answer.clone();
            ready(shelf.store.answer(answer))?;
            let head = shelf.head();
            shelf.watch.has_answer(asked, text, head.as_ref());
            shelf.watch.wrote();
            Ok(())
        })
    }

    /// Answers; `truth` is the outcome of the effect in question, if the answer tells it.
    pub(super) fn answer(
        &mut self,
        answer: Answer,
        truth: Option<Option<u64>>,
    ) -> Result<(), StoreError> {
        self.disturbed(|shelf| {
            let effect = answer.effect.clone();
            ready(shelf.store.answer(answer))?;
            if let (Some(effect), Some(happened)) = (&effect, truth) {
                shelf.watch.answered(effect, happened);
            }
            Ok(())
        })
    }

    /// How many steps are gone.
    pub(super) fn prune(&mut self, prune: &Prune) -> u64 {
        let pruned = ready(self.store.prune(prune)).expect("pruning goes well");
        self.watch.wrote();
        pruned.steps
    }

    /// Continues with fork `run`, if its first step is accepted; `stays` is what it has on
    /// record of its open step and does not call again.
    pub(super) fn branch(&mut self, run: &str, commit: Commit, stays: &[EffectRecord]) -> bool {
        let branched = ready(self.store.commit(commit));
        let is_new = matches!(branched, Ok(Committed::Now(_)));
        if is_new {
            self.run = run.to_owned();
            let head = self.head();
            self.watch.branched(head.as_ref(), stays);
        }
        is_new
    }

    pub(super) fn stuck(&self) -> Vec<String> {
        ready(self.store.all_stuck()).expect("reading goes well")
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
                ready(shelf.store.release(&shelf.run, epoch))?;
            }
            let mut lease = ready(shelf.store.acquire(&shelf.run, Claim::new(owner, TERM)))?;
            if shelf.bug == Some(Bug::TakeoverKeepsEpoch) {
                lease.epoch = epoch;
            }
            shelf.watch.taken(before, owner, shelf.now());
            shelf.watch.granted(lease.epoch);
            Ok(lease)
        })
    }

    pub(super) fn renew(&mut self, epoch: u64) -> Result<Lease, StoreError> {
        self.disturbed(|shelf| ready(shelf.store.renew(&shelf.run, epoch, TERM)))
    }

    pub(super) fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.disturbed(|shelf| ready(shelf.store.release(&shelf.run, epoch)))
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<Committed, StoreError> {
        if commit.record.kind == StepKind::Step && self.dice.one_in(self.weather.too_large) {
            return Err(too_large(&commit.run));
        }
        self.disturbed(|shelf| {
            let (step, access) = (commit.record.step, commit.access.clone());
            let (token, release) = (commit.token.clone(), commit.release);
            let status = commit.status;
            let unheard = commit.unheard.clone();
            let before = shelf.lease();
            let answer = shelf.deliver(commit);
            shelf.watch.wrote();
            if let Err(StoreError::IdempotencyViolation { stored, given, .. }) = &answer {
                shelf.watch.refused(*stored, *given);
            }
            if let Ok(Committed::Now(lease)) = &answer {
                shelf.watch.unheard(&unheard);
                if let Access::Take(claim) = &access {
                    shelf.watch.taken(before, &claim.owner, shelf.now());
                }
                shelf.watch.committed((step, status), &access, lease.epoch);
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

    pub(super) fn journal(&mut self, recording: Recording) -> Result<(), StoreError> {
        if self.dice.one_in(self.weather.too_large) {
            return Err(too_large(&recording.run));
        }
        self.disturbed(|shelf| {
            let (epoch, effects) = (recording.epoch, recording.effects.clone());
            ready(shelf.store.journal(recording))?;
            shelf.watch.journaled(epoch, &effects);
            Ok(())
        })
    }

    pub(super) fn register(&mut self, registration: Registration) -> Result<Mail, StoreError> {
        self.disturbed(|shelf| {
            let (epoch, effects) = (registration.epoch, registration.effects.clone());
            let over = registration.over.clone();
            let questions = shelf.questions();
            let mail = ready(shelf.store.register(registration.clone()))?;
            shelf.watch.registered(&registration, &mail, &questions);
            shelf.watch.journaled(epoch, &effects);
            let over = over
                .into_iter()
                .filter(|record| mail.over.contains(&record.key()));
            shelf.watch.journaled(epoch, &over.collect::<Vec<_>>());
            shelf.watch.wrote();
            Ok(mail)
        })
    }

    /// What has come since the signal `known`, if the store says so.
    pub(super) fn mail(&mut self, known: u64) -> Option<Mail> {
        let run = self.run.clone();
        self.disturbed(|shelf| ready(shelf.store.mail(&run, known)))
            .ok()
    }

    pub(super) fn signal(&mut self, signal: NewSignal) -> Result<(), StoreError> {
        self.disturbed(|shelf| {
            ready(shelf.store.signal(signal.clone()))?;
            shelf.watch.sent(&signal);
            shelf.watch.wrote();
            Ok(())
        })
    }

    /// The signals that the run has not received.
    pub(super) fn mailbox(&self) -> Vec<Signal> {
        ready(self.store.mail(&self.run, 0)).map_or_else(|_| Vec::new(), |mail| mail.signals)
    }

    pub(super) fn park(&mut self, park: Park) -> Result<Parked, StoreError> {
        if !park.results.is_empty() && self.dice.one_in(self.weather.too_large) {
            return Err(too_large(&park.run));
        }
        self.disturbed(|shelf| {
            let (epoch, status) = (park.epoch, park.status);
            let (results, effects) = (park.results.clone(), park.effects.clone());
            let parked = ready(shelf.store.park(park))?;
            if let Parked::Mail(_) = parked {
                return Ok(parked);
            }
            shelf.watch.wrote();
            shelf.watch.journaled(epoch, &effects);
            shelf.watch.parked(epoch, &results);
            shelf.watch.stands(status);
            let lease = shelf.lease();
            shelf.watch.left(lease);
            Ok(Parked::Left)
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

fn too_large(run: &str) -> StoreError {
    StoreError::TooLarge {
        run: run.to_owned(),
        what: "as the dice would have it".into(),
        bytes: 2,
        limit: 1,
    }
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

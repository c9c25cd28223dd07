//! How a further turn begins: on a run that has ended, or on one that was left
//! with a step open, which the turn drops.

use std::sync::Arc;

use super::active::RunResult;
use super::core::Core;
use super::durable::{Durable, LeftOpen};
use super::lease::{self, HeldLease};
use super::start::OutsideStep;
use crate::cx::UNRECORDED;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{Machine, UpdateOf};
use crate::session::{OpenEffects, Tail, journal_digest};
use crate::store::{
    Access, Commit, Committed, EffectRecord, Head, Lease, Park, PendingResult, Question, Status,
    StepKind, Store, StoreError,
};

/// A run that a turn is asked of.
struct Found<G: Graph> {
    head: Head,
    machine: Machine<G>,
    tail: Tail,
    /// What is on record of a step that was left open; the run is held then.
    open: Option<OpenStep>,
}

/// What became of a turn's first step.
enum Begun<G: Graph> {
    Now(Box<Machine<G>>, Tail, HeldLease),
    /// Its token has had its turn.
    Before,
    /// Another engine's turn came first, perhaps an equal one: this one begins
    /// behind it.
    Overtaken,
}

/// A step that was left open.
struct OpenStep {
    effects: Vec<EffectRecord>,
    questions: Vec<Question>,
    pending: Vec<PendingResult>,
}

impl<G: Graph> Core<G> {
    /// Begins a further turn and drives it.
    pub(super) async fn turn(
        &self,
        store: &Arc<dyn Store>,
        run: String,
        update: UpdateOf<G>,
        token: Option<String>,
    ) -> RunResult<G> {
        loop {
            let mut held = None;
            let asked = (update.clone(), token.clone());
            let begun = self.begin_turn(store, &run, asked, &mut held).await;
            if let Ok(Begun::Now(machine, tail, lease)) = begun {
                let left = LeftOpen::default();
                let ledger = Durable::new(self, store, lease, &machine, tail, left);
                return self.drive_kept(*machine, ledger).await;
            }
            if let Some(mut held) = held {
                held.give_back().await;
            }
            match begun? {
                Begun::Overtaken => {}
                Begun::Before | Begun::Now(..) => return self.resume(store, run).await,
            }
        }
    }

    /// Commits the turn's first step, under a lease that is then held.
    async fn begin_turn(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
        (update, token): (UpdateOf<G>, Option<String>),
        held: &mut Option<HeldLease>,
    ) -> Result<Begun<G>, Error> {
        let is_repeated = |head: &Head| token.is_some() && token == head.token;
        let head = self.head(store, run).await?;
        if is_repeated(&head) {
            return Ok(Begun::Before);
        }
        let found = self.find(store, head, held).await?;
        let head = &found.head;
        // The call that it repeats may have been dropped and commit only now.
        if is_repeated(head) {
            return Ok(Begun::Before);
        }
        if head.status != Status::Completed && !leaves_a_step_open(head.status) {
            return Err(self.not_finished(store, head).await);
        }
        let dropped = found.open.as_ref();
        let dropped = dropped.and_then(|open| journal_digest(None, open.effects.iter()));
        let access = match held {
            Some(held) => {
                let asking = unknown(&found, held.epoch());
                if let Some(asking) = asking {
                    return Err(self.ask(store, head, asking, held).await);
                }
                let epoch = held.epoch();
                Access::Held { epoch }
            }
            None => self.take_lease(),
        };
        let Found {
            head,
            machine,
            tail,
            ..
        } = found;
        let step = self.outside_step(&head, machine, tail, update, StepKind::Turn, access)?;
        let OutsideStep {
            machine,
            tail,
            commit,
        } = step;
        let mut commit = Commit { token, ..commit };
        commit.record.journal = dropped;
        match lease::commit(store, commit).await {
            Ok(Committed::Now(lease)) => {
                let term = self.settings.lease;
                let begun = held.take();
                let begun = begun.unwrap_or_else(|| HeldLease::new(store, run, &lease, term));
                Ok(Begun::Now(Box::new(machine), tail, begun))
            }
            Ok(Committed::TokenSpent) => Ok(Begun::Before),
            Ok(Committed::Already(_))
            | Err(StoreError::IdempotencyViolation { .. } | StoreError::NotNext { .. }) => {
                Ok(Begun::Overtaken)
            }
            Err(error) => Err(Error::from_store(run, error)),
        }
    }

    /// The run as it stands. One that was left with a step open is held from
    /// here on, so that nobody writes to that step any more.
    async fn find(
        &self,
        store: &Arc<dyn Store>,
        head: Head,
        held: &mut Option<HeldLease>,
    ) -> Result<Found<G>, Error> {
        let run = head.run.clone();
        if !leaves_a_step_open(head.status) {
            let (head, machine, tail) = self.machine_at(store, head).await?;
            // It may have failed between the two looks.
            if !leaves_a_step_open(head.status) {
                return Ok(Found {
                    head,
                    machine,
                    tail,
                    open: None,
                });
            }
        }
        *held = Some(self.hold(store, &run).await?);
        let (loaded, machine, tail) = self.load(store, &run).await?;
        let open = OpenStep {
            effects: loaded.effects,
            questions: loaded.questions,
            pending: loaded.pending,
        };
        Ok(Found {
            head: loaded.head,
            machine,
            tail,
            open: Some(open),
        })
    }

    /// Asks, and says that this has to be answered.
    async fn ask(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
        asking: Park,
        held: &mut HeldLease,
    ) -> Error {
        if asking.questions.is_empty() {
            return self.not_finished(store, head).await;
        }
        match store.park(asking).await {
            Ok(()) => {
                held.ended();
                self.not_finished(store, head).await
            }
            Err(error) => Error::from_store(&head.run, error),
        }
    }

    /// Why a run takes no further turn now: somebody drives it, or it waits to
    /// be gone on with.
    async fn not_finished(&self, store: &Arc<dyn Store>, head: &Head) -> Error {
        let Head { run, status, .. } = head;
        let now = match store.now().await {
            Ok(now) => now,
            Err(error) => return Error::from_store(run, error),
        };
        let is_live = |lease: &&Lease| lease.owner != self.owner && lease.expires > now;
        match head.lease.as_ref().filter(is_live) {
            Some(lease) => Error::lease_held(run, lease.clone()),
            None => Error::RunNotFinished {
                run: run.clone(),
                status: *status,
            },
        }
    }
}

/// What is to be asked first, beside what is asked already, if nobody knows of an
/// effect of the open step whether it happened.
fn unknown<G: Graph>(found: &Found<G>, epoch: u64) -> Option<Park> {
    let Found { head, machine, .. } = found;
    let open = found.open.as_ref()?;
    let mut effects = OpenEffects::new(open.effects.clone(), open.questions.clone());
    let tasks = machine.frontier().iter();
    let tasks = tasks.map(|task| (machine.keys().get(task.key), task.node));
    // A task that has finished went on without what it does not know.
    let is_kept = |key| open.pending.iter().any(|kept| kept.task == key);
    let unknown = tasks.filter(|(key, node)| {
        let node = machine.info().node_name(*node);
        !is_kept(*key) && effects.ask_for_unknown(epoch, *key, node, UNRECORDED)
    });
    if unknown.count() == 0 {
        return None;
    }
    let (effects, questions) = effects.leave();
    Some(Park {
        run: head.run.clone(),
        epoch,
        status: head.status,
        error: head.error.clone(),
        results: Vec::new(),
        effects,
        questions,
    })
}

/// Whether a run that stands so takes a turn although a step may be open.
const fn leaves_a_step_open(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Cancelled)
}

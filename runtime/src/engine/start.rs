//! How a run gets under way: created, taken up again, or told to go on.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::active::{Origin, RunResult};
use super::answer::interrupts;
use super::compatible::{check_graph, reducers};
use super::core::Core;
use super::drive::{Drive, Ending};
use super::durable::{Durable, LeftOpen};
use super::inside;
use super::lease::{self, HeldLease};
use super::ledger::{Ledger, Unkept};
use super::runtime;
use crate::cx::RunIdentity;
use crate::encode::{self, DecodeError, EncodeError};
use crate::error::Error;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::machine::{self, Machine, UpdateOf, outside_text};
use crate::panics::{Caught, let_go};
use crate::run::{Interrupt, Run};
use crate::session::load::{check_head, check_step, undecodable};
use crate::session::{Tail, catch_reducers, migrate, read_kept, restore, step_commit, step_error};
use crate::state::{FieldSet, State, Update};
use crate::store::{
    Access, Claim, Commit, Committed, Creation, EffectRecord, Head, LONGEST_RUN_ID, Loaded, Status,
    StepKind, Store, StoreError,
};

/// Says so, to nodes that still run, when the driving ends.
struct Driven(Arc<RunIdentity>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Relaxed);
    }
}

pub(super) fn check_id(run: &str) -> Result<(), Error> {
    let reason = match run.len() {
        0 => "it is empty; name the run after what it is about, e.g. an order number",
        1..=LONGEST_RUN_ID if run.contains('\0') => "it contains a NUL character",
        1..=LONGEST_RUN_ID => return Ok(()),
        _ => "it is longer than 1,024 bytes",
    };
    let run = run.chars().take(40).collect();
    Err(Error::InvalidRunId { run, reason })
}

/// The state that `step` of a run is to begin with, as text.
pub(super) fn state_text<G: Graph>(
    core: &Core<G>,
    run: &str,
    step: u64,
    state: &G::State,
) -> Result<String, Error> {
    machine::state_text(state, core.settings.check_round_trip)
        .map_err(Error::not_round_trip(run, step))
}

/// A fresh run sees what a resumed one would: of fields that the encoding
/// skips, which only ephemeral ones may be, nothing is left.
fn as_stored<G: Graph>(run: &str, state: G::State, input: &str) -> Result<G::State, Error> {
    if !G::State::INFO.ephemeral {
        return Ok(state);
    }
    let lost = |DecodeError { ty, reason }| EncodeError {
        ty,
        path: ".".into(),
        reason,
    };
    encode::from_str(input)
        .map_err(lost)
        .map_err(Error::not_round_trip(run, 0))
}

impl<G: Graph> Core<G> {
    fn deadline(&self, now: Instant) -> Instant {
        // A budget beyond what the clock can count is no budget.
        now.checked_add(self.settings.run_budget)
            .unwrap_or_else(|| now + std::time::Duration::from_secs(1 << 30))
    }

    /// Drives a machine to the end of its run.
    async fn drive<L: Ledger<G>>(
        &self,
        machine: &mut Machine<G>,
        ledger: &mut L,
        now: Instant,
    ) -> Result<Ending, Error> {
        let _driven = Driven(Arc::clone(machine.keys().run()));
        let deadline = self.deadline(now);
        let mut drive = Drive {
            core: self,
            machine,
            ledger,
            deadline,
        };
        let driven = Caught(pin!(drive.finish())).await;
        match driven {
            Ok(result) => result,
            Err(message) => drive.panicked(message).await,
        }
    }

    /// Runs without a store.
    pub(super) async fn run_unkept(
        &self,
        run: String,
        state: G::State,
        seed: Option<u64>,
    ) -> RunResult<G> {
        let now = runtime::begin("run")?;
        let mut machine = self.blueprint.machine(RunIdentity::new(run, seed), state);
        if let Err(error) = machine.begin() {
            return Err(step_error(machine.run(), 0, error));
        }
        let driven = self.drive(&mut machine, &mut Unkept, now).await;
        let finished = driven.map(|_| finished_run(&machine, None));
        let_go(machine);
        finished
    }

    /// Creates a run, or goes on with the one that exists.
    pub(super) async fn run_kept(
        &self,
        store: &Arc<dyn Store>,
        run: String,
        state: G::State,
        origin: Origin,
    ) -> RunResult<G> {
        let Origin { input, seed } = origin.clone();
        let state = as_stored::<G>(&run, state, &input)?;
        let mut machine = self
            .blueprint
            .machine(RunIdentity::new(run.clone(), Some(seed)), state);
        if let Err(error) = machine.begin() {
            return Err(step_error(machine.run(), 0, error));
        }
        let tail = Tail::behind(0, input.len());
        self.check_merged(&mut machine, FieldSet::EMPTY)?;
        let sealed = machine
            .seal_input(self.fingerprint(), seed, input)
            .map_err(Error::not_round_trip(&run, 0))?;
        let commit = Commit {
            create: Some(self.creation(seed)),
            ..step_commit(
                &machine,
                sealed,
                StepKind::Input,
                status_of(&machine),
                self.take_lease(),
            )
        };
        match lease::commit(store, commit).await {
            Ok(Committed::Now(lease)) => {
                let held = HeldLease::new(store, &run, &lease, self.settings.lease);
                let left = LeftOpen::default();
                let ledger = Durable::new(self, store, held, &machine, tail, left);
                self.drive_kept(machine, ledger).await
            }
            Ok(Committed::Already(_) | Committed::TokenSpent)
            | Err(StoreError::IdempotencyViolation { .. } | StoreError::NotNext { .. }) => {
                self.check_origin(store, &run, &origin).await?;
                self.resume(store, run).await
            }
            Err(error) => Err(Error::from_store(&run, error)),
        }
    }

    fn creation(&self, seed: u64) -> Creation {
        Creation {
            graph: G::INFO.name.to_owned(),
            fingerprint: self.fingerprint(),
            version: G::INFO.version,
            description: self.description().to_owned(),
            seed,
            origin: None,
        }
    }

    /// The run exists: it must have been started with this input and seed.
    pub(super) async fn check_origin(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
        origin: &Origin,
    ) -> Result<(), Error> {
        let head = self.head(store, run).await?;
        if head.origin.is_some() {
            return Err(Error::InputMismatch {
                run: run.to_owned(),
                what: "origin",
            });
        }
        let first = store
            .steps(run, 0, 0)
            .await
            .map_err(|error| Error::from_store(run, error))?;
        // Compared in today's types, so that an added field with a default is no difference.
        let Some(first) = first.first() else {
            return Ok(());
        };
        check_step(&head, first)?;
        let stored: G::State = migrate::state::<G>(first.version, &first.updates)
            .and_then(|today| encode::from_str(&today))
            .map_err(|error| undecodable(&head, "the input".into(), error))?;
        let stored = Origin {
            input: encode::to_string(&stored).map_err(Error::not_round_trip(run, 0))?,
            seed: head.seed,
        };
        origin.is_same(&stored, run)
    }

    /// Goes on with a run where it stands, or gives the finished one.
    pub(super) async fn resume(&self, store: &Arc<dyn Store>, run: String) -> RunResult<G> {
        let head = self.head(store, &run).await?;
        if head.status.is_final() {
            let run = self.look(store, head).await?;
            // Another turn may have begun between the two looks.
            if run.status().is_final() {
                return Ok(run);
            }
        }
        let mut held = self.hold(store, &run).await?;
        let (head, machine, tail, left) = match self.open(store, &run).await {
            Ok(opened) => opened,
            Err(error) => {
                held.give_back().await;
                return Err(error);
            }
        };
        // Its driver may have finished it between the two looks.
        if head.status.is_final() {
            held.give_back().await;
            return Ok(run_at(&head, &machine, Vec::new()));
        }
        let ledger = Durable::new(self, store, held, &machine, tail, left);
        self.drive_kept(machine, ledger).await
    }

    pub(super) async fn drive_kept(
        &self,
        mut machine: Machine<G>,
        mut ledger: Durable<G>,
    ) -> RunResult<G> {
        if let Some(pulse) = inside::current() {
            pulse.begin_driving();
        }
        let ending = match self.drive(&mut machine, &mut ledger, Instant::now()).await {
            Ok(ending) => ending,
            Err(error) => {
                ledger.give_back().await;
                return Err(error);
            }
        };
        ledger.finish();
        let seed = machine.keys().run().seed();
        let finished = finished_run(&machine, Some(machine.chain()));
        let run = match ending {
            Ending::Done => finished,
            Ending::Interrupted => Run {
                status: Status::Interrupted,
                interrupts: interrupts(ledger.questions()),
                ..finished
            },
        };
        // One that waits has given its inputs away.
        if ending == Ending::Done {
            // What its contexts had to know of its driving goes with them.
            machine.belong_to(RunIdentity::new(run.id.clone(), Some(seed)));
            self.recent.put(machine, ledger.tail());
        }
        Ok(run)
    }

    /// Commits a correction from outside as a step of its own.
    pub(super) async fn update(
        &self,
        store: &Arc<dyn Store>,
        run: String,
        update: UpdateOf<G>,
    ) -> RunResult<G> {
        self.head(store, &run).await?;
        // Taken before the look, so that no task can begin an effect meanwhile.
        let mut held = self.hold(store, &run).await?;
        let updated = self.update_held(store, &run, update, held.epoch()).await;
        match updated {
            Ok(_) => held.ended(),
            Err(_) => held.give_back().await,
        }
        updated
    }

    /// The same under a lease, which goes back with the commit.
    async fn update_held(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
        update: UpdateOf<G>,
        epoch: u64,
    ) -> RunResult<G> {
        let (loaded, machine, tail) = self.load(store, run).await?;
        let head = &loaded.head;
        let is_kept =
            |effect: &EffectRecord| loaded.pending.iter().any(|kept| kept.task == effect.task);
        if !loaded.effects.iter().all(is_kept) {
            let (run, step) = (run.to_owned(), head.step + 1);
            return Err(Error::StepOpen { run, step });
        }
        let access = Access::Held { epoch };
        let step = self.outside_step(head, machine, tail, update, StepKind::Update, access)?;
        let commit = Commit {
            release: true,
            ..step.commit
        };
        let said = |error| Error::from_store(run, error);
        store.commit(commit).await.map_err(said)?;
        let result = run_at(head, &step.machine, interrupts(loaded.questions));
        self.recent.put(step.machine, step.tail);
        Ok(result)
    }

    /// Merges an update from outside and seals it as a step of its own.
    pub(super) fn outside_step(
        &self,
        head: &Head,
        mut machine: Machine<G>,
        tail: Tail,
        update: UpdateOf<G>,
        kind: StepKind,
        access: Access,
    ) -> Result<OutsideStep<G>, Error> {
        let run = &head.run;
        let step = machine.step() + 1;
        let not_round_trip = Error::not_round_trip(run, step);
        let check = self.settings.check_round_trip;
        let updates = outside_text(&update, check).map_err(&not_round_trip)?;
        let said = update.fields();
        let merged = catch_reducers(|| match kind {
            StepKind::Turn => machine.next_turn(update),
            _ => machine.correct(update),
        });
        merged.map_err(|error| step_error(run, step, error))?;
        self.check_merged(&mut machine, said)?;
        let sealed = machine.seal(&[], updates).map_err(&not_round_trip)?;
        let mut snapshots = self.settings.snapshots(tail);
        let snapshot = snapshots
            .after(&machine, &sealed.updates)
            .map_err(&not_round_trip)?;
        let status = if kind == StepKind::Turn {
            status_of(&machine)
        } else {
            head.status
        };
        let commit = Commit {
            snapshot,
            ..step_commit(&machine, sealed, kind, status, access)
        };
        Ok(OutsideStep {
            machine,
            tail: snapshots.tail(),
            commit,
        })
    }

    /// See [`Machine::check_merged`].
    fn check_merged(&self, machine: &mut Machine<G>, said: FieldSet) -> Result<(), Error> {
        if !self.settings.check_round_trip {
            return Ok(());
        }
        let checked = machine.check_merged(said);
        checked.map_err(Error::not_round_trip(machine.run(), machine.step()))
    }

    /// Takes the lease of a run that is there.
    pub(super) async fn hold(&self, store: &Arc<dyn Store>, run: &str) -> Result<HeldLease, Error> {
        let term = self.settings.lease;
        let lease = lease::acquire(store, run, &self.owner, term).await;
        let lease = lease.map_err(|error| Error::from_store(run, error))?;
        Ok(HeldLease::new(store, run, &lease, term))
    }

    pub(super) fn take_lease(&self) -> Access {
        Access::Take(Claim::new(&*self.owner, self.settings.lease))
    }

    /// The head of a run of this engine's graph.
    pub(super) async fn head(&self, store: &Arc<dyn Store>, run: &str) -> Result<Head, Error> {
        let head = store
            .head(run)
            .await
            .map_err(|error| Error::from_store(run, error))?;
        let head = head.ok_or_else(|| Error::RunNotFound {
            run: run.to_owned(),
        })?;
        check_head(&head)?;
        check_graph(self, &**store, &head).await?;
        Ok(head)
    }

    pub(super) async fn load(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
    ) -> Result<(Loaded, Machine<G>, Tail), Error> {
        let loaded = store
            .load(run)
            .await
            .map_err(|error| Error::from_store(run, error))?;
        let loaded = loaded.ok_or_else(|| Error::RunNotFound {
            run: run.to_owned(),
        })?;
        let reducers = reducers(self, &**store, &loaded.head).await?;
        let (machine, tail) = restore(&self.blueprint, &loaded, &reducers)?;
        Ok((loaded, machine, tail))
    }

    /// A run to be gone on with, and what is left of its open step.
    async fn open(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
    ) -> Result<(Head, Machine<G>, Tail, LeftOpen<G>), Error> {
        let (loaded, machine, tail) = self.load(store, run).await?;
        let left = LeftOpen {
            kept: read_kept(&loaded)?,
            effects: loaded.effects,
            questions: loaded.questions,
        };
        Ok((loaded.head, machine, tail, left))
    }

    /// The machine at `head`: from memory if it stands there, else loaded,
    /// with the head that was loaded.
    pub(super) async fn machine_at(
        &self,
        store: &Arc<dyn Store>,
        head: Head,
    ) -> Result<(Head, Machine<G>, Tail), Error> {
        if let Some((machine, tail)) = self.recent.take(&head.run, head.chain) {
            return Ok((head, machine, tail));
        }
        let (loaded, machine, tail) = self.load(store, &head.run).await?;
        Ok((loaded.head, machine, tail))
    }

    /// A run as it stands, without moving it.
    pub(super) async fn look(&self, store: &Arc<dyn Store>, head: Head) -> RunResult<G> {
        let interrupts = self.open_questions(store, &head).await?;
        let (head, machine, tail) = self.machine_at(store, head).await?;
        let run = run_at(&head, &machine, interrupts);
        self.recent.put(machine, tail);
        Ok(run)
    }
}

impl Origin {
    /// Refuses to take a run that was started with `other` for one that starts with this.
    pub(super) fn is_same(&self, other: &Self, run: &str) -> Result<(), Error> {
        let what = if self.seed != other.seed {
            "seed"
        } else if self.input != other.input {
            "input"
        } else {
            return Ok(());
        };
        Err(Error::InputMismatch {
            run: run.to_owned(),
            what,
        })
    }
}

/// An update from outside, merged and ready to be committed.
pub(super) struct OutsideStep<G: Graph> {
    pub(super) machine: Machine<G>,
    pub(super) tail: Tail,
    pub(super) commit: Commit,
}

fn status_of<G: Graph>(machine: &Machine<G>) -> Status {
    if machine.is_done() {
        Status::Completed
    } else {
        Status::Running
    }
}

fn finished_run<G: Graph>(machine: &Machine<G>, fingerprint: Option<Digest>) -> Run<G::State> {
    Run {
        id: machine.run().to_owned(),
        state: Arc::clone(machine.state()),
        status: Status::Completed,
        steps: machine.step(),
        fingerprint,
        interrupts: Vec::new(),
    }
}

pub(super) fn run_at<G: Graph>(
    head: &Head,
    machine: &Machine<G>,
    interrupts: Vec<Interrupt>,
) -> Run<G::State> {
    Run {
        id: head.run.clone(),
        state: Arc::clone(machine.state()),
        status: head.status,
        steps: machine.step(),
        fingerprint: Some(machine.chain()),
        interrupts,
    }
}

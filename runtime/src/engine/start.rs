//! How a run gets under way: created, taken up again, or told to go on.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::active::{RunResult, StartedWith};
use super::answer::interrupts;
use super::compatible::{check_graph, reducers};
use super::core::Core;
use super::drive::{Drive, Writer};
use super::inside;
use super::lease::{self, HeldLease};
use super::runtime;
use super::step::later;
use super::stored::{Stored, Taken};
use crate::cx::RunIdentity;
use crate::encode::{self, DecodeError, EncodeError};
use crate::error::Error;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::machine::{self, Machine, UpdateOf};
use crate::panics::{Caught, let_go};
use crate::run::{Interrupt, Run};
use crate::session::load::{check_head, check_step, undecodable};
use crate::session::{
    self, Ending, Found, LeftOpen, OutsideStep, Session, Tail, migrate, restore, step_error,
};
use crate::state::State;
use crate::store::{Head, Lease, Loaded, Status, StoreError, StoreFuture};

/// Says so, to nodes that still run, when the driving ends.
struct Driven(Arc<RunIdentity>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Relaxed);
    }
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
    /// Drives a session to the end of its run.
    async fn drive(
        &self,
        session: &mut Session<G>,
        writer: Option<&mut Writer>,
        now: Instant,
    ) -> Result<Ending, Error> {
        let _driven = Driven(Arc::clone(session.machine().keys().run()));
        let deadline = later(now, self.settings.run_budget);
        let mut drive = Drive {
            core: self,
            session,
            writer,
            deadline,
        };
        let driven = Caught(pin!(drive.finish())).await;
        match driven {
            Ok(result) => result,
            Err(message) => drive.panicked(message).await,
        }
    }

    /// Runs without a store.
    pub(super) async fn run_unstored(
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
        let mut session = Session::unstored(machine, self.settings.rules());
        let driven = self.drive(&mut session, None, now).await;
        let finished = driven.map(|_| finished_run(session.machine(), None));
        let_go(session);
        finished
    }

    /// Creates a run, or goes on with the one that exists.
    pub(super) async fn run_stored(
        &self,
        at: Stored,
        state: G::State,
        origin: StartedWith,
    ) -> RunResult<G> {
        let StartedWith { input, seed } = origin.clone();
        let state = as_stored::<G>(at.id(), state, &input)?;
        let identity = RunIdentity::new(at.id().to_owned(), Some(seed));
        let machine = self.blueprint.machine(identity, state);
        let (create, access) = (self.creation(seed), self.take_lease());
        let step = session::input(machine, input, create, access, self.settings.rules())?;
        let OutsideStep {
            machine,
            tail,
            commit,
        } = step;
        let asked = Instant::now();
        match lease::commit(&at, commit).await {
            Ok(Taken::Held(lease)) => {
                let writer = Writer::new(&at, self.held(&at, &lease, asked));
                self.drive_stored(machine, tail, LeftOpen::nothing(), writer)
                    .await
            }
            Ok(Taken::Done | Taken::ByAnother | Taken::TokenSpent)
            | Err(StoreError::IdempotencyViolation { .. } | StoreError::NotNext { .. }) => {
                self.check_started_with(&at, &origin).await?;
                self.resume(at).await
            }
            Err(error) => Err(at.said(error)),
        }
    }

    /// The run exists: it must have been started with this input and seed.
    pub(super) async fn check_started_with(
        &self,
        at: &Stored,
        origin: &StartedWith,
    ) -> Result<(), Error> {
        let run = at.id();
        let head = self.head(at).await?;
        if head.origin.is_some() {
            return Err(Error::InputMismatch {
                run: run.to_owned(),
                what: "origin",
            });
        }
        // Compared in today's types, so that an added field with a default is no difference.
        let first = at.steps(0, 0).await?;
        let Some(first) = first.first() else {
            return Ok(());
        };
        check_step(&head, first)?;
        let stored: G::State = migrate::state::<G>(first.version, &first.updates)
            .and_then(|today| encode::from_str(&today))
            .map_err(|error| undecodable(&head, "the input".into(), error))?;
        let stored = StartedWith {
            input: encode::to_string(&stored).map_err(Error::not_round_trip(run, 0))?,
            seed: head.seed,
        };
        origin.is_same(&stored, run)
    }

    /// Goes on with a run where it stands, or gives the finished one.
    pub(super) async fn resume(&self, at: Stored) -> RunResult<G> {
        let head = self.head(&at).await?;
        if head.status.is_final() {
            let run = self.look(&at, head).await?;
            // Another turn may have begun between the two looks.
            if run.status().is_final() {
                return Ok(run);
            }
        }
        let mut lease = self.hold(&at).await?;
        let (head, machine, tail, left) = match self.open(&at).await {
            Ok(opened) => opened,
            Err(error) => {
                lease.give_back().await;
                return Err(error);
            }
        };
        // Its driver may have finished it between the two looks.
        if head.status.is_final() {
            lease.give_back().await;
            return Ok(run_at(&head, &machine, Vec::new()));
        }
        self.drive_stored(machine, tail, left, Writer::new(&at, lease))
            .await
    }

    /// Drives a run that is held, of whose open step `left` is left.
    pub(super) async fn drive_stored(
        &self,
        machine: Machine<G>,
        tail: Tail,
        left: LeftOpen<G>,
        mut writer: Writer,
    ) -> RunResult<G> {
        if let Some(pulse) = inside::current() {
            pulse.begin_driving();
        }
        if let Some(rehearsal) = self.rehearsal.get() {
            machine.keys().run().rehearse(Arc::clone(rehearsal));
        }
        let (rules, epoch) = (self.settings.rules(), writer.lease.epoch());
        let at = writer.at.clone();
        let write = move |journal| -> StoreFuture<'static, ()> {
            let at = at.clone();
            Box::pin(async move { at.journal(&journal).await })
        };
        let mut session = Session::stored(machine, rules, epoch, tail, left, Box::new(write));
        let driven = self.drive(&mut session, Some(&mut writer), Instant::now());
        let ending = match driven.await {
            Ok(ending) => ending,
            Err(error) => {
                writer.lease.give_back().await;
                return Err(error);
            }
        };
        writer.lease.ended();
        let machine = session.machine();
        let finished = finished_run(machine, Some(machine.chain()));
        if ending == Ending::Interrupted {
            // One that waits has given its inputs away.
            return Ok(Run {
                status: Status::Interrupted,
                interrupts: interrupts(session.questions()),
                ..finished
            });
        }
        let (machine, tail) = session.into_parts();
        self.recent.put(machine, tail);
        Ok(finished)
    }

    /// Commits a correction from outside as a step of its own.
    pub(super) async fn update(&self, at: &Stored, update: UpdateOf<G>) -> RunResult<G> {
        self.head(at).await?;
        // Taken before the look, so that no task can begin an effect meanwhile.
        let mut held = self.hold(at).await?;
        let updated = self.update_held(at, update, held.epoch()).await;
        match updated {
            Ok(_) => held.ended(),
            Err(_) => held.give_back().await,
        }
        updated
    }

    /// The same under a lease, which goes back with the commit.
    async fn update_held(&self, at: &Stored, update: UpdateOf<G>, epoch: u64) -> RunResult<G> {
        let (loaded, machine, tail) = self.load(at).await?;
        let head = loaded.head.clone();
        let interrupts = interrupts(loaded.questions.clone());
        let found = Found::held(loaded, machine, tail);
        let step = found.correction(update, epoch, self.settings.rules())?;
        let committed = at.commit(&step.commit).await;
        committed.map_err(|error| at.said(error))?;
        let result = run_at(&head, &step.machine, interrupts);
        self.recent.put(step.machine, step.tail);
        Ok(result)
    }

    /// Takes the lease of a run that is there.
    pub(super) async fn hold(&self, at: &Stored) -> Result<HeldLease, Error> {
        let asked = Instant::now();
        let lease = lease::acquire(at, self.claim()).await;
        let lease = lease.map_err(|error| at.said(error))?;
        Ok(self.held(at, &lease, asked))
    }

    /// The lease that was taken by a call made at `asked`.
    pub(super) fn held(&self, at: &Stored, lease: &Lease, asked: Instant) -> HeldLease {
        HeldLease::new(at, lease, asked, self.settings.lease)
    }

    /// The head of a run of this engine's graph.
    pub(super) async fn head(&self, at: &Stored) -> Result<Head, Error> {
        let head = at.head().await?;
        check_head(&head)?;
        check_graph(self, at, &head).await?;
        Ok(head)
    }

    pub(super) async fn load(&self, at: &Stored) -> Result<(Loaded, Machine<G>, Tail), Error> {
        let loaded = at.load().await?;
        let reducers = reducers(self, at, &loaded.head).await?;
        let (machine, tail) = restore(&self.blueprint, &loaded, &reducers)?;
        Ok((loaded, machine, tail))
    }

    /// A run to be gone on with, and what is left of its open step.
    async fn open(&self, at: &Stored) -> Result<(Head, Machine<G>, Tail, LeftOpen<G>), Error> {
        let (loaded, machine, tail) = self.load(at).await?;
        let head = loaded.head.clone();
        Ok((head, machine, tail, LeftOpen::of(loaded)?))
    }

    /// The machine at `head`: from memory if it stands there, else loaded,
    /// with the head that was loaded.
    pub(super) async fn machine_at(
        &self,
        at: &Stored,
        head: Head,
    ) -> Result<(Head, Machine<G>, Tail), Error> {
        if let Some((machine, tail)) = self.recent.take(&head.run, head.chain) {
            return Ok((head, machine, tail));
        }
        let (loaded, machine, tail) = self.load(at).await?;
        Ok((loaded.head, machine, tail))
    }

    /// A run as it stands, without moving it.
    pub(super) async fn look(&self, at: &Stored, head: Head) -> RunResult<G> {
        let interrupts = self.open_questions(at, &head).await?;
        let (head, machine, tail) = self.machine_at(at, head).await?;
        let run = run_at(&head, &machine, interrupts);
        self.recent.put(machine, tail);
        Ok(run)
    }
}

impl StartedWith {
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

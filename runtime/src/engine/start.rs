//! How a run gets under way: created, resumed, or continued.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tokio::time::Instant;

use super::active::{RunResult, StartedWith};
use super::core::Core;
use super::drive::{Drive, Writer};
use super::handle::RunHandle;
use super::inside;
use super::lease::HeldLease;
use super::runtime;
use super::shown::{OpenStep, finished_run, interrupts, run_at, waits_of};
use super::step::later;
use super::stored::{Asked, Stored, Taken};
use crate::cx::RunIdentity;
use crate::encode::{DecodeError, EncodeError};
use crate::erased::{AnyState, Program, SharedState, Updates};
use crate::error::Error;
use crate::machine::{self, Machine};
use crate::panics::{Caught, let_go};
use crate::run::AnyRun;
use crate::session::load::{check_step, recorded_state};
use crate::session::{self, Ending, Found, Ledger, LeftOpen, OutsideStep, Session, Tail};
use crate::store::{
    Mail, Question, Recording, Registration, Status, StoreError, StoreFuture, rules,
};

impl Ledger for Stored {
    fn record(&self, recording: Recording) -> StoreFuture<'static, ()> {
        self.clone().journal(recording)
    }

    fn register(&self, registration: Registration) -> StoreFuture<'static, Mail> {
        Self::register(self.clone(), registration)
    }
}

/// Tells nodes that still run when the driving ends.
struct WhileDriven(Arc<RunIdentity>);

impl Drop for WhileDriven {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Relaxed);
    }
}

/// A run that is held, to be driven.
pub(super) struct Driven {
    pub(super) machine: Machine,
    pub(super) tail: Tail,
    /// What is left of its open step.
    pub(super) left: LeftOpen,
    /// The token of its turn.
    pub(super) token: Option<String>,
}

/// The state that `step` of a run begins with, as text.
pub(super) fn state_text(
    core: &Core,
    run: &str,
    step: u64,
    state: &dyn AnyState,
) -> Result<String, Error> {
    machine::state_text(state, core.settings.check_round_trip).map_err(Error::not_round_trip(
        run,
        step,
        "the state",
    ))
}

/// A fresh run sees what a resumed one would: nothing is left of fields that the
/// encoding skips, which only ephemeral ones may be.
fn as_stored(
    program: &dyn Program,
    run: &str,
    state: SharedState,
    input: &str,
) -> Result<SharedState, Error> {
    if !state.is_ephemeral() {
        return Ok(state);
    }
    let lost = |DecodeError { ty, reason }| EncodeError {
        ty,
        path: ".".into(),
        reason,
    };
    (program.read_state(input))
        .map_err(lost)
        .map_err(Error::not_round_trip(run, 0, "the input"))
}

impl Core {
    /// Drives a session to the end of its run.
    fn drive<'a>(
        &'a self,
        session: &'a mut Session,
        writer: Option<&'a mut Writer>,
        now: Instant,
    ) -> Asked<'a, Ending> {
        Box::pin(async move {
            let _driven = WhileDriven(Arc::clone(session.machine().keys().run()));
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
        })
    }

    /// Runs without a store.
    pub(super) async fn run_unstored(
        &self,
        run: String,
        state: SharedState,
        seed: Option<u64>,
    ) -> RunResult {
        let now = runtime::begin("run")?;
        let mut machine = self.blueprint.machine(RunIdentity::new(run, seed), state);
        machine.begin();
        let mut session = Session::unstored(machine, self.settings.rules());
        let driven = self.drive(&mut session, None, now).await;
        let finished = driven.map(|_| finished_run(session.machine(), None, None));
        let_go(session);
        finished
    }
}

impl RunHandle {
    /// Creates a run, or continues the existing one.
    pub(super) async fn start(&self, state: SharedState, origin: StartedWith) -> RunResult {
        let StartedWith { input, seed } = origin.clone();
        let program = &*self.core.blueprint.program;
        let state = as_stored(program, self.at.id(), state, &input)?;
        let identity = RunIdentity::new(self.at.id().to_owned(), Some(seed));
        let machine = self.core.blueprint.machine(identity, state);
        let (create, access) = (
            self.core.identity.creation(seed),
            self.core.identity.take_lease(),
        );
        let step = session::input(machine, input, create, access, &self.core.settings.rules())?;
        let OutsideStep {
            machine,
            tail,
            commit,
        } = step;
        let left = LeftOpen::nothing(commit.record.frontier.clone());
        let asked = std::time::Instant::now();
        match self.at.commit_and_hold(commit).await {
            Ok(Taken::Held(lease)) => {
                let writer = Writer::new(&self.at, HeldLease::new(&self.at, &lease, asked));
                let driven = Driven {
                    machine,
                    tail,
                    left,
                    token: None,
                };
                self.drive_stored(driven, writer).await
            }
            Ok(Taken::Done | Taken::ByAnother | Taken::TokenSpent)
            | Err(StoreError::IdempotencyViolation { .. } | StoreError::NotNext { .. }) => {
                self.check_started_with(&origin).await?;
                self.resume(None).await
            }
            Err(error) => Err(self.at.said(error)),
        }
    }

    /// The run exists: it must have been started with this input and seed.
    pub(super) async fn check_started_with(&self, origin: &StartedWith) -> Result<(), Error> {
        let run = self.at.id();
        let head = self.at.head().await?;
        if head.origin.is_some() {
            return Err(Error::InputMismatch {
                run: run.to_owned(),
                what: "origin",
            });
        }
        // Compared in today's types, so that an added field with a default is no difference.
        let first = self.at.steps(0, 0).await?;
        let Some(first) = first.first() else {
            return Ok(());
        };
        check_step(&head, first)?;
        let stored = recorded_state(&*self.core.blueprint.program, &head, first)?;
        let stored = StartedWith {
            input: stored
                .to_text()
                .map_err(Error::not_round_trip(run, 0, "the input"))?,
            seed: head.seed,
        };
        origin.is_same(&stored, run)
    }

    /// Continues a run where it stands, or returns the finished one. With a token it does so
    /// in the turn that began with it; if that is an earlier one by now, it returns its result.
    pub(super) fn resume<'a>(&'a self, token: Option<&'a str>) -> Asked<'a, AnyRun> {
        Box::pin(async move {
            if let Some(run) = self.earlier_turn(token).await? {
                return Ok(run);
            }
            match self.resume_turn(token).await? {
                Some(run) => Ok(run),
                // Another one has begun since.
                None => self.followed(self.earlier_turn(token).await?),
            }
        })
    }

    /// The same if the run is in the turn with that token, or in any if there is none.
    async fn resume_turn(&self, token: Option<&str>) -> Result<Option<AnyRun>, Error> {
        let is_it = |now: Option<&str>| token.is_none() || token == now;
        let head = self.at.head().await?;
        if head.status.is_final() {
            let run = self.look(head).await?;
            // Another turn may have begun between the two reads.
            if run.status().is_final() {
                return Ok(is_it(run.token()).then_some(run));
            }
        } else {
            self.at.check_open(&head).await?;
        }
        let mut lease = self.at.hold().await?;
        let (loaded, graphs, machine, tail) = match self.load_held().await {
            Ok(held) => held,
            Err(error) => {
                lease.give_back().await;
                return Err(error);
            }
        };
        let head = loaded.head.clone();
        // Its driver may have finished it between the two reads, and another turn begun.
        if head.status.is_final() || !is_it(head.token.as_deref()) {
            lease.give_back().await;
            let run = run_at(&head, &machine, OpenStep::default());
            return Ok(is_it(run.token()).then_some(run));
        }
        let left = match LeftOpen::of(&*self.core.blueprint.program, loaded, &graphs) {
            Ok(left) => left,
            Err(error) => {
                lease.give_back().await;
                return Err(error);
            }
        };
        let driven = Driven {
            machine,
            tail,
            left,
            token: head.token,
        };
        let driven = self.drive_stored(driven, Writer::new(&self.at, lease));
        driven.await.map(Some)
    }

    /// Drives a run that is held.
    pub(super) fn drive_stored(&self, driven: Driven, mut writer: Writer) -> Asked<'_, AnyRun> {
        Box::pin(async move {
            let Driven {
                machine,
                tail,
                left,
                token,
            } = driven;
            if let Some(pulse) = inside::current() {
                pulse.begin_driving(token.as_deref());
            }
            if let Some(rehearsal) = self.core.rehearsal.get() {
                machine.keys().run().rehearse(Arc::clone(rehearsal));
            }
            let (rules, epoch) = (self.core.settings.rules(), writer.lease.epoch());
            let ledger = Box::new(writer.at.clone());
            let mut session = Session::stored(machine, rules, epoch, tail, left, ledger);
            let driven = self
                .core
                .drive(&mut session, Some(&mut writer), Instant::now());
            let ending = match driven.await {
                Ok(ending) => ending,
                Err(error) => {
                    writer.lease.give_back().await;
                    return Err(error);
                }
            };
            match ending {
                Ending::Drained => writer.lease.give_back().await,
                Ending::Done | Ending::Paused | Ending::Waiting => writer.lease.ended(),
            }
            let machine = session.machine();
            let mut run = finished_run(machine, token, Some(machine.chain()));
            match ending {
                Ending::Done => {}
                Ending::Paused => run.status = Status::Paused,
                // The inputs of its tasks may be given away.
                Ending::Drained => {
                    run.status = Status::Running;
                    return Ok(run);
                }
                Ending::Waiting => {
                    run.status = session.waits_as();
                    let questions = self.dated(session.questions()).await;
                    let waits = session.waits();
                    run.waits = waits_of(&questions, &waits);
                    run.wakes = rules::wakes(waits.iter());
                    run.interrupts = interrupts(machine.run(), questions);
                    return Ok(run);
                }
            }
            let (machine, tail) = session.into_parts();
            self.core.recent.put(machine, tail);
            Ok(run)
        })
    }

    /// Questions as the store has them: it dates those that were asked with the last write.
    async fn dated(&self, asked: Vec<Question>) -> Vec<Question> {
        let is_new = |asked: &Question| asked.asked == SystemTime::UNIX_EPOCH;
        if !asked.iter().any(is_new) {
            return asked;
        }
        let stored = self.at.questions().await.unwrap_or_default();
        let as_stored = |asked: Question| {
            let same = stored.iter().find(|stored| stored.id == asked.id);
            same.cloned().unwrap_or(asked)
        };
        asked.into_iter().map(as_stored).collect()
    }

    /// Commits a correction from outside as a step of its own.
    pub(super) async fn update(&self, update: Updates) -> RunResult {
        let head = self.at.head().await?;
        self.at.check_open(&head).await?;
        // Taken before reading, so that no task can begin an effect meanwhile.
        let mut held = self.at.hold().await?;
        let updated = self.update_held(update, held.epoch()).await;
        match updated {
            Ok(_) => held.ended(),
            Err(_) => held.give_back().await,
        }
        updated
    }

    /// The same under a lease, which goes back with the commit.
    async fn update_held(&self, update: Updates, epoch: u64) -> RunResult {
        let (loaded, _, machine, tail) = self.load_held().await?;
        let head = loaded.head.clone();
        if head.status.is_final() {
            self.at.check_fields(&head, head.last_graph()).await?;
            self.at.check_version(&head, machine.made_by())?;
        }
        let open = OpenStep {
            questions: loaded.questions.clone(),
            waits: loaded.waits.clone(),
        };
        let found = Found::held(loaded, machine, tail)?;
        let step = found.correction(update, epoch, &self.core.settings.rules())?;
        let committed = self.at.commit(&step.commit).await;
        committed.map_err(|error| self.at.said(error))?;
        let result = run_at(&head, &step.machine, open);
        self.core.recent.put(step.machine, step.tail);
        Ok(result)
    }
}

impl StartedWith {
    /// Refuses to treat a run that was started with `other` as one that starts with this.
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

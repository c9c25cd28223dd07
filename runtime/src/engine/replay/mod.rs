//! Strict replay: every node again, with the recorded effects, compared with
//! what is stored. Nothing is called and nothing is written.

mod attempt;
mod by_name;
mod journal;
mod matching;
mod recorded;
mod stretch;
mod strict;
mod task;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use super::compatible::{lived_in, stored_graph};
pub(crate) use by_name::ByName;
pub(crate) use recorded::Recorded;
use stretch::Stretch;
pub(crate) use stretch::state_after;
use strict::Strict;

use self::journal::RecordedJournal;
use self::matching::Matching;
use super::active::RunResult;
use super::handle::RunHandle;
use super::runtime;
use super::shown::{OpenStep, interrupts, run_at, run_of_turn};
use super::step::{AttemptLimits, later};
use crate::cx::RunIdentity;
use crate::encode::{self, DecodeError};
use crate::erased::{Program, SharedState, Updates};
use crate::error::Error;
use crate::graph::NodeOptions;
use crate::hash::Digest;
use crate::machine::{Finished, Machine, RedoError, StepError, TaskNote, TaskText, Turn};
use crate::options::ConflictPolicy;
use crate::run::Run;
use crate::session::load::{is_state, undecodable};
use crate::session::{catch_reducers, migrate, step_error};
use crate::store::{Head, StepKind, StepRecord};

impl RunHandle {
    /// See [`Engine::replay`](super::Engine::replay).
    pub(super) async fn replay(&self) -> RunResult {
        let head = self.at.head().await?;
        let now = self.at.now().await?;
        if let Some(lease) = head.lease.as_ref().filter(|lease| lease.expires > now) {
            return Err(Error::lease_held(self.at.id(), lease.clone()));
        }
        let (stretches, skipped) = self.stretches(&head).await?;
        let mut replayed = None;
        for stretch in stretches {
            replayed = Some(self.replay_stretch(&head, stretch).await?);
        }
        match replayed {
            Some(run) => Ok(Run { skipped, ..run }),
            None => Err(self.at.other_graph(&head).await),
        }
    }

    /// The run as it stood at the end of the stretch.
    async fn replay_stretch(&self, head: &Head, stretch: Stretch) -> RunResult {
        let recorded = Recorded::stretch(&**self.at.store(), head, &stretch).await?;
        let settings = &self.core.settings;
        let limits = NodeLimits {
            timeout: settings.default_timeout,
            budget: settings.run_budget,
        };
        let strict = Strict {
            info: self.core.blueprint.program.info(),
            as_stored: settings.check_round_trip,
        };
        let program = &self.core.blueprint.program;
        let replay = match stretch.before() {
            None => Replay::new(program, &recorded, strict, limits)?,
            Some(step) => {
                let (machine, ..) = self.past(head, step).await?;
                let state = Arc::clone(machine.state());
                Replay::behind(program, &recorded, strict, limits, state)?
            }
        };
        let machine = replay.finish().await?;
        let last = recorded.steps.last().filter(|last| last.step < head.step);
        if let Some(last) = last {
            return Ok(run_of_turn(&machine, last, stretch.last));
        }
        // The machine must not be held while the store is queried.
        let run = run_at(head, &machine, OpenStep::default());
        drop(machine);
        let interrupts = interrupts(&head.run, self.at.asked(head).await?);
        Ok(Run { interrupts, ..run })
    }
}

/// The result of a task of a step.
type RecordedTask = TaskText<Box<serde_json::value::RawValue>>;

/// How long a node may take in a replay.
#[derive(Clone, Copy)]
pub(crate) struct NodeLimits {
    /// The timeout of one that has none of its own.
    pub(crate) timeout: Duration,
    /// The timeout of one that had none when it ran, but only the budget of the run.
    pub(crate) budget: Duration,
}

impl NodeLimits {
    /// Those of a node with these options.
    fn of(self, options: &NodeOptions) -> AttemptLimits<'static> {
        let never = later(Instant::now(), Duration::MAX);
        let mut limits = AttemptLimits::of(options, self.timeout, never, None);
        limits.timeout.get_or_insert(self.budget);
        limits
    }
}

/// A run on its way through its record.
pub(crate) struct Replay<'a, M> {
    program: &'a Arc<dyn Program>,
    recorded: &'a Recorded,
    matching: M,
    limits: NodeLimits,
    journal: Arc<RecordedJournal>,
    machine: Machine,
    /// The keys of the tasks of the last step, and their nodes.
    ran: Vec<(Digest, &'static str)>,
    /// States that kept results may have seen: those before updates from outside.
    older: Vec<(u64, SharedState)>,
}

impl<'a, M: Matching> Replay<'a, M> {
    /// At the first recorded step.
    ///
    /// # Errors
    /// A base that does not decode.
    pub(crate) fn new(
        program: &'a Arc<dyn Program>,
        recorded: &'a Recorded,
        matching: M,
        limits: NodeLimits,
    ) -> Result<Self, Error> {
        let head = &recorded.head;
        let first = &recorded.steps[0];
        let (place, text) = match &recorded.base {
            Some(snapshot) => (
                format!("the snapshot of step {}", snapshot.step),
                &snapshot.state,
            ),
            None => ("the input".to_owned(), &first.updates),
        };
        let state = migrate::state(&**program, first.version, text)
            .map_err(|error| undecodable(head, place, error))?;
        let mut replay = Self::at(program, recorded, matching, limits, state);
        if recorded.base.is_some() && !is_state(first) {
            migrate::updates(&**program, first.version, &first.updates)
                .and_then(|today| replay.machine.restore_skipped(&today))
                .map_err(|error| undecodable(head, format!("step {}", first.step), error))?;
        }
        replay.begin(first)?;
        Ok(replay)
    }

    /// At the first recorded step, after which the state was this one, and which is
    /// the last of a turn.
    ///
    /// # Errors
    /// A graph whose `start` leads nowhere.
    pub(crate) fn behind(
        program: &'a Arc<dyn Program>,
        recorded: &'a Recorded,
        matching: M,
        limits: NodeLimits,
        state: SharedState,
    ) -> Result<Self, Error> {
        let mut replay = Self::at(program, recorded, matching, limits, state);
        replay.begin(&recorded.steps[0])?;
        Ok(replay)
    }

    fn at(
        program: &'a Arc<dyn Program>,
        recorded: &'a Recorded,
        matching: M,
        limits: NodeLimits,
        state: SharedState,
    ) -> Self {
        let (head, first) = (&recorded.head, &recorded.steps[0]);
        let journal = RecordedJournal::new(&recorded.effects);
        let identity = RunIdentity::new(recorded.run_at(first.step).to_owned(), Some(head.seed));
        identity.record_in(journal.clone());
        // The policy decided before the commit; what is committed resolves in merge order.
        let policy = ConflictPolicy::LastWriterWins;
        Self {
            program,
            recorded,
            matching,
            limits,
            journal,
            machine: Machine::new(Arc::clone(program), None, policy, state, identity),
            ran: Vec::new(),
            older: Vec::new(),
        }
    }

    fn begin(&mut self, first: &StepRecord) -> Result<(), Error> {
        let turn = Turn {
            number: self.recorded.turn,
            step: first.step,
            counted_from: first.step,
        };
        self.machine.restore(first.step, first.chain, turn);
        if first.step == 0 {
            self.machine.begin();
            self.follows(first)?;
        }
        Ok(())
    }

    /// Goes through every step; the machine is then at the head.
    ///
    /// # Errors
    /// The first difference, and what does not decode.
    pub(crate) async fn finish(mut self) -> Result<Machine, Error> {
        runtime::begin("replay")?;
        let recorded = self.recorded;
        for (before, record) in recorded.steps.iter().zip(&recorded.steps[1..]) {
            self.enter(record.step);
            // A turn drops what was to run before it.
            if record.kind != StepKind::Turn {
                self.matching
                    .prepare(&mut self.machine, before)
                    .map_err(|error| self.cannot_match(record, error))?;
            }
            match record.kind {
                StepKind::Step => {
                    let (tasks, notes) = self.tasks(record)?;
                    if notes.iter().any(|note| self.saw_what_is_gone(*note)) {
                        self.take_as_given(record)?;
                        continue;
                    }
                    self.step(record, tasks, notes).await?;
                }
                StepKind::Turn => self.outside(record, Machine::next_turn)?,
                StepKind::Update => {
                    let seen = (self.machine.step(), Arc::clone(self.machine.state()));
                    self.older.push(seen);
                    self.outside(record, Machine::correct)?;
                }
                StepKind::Input | StepKind::Fork => {
                    let state = migrate::state(&**self.program, record.version, &record.updates)
                        .map_err(|error| self.undecodable(record, error))?;
                    self.machine.branch(state);
                }
            }
            self.follows(record)?;
        }
        Ok(self.machine)
    }

    /// A fork's early steps were its origin's.
    fn enter(&mut self, step: u64) {
        let run = self.recorded.run_at(step);
        if run != self.machine.run() {
            let identity = RunIdentity::new(run.to_owned(), Some(self.recorded.head.seed));
            identity.record_in(self.journal.clone());
            self.machine.belong_to(identity);
        }
    }

    /// The results of a step's tasks, and what else has to be known of them.
    fn tasks(&self, record: &StepRecord) -> Result<(Vec<RecordedTask>, Vec<TaskNote>), Error> {
        let tasks = migrate::updates(&**self.program, record.version, &record.updates)
            .and_then(|today| encode::from_str(&today))
            .map_err(|error| self.undecodable(record, error))?;
        let notes = match &record.notes {
            Some(notes) => {
                encode::from_str(notes).map_err(|error| self.undecodable(record, error))?
            }
            None => Vec::new(),
        };
        Ok((tasks, notes))
    }

    /// Whether a kept result saw a state from before the first step that is left.
    fn saw_what_is_gone(&self, note: TaskNote) -> bool {
        note.saw
            .is_some_and(|saw| saw < self.recorded.steps[0].step)
    }

    /// A step that cannot be executed again: its recorded result is accepted.
    fn take_as_given(&mut self, record: &StepRecord) -> Result<(), Error> {
        let today = migrate::updates(&**self.program, record.version, &record.updates)
            .map_err(|error| self.undecodable(record, error))?;
        let machine = &mut self.machine;
        let mut undecoded = None;
        let redone = catch_reducers(|| match machine.redo(&today, record.chain) {
            Err(RedoError::Step(error)) => Err(error),
            Err(RedoError::Decode(error)) => {
                undecoded = Some(error);
                Ok(())
            }
            Ok(()) => Ok(()),
        });
        redone.map_err(|error| self.step_error(record, error))?;
        if let Some(error) = undecoded {
            return Err(self.undecodable(record, error));
        }
        self.older.clear();
        self.machine.stand_at(record.chain);
        Ok(())
    }

    async fn step(
        &mut self,
        record: &StepRecord,
        tasks: Vec<RecordedTask>,
        notes: Vec<TaskNote>,
    ) -> Result<(), Error> {
        let mut notes = notes.into_iter().peekable();
        let mut finished: Vec<Option<Finished>> = Vec::with_capacity(tasks.len());
        for (position, task) in tasks.iter().enumerate() {
            let note = notes.next_if(|note| note.task == position as u64);
            finished.push(Some(self.task(record, position, task, note).await?));
        }
        self.older.clear();
        let keys = self.machine.keys();
        let ran = self.machine.frontier().iter();
        self.ran = ran
            .map(|task| (keys.get(task.key), self.machine.info().node_name(task.node)))
            .collect();
        let gathered = self.machine.gather(&mut finished);
        let machine = &mut self.machine;
        catch_reducers(|| machine.advance(gathered?, finished))
            .map_err(|error| self.step_error(record, error))
    }

    fn outside(
        &mut self,
        record: &StepRecord,
        take: impl FnOnce(&mut Machine, Option<Updates>) -> Result<(), StepError>,
    ) -> Result<(), Error> {
        let update = migrate::updates(&**self.program, record.version, &record.updates)
            .and_then(|today| self.program.read_updates(&today))
            .map_err(|error| self.undecodable(record, error))?;
        let machine = &mut self.machine;
        catch_reducers(|| take(machine, update)).map_err(|error| self.step_error(record, error))
    }

    /// Compares what comes next.
    fn follows(&mut self, record: &StepRecord) -> Result<(), Error> {
        let found = self.matching.follows(&mut self.machine, record);
        let Some(other) = found.map_err(|error| self.cannot_match(record, error))? else {
            return Ok(());
        };
        let ran = self.ran.iter();
        let node = ran.clone().find(|(key, _)| Some(*key) == other.parent);
        let node = node
            .or(ran.clone().next_back())
            .map_or("start", |(_, node)| node);
        Err(Error::ReplayMismatch {
            run: self.recorded.head.run.clone(),
            step: record.step,
            node: node.into(),
            what: "the next tasks".into(),
            expected: other.expected.into(),
            found: other.found.into(),
        })
    }

    /// The record names something that today's graph does not have.
    fn cannot_match(&self, record: &StepRecord, error: DecodeError) -> Error {
        undecodable(
            &self.recorded.head,
            format!("what comes before or after step {}", record.step),
            error,
        )
    }

    fn undecodable(&self, record: &StepRecord, error: DecodeError) -> Error {
        undecodable(&self.recorded.head, format!("step {}", record.step), error)
    }

    fn step_error(&self, record: &StepRecord, error: StepError) -> Error {
        step_error(&self.recorded.head.run, record.step, error)
    }
}

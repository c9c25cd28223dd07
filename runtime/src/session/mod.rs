//! One open run, from claim to rest, as pure code: between the machine, which is
//! one step, and whoever runs it, such as the engine. A [`Session`] is told what
//! happened and says what is next. It knows no tokio, no store and no clock.

mod attempts;
mod backoff;
mod commit;
mod effects;
mod faults;
mod graphs;
mod journal;
pub(crate) mod load;
pub(crate) mod migrate;
mod outside;
mod pauses;
mod questions;
mod recent;
mod snapshots;
mod standing;
#[cfg(test)]
pub(crate) mod transitions;
mod waits;
mod what_if;

use std::collections::HashMap;
use std::iter::once;
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use crate::cx::{KeyId, RunIdentity};
use crate::erased::Updates;
use crate::error::Error;
use crate::hash::Digest;
use crate::machine::{DoneTask, Finished, Machine, StepError, Task, result_text, stored_input};
use crate::store::{Commit, Committed, Mail, Park, Parked, Question, Status, StoreError, Wait};

pub(crate) use attempts::{
    AttemptError, Attempts, Blocked, StepResults, TaskError, TaskResult, concluded,
};
use commit::{Left, Noted, Pending, PendingText, is_held_after};
pub(crate) use effects::in_order;
#[cfg(test)]
pub(crate) use effects::{journal_digest, refusal};
use faults::{FailedTask, Faults};
pub(crate) use faults::{catch_reducers, changed, step_error};
pub(crate) use graphs::{Graphs, check_fields, check_open, check_version};
pub(crate) use journal::Ledger;
use journal::RunJournal;
pub(crate) use load::{restore, restore_state};
pub(crate) use outside::{
    Branch, Found, LeftOpen, OutsideStep, input, is_branch, leaves_a_step_open, outcome,
};
pub(crate) use pauses::Pauses;
pub(crate) use recent::Recent;
use snapshots::SnapshotRule;
pub(crate) use snapshots::Tail;
pub(crate) use standing::Standing;
pub(crate) use what_if::{GivenResponse, WhatIf};

/// Records, for a test, where the session stands and what it is told.
macro_rules! told {
    ($session:ident, $told:expr) => {
        #[cfg(test)]
        transitions::note(&$session.stage, $told);
    };
}

/// What an engine's settings say about its sessions.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// How many steps a turn may take.
    pub(crate) max_steps: u64,
    /// The time of one driving call.
    pub(crate) run_budget: Duration,
    pub(crate) snapshot_every: Option<u64>,
    /// Whether new values are checked for the round trip through their text.
    pub(crate) check_round_trip: bool,
    pub(crate) pauses: Pauses,
}

impl Rules {
    const fn snapshots(&self, tail: Tail) -> SnapshotRule {
        SnapshotRule::new(self.snapshot_every, self.check_round_trip, tail)
    }
}

/// The clock is read once in this many steps: reading it costs a quarter of a cheap step.
const CLOCK_EVERY: u64 = 32;

/// An open run. It is told what happened and says what is [next](Next).
pub(crate) struct Session {
    machine: Machine,
    rules: Rules,
    /// `None` for a run that no store keeps.
    book: Option<Book>,
    /// Whether nobody has begun the open step, or stopped before it, as far as the store knows.
    is_new: bool,
    stage: Stage,
}

/// What is written of a run.
struct Book {
    journal: Arc<RunJournal>,
    snapshots: SnapshotRule,
    /// The results of the open step that need not be computed again.
    pending: Pending,
    /// The text of the frontier, if its tasks have inputs: a failed task has given its own away.
    frontier: String,
}

/// What the session waits to be told.
enum Stage {
    /// The results of its tasks.
    Open,
    /// Whether the step that is merged was committed.
    Committing { standing: Standing, releases: bool },
    /// Whether what is kept of the open step was written.
    Leaving { why: Left, has_results: bool },
    /// Nothing any more.
    Ended,
}

/// What to do next.
pub(crate) enum Next {
    /// Run the tasks of the open step: see [`Session::start`].
    Run,
    /// Commit the step, and say [so](Session::committed).
    Commit(Box<Commit>),
    /// Write what is kept of the open step, and say [so](Session::parked).
    Park(Box<Park>),
    End(Result<Ending, Error>),
}

/// Where the driving of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing is left to do.
    Done,
    /// The open step waits for what comes from outside.
    Waiting,
    /// Its engine drains: anybody can go on.
    Drained,
    /// It stopped before the open step for a look.
    Paused,
}

/// The tasks that are to run.
pub(crate) enum Work {
    /// A single one: its result is told to [`Session::one`].
    One(Task),
    /// Those of the frontier, except these, in its order, that need not run: the results of
    /// all are told to [`Session::all`].
    All(Vec<Option<Finished>>),
}

impl Session {
    /// The session of a run that no store keeps.
    pub(crate) const fn unstored(machine: Machine, rules: Rules) -> Self {
        Self {
            machine,
            rules,
            book: None,
            is_new: true,
            stage: Stage::Open,
        }
    }

    /// The session of a run that is driven under the lease with `epoch`; `left` is
    /// what an earlier session left of its open step.
    pub(crate) fn stored(
        machine: Machine,
        rules: Rules,
        epoch: u64,
        tail: Tail,
        left: LeftOpen,
        ledger: Box<dyn Ledger>,
    ) -> Self {
        let LeftOpen {
            pending,
            effects,
            frontier,
            is_new,
        } = left;
        let check = rules.check_round_trip;
        let journal = RunJournal::new((machine.run(), epoch), check, effects, ledger);
        machine.keys().run().record_in(journal.clone());
        let book = Book {
            journal,
            snapshots: rules.snapshots(tail),
            pending,
            frontier,
        };
        Self {
            book: Some(book),
            is_new,
            ..Self::unstored(machine, rules)
        }
    }

    pub(crate) const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The tasks of the open step, to be started.
    pub(crate) fn frontier_mut(&mut self) -> &mut [Task] {
        self.machine.frontier_mut()
    }

    /// What the run waits for.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let book = self.book.as_ref();
        book.map_or_else(Vec::new, |book| book.journal.open().questions())
    }

    /// The run as it stands when the driving has ended; what its contexts had to know
    /// for this drive goes with them.
    pub(crate) fn into_parts(self) -> (Machine, Tail) {
        let Self {
            mut machine, book, ..
        } = self;
        let seed = machine.keys().run().seed();
        if !mistake!(OldJournalStays) {
            machine.belong_to(RunIdentity::new(machine.run().to_owned(), Some(seed)));
        }
        let tail = book.map(|book| book.snapshots.tail());
        (machine, tail.unwrap_or_default())
    }

    /// The step that is open, or the next one.
    pub(crate) const fn open_step(&self) -> u64 {
        self.machine.step() + 1
    }

    const fn faults(&self) -> Faults<'_> {
        Faults(&self.machine)
    }

    /// Told that somebody drives the run.
    pub(crate) fn begin(&mut self) -> Next {
        let standing = Standing::of(&self.machine);
        // A run that was stopped here is not stopped here again.
        let is_new = self.is_new || mistake!(PausedForEver);
        let standing = standing.paused_if(is_new && self.pauses_before());
        told!(self, transitions::begun(&standing));
        match standing {
            Standing::Paused => self.leave(Left::Paused, Vec::new()),
            standing => self.go_on(standing),
        }
    }

    /// Whether the driver has to check that its budget is not used up, before it starts
    /// the open step.
    pub(crate) const fn asks_the_time(&self) -> bool {
        self.machine.taken().is_multiple_of(CLOCK_EVERY)
    }

    /// Told that it is used up.
    pub(crate) fn late(&mut self) -> Next {
        told!(self, "the budget is used up");
        self.fail(self.budget_exceeded())
    }

    /// The tasks of the open step that are to run now.
    pub(crate) fn start(&mut self) -> Work {
        if let Some(book) = &self.book
            && let mut open = book.journal.open()
            && !open.waits.is_empty()
        {
            open.waits.call(&self.places());
        }
        let pending = self.book.as_mut().map(|book| mem::take(&mut book.pending));
        let pending = pending.unwrap_or_default();
        match self.machine.frontier_mut() {
            [task] if pending.is_empty() => Work::One(task.start()),
            _ => Work::All(self.in_place(pending)),
        }
    }

    /// The kept results at their tasks' places in the frontier.
    fn in_place(&self, mut pending: Pending) -> Vec<Option<Finished>> {
        if pending.is_empty() {
            return Vec::new();
        }
        let keys = self.machine.keys();
        let mut tasks: Vec<KeyId> = self
            .machine
            .frontier()
            .iter()
            .map(|task| task.key)
            .collect();
        if mistake!(KeptMisplaced) {
            tasks.rotate_left(1);
        }
        tasks
            .into_iter()
            .map(|key| pending.remove(&keys.get(key)))
            .collect()
    }

    /// Told the result of the step's only task.
    pub(crate) fn one(&mut self, result: TaskResult) -> Next {
        told!(self, transitions::one(&result));
        let mut done = match result {
            Ok(done) => done,
            Err(TaskError::Suspended) => return self.wait(Vec::new()),
            Err(TaskError::Drained) => return self.leave(Left::Drained, Vec::new()),
            Err(TaskError::Dropped) => return self.drop_step(Vec::new()),
            Err(TaskError::Lost) => return self.lose(),
            Err(error) => return self.leave(self.left_by((0, error, 0)), Vec::new()),
        };
        let checked = match &done.update {
            Some(update) => self.machine.check_writes(0, update),
            None => Ok(()),
        };
        match checked
            .and_then(|()| self.note(once((done.update.as_ref().map(Updates::first), &done))))
        {
            Ok(noted) => self.merge(noted, |machine| machine.advance_one(&mut done)),
            Err(error) => self.refuse(self.open_step(), error),
        }
    }

    /// Told the results of all tasks of the step. If one failed, the results of the
    /// others are kept and the first failure in frontier order is the error.
    pub(crate) fn all(&mut self, mut results: StepResults) -> Next {
        told!(self, transitions::all(&results));
        if let Some(failure) = results.failure() {
            let results = self.results(&results.finished);
            return self.leave(self.left_by(failure), results);
        }
        if results.is_lost() {
            return self.lose();
        }
        if let Some(blocked) = results.given_up() {
            let results = self.results(&results.finished);
            return self.give_up(blocked, results);
        }
        if results.is_dropped() {
            let results = self.results(&results.finished);
            return self.drop_step(results);
        }
        if results.is_drained() {
            let results = self.results(&results.finished);
            return self.leave(Left::Drained, results);
        }
        let StepResults {
            mut finished,
            failed,
            ..
        } = results;
        if !failed.is_empty() {
            let results = self.results(&finished);
            self.keep(finished);
            return self.wait(results);
        }
        let gathered = self.machine.gather(&mut finished);
        let gathered = gathered.and_then(|gathered| {
            let noted = self.note(gathered.beside(&finished))?;
            Ok((gathered, noted))
        });
        match gathered {
            Ok((gathered, noted)) => {
                self.merge(noted, |machine| machine.advance(gathered, finished))
            }
            Err(error) => self.refuse(self.open_step(), error),
        }
    }

    /// Told what became of the commit.
    pub(crate) fn committed(&mut self, answer: Result<Committed, StoreError>) -> Next {
        told!(self, transitions::committed(&answer));
        let Stage::Committing { standing, releases } = self.take_stage() else {
            return self.untold();
        };
        match answer {
            Ok(committed) if releases || is_held_after(&committed) => {
                if let Some(book) = &self.book {
                    book.journal.begin_step();
                }
                self.is_new = true;
                self.go_on(standing)
            }
            Ok(_) => self.end(Err(self.lease_lost())),
            Err(_) if mistake!(CommitTakenForDone) => self.go_on(standing),
            // The store works: the step itself cannot be committed.
            Err(error @ StoreError::TooLarge { .. }) => self.fail(self.said(error)),
            Err(error) => self.end(Err(self.said(error))),
        }
    }

    /// Told what became of what was to be kept. If what it waits for is there, the step goes on.
    /// Else the caller has to know why the step was
    /// left, unless the run is somebody else's by now; if the store
    /// could not keep the results, their tasks run again.
    pub(crate) fn parked(&mut self, answer: Result<Parked, StoreError>) -> Next {
        told!(self, transitions::parked(&answer));
        let Stage::Leaving { why, has_results } = self.take_stage() else {
            return self.untold();
        };
        match (answer, why) {
            (Ok(Parked::Mail(mail)), _) => self.start_again(mail),
            // Without what no store takes: its task runs again.
            (Err(StoreError::TooLarge { .. }), why) if has_results => self.leave(why, Vec::new()),
            (Err(error @ StoreError::LeaseLost { .. }), _) => self.end(Err(self.said(error))),
            (
                _,
                Left::Failed(error)
                | Left::Away(error)
                | Left::Dropped(error)
                | Left::Blocked(error),
            ) => self.end(Err(error)),
            (Ok(Parked::Left), Left::Waiting) => self.end(Ok(Ending::Waiting)),
            (Ok(Parked::Left), Left::Paused) => self.end(Ok(Ending::Paused)),
            (Ok(Parked::Left), Left::Drained) => self.end(Ok(Ending::Drained)),
            (Err(error), Left::Waiting | Left::Paused | Left::Drained) => {
                self.end(Err(self.said(error)))
            }
        }
    }

    /// What tasks of the open step wait for is there.
    fn start_again(&mut self, mail: Mail) -> Next {
        if let Some(book) = &self.book {
            book.journal.open().waits.receive(mail);
        }
        let frontier = self.book.as_ref().map_or("", |book| &book.frontier);
        match self.machine.restore_inputs(frontier) {
            Ok(()) => Next::Run,
            Err(error) => self.fail(self.faults().lost_input(&error)),
        }
    }

    /// Something has come for the run, whose open step runs; returns the tasks that have stopped to
    /// wait for it, with their places in the frontier: they start again.
    pub(crate) fn mail(&self, mail: Mail) -> Vec<(usize, Task)> {
        let Some(book) = &self.book else {
            return Vec::new();
        };
        let places = self.places();
        let called = {
            let mut open = book.journal.open();
            open.waits.receive(mail);
            open.waits.call(&places);
            open.waits.called()
        };
        let called = called.into_iter().filter_map(|task| places.get(&task));
        let again = called.filter_map(|place| {
            // One that does not come back does not when the step is left, either, which says why.
            let task = self
                .machine
                .task_again(*place, &book.frontier)
                .ok()
                .flatten();
            Some((*place, task?))
        });
        again.collect()
    }

    /// The places of the tasks in the frontier.
    fn places(&self) -> HashMap<Digest, usize> {
        self.machine.frontier_keys().into_iter().zip(0..).collect()
    }

    /// Until when there is something to wait for: see [`OpenWaits::next_due`].
    pub(crate) fn next_due(&self, waker: &Waker) -> Option<(Option<SystemTime>, SystemTime)> {
        let book = self.book.as_ref()?;
        book.journal.open().waits.next_due(waker)
    }

    /// The number of the last signal that it knows.
    pub(crate) fn known(&self) -> u64 {
        let book = self.book.as_ref();
        book.map_or(0, |book| book.journal.open().waits.known())
    }

    /// What the tasks of the open step wait for.
    pub(crate) fn waits(&self) -> Vec<Wait> {
        let book = self.book.as_ref();
        book.map_or_else(Vec::new, |book| book.journal.open().waits.waits())
    }

    /// The status of a run that waits.
    pub(crate) fn waits_as(&self) -> Status {
        let book = self.book.as_ref();
        book.map_or(Status::Interrupted, |book| book.journal.open().waits_as())
    }

    /// Told, before it starts the open step, that the run is to be given back. If nothing was
    /// done since the run had stopped, failed or asked, the store still says so, and whoever
    /// had it go on has to know that it did not.
    pub(crate) fn drain(&mut self) -> Next {
        told!(self, "its engine drains");
        let run = self.run();
        self.end(match self.is_new {
            true => Ok(Ending::Drained),
            false => Err(Error::Draining { run, step: None }),
        })
    }

    /// Told that users' code panicked outside a node and a reducer.
    pub(crate) fn panicked(&mut self, message: String) -> Next {
        told!(self, "a panic");
        let run = self.run();
        self.fail(Error::Panicked { run, message })
    }

    /// Told that the runtime beneath was shut down: the step must run again.
    pub(crate) fn runtime_lost(&mut self) -> Next {
        told!(self, "the runtime is lost");
        self.lose()
    }

    fn lose(&mut self) -> Next {
        self.end(Err(self.faults().runtime_lost()))
    }

    /// Nobody tells it what it has not asked for.
    fn untold(&mut self) -> Next {
        unreachable!("step {} waits for no answer", self.open_step())
    }

    fn take_stage(&mut self) -> Stage {
        mem::replace(&mut self.stage, Stage::Open)
    }

    /// Continues from a step with that standing.
    fn go_on(&mut self, standing: Standing) -> Next {
        match standing {
            Standing::Open if self.is_at_limit() => {
                self.fail(self.faults().max_steps_exceeded(self.rules.max_steps))
            }
            Standing::Open => Next::Run,
            Standing::Paused => self.end(Ok(Ending::Paused)),
            Standing::Done => self.end(Ok(Ending::Done)),
            Standing::Stuck(reason) => self.fail(self.faults().no_progress(reason)),
        }
    }

    /// Whether the turn may take no further step.
    fn is_at_limit(&self) -> bool {
        self.machine.taken() >= self.rules.max_steps && !mistake!(LimitPassedOver)
    }

    fn end(&mut self, how: Result<Ending, Error>) -> Next {
        self.stage = Stage::Ended;
        Next::End(how)
    }

    /// What the tasks did, while it can be read.
    fn note<'a>(
        &self,
        done: impl Iterator<Item = DoneTask<'a>>,
    ) -> Result<Option<Box<Noted>>, StepError> {
        let Some(book) = &self.book else {
            return Ok(None);
        };
        let done: Vec<DoneTask<'a>> = done.collect();
        let check = book.snapshots.checks();
        let noted = Noted::of(&self.machine, &done, check);
        noted.map(Box::new).map(Some).map_err(|error| {
            let what = self.machine.lost_update(&done, check);
            StepError::unstorable(what)(error)
        })
    }

    /// The step happens, if what its tasks did can be merged: their updates are
    /// merged, their routes expanded. Then it has to be committed.
    fn merge(
        &mut self,
        noted: Option<Box<Noted>>,
        advance: impl FnOnce(&mut Machine) -> Result<(), StepError>,
    ) -> Next {
        let step = self.open_step();
        let pauses_after = self.rules.pauses.is_after(self.machine.frontier());
        match catch_reducers(|| advance(&mut self.machine)) {
            Ok(()) => self.settle(noted, pauses_after),
            Err(error) => self.refuse(step, error),
        }
    }

    /// What the tasks of `step` did cannot become a step.
    fn refuse(&mut self, step: u64, error: StepError) -> Next {
        self.fail(step_error(self.machine.run(), step, error))
    }

    fn settle(&mut self, noted: Option<Box<Noted>>, pauses_after: bool) -> Next {
        let standing = match self.standing() {
            Ok(standing) => standing.paused_if(pauses_after || self.pauses_before()),
            Err(error) => return self.fail(error),
        };
        let (Some(book), Some(noted)) = (&mut self.book, noted) else {
            return self.go_on(standing);
        };
        let epoch = book.journal.epoch();
        let commit = noted.commit(
            &mut self.machine,
            &book.journal.open(),
            &mut book.snapshots,
            standing.status(),
            epoch,
        );
        match commit {
            Ok(commit) => {
                let has_input = |task: &Task| task.input.is_some();
                book.frontier.clear();
                if self.machine.frontier().iter().any(has_input) {
                    book.frontier.push_str(&commit.record.frontier);
                }
                let releases = commit.release;
                self.stage = Stage::Committing { standing, releases };
                Next::Commit(Box::new(commit))
            }
            Err(error) => self.refuse(self.machine.step(), error),
        }
    }

    /// Whether the run is to be stopped before its open step.
    fn pauses_before(&self) -> bool {
        self.rules.pauses.is_before(self.machine.frontier())
    }

    /// Where the run stands after the step that is merged.
    fn standing(&mut self) -> Result<Standing, Error> {
        let standing = Standing::of(&self.machine);
        if !matches!(standing, Standing::Open) {
            return Ok(standing);
        }
        let step = self.machine.step();
        match self.machine.comes_round() {
            Ok(None) => Ok(standing),
            Ok(Some(circle)) => Ok(Standing::Stuck(circle)),
            Err(error) => Err(step_error(self.machine.run(), step, error.into())),
        }
    }

    fn fail(&mut self, error: Error) -> Next {
        self.leave(Left::Failed(error), Vec::new())
    }

    /// The results of the open step, in case it goes on.
    fn keep(&mut self, finished: Vec<Option<Finished>>) {
        let tasks = self.machine.frontier_keys().into_iter().zip(finished);
        let kept = tasks.filter_map(|(task, done)| Some((task, done?)));
        if let Some(book) = &mut self.book {
            book.pending = kept.collect();
        }
    }

    /// Leaves the open step until something comes from outside.
    fn wait(&mut self, results: Vec<PendingText>) -> Next {
        if mistake!(WaitIsFailure) {
            return self.leave(Left::Failed(self.budget_exceeded()), results);
        }
        self.leave(Left::Waiting, results)
    }

    /// Leaves the open step without the tasks that were dropped.
    fn drop_step(&mut self, mut results: Vec<PendingText>) -> Next {
        if mistake!(DrainedResultsLost) {
            results.clear();
        }
        let draining = self.faults().draining();
        self.leave(Left::Dropped(draining), results)
    }

    /// Leaves the open step, to whose queue no task was admitted for too long.
    fn give_up(&mut self, blocked: Blocked, mut results: Vec<PendingText>) -> Next {
        if mistake!(BlockedResultsLost) {
            results.clear();
        }
        let backpressure = self.faults().backpressure(blocked);
        self.leave(Left::Blocked(backpressure), results)
    }

    /// Leaves the open step with the results it has.
    fn leave(&mut self, why: Left, results: Vec<PendingText>) -> Next {
        let Some(book) = &self.book else {
            return self.end(match why {
                Left::Failed(error)
                | Left::Away(error)
                | Left::Dropped(error)
                | Left::Blocked(error) => Err(error),
                Left::Waiting => Ok(Ending::Waiting),
                Left::Drained => Ok(Ending::Drained),
                Left::Paused => Ok(Ending::Paused),
            });
        };
        let has_results = !results.is_empty();
        let run = (self.machine.run(), book.journal.epoch());
        let saw = self.machine.step();
        let park = commit::park(run, saw, results, &why, &book.journal.open());
        self.stage = Stage::Leaving { why, has_results };
        Next::Park(Box::new(park))
    }

    /// The results of a step that is left, as text, each with the step whose state it saw,
    /// except those that are kept already. One that has no encoding is not kept:
    /// its task runs again.
    fn results(&self, finished: &[Option<Finished>]) -> Vec<PendingText> {
        let Some(book) = self.book.as_ref().filter(|_| !mistake!(OneFailureIsAll)) else {
            return Vec::new();
        };
        let (check, graph) = (book.snapshots.checks(), self.machine.kept_under());
        let program = self.machine.program();
        let tasks = self.machine.frontier().iter().zip(finished);
        let news = tasks.filter_map(|(task, done)| {
            let is_news = |done: &&Finished| done.saw.is_none() || mistake!(KeptTwice);
            let result = result_text(program, done.as_ref().filter(is_news)?, graph, check).ok()?;
            Some(PendingText {
                task: self.machine.keys().get(task.key),
                node: self.machine.info().node_name(task.node),
                result,
            })
        });
        news.collect()
    }

    fn run(&self) -> String {
        self.machine.run().to_owned()
    }

    fn said(&self, error: StoreError) -> Error {
        Error::from_store(self.machine.run(), error)
    }

    fn lease_lost(&self) -> Error {
        let epoch = self.book.as_ref().map_or(0, |book| book.journal.epoch());
        let run = self.run();
        Error::LeaseLost { run, epoch }
    }

    fn budget_exceeded(&self) -> Error {
        self.faults().budget_exceeded(self.rules.run_budget)
    }

    /// What the failure of the task at `position` means for the step.
    fn left_by(&self, (position, error, further): (usize, TaskError, u64)) -> Left {
        let book = self.book.as_ref();
        let which = FailedTask {
            position,
            input: book
                .and_then(|book| stored_input(&book.frontier, position))
                .map(Into::into),
            further,
        };
        let error = self.faults().of_task(which, error, self.rules.run_budget);
        match error.is_of_store() && !mistake!(StoreFaultIsFailure) {
            true => Left::Away(error),
            false => Left::Failed(error),
        }
    }
}

//! The run as it has to be: one machine that is never disturbed, with one task
//! after the other and nothing restored.
//!
//! It follows the stored history. What came from outside (when an operator
//! corrected, when a turn began, which step's state a kept result saw) it
//! takes as given; everything else it works out for itself and compares.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::age::become_version;
use super::drama::{Drama, tale_of};
use super::drive::{MOST_STEPS, MOST_TASKS};
use super::graphs::Drawn;
use super::nodes::{Answers, View};
use super::shelf::RUN;
use super::tale::{Tale, annotated, correction, edited, further_turn};
use crate::cx::RunIdentity;
use crate::encode;
use crate::erased::{SharedState, typed};
use crate::graph::Done;
use crate::hash::Digest;
use crate::machine::{Finished, Machine, Sealed, TaskNote, TaskText, outside_text};
use crate::node_error::Failure;
use crate::store::{EffectClass, EffectKind, EffectRecord, StepKind, StepRecord};

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    /// A join waits for what cannot run any more.
    NoProgress,
    /// It has taken as many steps as it may.
    Limit,
    /// It has grown beyond what is worth simulating: its owners have no time for it.
    TooWide,
}

impl End {
    /// The code of the error that a run with this end fails with.
    pub(super) const fn code(self) -> Option<&'static str> {
        match self {
            Self::Completed => None,
            Self::NoProgress => Some("no_progress"),
            Self::Limit => Some("max_steps_exceeded"),
            Self::TooWide => Some("budget_exceeded"),
        }
    }
}

/// How a machine's run ends, if it cannot continue.
fn end_of(machine: &Machine) -> Option<End> {
    if machine.is_done() {
        let starves = machine.starved().is_some();
        return Some(if starves {
            End::NoProgress
        } else {
            End::Completed
        });
    }
    if machine.taken() >= MOST_STEPS {
        return Some(End::Limit);
    }
    (machine.frontier().len() > MOST_TASKS).then_some(End::TooWide)
}

/// A machine over a graph at the beginning of `run`.
pub(super) fn new_machine(graph: &Drawn, run: &str, seed: u64, state: Tale) -> Machine {
    let run = RunIdentity::new(run.into(), Some(seed));
    let policy = state.policy();
    let program = Arc::new(Drama(graph.info));
    Machine::new(program, None, policy, Arc::new(state), run)
}

#[derive(Debug)]
pub(super) struct Reference {
    machine: Machine,
    /// As the two versions of the program have it.
    graphs: [Drawn; 2],
    /// The graph of the last step.
    graph: Digest,
    first: Option<Sealed>,
    /// The state after each step.
    states: Vec<SharedState>,
}

impl Reference {
    pub(super) fn new(graphs: [Drawn; 2], graph: &Drawn, seed: u64, input: &Tale) -> Self {
        let mut machine = new_machine(graph, RUN, seed, input.clone());
        machine.begin();
        let text = encode::to_string(input).expect("a tale has an encoding");
        let first = machine.seal_input(graph.fingerprint, seed, text);
        let states = vec![Arc::clone(machine.state())];
        Self {
            machine,
            graphs,
            graph: graph.fingerprint,
            first: Some(first.expect("a tale has an encoding")),
            states,
        }
    }

    pub(super) const fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(super) fn end(&self) -> Option<End> {
        end_of(&self.machine)
    }

    /// Takes the step that `record` says was taken, from what is given:
    /// its kind, the steps whose state `kept` results saw, and the outcomes of
    /// its effects.
    pub(super) fn follow(
        &mut self,
        run: &str,
        record: &StepRecord,
        kept: &HashMap<Digest, u64>,
        effects: &[EffectRecord],
    ) -> Result<(), String> {
        // As the program that took the step wrote it.
        let today = become_version(record.version);
        self.pass_to(record.version);
        let sealed = self.take(run, record, kept, effects);
        become_version(today);
        let sealed = sealed?;
        if record.kind != StepKind::Input {
            self.states.push(Arc::clone(self.machine.state()));
        }
        let stored = [record.chain, record.digest, record.key];
        if stored == [sealed.chain, sealed.digest, sealed.key] {
            return Ok(());
        }
        Err(format!(
            "stored:   {} {}\nexpected: {} {}",
            record.updates, record.frontier, sealed.updates, sealed.frontier
        ))
    }

    /// The next step is of that version's graph, and says so if the last one was not.
    fn pass_to(&mut self, version: u32) {
        let of_version = |graph: &&Drawn| graph.info.version == version;
        let graph = self.graphs.iter().find(of_version);
        let graph = graph.map_or(self.graph, |graph| graph.fingerprint);
        self.machine
            .change_graph((graph != self.graph).then_some(graph));
        self.graph = graph;
    }

    fn take(
        &mut self,
        run: &str,
        record: &StepRecord,
        kept: &HashMap<Digest, u64>,
        effects: &[EffectRecord],
    ) -> Result<Sealed, String> {
        match record.kind {
            StepKind::Input => self.first.take().ok_or("a second input".into()),
            StepKind::Step => self.step(record, kept, effects),
            StepKind::Turn | StepKind::Update => self.outside(record.kind),
            StepKind::Fork => Ok(self.branch(run, record)),
        }
    }

    fn step(
        &mut self,
        record: &StepRecord,
        kept: &HashMap<Digest, u64>,
        effects: &[EffectRecord],
    ) -> Result<Sealed, String> {
        let keys = self.machine.frontier_keys();
        let texts: Vec<TaskText<IgnoredAny>> = read(&record.updates)?;
        let notes: Vec<TaskNote> = record.notes.as_deref().map_or(Ok(Vec::new()), read)?;
        let mut finished: Vec<Option<Finished>> = Vec::with_capacity(keys.len());
        for (at, (task, key)) in self.machine.frontier().iter().zip(&keys).enumerate() {
            let saw = kept.get(key).copied().unwrap_or(self.machine.step());
            let note = notes.iter().find(|note| note.task == at as u64);
            let attempt = note.map_or(1, |note| note.attempt);
            let view = View {
                graph: self.machine.info(),
                node: task.node,
                key: *key,
                input: task.input.as_ref().map(|input| input.lend(|item| *item)),
                state: typed(&*self.states[saw as usize]),
                step: saw + 1,
                attempt,
            };
            let failed = texts.get(at).and_then(|text| text.failed.clone());
            finished.push(Some(self.task(&view, failed, effects)?));
        }
        let gathered = self.machine.gather(&mut finished);
        let gathered = gathered.map_err(|error| format!("{error:?}"))?;
        let updates = self
            .machine
            .updates_text(&gathered.beside(&finished).collect::<Vec<_>>(), false);
        let updates = updates.expect("a tale has an encoding");
        let advanced = self.machine.advance(gathered, finished);
        advanced.map_err(|error| format!("{error:?}"))?;
        let sealed = self.machine.seal(&keys, updates);
        Ok(sealed.expect("a tale has an encoding"))
    }

    /// The result of a task, which failed with `failed`, if it did.
    fn task(
        &self,
        view: &View<'_>,
        failed: Option<Failure>,
        effects: &[EffectRecord],
    ) -> Result<Finished, String> {
        let attempt = view.attempt;
        if let Some(failure) = failed {
            let hops = (self.machine.program()).on_error(view.node, failure.clone(), None);
            return Ok(Finished {
                update: None,
                hops: hops.ok_or("a task failed that has no error row")?,
                failure: Some(Box::new(failure)),
                attempt,
                saw: None,
            });
        }
        if view.is_doomed() {
            return Err(format!("{} had to fail", view.key));
        }
        let Done { update, hops } = view.done(&answers(self.machine.step() + 1, view, effects)?);
        Ok(Finished {
            update,
            hops,
            failure: None,
            attempt,
            saw: None,
        })
    }

    /// The run continues as fork `run`. If a call of its open step has another answer there,
    /// which came from outside, its key says so.
    fn branch(&mut self, run: &str, record: &StepRecord) -> Sealed {
        let seed = self.machine.keys().run().seed();
        let (before, step) = (tale_of(&self.machine), self.machine.step() + 1);
        let text = |state: &Tale| encode::to_string(state).expect("a tale has an encoding");
        let told = annotated(before, step);
        let is_told = text(&told) == record.updates;
        let state = if is_told { told } else { edited(before, step) };
        let text = text(&state);
        self.machine.branch(Arc::new(state));
        (self.machine).belong_to(RunIdentity::new(run.to_owned(), Some(seed)));
        let sealed = self.machine.seal(&[], text);
        let sealed = sealed.expect("a tale has an encoding");
        match is_told {
            true => Sealed {
                key: record.key,
                ..sealed
            },
            false => sealed,
        }
    }

    fn outside(&mut self, kind: StepKind) -> Result<Sealed, String> {
        let step = self.machine.step() + 1;
        let (update, merged);
        if kind == StepKind::Turn {
            update = further_turn(step);
            merged = self.machine.next_turn(Some(update.clone()));
        } else {
            update = correction(step);
            merged = self.machine.correct(Some(update.clone()));
        }
        merged.map_err(|error| format!("{error:?}"))?;
        let updates = outside_text(update.first(), false).expect("a tale has an encoding");
        let sealed = self.machine.seal(&[], updates);
        Ok(sealed.expect("a tale has an encoding"))
    }
}

/// What the records of a task's effects and waits say; all of them have to be there, each in
/// its place, and those that the last attempt did not call without a place.
fn answers(step: u64, view: &View<'_>, effects: &[EffectRecord]) -> Result<Answers, String> {
    let mut answers = Answers::new();
    let own = effects.iter().filter(|effect| effect.task == view.key);
    let mut called = Vec::new();
    let mut place = 0;
    for call in view.calls() {
        let ids = call.ids();
        let places = place..place + ids.len() as u32;
        place = places.end;
        let id_of = |record: &EffectRecord| crate::cx::Call::of(record).id();
        // Of two that raced, the one that the task went on with.
        let same = |effect: &&EffectRecord| {
            ids.contains(&id_of(effect)) && (ids.len() == 1 || effect.call.is_some())
        };
        let mut found = own.clone().filter(same);
        let record = found.next();
        let record = record.ok_or_else(|| format!("{call:?} of {} has no record", view.key))?;
        if let Some(other) = found.next() {
            return Err(format!("{record:?} is not the only one: {other:?}"));
        }
        let asks = record.class == EffectClass::Effect || is_answer(record);
        if asks && record.request != view.request(&answers) {
            return Err(format!("{record:?} answers another request"));
        }
        let at = ids.iter().position(|id| *id == id_of(record));
        let at = at.map(|at| places.start + at as u32);
        if record.step != step || record.call != at {
            return Err(format!("{record:?} is not call {at:?} of step {step}"));
        }
        called.push(id_of(record));
        let default = view.default().to_string();
        if record.class == EffectClass::Question
            && !is_answer(record)
            && record.response != Some(default)
        {
            return Err(format!("{record:?} is not the default"));
        }
        answers.push(answer(record)?);
    }
    let is_called = |record: &EffectRecord| called.contains(&crate::cx::Call::of(record).id());
    match own
        .clone()
        .find(|record| record.call.is_some() && !is_called(record))
    {
        Some(record) => Err(format!("{record:?} was not called")),
        None => Ok(answers),
    }
}

/// Whether somebody answered a question.
fn is_answer(record: &EffectRecord) -> bool {
    record.class == EffectClass::Question && record.kind == EffectKind::Done
}

/// The outcome that a record has of its effect.
pub(super) fn answer(record: &EffectRecord) -> Result<Option<u64>, String> {
    let number = record.response.as_ref().map(|response| response.parse());
    let number = number.transpose().map_err(|_| "a response is a number")?;
    match (record.kind, number) {
        (EffectKind::Done | EffectKind::Answered, Some(_))
        | (EffectKind::Failed | EffectKind::Elapsed, None) => Ok(number),
        (EffectKind::Elapsed, Some(_)) if record.class == EffectClass::Question => Ok(number),
        _ => Err(format!("{record:?} says nothing")),
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    encode::from_str(text).map_err(|error| error.to_string())
}

//! The run as it has to be: one machine that is never disturbed, with one task
//! after the other and nothing restored.
//!
//! It follows the stored history. What came from outside (when an operator
//! corrected, when a turn began, which step's state a kept result saw) it
//! takes as given; all else it works out for itself and compares.

use std::collections::HashMap;
use std::sync::Arc;

use super::drama::Drama;
use super::graphs::Drawn;
use super::nodes::{Answers, View};
use super::shelf::RUN;
use super::tale::{Tale, correction, further_turn};
use crate::cx::RunIdentity;
use crate::encode;
use crate::error::Error;
use crate::hash::Digest;
use crate::machine::{Finished, Machine, Sealed, outside_text};
use crate::store::{EffectKind, EffectRecord, StepKind, StepRecord};

/// A turn of a simulated run has at most so many steps, and a step so many tasks.
const MOST_STEPS: u64 = 16;
const MOST_TASKS: usize = 32;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    /// A join waits for what cannot run any more.
    NoProgress,
    /// It has grown beyond what is worth simulating.
    Limit,
}

impl End {
    /// What a run that ends so after `step` fails with.
    pub(super) fn error(self, step: u64) -> Error {
        let run = RUN.to_owned();
        match self {
            Self::NoProgress | Self::Completed => Error::NoProgress {
                run,
                step,
                reason: "a join waits".into(),
            },
            Self::Limit => Error::MaxStepsExceeded {
                run,
                step,
                max_steps: MOST_STEPS,
            },
        }
    }
}

/// Where a machine's run ends, if it cannot go on.
pub(super) fn end_of(machine: &mut Machine<Drama>) -> Option<End> {
    let stuck = machine.stuck().expect("a tale has an encoding");
    if stuck.is_some() {
        return Some(End::NoProgress);
    }
    if machine.is_done() {
        return Some(End::Completed);
    }
    let steps = machine.taken();
    let limit = steps >= MOST_STEPS || machine.frontier().len() > MOST_TASKS;
    limit.then_some(End::Limit)
}

/// A machine over a graph at the beginning of a run.
pub(super) fn new_machine(graph: &Drawn, seed: u64, state: Tale) -> Machine<Drama> {
    let run = RunIdentity::new(RUN.into(), Some(seed));
    let policy = state.policy();
    Machine::new(graph.info, None, policy, Arc::new(state), run)
}

#[derive(Debug)]
pub(super) struct Reference {
    machine: Machine<Drama>,
    first: Option<Sealed>,
    /// The state after each step.
    states: Vec<Arc<Tale>>,
}

impl Reference {
    pub(super) fn new(graph: &Drawn, seed: u64, input: &Tale) -> Self {
        let mut machine = new_machine(graph, seed, input.clone());
        machine.begin().expect("start leads somewhere");
        let text = encode::to_string(input).expect("a tale has an encoding");
        let first = machine.seal_input(graph.fingerprint, seed, text);
        let states = vec![Arc::clone(machine.state())];
        Self {
            machine,
            first: Some(first.expect("a tale has an encoding")),
            states,
        }
    }

    pub(super) const fn machine(&self) -> &Machine<Drama> {
        &self.machine
    }

    pub(super) fn end(&mut self) -> Option<End> {
        end_of(&mut self.machine)
    }

    /// Takes the step that `record` says was taken, from what is known of it
    /// before: its kind, the steps whose state `kept` results saw, and what
    /// its effects came to.
    pub(super) fn follow(
        &mut self,
        record: &StepRecord,
        kept: &HashMap<Digest, u64>,
        effects: &[EffectRecord],
    ) -> Result<(), String> {
        let sealed = match record.kind {
            StepKind::Input => self.first.take().ok_or("a second input")?,
            StepKind::Step => self.step(kept, effects)?,
            StepKind::Turn | StepKind::Update => self.outside(record.kind)?,
            StepKind::Fork => return Err("nobody forks".into()),
        };
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

    fn step(
        &mut self,
        kept: &HashMap<Digest, u64>,
        effects: &[EffectRecord],
    ) -> Result<Sealed, String> {
        let keys = self.machine.frontier_keys();
        let tasks = self.machine.frontier().iter().zip(&keys);
        let mut finished: Vec<Option<Finished<Drama>>> = Vec::with_capacity(keys.len());
        for (task, key) in tasks {
            let saw = kept.get(key).copied().unwrap_or(self.machine.step());
            let view = View {
                node: task.node,
                key: *key,
                input: task.input,
                state: &self.states[saw as usize],
                step: saw + 1,
            };
            let answers = answers(self.machine.step() + 1, &view, effects)?;
            finished.push(Some(view.work(&answers)));
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

    fn outside(&mut self, kind: StepKind) -> Result<Sealed, String> {
        let step = self.machine.step() + 1;
        let (update, merged);
        if kind == StepKind::Turn {
            update = further_turn(step);
            merged = self.machine.next_turn(update.clone());
        } else {
            update = correction(step);
            merged = self.machine.correct(update.clone());
        }
        merged.map_err(|error| format!("{error:?}"))?;
        let updates = outside_text(&update, false).expect("a tale has an encoding");
        let sealed = self.machine.seal(&[], updates);
        Ok(sealed.expect("a tale has an encoding"))
    }
}

/// What the records of a task's effects say; all of them have to be there.
fn answers(step: u64, view: &View<'_>, effects: &[EffectRecord]) -> Result<Answers, String> {
    let mut answers = Answers::new();
    for (name, n) in view.calls() {
        let same =
            |effect: &&EffectRecord| (effect.task, &*effect.name, effect.n) == (view.key, name, *n);
        let record = effects.iter().find(same);
        let record = record.ok_or_else(|| format!("`{name}` {n} of {} has no record", view.key))?;
        if record.request != view.request(&answers) {
            return Err(format!("{record:?} answers another request"));
        }
        if record.step != step {
            return Err(format!("{record:?} is not of step {step}"));
        }
        answers.push(answer(record)?);
    }
    Ok(answers)
}

/// What a record says that its effect came to.
pub(super) fn answer(record: &EffectRecord) -> Result<Option<u64>, String> {
    let number = record.response.as_ref().map(|response| response.parse());
    let number = number.transpose().map_err(|_| "a response is a number")?;
    match (record.kind, number) {
        (EffectKind::Done, Some(_)) | (EffectKind::Failed, None) => Ok(number),
        _ => Err(format!("{record:?} says nothing")),
    }
}

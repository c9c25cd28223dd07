//! The tasks of the open step in an owner's memory.

use std::collections::HashMap;

use super::drama::Drama;
use super::nodes::Answers;
use crate::hash::Digest;
use crate::machine::{Finished, Machine};
use crate::store::EffectRecord;

pub(super) struct OpenStep {
    /// The order keys of the frontier.
    pub(super) keys: Vec<Digest>,
    pub(super) slots: Vec<Slot>,
    /// Positions in the order in which they finished.
    pub(super) finished: Vec<usize>,
}

/// How far one task has come.
pub(super) enum Slot {
    Waiting,
    Running(Attempt),
    Done(Box<Done>),
    Failed,
}

/// One attempt at a task.
#[derive(Default)]
pub(super) struct Attempt {
    /// Which, from 0.
    pub(super) number: u64,
    /// What its effects so far came to.
    pub(super) answers: Answers,
    /// What the next effect came to; it is not recorded, so not seen, yet.
    pub(super) unrecorded: Option<u64>,
    /// Failures that it lives with: recorded with the next success, or with the step.
    pub(super) effects: Vec<EffectRecord>,
}

pub(super) struct Done {
    pub(super) came_to: Finished<Drama>,
    pub(super) was_retried: bool,
    /// The store has it already.
    pub(super) is_kept: bool,
}

impl OpenStep {
    pub(super) fn new(
        machine: &Machine<Drama>,
        mut kept: HashMap<Digest, Finished<Drama>>,
    ) -> Self {
        let keys = machine.frontier_keys();
        let slots: Vec<_> = (keys.iter())
            .map(|key| match kept.remove(key) {
                None => Slot::Waiting,
                Some(came_to) => Slot::Done(Box::new(Done {
                    came_to,
                    was_retried: false,
                    is_kept: true,
                })),
            })
            .collect();
        let is_done = |position: &usize| matches!(slots[*position], Slot::Done(_));
        Self {
            finished: (0..slots.len()).filter(is_done).collect(),
            keys,
            slots,
        }
    }

    /// The first task that has not started.
    pub(super) fn waiting(&self) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| matches!(slot, Slot::Waiting))
    }

    pub(super) fn running(&self) -> impl Iterator<Item = usize> {
        let running = |position: &usize| matches!(self.slots[*position], Slot::Running(_));
        (0..self.slots.len()).filter(running)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Failed))
    }

    /// What finished, by position.
    pub(super) fn done(&self) -> impl Iterator<Item = (usize, &Done)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(position, slot)| match slot {
                Slot::Done(done) => Some((position, &**done)),
                _ => None,
            })
    }

    /// What the tasks came to, in frontier order.
    pub(super) fn into_finished(self) -> Vec<Option<Finished<Drama>>> {
        let came_to = |slot| match slot {
            Slot::Done(done) => Some(done.came_to),
            _ => None,
        };
        self.slots.into_iter().map(came_to).collect()
    }
}

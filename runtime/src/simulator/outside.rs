//! The world that effects reach: it counts, so that no two calls get the same
//! answer, and it remembers what it was asked.

use std::collections::{HashMap, HashSet};

use super::dice::{Dice, mix};
use crate::encode;
use crate::hash::Digest;
use crate::node_error::NodeError;
use crate::store::EffectRecord;

/// What an effect is recorded under: task, name, which call of that name.
pub(super) type EffectId = (Digest, String, u64);

pub(super) fn id_of(record: &EffectRecord) -> EffectId {
    (record.task, record.name.clone(), record.n)
}

/// Whether a call has answered what its task can read; an answer by hand may be a misfit.
pub(super) fn is_readable(record: &EffectRecord) -> bool {
    let response = record.response.as_deref().unwrap_or_default();
    encode::from_str::<u64>(response).is_ok()
}

#[derive(Debug)]
pub(super) struct Outside {
    dice: Dice,
    calls: u64,
    /// What happened, with the last answer.
    happened: HashMap<EffectId, u64>,
    /// What it refused to do.
    refused: HashSet<EffectId>,
}

impl Outside {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, "outside"),
            calls: 0,
            happened: HashMap::new(),
            refused: HashSet::new(),
        }
    }

    /// Calls it. Once in `failures` times that fails: before anything happens, with a clear
    /// no, or so that nobody can say.
    pub(super) fn call(&mut self, id: &EffectId, failures: u64) -> Result<u64, NodeError> {
        self.calls += 1;
        let fails = self.dice.one_in(failures);
        if fails && self.dice.one_in(2) {
            return Err(NodeError::not_sent("it was not reached"));
        }
        if fails && self.dice.one_in(2) {
            self.refused.insert(id.clone());
            return Err(NodeError::refused("it will not do it"));
        }
        let answer = mix(self.calls) >> 16;
        self.happened.insert(id.clone(), answer);
        match fails {
            true => Err(NodeError::transient("its answer was lost")),
            false => Ok(answer),
        }
    }

    /// The run has branched off, and no call belongs to the fork.
    pub(super) fn forget(&mut self) {
        self.happened.clear();
        self.refused.clear();
    }

    /// Whether it refused a call.
    pub(super) fn refuses(&self, id: &EffectId) -> bool {
        self.refused.contains(id)
    }

    /// What became of a call, as somebody who looks finds out.
    pub(super) fn look(&self, id: &EffectId) -> Option<u64> {
        self.happened.get(id).copied()
    }
}

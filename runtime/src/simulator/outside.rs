//! The world that effects reach: it counts, so that no two calls are answered
//! alike.

use super::dice::{Dice, mix};
use crate::hash::Digest;
use crate::store::EffectRecord;

/// What an effect is recorded under: task, name, which call of that name.
pub(super) type EffectId = (Digest, String, u64);

pub(super) fn id_of(record: &EffectRecord) -> EffectId {
    (record.task, record.name.clone(), record.n)
}

#[derive(Debug)]
pub(super) struct Outside {
    dice: Dice,
    pub(super) calls: u64,
}

impl Outside {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, "outside"),
            calls: 0,
        }
    }

    /// Calls it; `None` if that fails, which it does once in `failures` times.
    pub(super) fn call(&mut self, failures: u64) -> Option<u64> {
        self.calls += 1;
        (!self.dice.one_in(failures)).then(|| mix(self.calls) >> 16)
    }
}

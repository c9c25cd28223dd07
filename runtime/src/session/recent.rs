//! Runs that were driven recently, as they stood after their last commit, so
//! that the next turn need not load them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::snapshots::Tail;
use crate::hash::Digest;
use crate::machine::Machine;
use crate::panics::let_go;

/// How many runs are kept.
const RUNS: usize = 64;

/// How large all of them may be together, judging by their texts.
const BYTES: u64 = 32 << 20;

/// The newest is at the back.
pub(crate) struct Recent(Mutex<VecDeque<RecentRun>>);

/// One run.
struct RecentRun {
    machine: Machine,
    tail: Tail,
}

impl RecentRun {
    /// What it would take in a store: its state, and what is to run next.
    fn bytes(&self) -> u64 {
        self.tail.bytes() + self.machine.frontier_bytes()
    }
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    // None of the user's values is dropped under the lock.
    fn runs(&self) -> MutexGuard<'_, VecDeque<RecentRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, run: &str) -> Option<RecentRun> {
        let mut runs = self.runs();
        let position = runs.iter().position(|kept| kept.machine.run() == run)?;
        runs.remove(position)
    }

    /// Takes a run out, if it is here and stands where the store says.
    pub(crate) fn take(&self, run: &str, chain: Digest) -> Option<(Machine, Tail)> {
        let kept = self.remove(run)?;
        if kept.machine.chain() == chain {
            return Some((kept.machine, kept.tail));
        }
        let_go(kept);
        None
    }

    /// Keeps a run that nobody drives, unless it is too large.
    pub(crate) fn put(&self, machine: Machine, tail: Tail) {
        let before = self.remove(machine.run());
        let kept = RecentRun { machine, tail };
        if kept.bytes() <= BYTES {
            let_go(self.push(kept));
        } else {
            let_go(kept);
        }
        let_go(before);
    }

    /// Returns what there is no more room for.
    fn push(&self, kept: RecentRun) -> Vec<RecentRun> {
        let mut runs = self.runs();
        runs.push_back(kept);
        let mut bytes = 0_u64;
        let fits = |kept: &&RecentRun| {
            bytes += kept.bytes();
            bytes <= BYTES
        };
        let stay = runs.iter().rev().take(RUNS).take_while(fits).count();
        let go = runs.len() - stay;
        runs.drain(..go).collect()
    }

    /// The runs that are here.
    pub(crate) fn ids(&self) -> Vec<String> {
        let runs = self.runs();
        runs.iter()
            .map(|kept| kept.machine.run().to_owned())
            .collect()
    }

    /// Forgets a run that is gone from the store.
    pub(crate) fn forget(&self, run: &str) {
        let_go(self.remove(run));
    }
}

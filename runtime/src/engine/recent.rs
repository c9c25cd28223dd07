//! Runs that were driven lately, as they stood after their last commit, so
//! that the next turn need not load them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::durable::Tail;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::machine::Machine;

/// How many runs are kept.
const CAPACITY: usize = 64;

/// The youngest is at the back.
pub(super) struct Recent<G: Graph>(Mutex<VecDeque<(String, Machine<G>, Tail)>>);

impl<G: Graph> Recent<G> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    fn runs(&self) -> MutexGuard<'_, VecDeque<(String, Machine<G>, Tail)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a run out, if it is here and stands where the store says.
    pub(super) fn take(&self, run: &str, chain: Digest) -> Option<(Machine<G>, Tail)> {
        let mut runs = self.runs();
        let position = runs.iter().position(|(id, ..)| id == run)?;
        let (_, machine, tail) = runs.remove(position)?;
        (machine.chain() == chain).then_some((machine, tail))
    }

    pub(super) fn put(&self, run: &str, machine: Machine<G>, tail: Tail) {
        let mut runs = self.runs();
        runs.retain(|(id, ..)| id != run);
        if runs.len() == CAPACITY {
            runs.pop_front();
        }
        runs.push_back((run.to_owned(), machine, tail));
    }
}

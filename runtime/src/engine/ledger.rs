//! Where a driven run is written down: in a store, or nowhere.

use std::collections::HashMap;
use std::future::Future;

use crate::encode::EncodeError;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{DoneTask, Finished, Machine};
use crate::session::{Kept, KeptText, Why};
use crate::store::Status;

/// Writes down what a driven run does.
pub(super) trait Ledger<G: Graph>: Send {
    /// The kept results of the open step; asked for once, before its first task.
    fn kept(&mut self) -> Kept<G>;

    /// Notes what the open step's tasks did, before it is merged.
    fn note<'a>(
        &mut self,
        machine: &Machine<G>,
        done: impl Iterator<Item = DoneTask<'a, G>>,
    ) -> Result<(), EncodeError>;

    /// Commits the step that was noted and merged; `status` is where the run
    /// stands after it, and a final one ends the driving.
    fn commit(
        &mut self,
        machine: &mut Machine<G>,
        status: Status,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Leaves the open step with the results it has; its tasks saw the state
    /// of step `saw`.
    fn park(
        &mut self,
        saw: u64,
        results: Vec<KeptText>,
        why: Why<'_>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The text in which a task's result can be kept, if results are kept.
    fn result_text(&self, finished: &Finished<G>) -> Option<String>;
}

/// Nothing is kept and nothing is encoded.
pub(super) struct Unkept;

impl<G: Graph> Ledger<G> for Unkept {
    fn kept(&mut self) -> Kept<G> {
        HashMap::new()
    }

    fn note<'a>(
        &mut self,
        _machine: &Machine<G>,
        _done: impl Iterator<Item = DoneTask<'a, G>>,
    ) -> Result<(), EncodeError> {
        Ok(())
    }

    async fn commit(&mut self, _machine: &mut Machine<G>, _status: Status) -> Result<(), Error> {
        Ok(())
    }

    async fn park(
        &mut self,
        _saw: u64,
        _results: Vec<KeptText>,
        _why: Why<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn result_text(&self, _finished: &Finished<G>) -> Option<String> {
        None
    }
}

//! What driving a run gives back.

use std::sync::Arc;
use std::time::SystemTime;

use crate::hash::Digest;
use crate::store::{Status, StepKind};

/// A run as it stood when the call that gave it returned.
#[derive(Clone, Debug)]
pub struct Run<S> {
    pub(crate) id: String,
    pub(crate) state: Arc<S>,
    pub(crate) status: Status,
    pub(crate) steps: u64,
    pub(crate) fingerprint: Option<Digest>,
}

impl<S> Run<S> {
    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The state after the last committed step.
    ///
    /// A further turn on the run clones the state once as long as this `Run` is held.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// The state itself; cloned if it is still shared.
    pub fn into_state(self) -> S
    where
        S: Clone,
    {
        Arc::unwrap_or_clone(self.state)
    }

    /// Where the run stands.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The number of the last committed step; step 0 is the input.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The chain value of the last committed step: equal for runs of one graph
    /// with equal seeds, inputs and histories. `None` without a store.
    pub const fn fingerprint(&self) -> Option<Digest> {
        self.fingerprint
    }
}

/// One committed step, as [`Engine::history`](crate::Engine::history) tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepInfo {
    /// Its number.
    pub step: u64,
    /// What kind of step.
    pub kind: StepKind,
    /// What its tasks did, in merge order; empty for step 0.
    pub tasks: Vec<TaskInfo>,
    /// `chain(n)`: equal for equal runs up to here.
    pub chain: Digest,
    /// `digest(n)`: equal for equal steps, whatever came before.
    pub digest: Digest,
    /// When it was committed, by the store's clock.
    pub committed: SystemTime,
}

/// What one task of a committed step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// The node; `None` for an update that came from outside.
    pub node: Option<String>,
    /// Its update as canonical JSON, if it had one.
    pub update: Option<String>,
    /// The nodes its dynamic row led to, with the number of tasks each;
    /// `None` for a row that always leads to the same targets.
    pub to: Option<Vec<(&'static str, u64)>>,
    /// Why it failed, if its `on error` row took over.
    pub failed: Option<crate::Failure>,
}

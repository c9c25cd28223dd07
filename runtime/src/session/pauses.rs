//! The nodes at which a run stops for a look.

use std::sync::Arc;

use crate::graph::NodeId;
use crate::machine::Task;

/// The nodes at which a run stops between two steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pauses {
    /// It stops before a step in which one of these is to run.
    pub(crate) before: Arc<[NodeId]>,
    /// It stops after a step in which one of these has run.
    pub(crate) after: Arc<[NodeId]>,
}

impl Pauses {
    /// Whether the run stops before the step with these tasks.
    pub(super) fn is_before(&self, tasks: &[Task]) -> bool {
        stands_in(&self.before, tasks) && !mistake!(PausePassedOver)
    }

    /// Whether it stops after the step with these tasks.
    pub(super) fn is_after(&self, tasks: &[Task]) -> bool {
        stands_in(&self.after, tasks) && !mistake!(PauseAfterForgotten)
    }
}

/// Whether one of the tasks is of one of the nodes.
fn stands_in(nodes: &[NodeId], tasks: &[Task]) -> bool {
    !nodes.is_empty() && tasks.iter().any(|task| nodes.contains(&task.node))
}

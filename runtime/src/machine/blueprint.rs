use std::sync::Arc;

use super::{Circles, Machine};
use crate::cx::RunIdentity;
use crate::erased::{Program, SharedState};
use crate::options::ConflictPolicy;

/// What the machines of all runs of an engine have in common.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint {
    pub(crate) program: Arc<dyn Program>,
    /// The closed cycles of the graph, if it has any.
    pub(crate) circles: Option<Circles>,
    pub(crate) conflict: ConflictPolicy,
}

impl Blueprint {
    /// The machine of a run that has `state` and has not started.
    pub(crate) fn machine(&self, run: Arc<RunIdentity>, state: SharedState) -> Machine {
        let (program, circles) = (Arc::clone(&self.program), self.circles.clone());
        Machine::new(program, circles, self.conflict, state, run)
    }
}

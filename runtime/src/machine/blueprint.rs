use std::sync::Arc;

use super::{Circles, Machine};
use crate::cx::RunIdentity;
use crate::graph::{Graph, GraphInfo};
use crate::options::ConflictPolicy;

/// What the machines of all runs of an engine have in common.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint {
    pub(crate) info: &'static GraphInfo,
    /// The closed cycles of the graph, if it has any.
    pub(crate) circles: Option<Circles>,
    pub(crate) conflict: ConflictPolicy,
}

impl Blueprint {
    /// The machine of a run that has `state` and has not started.
    pub(crate) fn machine<G: Graph>(&self, run: Arc<RunIdentity>, state: G::State) -> Machine<G> {
        let circles = self.circles.clone();
        Machine::new(self.info, circles, self.conflict, Arc::new(state), run)
    }
}

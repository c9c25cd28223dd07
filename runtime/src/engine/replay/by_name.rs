//! The graph may have changed since: nodes and targets are found by their names.

use super::matching::{Matching, Other};
use super::strict::route_text;
use crate::encode::DecodeError;
use crate::graph::{Graph, GraphInfo, StoredGraph};
use crate::machine::{Machine, differing_parent, frontier_by_name};
use crate::store::StepRecord;

pub(crate) struct ByName {
    today: &'static GraphInfo,
    /// The graph that the run was started with.
    stored: StoredGraph,
}

impl ByName {
    /// `stored` is the stored graph's canonical text.
    pub(crate) fn new(today: &'static GraphInfo, stored: &str) -> Result<Self, DecodeError> {
        let stored = StoredGraph::read(stored)?;
        Ok(Self { today, stored })
    }
}

impl<G: Graph> Matching<G> for ByName {
    fn prepare(&self, machine: &mut Machine<G>, frontier: &str) -> Result<(), DecodeError> {
        machine.restore_by_name(frontier, &self.stored)
    }

    fn recorded_route(&self, to: &[(u32, u64)]) -> String {
        route_text(to, |edge| {
            self.stored.target(edge).unwrap_or("?").to_owned()
        })
    }

    fn route(&self, to: &[(u32, u64)]) -> String {
        route_text(to, |edge| {
            let known = self.today.edges.get(edge as usize);
            known
                .map_or("?", |known| self.today.node_name(known.to))
                .to_owned()
        })
    }

    fn follows(
        &self,
        machine: &mut Machine<G>,
        record: &StepRecord,
    ) -> Result<Option<Other>, DecodeError> {
        let today = StoredGraph::of(self.today);
        let text = machine.frontier_text().map_err(|error| DecodeError {
            ty: "frontier",
            reason: error.to_string(),
        })?;
        let found = frontier_by_name(&text, &today)?;
        let expected = frontier_by_name(&record.frontier, &self.stored)?;
        machine.stand_at(record.chain);
        if found == expected {
            return Ok(None);
        }
        let parent = differing_parent(&record.frontier, &text);
        Ok(Some(Other {
            parent,
            expected,
            found,
        }))
    }
}

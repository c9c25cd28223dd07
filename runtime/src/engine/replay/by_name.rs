//! The graph may have changed since: nodes and targets are found by their names.

use std::sync::Arc;

use super::matching::{Matching, Other};
use super::strict::route_text;
use crate::encode::{DecodeError, EncodeError};
use crate::erased::Program;
use crate::graph::{GraphInfo, NodeId, StoredGraph};
use crate::hash::Digest;
use crate::machine::{Machine, differing_parent, frontier_by_name};
use crate::session::Graphs;
use crate::store::StepRecord;

pub(crate) struct ByName {
    program: Arc<dyn Program>,
    today: &'static GraphInfo,
    graphs: Graphs,
    /// The descriptions of the steps' graphs.
    stored: Vec<(Digest, StoredGraph)>,
}

impl ByName {
    /// `texts` are the canonical texts of all the graphs that wrote the steps.
    pub(crate) fn new(
        program: Arc<dyn Program>,
        graphs: Graphs,
        texts: &[(Digest, String)],
    ) -> Result<Self, DecodeError> {
        let read = |(graph, text): &(Digest, String)| Ok((*graph, StoredGraph::read(text)?));
        let stored = texts.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            today: program.info(),
            program,
            graphs,
            stored,
        })
    }

    /// The graph that wrote `record`.
    fn stored(&self, record: &StepRecord) -> Result<&StoredGraph, DecodeError> {
        let graph = self.graphs.at(record.step).fingerprint;
        let mut stored = self.stored.iter();
        let found = stored.find(|(known, _)| *known == graph);
        let missing = || DecodeError {
            ty: "graph",
            reason: format!("{graph} is not described"),
        };
        found.map(|(_, stored)| stored).ok_or_else(missing)
    }
}

impl ByName {
    /// A recorded input as today's program would write it.
    fn recorded_input(&self, node: &str, input: &str) -> Result<String, DecodeError> {
        let known = self.today.nodes.iter().position(|known| known.name == node);
        match known.and_then(|known| NodeId::try_from(known).ok()) {
            Some(node) => {
                let input = self.today.read_input(node, input)?;
                input.to_text().map_err(unwritten)
            }
            None => Ok(input.to_owned()),
        }
    }
}

fn unwritten(error: EncodeError) -> DecodeError {
    DecodeError {
        ty: error.ty,
        reason: error.to_string(),
    }
}

impl Matching for ByName {
    fn prepare(&self, machine: &mut Machine, before: &StepRecord) -> Result<(), DecodeError> {
        machine.restore_by_name(&before.frontier, self.stored(before)?)
    }

    /// Through today's type: a field that is new there, with a default, is not
    /// the node's doing.
    fn recorded_update(&self, update: &str) -> Result<String, DecodeError> {
        let update = self.program.read_update(update)?;
        update.first().to_text().map_err(unwritten)
    }

    fn recorded_route(&self, record: &StepRecord, to: &[(u32, u64)]) -> String {
        let stored = self.stored(record).ok();
        route_text(to, |edge| {
            let target = stored.and_then(|stored| stored.target(edge));
            target.unwrap_or("?").to_owned()
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
        machine: &mut Machine,
        record: &StepRecord,
    ) -> Result<Option<Other>, DecodeError> {
        let today = StoredGraph::of(self.today);
        let text = machine.frontier_text().map_err(unwritten)?;
        let found = frontier_by_name(&text, &today, |_, input| Ok(input.to_owned()))?;
        let expected = frontier_by_name(&record.frontier, self.stored(record)?, |node, input| {
            self.recorded_input(node, input)
        })?;
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

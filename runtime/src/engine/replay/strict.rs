//! The graph is the one that the run was started with: everything is the same
//! to the byte.

use super::matching::{Matching, Other};
use crate::encode::DecodeError;
use crate::graph::GraphInfo;
use crate::machine::{Machine, differing_parent};
use crate::store::StepRecord;

pub(crate) struct Strict {
    pub(crate) info: &'static GraphInfo,
    /// Whether tasks get their inputs as they are stored, as they did then.
    pub(crate) as_stored: bool,
}

impl Matching for Strict {
    fn prepare(&self, _: &mut Machine, _: &StepRecord) -> Result<(), DecodeError> {
        Ok(())
    }

    fn recorded_update(&self, update: &str) -> Result<String, DecodeError> {
        Ok(update.to_owned())
    }

    fn recorded_route(&self, _: &StepRecord, to: &[(u32, u64)]) -> String {
        self.route(to)
    }

    fn route(&self, to: &[(u32, u64)]) -> String {
        route_text(to, |edge| {
            let known = self.info.edges.get(edge as usize);
            let to = known.map_or("?", |known| self.info.node_name(known.to));
            format!("edge {edge} to {to}")
        })
    }

    fn follows(
        &self,
        machine: &mut Machine,
        record: &StepRecord,
    ) -> Result<Option<Other>, DecodeError> {
        let found = machine.frontier_text().map_err(|error| DecodeError {
            ty: "frontier",
            reason: error.to_string(),
        })?;
        machine.stand_at(record.chain);
        if found == record.frontier {
            if self.as_stored {
                machine.restore_frontier(&record.frontier)?;
            }
            return Ok(None);
        }
        Ok(Some(Other {
            parent: differing_parent(&record.frontier, &found),
            expected: record.frontier.clone(),
            found,
        }))
    }
}

/// Edges as a readable list, e.g. `edge 2 to search x 3`.
pub(super) fn route_text(to: &[(u32, u64)], name: impl Fn(u32) -> String) -> String {
    if to.is_empty() {
        return "nowhere".into();
    }
    let edges = to.iter().map(|(edge, tasks)| match tasks {
        1 => name(*edge),
        tasks => format!("{} x {tasks}", name(*edge)),
    });
    edges.collect::<Vec<_>>().join(", ")
}

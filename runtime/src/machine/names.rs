//! Names for messages and records.

use crate::graph::{END, GraphInfo, NodeId, START};
use crate::state::StateInfo;

impl GraphInfo {
    /// A graph without nodes.
    pub(crate) const EMPTY: Self = Self {
        name: "",
        version: 1,
        conflict: None,
        max_steps: None,
        compatible: &[],
        migrate: None,
        nodes: &[],
        edges: &[],
        joins: &[],
        state: StateInfo {
            name: "",
            fields: &[],
            ephemeral: false,
        },
    };

    /// The name of a node, `start` or `end`.
    pub fn node_name(&self, node: NodeId) -> &'static str {
        match node {
            START => "start",
            END => "end",
            node => self.nodes[node as usize].name,
        }
    }
}

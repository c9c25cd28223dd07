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

impl GraphInfo {
    /// Temporary.
    pub fn canonical(&self) -> String {
        format!(
            "{:?}",
            self.nodes.iter().map(|n| n.name).collect::<Vec<_>>()
        )
    }
    /// Temporary.
    pub fn fingerprint(&self) -> crate::Digest {
        crate::hash::Hasher::new().part(self.canonical()).finish()
    }
    /// Temporary.
    pub fn differences(&self, _: &str) -> Differences {
        Differences
    }
}
/// Temporary.
pub struct Differences;
impl Differences {
    /// Temporary.
    pub fn are_compatible(&self) -> bool {
        false
    }
    /// Temporary.
    pub fn into_lines(self) -> Vec<String> {
        vec![]
    }
}

//! The canonical text of a graph, of which its fingerprint is the hash.

mod differences;

use serde::{Deserialize, Serialize};

pub use differences::Differences;
pub(crate) use differences::keep_name;

use crate::encode::{self, DecodeError};
use crate::graph::{EdgeInfo, EdgeKind, GraphInfo, JoinInfo};
use crate::hash::{Digest, Hasher};
use crate::state::FieldInfo;

impl GraphInfo {
    /// The text that the fingerprint stands for, as canonical JSON: topology,
    /// node names, edge kinds, `match` labels, joins, and the state's fields
    /// with their types and reducers.
    ///
    /// What does not change how a stored run continues is not in it: the names
    /// of graph and state, `version`, options of nodes, places in the source.
    pub fn canonical(&self) -> String {
        encode::to_string(&Canonical::of(self)).expect("text and numbers always encode")
    }

    /// SHA-256 over [`canonical`](Self::canonical). A run remembers it and continues
    /// only under an equal one, or one that is declared compatible.
    pub fn fingerprint(&self) -> Digest {
        Hasher::new().part(self.canonical()).finish()
    }

    /// What is different in this graph from the one whose canonical text was
    /// stored.
    pub fn differences(&self, stored: &str) -> Differences {
        Differences::between(stored, self)
    }
}

/// A graph as its canonical text describes it.
pub(crate) struct StoredGraph(Canonical);

impl StoredGraph {
    pub(crate) fn read(text: &str) -> Result<Self, DecodeError> {
        encode::from_str(text).map(Self)
    }

    pub(crate) fn of(graph: &GraphInfo) -> Self {
        Self(Canonical::of(graph))
    }

    /// The node that an edge leads to.
    pub(crate) fn target(&self, edge: u32) -> Option<&str> {
        let edge = self.0.edges.get(edge as usize)?;
        Some(&edge.to)
    }

    /// Whether an edge is an `each`.
    pub(crate) fn is_each(&self, edge: u32) -> bool {
        let edge = self.0.edges.get(edge as usize);
        edge.is_some_and(|edge| edge.kind == Kind::Each)
    }

    /// For each edge its number in `graph`, if it stands there too; those that are alike
    /// keep their order.
    pub(crate) fn edges_in(&self, graph: &GraphInfo) -> Vec<Option<u32>> {
        let edges = graph.edges.iter().map(|edge| Edge::of(graph, edge));
        let mut left: Vec<(u32, Edge)> = (0..).zip(edges).collect();
        let take = |edge: &Edge| {
            let at = left.iter().position(|(_, other)| other == edge)?;
            Some(left.remove(at).0)
        };
        self.0.edges.iter().map(take).collect()
    }

    /// A join row as it is written.
    pub(crate) fn join_name(&self, join: u32) -> Option<String> {
        self.0.joins.get(join as usize).map(Join::to_string)
    }

    /// The number of a join row in `graph`, if it is there too.
    pub(crate) fn join_in(&self, join: u32, graph: &GraphInfo) -> Option<u32> {
        let row = self.0.joins.get(join as usize)?;
        let mut rows = (0..).zip(graph.joins);
        let same = rows.find(|(_, other)| Join::of(graph, other) == *row)?;
        Some(same.0)
    }
}

/// Everything by name, so that the text can be read and compared without the graph.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Canonical {
    nodes: Vec<String>,
    edges: Vec<Edge>,
    joins: Vec<Join>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Edge {
    from: String,
    to: String,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Direct,
    Input,
    Each,
    Else,
    Defer,
    Error,
    Join(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Join {
    sources: Vec<String>,
    targets: Vec<Target>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Target {
    to: String,
    deferred: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    reducer: String,
}

impl Canonical {
    fn of(graph: &GraphInfo) -> Self {
        Self {
            nodes: graph
                .nodes
                .iter()
                .map(|node| node.name.to_owned())
                .collect(),
            edges: graph
                .edges
                .iter()
                .map(|edge| Edge::of(graph, edge))
                .collect(),
            joins: graph
                .joins
                .iter()
                .map(|join| Join::of(graph, join))
                .collect(),
            fields: graph.state.fields.iter().map(Field::of).collect(),
        }
    }
}

impl Edge {
    fn of(graph: &GraphInfo, edge: &EdgeInfo) -> Self {
        Self {
            from: graph.node_name(edge.from).to_owned(),
            to: graph.node_name(edge.to).to_owned(),
            kind: Kind::of(edge.kind),
            label: edge.label.map(str::to_owned),
        }
    }
}

impl Kind {
    const fn of(kind: EdgeKind) -> Self {
        match kind {
            EdgeKind::Direct => Self::Direct,
            EdgeKind::Input => Self::Input,
            EdgeKind::Each => Self::Each,
            EdgeKind::Else => Self::Else,
            EdgeKind::Defer => Self::Defer,
            EdgeKind::Error => Self::Error,
            EdgeKind::Join(join) => Self::Join(join),
        }
    }
}

impl Join {
    fn of(graph: &GraphInfo, join: &JoinInfo) -> Self {
        let sources = join.sources.iter();
        Self {
            sources: sources.map(|id| graph.node_name(*id).to_owned()).collect(),
            targets: graph
                .join_targets(join)
                .map(|(to, deferred)| Target {
                    to: graph.node_name(to).to_owned(),
                    deferred,
                })
                .collect(),
        }
    }
}

impl Field {
    fn of(field: &FieldInfo) -> Self {
        Self {
            name: field.name.to_owned(),
            ty: field.ty.to_owned(),
            reducer: field.reducer.to_owned(),
        }
    }
}

//! The graph as numbers: nodes in order of first mention, edges in written order.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Expr, ExprPath, LitStr, Path, Type};

use super::ast::Conflict;

/// A node's number, or [`START`] or [`END`]; the same numbers as in the runtime.
pub(super) type NodeId = u32;
pub(super) const START: NodeId = NodeId::MAX;
pub(super) const END: NodeId = NodeId::MAX - 1;

pub(super) struct Model {
    pub(super) runtime: Path,
    /// `None` only together with an error.
    pub(super) state: Option<Type>,
    pub(super) version: u32,
    pub(super) conflict: Option<Conflict>,
    pub(super) max_steps: Option<u64>,
    pub(super) compatible: Vec<LitStr>,
    pub(super) migrate: Option<ExprPath>,
    pub(super) nodes: Vec<Node>,
    /// Nodes that were taken for others, together with an error.
    pub(super) merged: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) rows: Vec<OwnRow>,
    pub(super) error_rows: Vec<ErrorRow>,
    pub(super) joins: Vec<Join>,
}

pub(super) struct Node {
    pub(super) name: String,
    /// Whether the name is an instance's, given in this graph.
    pub(super) named: bool,
    pub(super) path: Path,
    /// Where the rows first mention it.
    pub(super) at: Ident,
    /// How often the rows mention it; a hop counts as target and as source.
    pub(super) mentions: u32,
    /// Its row in [`Model::rows`].
    pub(super) row: Option<usize>,
    /// Whether its name, or which row is its own, is reported as a fault.
    pub(super) doubtful: bool,
    /// The joins it is a source of.
    pub(super) joins: Vec<u32>,
    /// The first edge that gives it an input.
    pub(super) input: Option<Span>,
}

pub(super) struct Edge {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) kind: Kind,
    /// The arm of the row's `match` it is in, counted from 0.
    pub(super) arm: Option<u32>,
    /// That arm's pattern and guard.
    pub(super) label: Option<String>,
    pub(super) at: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Direct,
    Input,
    Each,
    Else,
    Defer,
    Error,
    Join(u32),
}

/// The row of one node, or of `start`.
pub(super) struct OwnRow {
    pub(super) from: NodeId,
    pub(super) at: Span,
    pub(super) edges: std::ops::Range<u32>,
    pub(super) steps: Vec<Step>,
}

pub(super) struct ErrorRow {
    pub(super) from: NodeId,
    pub(super) at: Span,
    pub(super) edges: std::ops::Range<u32>,
}

pub(super) struct Join {
    pub(super) at: Span,
    pub(super) sources: Vec<(NodeId, Span)>,
    /// The edges of its first source.
    pub(super) edges: std::ops::Range<u32>,
    /// For each of these edges, whether its target is deferred.
    pub(super) deferred: Vec<bool>,
}

/// What a row does when its node has finished, in order.
pub(super) enum Step {
    To {
        edge: u32,
    },
    Input {
        edge: u32,
        expr: Expr,
    },
    Each {
        edge: u32,
        items: Expr,
        otherwise: Vec<Step>,
    },
    /// The word `match`, and the arms.
    Match(Span, Vec<Arm>),
}

pub(super) struct Arm {
    pub(super) pattern: TokenStream,
    pub(super) guard: Option<TokenStream>,
    /// The last token of its target.
    pub(super) end: Span,
    pub(super) steps: Vec<Step>,
}

impl Model {
    /// The node's name; `start` and `end` have theirs.
    pub(super) fn name(&self, node: NodeId) -> &str {
        match node {
            START => "start",
            END => "end",
            node => &self.nodes[node as usize].name,
        }
    }

    /// Tells each node about its rows and joins.
    pub(super) fn link(&mut self) {
        for node in &mut self.nodes {
            (node.row, node.input) = (None, None);
            node.joins.clear();
        }
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(node) = self.nodes.get_mut(row.from as usize) {
                node.doubtful |= node.row.is_some();
                node.row.get_or_insert(at);
            }
        }
        for (at, join) in self.joins.iter().enumerate() {
            for (source, _) in &join.sources {
                self.nodes[*source as usize].joins.push(at as u32);
            }
        }
        for edge in &self.edges {
            if let (Kind::Input | Kind::Each, Some(node)) =
                (edge.kind, self.nodes.get_mut(edge.to as usize))
            {
                node.input.get_or_insert(edge.at);
            }
        }
    }

    /// Treats every mention of the node `other` as one of the node `kept`.
    pub(super) fn merge(&mut self, other: NodeId, kept: NodeId) {
        let nodes = self.nodes.len() as NodeId;
        let rename = |node: &mut NodeId| {
            if *node == other {
                *node = kept;
            }
            if (other..nodes).contains(node) {
                *node -= 1;
            }
        };
        for edge in &mut self.edges {
            rename(&mut edge.from);
            rename(&mut edge.to);
        }
        self.rows.iter_mut().for_each(|row| rename(&mut row.from));
        let error_rows = self.error_rows.iter_mut();
        error_rows.for_each(|row| rename(&mut row.from));
        let sources = self.joins.iter_mut().flat_map(|join| &mut join.sources);
        sources.for_each(|(source, _)| rename(source));
        let gone = self.nodes.remove(other as usize);
        let mut kept = kept;
        kept -= NodeId::from(kept > other);
        let kept = &mut self.nodes[kept as usize];
        kept.mentions += gone.mentions;
        kept.doubtful = true;
        self.merged.push(gone);
        self.link();
    }

    pub(super) fn has_start(&self) -> bool {
        self.rows.iter().any(|row| row.from == START)
    }

    pub(super) fn edges_at(&self, at: &std::ops::Range<u32>) -> &[Edge] {
        &self.edges[at.start as usize..at.end as usize]
    }
}

impl OwnRow {
    /// Whether the row is a plain list of edges with nothing to compute.
    pub(super) fn is_static(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.all(|step| matches!(step, Step::To { .. }))
    }

    pub(super) fn matches(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step, Step::Match(..)))
    }

    /// Whether an arm binds a part of the route by `ref mut`.
    pub(super) fn binds_mutably(&self) -> bool {
        let arms = self.steps.iter().flat_map(|step| match step {
            Step::Match(_, arms) => &arms[..],
            _ => &[],
        });
        let mut patterns = arms.map(|arm| arm.pattern.to_string());
        patterns.any(|pattern| pattern.contains("ref mut "))
    }
}

//! Random graphs: static fan-outs, routes, `each`, inputs, joins, deferred nodes
//! and error rows, over nodes that call each other forwards and, by routes, error
//! rows and joins, backwards.
//!
//! A graph is a table that lives for ever, so there is a fixed number of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::age::{TODAY, migrate};
use super::dice::Dice;
use super::drama::read_input;
use super::tale::Tale;
use crate::graph::{
    END, EdgeInfo, EdgeKind, GraphInfo, JoinInfo, NodeId, NodeInfo, NodeOptions, RetryOptions,
    RowInfo, START, Span,
};
use crate::hash::Digest;
use crate::state::{State, StateInfo};

/// How many graphs there are.
const GRAPHS: u64 = 10_000;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// The labels of the arms of a route.
pub(super) const ARMS: [&str; 3] = ["one", "two", "three"];

const SPAN: Span = Span {
    file: "simulator",
    line: 0,
    column: 0,
};

/// A graph with what needs to be computed only once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) info: &'static GraphInfo,
    pub(super) fingerprint: Digest,
    pub(super) canonical: &'static str,
}

impl Drawn {
    fn of(info: &'static GraphInfo) -> Self {
        Self {
            info,
            fingerprint: info.fingerprint(),
            canonical: info.canonical().leak(),
        }
    }
}

/// The graph of a seed as the two versions of the program have it, the first one first.
pub(super) fn graphs_of(seed: u64) -> [Drawn; 2] {
    static GALLERY: Mutex<Option<HashMap<u64, [Drawn; 2]>>> = Mutex::new(None);
    let number = Dice::new(seed, "graph").below(GRAPHS);
    let mut gallery = GALLERY.lock().unwrap_or_else(PoisonError::into_inner);
    let gallery = gallery.get_or_insert_default();
    *gallery.entry(number).or_insert_with(|| {
        let info = Draft::new(number).finish();
        // A field is new in the second version, as far as the fingerprints know.
        let fields = &info.state.fields[1..];
        let before = GraphInfo {
            version: 1,
            state: StateInfo {
                fields,
                ..info.state
            },
            ..*info
        };
        [Drawn::of(Box::leak(Box::new(before))), Drawn::of(info)]
    })
}

/// A graph that is being drawn.
struct Draft {
    dice: Dice,
    /// For each node, whether it takes an input.
    fed: Vec<bool>,
    edges: Vec<EdgeInfo>,
    joins: Vec<JoinInfo>,
}

impl Draft {
    fn new(number: u64) -> Self {
        let mut dice = Dice::new(number, "draft");
        let nodes = dice.within(3, NAMES.len() as u64);
        let fed = (0..nodes).map(|_| dice.one_in(4)).collect();
        Self {
            dice,
            fed,
            edges: Vec::new(),
            joins: Vec::new(),
        }
    }

    fn finish(mut self) -> &'static GraphInfo {
        self.arrows(START, None, 3);
        let nodes = 0..self.fed.len() as NodeId;
        let rows: Vec<RowInfo> = nodes.clone().map(|node| self.row(node)).collect();
        for _ in 0..self.dice.below(4).saturating_sub(1) {
            self.join();
        }
        let nodes: Vec<NodeInfo> = nodes
            .zip(rows)
            .map(|(node, row)| self.node(node, row))
            .collect();
        Box::leak(Box::new(GraphInfo {
            name: "Drawn",
            nodes: nodes.leak(),
            edges: self.edges.leak(),
            joins: self.joins.leak(),
            state: Tale::INFO,
            version: TODAY,
            migrate: Some(migrate),
            ..GraphInfo::EMPTY
        }))
    }

    fn node(&self, node: NodeId, row: RowInfo) -> NodeInfo {
        let stands_in = |row: &u32| self.joins[*row as usize].sources.contains(&node);
        let joins: Vec<u32> = (0..self.joins.len() as u32).filter(stands_in).collect();
        let mut dice = Dice::new(
            u64::from(node) ^ self.dice.clone().below(u64::MAX),
            "options",
        );
        let options = NodeOptions {
            retry: RetryOptions {
                attempts: dice.within(1, 3) as u32,
                ..RetryOptions::DEFAULT
            },
            // Its thread keeps running when an attempt is given up.
            blocking: dice.one_in(4),
            ..NodeOptions::DEFAULT
        };
        NodeInfo {
            name: NAMES[node as usize],
            row,
            joins: joins.leak(),
            options,
            closed: false,
            handled: false,
            writes: None,
            read_input,
            span: SPAN,
        }
    }

    fn row(&mut self, node: NodeId) -> RowInfo {
        let from = self.edges.len() as u32;
        let row = if self.dice.one_in(3) {
            // Forwards only, so that it ends by itself.
            let later = self.plain().filter(|other| *other > node).collect();
            for target in self.dice.draw(later, 3) {
                let kind = self.plain_kind();
                self.edge(node, target, kind, None);
            }
            if self.edges.len() as u32 == from {
                self.edge(node, END, EdgeKind::Direct, None);
            }
            let to = self.edges.len() as u32;
            RowInfo::Static { from, to }
        } else {
            for arm in &ARMS[..self.dice.within(1, ARMS.len() as u64) as usize] {
                self.arrows(node, Some(arm), 3);
            }
            RowInfo::Dynamic
        };
        if self.dice.one_in(4) {
            let targets = self.plain().collect();
            for target in self.dice.draw(targets, 2) {
                self.edge(node, target, EdgeKind::Error, None);
            }
        }
        row
    }

    /// The nodes that take no input.
    fn plain(&self) -> impl Iterator<Item = NodeId> {
        let fed = self.fed.clone();
        (0..fed.len() as NodeId).filter(move |node| !fed[*node as usize])
    }

    fn plain_kind(&mut self) -> EdgeKind {
        if self.dice.one_in(6) {
            EdgeKind::Defer
        } else {
            EdgeKind::Direct
        }
    }

    /// Arrows to one or more different nodes, with inputs for those that take one.
    fn arrows(&mut self, from: NodeId, arm: Option<&'static str>, most: u64) {
        let nodes = (0..self.fed.len() as NodeId).collect();
        let count = self.dice.within(1, most);
        for target in self.dice.draw(nodes, count) {
            if !self.fed[target as usize] {
                let kind = self.plain_kind();
                self.edge(from, target, kind, arm);
            } else if self.dice.one_in(3) {
                self.edge(from, target, EdgeKind::Input, arm);
            } else {
                self.edge(from, target, EdgeKind::Each, arm);
                // A run that has nothing to do, now and then.
                let others = match from == START && self.dice.one_in(4) {
                    true => Vec::new(),
                    false => self.plain().collect(),
                };
                let other = self.dice.draw(others, 1).pop().unwrap_or(END);
                self.edge(from, other, EdgeKind::Else, arm);
            }
        }
    }

    fn join(&mut self) {
        // Now and then siblings of one fan-out, which do not starve each other.
        let from = self.dice.below(self.fed.len() as u64 + 1).checked_sub(1);
        let from = from.map_or(START, |node| node as NodeId);
        let siblings = self
            .edges
            .iter()
            .filter(|edge| edge.from == from && edge.to != END);
        let siblings: BTreeSet<NodeId> = siblings.map(|edge| edge.to).collect();
        let nodes = if siblings.len() > 1 {
            siblings.into_iter().collect()
        } else {
            (0..self.fed.len() as NodeId).collect()
        };
        let count = self.dice.within(2, 3);
        let sources = self.dice.draw(nodes, count);
        let plain: Vec<_> = self.plain().collect();
        let targets = self.dice.draw(plain, 2);
        if targets.is_empty() || self.joins.iter().any(|join| join.sources == sources) {
            return;
        }
        let row = self.joins.len() as u32;
        let (mut edges, mut deferred) = (Vec::new(), Vec::new());
        for target in targets {
            edges.push(self.edges.len() as u32);
            deferred.push(self.dice.one_in(4));
            for source in &sources {
                self.edge(*source, target, EdgeKind::Join(row), None);
            }
        }
        self.joins.push(JoinInfo {
            sources: sources.leak(),
            edges: edges.leak(),
            deferred: deferred.leak(),
            span: SPAN,
        });
    }

    fn edge(&mut self, from: NodeId, to: NodeId, kind: EdgeKind, label: Option<&'static str>) {
        self.edges.push(EdgeInfo {
            from,
            to,
            kind,
            label,
            span: SPAN,
        });
    }
}

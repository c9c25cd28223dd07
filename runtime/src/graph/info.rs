use std::error::Error;
use std::time::Duration;

use serde_json::Value;

use crate::encode::DecodeError;
use crate::erased::{Input, ReadInput};
use crate::graph::glue;
use crate::graph::node::NodeFn;
use crate::node_error::NodeError;
use crate::options::ConflictPolicy;
use crate::state::{FieldSet, StateInfo};

/// A node's number in its graph: its position in [`GraphInfo::nodes`].
pub type NodeId = u32;

/// The number that stands for `start` where an edge names its source.
pub const START: NodeId = NodeId::MAX;

/// The number that stands for `end` where an edge names its target.
pub const END: NodeId = NodeId::MAX - 1;

/// Brings the JSON of a part that an older version of the graph wrote to the
/// shape of today: the version, what it is, and how it is stored.
pub type Migrate = fn(u32, Part, Value) -> Result<Value, Box<dyn Error + Send + Sync>>;

/// What a graph's `migrate` function is given to bring up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A whole state: every field that is not skipped.
    State,
    /// The update of one task, or of a turn: the fields that it sets, and
    /// whatever else the update has, such as `replace_notes`.
    Update,
}

/// The static description of a graph: nodes, edges, joins, and the state's fields.
///
/// Nodes are numbered in the order in which the rows first mention them, edges
/// in the order in which they are written: an edge's position in `edges` is the
/// `edge_index` of order keys.
#[derive(Clone, Copy, Debug)]
pub struct GraphInfo {
    /// The struct's name.
    pub name: &'static str,
    /// `version = …`, 1 by default.
    pub version: u32,
    /// `conflict = …`, if given.
    pub conflict: Option<ConflictPolicy>,
    /// `max_steps = …`, if given.
    pub max_steps: Option<u64>,
    /// `compatible = […]`: fingerprints of older versions whose runs this graph
    /// continues.
    pub compatible: &'static [&'static str],
    /// `migrate = path`, if given.
    pub migrate: Option<Migrate>,
    /// The nodes.
    pub nodes: &'static [NodeInfo],
    /// The edges.
    pub edges: &'static [EdgeInfo],
    /// The join rows, in written order.
    pub joins: &'static [JoinInfo],
    /// The state's name and fields.
    pub state: StateInfo,
}

impl GraphInfo {
    /// Where `join` leads when it fires: each target, and whether it is deferred.
    pub fn join_targets(&self, join: &JoinInfo) -> impl Iterator<Item = (NodeId, bool)> {
        let edges = join.edges.iter().zip(join.deferred);
        edges.filter_map(|(edge, deferred)| {
            let edge = self.edges.get(*edge as usize)?;
            Some((edge.to, *deferred))
        })
    }

    /// The input of a task of `node` that `json` is.
    ///
    /// # Errors
    /// Text that is not an input of that node, or any input where the node takes none.
    #[doc(hidden)]
    pub fn read_input(&self, node: NodeId, json: &str) -> Result<Input, DecodeError> {
        (self.nodes[node as usize].read_input)(json)
    }
}

/// One node of a graph.
#[derive(Clone, Copy, Debug)]
pub struct NodeInfo {
    /// Its name in the graph.
    pub name: &'static str,
    /// The edges of its own row.
    pub row: RowInfo,
    /// The join rows of which it is a source: positions in [`GraphInfo::joins`].
    pub joins: &'static [u32],
    /// What `#[node(…)]` says.
    pub options: NodeOptions,
    /// Whether the node depends on nothing but the state and its input: it
    /// takes no dependency and no `Cx`.
    pub closed: bool,
    /// Whether it has an `on error` row.
    pub handled: bool,
    /// The fields that `writes(…)` declares, if it is given.
    pub writes: Option<FieldSet>,
    /// Reads the input of one of its tasks.
    #[doc(hidden)]
    pub read_input: ReadInput,
    /// Where the graph first mentions it.
    pub span: Span,
}

impl NodeInfo {
    /// The description of node `N`, which the graph calls by the last segment of
    /// its path, `name`, unless `#[node(name = "…")]` gives another; used by
    /// `#[graph]`.
    pub const fn of<N: NodeFn>(
        name: &'static str,
        row: RowInfo,
        joins: &'static [u32],
        span: Span,
    ) -> Self {
        Self {
            name: match N::NAME {
                Some(name) => name,
                None => name,
            },
            row,
            joins,
            options: N::OPTIONS,
            closed: N::CLOSED,
            handled: false,
            writes: N::WRITES,
            read_input: glue::read_input::<N>,
            span,
        }
    }

    /// The same with an `on error` row.
    #[must_use]
    pub const fn handled(self) -> Self {
        Self {
            handled: true,
            ..self
        }
    }

    /// The same under the name that the graph itself gives it.
    #[must_use]
    pub const fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

/// How a row of the edge table expands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowInfo {
    /// The node has no row of its own: it is in joins only.
    None,
    /// These edges, always, none of them with an input: `from..to` in [`GraphInfo::edges`].
    Static {
        /// The first edge.
        from: u32,
        /// One past the last edge.
        to: u32,
    },
    /// The generated code decides: a `match`, or targets with inputs.
    Dynamic,
}

/// One edge: an arrow from a source to one target.
#[derive(Clone, Copy, Debug)]
pub struct EdgeInfo {
    /// The source node, or [`START`].
    pub from: NodeId,
    /// The target node, or [`END`].
    pub to: NodeId,
    /// What kind of arrow.
    pub kind: EdgeKind,
    /// Pattern and guard of the `match` arm as written, tokens joined without white space.
    pub label: Option<&'static str>,
    /// Where the target is written.
    pub span: Span,
}

impl EdgeInfo {
    /// A direct edge without a label; used by `#[graph]`.
    pub const fn of(from: NodeId, to: NodeId, span: Span) -> Self {
        Self {
            from,
            to,
            kind: EdgeKind::Direct,
            label: None,
            span,
        }
    }

    /// The same as another kind of arrow.
    #[must_use]
    pub const fn of_kind(self, kind: EdgeKind) -> Self {
        Self { kind, ..self }
    }

    /// The same in a `match` arm.
    #[must_use]
    pub const fn labelled(self, label: &'static str) -> Self {
        Self {
            label: Some(label),
            ..self
        }
    }
}

/// What kind of arrow an edge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// `a -> b`
    Direct,
    /// `a -> b(expr)`: one task with that input.
    Input,
    /// `a -> each b(expr)`: one task per item.
    Each,
    /// `… else b`: taken when an `each` has no items.
    Else,
    /// `a -> defer b`: when nothing else is runnable.
    Defer,
    /// `a on error -> b`
    Error,
    /// `[a, …] -> b`: one edge for each source of the join at this position.
    Join(u32),
}

impl EdgeKind {
    /// Whether a task at its end always has an input; one of an `on error` row
    /// may have one.
    pub(crate) const fn gives_input(self) -> bool {
        matches!(self, Self::Input | Self::Each)
    }
}

/// One join row: `[a, b] -> …`.
#[derive(Clone, Copy, Debug)]
pub struct JoinInfo {
    /// The sources, in written order.
    pub sources: &'static [NodeId],
    /// The edges taken when it fires, one for each target: those of its first
    /// source, whose positions are the targets' `edge_index`. A `defer` target
    /// is named in `deferred`.
    pub edges: &'static [u32],
    /// For each of `edges`, whether its target is deferred.
    pub deferred: &'static [bool],
    /// Where the row is written.
    pub span: Span,
}

/// Where something is in the user's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file, as rustc names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Span {
    /// The beginning of a file.
    pub const fn in_file(file: &'static str) -> Self {
        Self {
            file,
            line: 1,
            column: 1,
        }
    }

    /// A place in the same file.
    #[must_use]
    pub const fn at(self, line: u32, column: u32) -> Self {
        Self {
            line,
            column,
            ..self
        }
    }
}

/// What `#[node(…)]` says about running the node.
#[derive(Clone, Copy, Debug)]
pub struct NodeOptions {
    /// `timeout = "30s"`, per attempt.
    pub timeout: Option<Duration>,
    /// `idle = "30s"`: the longest silence of an attempt.
    pub idle: Option<Duration>,
    /// `retry(…)`.
    pub retry: RetryOptions,
    /// `blocking`: runs on the blocking pool.
    pub blocking: bool,
}

impl NodeOptions {
    /// What a bare `#[node]` says.
    pub const DEFAULT: Self = Self {
        timeout: None,
        idle: None,
        retry: RetryOptions::DEFAULT,
        blocking: false,
    };
}

/// `retry(attempts = 4, base = "250ms", max = "8s", when = path)`.
#[derive(Clone, Copy, Debug)]
pub struct RetryOptions {
    /// How often the node is tried, the first try included. At least 1.
    pub attempts: u32,
    /// The delay before the first retry, doubled with each further one; also
    /// the width of the jitter. May be zero.
    pub base: Duration,
    /// The longest delay.
    pub max: Duration,
    /// Whether an error is worth a retry; `None` means any that is not permanent.
    pub when: Option<fn(&NodeError) -> bool>,
}

impl RetryOptions {
    /// One attempt; if attempts are raised, 100 ms doubled up to 10 s.
    pub const DEFAULT: Self = Self {
        attempts: 1,
        base: Duration::from_millis(100),
        max: Duration::from_secs(10),
        when: None,
    };

    /// What `retry(…)` says, used by `#[node]`. A `base` above the default `max`
    /// raises it, and a `max` below the default `base` lowers that.
    pub const fn of(
        attempts: u32,
        base: Option<Duration>,
        max: Option<Duration>,
        when: Option<fn(&NodeError) -> bool>,
    ) -> Self {
        let (base, max) = match (base, max) {
            (Some(base), Some(max)) => (base, max),
            (Some(base), None) => (base, longer(base, Self::DEFAULT.max)),
            (None, Some(max)) => (shorter(Self::DEFAULT.base, max), max),
            (None, None) => (Self::DEFAULT.base, Self::DEFAULT.max),
        };
        Self {
            attempts,
            base,
            max,
            when,
        }
    }
}

const fn shorter(one: Duration, other: Duration) -> Duration {
    if one.as_nanos() <= other.as_nanos() {
        one
    } else {
        other
    }
}

const fn longer(one: Duration, other: Duration) -> Duration {
    if one.as_nanos() >= other.as_nanos() {
        one
    } else {
        other
    }
}

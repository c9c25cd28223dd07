use serde::Serialize;

use crate::encode;
use crate::graph::{EdgeInfo, EdgeKind, GraphInfo, JoinInfo, NodeInfo, Span};
use crate::options::ConflictPolicy;
use crate::state::FieldSet;

pub(super) fn write(graph: &GraphInfo) -> String {
    encode::to_string(&Graph::of(graph)).expect("text and numbers always encode")
}

#[derive(Serialize)]
struct Graph {
    name: &'static str,
    version: u32,
    conflict: Option<ConflictPolicy>,
    max_steps: Option<u64>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    joins: Vec<Join>,
    state: State,
}

#[derive(Serialize)]
struct Node {
    name: &'static str,
    timeout_ms: Option<u128>,
    idle_ms: Option<u128>,
    retry: Retry,
    blocking: bool,
    closed: bool,
    writes: Option<Vec<&'static str>>,
    at: Place,
}

#[derive(Serialize)]
struct Retry {
    attempts: u32,
    base_ms: u128,
    max_ms: u128,
    /// Whether a function of the user's decides.
    when: bool,
}

#[derive(Serialize)]
struct Edge {
    from: &'static str,
    to: &'static str,
    kind: &'static str,
    /// For the edges of a join, its position in `joins`.
    join: Option<u32>,
    label: Option<&'static str>,
    at: Place,
}

#[derive(Serialize)]
struct Join {
    sources: Vec<&'static str>,
    targets: Vec<Target>,
    at: Place,
}

#[derive(Serialize)]
struct Target {
    to: &'static str,
    deferred: bool,
}

#[derive(Serialize)]
struct State {
    name: &'static str,
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    #[serde(rename = "type")]
    ty: &'static str,
    reducer: &'static str,
    conflicts: bool,
    default: bool,
}

#[derive(Serialize)]
struct Place {
    file: &'static str,
    line: u32,
    column: u32,
}

impl Graph {
    fn of(graph: &GraphInfo) -> Self {
        Self {
            name: graph.name,
            version: graph.version,
            conflict: graph.conflict,
            max_steps: graph.max_steps,
            nodes: graph
                .nodes
                .iter()
                .map(|node| Node::of(graph, node))
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
            state: State::of(graph),
        }
    }
}

impl Node {
    fn of(graph: &GraphInfo, node: &NodeInfo) -> Self {
        let retry = &node.options.retry;
        Self {
            name: node.name,
            timeout_ms: node.options.timeout.map(|time| time.as_millis()),
            idle_ms: node.options.idle.map(|time| time.as_millis()),
            retry: Retry {
                attempts: retry.attempts,
                base_ms: retry.base.as_millis(),
                max_ms: retry.max.as_millis(),
                when: retry.when.is_some(),
            },
            blocking: node.options.blocking,
            closed: node.closed,
            writes: node.writes.map(|fields| names(graph, fields)),
            at: Place::of(node.span),
        }
    }
}

/// The names of the fields in `set`.
fn names(graph: &GraphInfo, set: FieldSet) -> Vec<&'static str> {
    let fields = graph.state.fields.iter().enumerate();
    fields
        .filter(|(position, _)| !set.and(FieldSet::EMPTY.with(*position)).is_empty())
        .map(|(_, field)| field.name)
        .collect()
}

impl Edge {
    fn of(graph: &GraphInfo, edge: &EdgeInfo) -> Self {
        let (kind, join) = match edge.kind {
            EdgeKind::Direct => ("direct", None),
            EdgeKind::Input => ("input", None),
            EdgeKind::Each => ("each", None),
            EdgeKind::Else => ("else", None),
            EdgeKind::Defer => ("defer", None),
            EdgeKind::Error => ("error", None),
            EdgeKind::Join(join) => ("join", Some(join)),
        };
        Self {
            from: graph.node_name(edge.from),
            to: graph.node_name(edge.to),
            kind,
            join,
            label: edge.label,
            at: Place::of(edge.span),
        }
    }
}

impl Join {
    fn of(graph: &GraphInfo, join: &JoinInfo) -> Self {
        let targets = graph.join_targets(join).map(|(to, deferred)| Target {
            to: graph.node_name(to),
            deferred,
        });
        Self {
            sources: join.sources.iter().map(|id| graph.node_name(*id)).collect(),
            targets: targets.collect(),
            at: Place::of(join.span),
        }
    }
}

impl State {
    fn of(graph: &GraphInfo) -> Self {
        let fields = graph.state.fields.iter().map(|field| Field {
            name: field.name,
            ty: field.ty,
            reducer: field.reducer,
            conflicts: field.conflicts,
            default: field.default,
        });
        Self {
            name: graph.state.name,
            fields: fields.collect(),
        }
    }
}

impl Place {
    const fn of(span: Span) -> Self {
        Self {
            file: span.file,
            line: span.line,
            column: span.column,
        }
    }
}

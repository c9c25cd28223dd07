//! Edge tables written by hand.

#![allow(dead_code, clippy::unwrap_used)]

use std::time::Duration;

use superstep::graph::{
    END, EdgeInfo, EdgeKind, GraphInfo, JoinInfo, NodeId, NodeInfo, NodeOptions, RetryOptions,
    RowInfo, START, Span,
};
use superstep::state::{FieldInfo, FieldSet, StateInfo};

/// A place that is not compared.
pub const SPAN: Span = Span {
    file: "src/main.rs",
    line: 1,
    column: 1,
};

/// An edge table under construction; it lives as long as the test.
pub struct Table {
    name: &'static str,
    nodes: Vec<NodeInfo>,
    edges: Vec<EdgeInfo>,
    joins: Vec<JoinInfo>,
    fields: Vec<FieldInfo>,
    version: u32,
}

impl Table {
    pub fn new(name: &'static str, nodes: &[&'static str]) -> Self {
        Self {
            name,
            nodes: nodes.iter().map(|name| node(name)).collect(),
            edges: Vec::new(),
            joins: Vec::new(),
            fields: Vec::new(),
            version: 1,
        }
    }

    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    fn id(&self, name: &str) -> NodeId {
        match name {
            "start" => START,
            "end" => END,
            name => {
                let position = self.nodes.iter().position(|node| node.name == name);
                u32::try_from(position.unwrap_or_else(|| panic!("no node {name}"))).unwrap()
            }
        }
    }

    pub fn edge(self, from: &str, kind: EdgeKind, to: &str) -> Self {
        self.push(from, kind, to, None)
    }

    pub fn direct(self, from: &str, to: &str) -> Self {
        self.edge(from, EdgeKind::Direct, to)
    }

    pub fn arm(self, from: &str, label: &'static str, kind: EdgeKind, to: &str) -> Self {
        self.push(from, kind, to, Some(label))
    }

    fn push(mut self, from: &str, kind: EdgeKind, to: &str, label: Option<&'static str>) -> Self {
        self.edges.push(EdgeInfo {
            from: self.id(from),
            to: self.id(to),
            kind,
            label,
            span: SPAN,
        });
        self
    }

    /// `[sources] -> [targets]`; a target may be `defer name`.
    pub fn join(mut self, sources: &[&str], targets: &[&str]) -> Self {
        let join = u32::try_from(self.joins.len()).unwrap();
        let mut edges = Vec::new();
        let mut deferred = Vec::new();
        for source in sources {
            for target in targets {
                let name = target.trim_start_matches("defer ");
                if source == &sources[0] {
                    edges.push(u32::try_from(self.edges.len()).unwrap());
                    deferred.push(name != *target);
                }
                self = self.edge(source, EdgeKind::Join(join), name);
            }
        }
        let sources: Vec<NodeId> = sources.iter().map(|source| self.id(source)).collect();
        self.joins.push(JoinInfo {
            sources: sources.leak(),
            edges: edges.leak(),
            deferred: deferred.leak(),
            span: SPAN,
        });
        self
    }

    pub fn field(mut self, name: &'static str, ty: &'static str, reducer: &'static str) -> Self {
        self.fields.push(FieldInfo {
            name,
            ty,
            reducer,
            conflicts: reducer == "replace",
            default: false,
        });
        self
    }

    pub fn defaulted(self, name: &'static str, ty: &'static str, reducer: &'static str) -> Self {
        let mut table = self.field(name, ty, reducer);
        table.fields.last_mut().unwrap().default = true;
        table
    }

    pub fn options(mut self, name: &str, timeout: u64, attempts: u32) -> Self {
        let id = self.id(name) as usize;
        self.nodes[id].options = NodeOptions {
            timeout: Some(Duration::from_secs(timeout)),
            retry: RetryOptions::of(attempts, None, None, None),
            ..NodeOptions::DEFAULT
        };
        self
    }

    pub fn idle(mut self, name: &str, idle: u64) -> Self {
        let id = self.id(name) as usize;
        self.nodes[id].options.idle = Some(Duration::from_secs(idle));
        self
    }

    pub fn writes(mut self, name: &str, field: usize) -> Self {
        let id = self.id(name) as usize;
        self.nodes[id].writes = Some(FieldSet::EMPTY.with(field));
        self
    }

    pub fn info(self) -> GraphInfo {
        GraphInfo {
            name: self.name,
            version: self.version,
            conflict: None,
            max_steps: None,
            compatible: &[],
            migrate: None,
            nodes: self.nodes.leak(),
            edges: self.edges.leak(),
            joins: self.joins.leak(),
            state: StateInfo {
                name: "Research",
                fields: self.fields.leak(),
                ephemeral: false,
            },
        }
    }
}

fn node(name: &'static str) -> NodeInfo {
    NodeInfo {
        name,
        row: RowInfo::Dynamic,
        joins: &[],
        options: NodeOptions::DEFAULT,
        closed: false,
        handled: false,
        writes: None,
        read_input: |_| panic!("nothing runs"),
        span: SPAN,
    }
}

/// The graph that the documentation begins with.
pub fn researcher() -> Table {
    Table::new("Researcher", &["plan", "search", "write"])
        .direct("start", "plan")
        .arm("plan", "Plan::Search(questions)", EdgeKind::Each, "search")
        .arm("plan", "Plan::Write", EdgeKind::Direct, "write")
        .direct("search", "plan")
        .direct("write", "end")
        .options("search", 30, 4)
        .field("topic", "String", "replace")
        .field("notes", "Vec<Note>", "append")
        .field("tokens", "u64", "sum")
}

/// Loops, joins, `defer`, error rows, `each` with `else`: everything at once.
pub fn fulfilment() -> Table {
    Table::new(
        "Fulfilment",
        &[
            "receive",
            "check_stock",
            "check_fraud",
            "check_address",
            "decide",
            "reserve",
            "backorder",
            "charge",
            "pack",
            "ship",
            "refund",
            "notify",
            "summarise",
        ],
    )
    .direct("start", "receive")
    .direct("receive", "check_stock")
    .direct("receive", "check_fraud")
    .direct("receive", "check_address")
    .join(
        &["check_stock", "check_fraud", "check_address"],
        &["decide"],
    )
    .arm(
        "decide",
        "Decision::Accept{lines}",
        EdgeKind::Each,
        "reserve",
    )
    .edge("decide", EdgeKind::Else, "refund")
    .arm("decide", "Decision::Wait", EdgeKind::Direct, "backorder")
    .arm(
        "decide",
        "Decision::Reject(_)|Decision::Fraud",
        EdgeKind::Direct,
        "refund",
    )
    .direct("backorder", "check_stock")
    .direct("reserve", "charge")
    .edge("charge", EdgeKind::Error, "refund")
    .direct("charge", "pack")
    .direct("charge", "notify")
    .arm("pack", "true", EdgeKind::Direct, "ship")
    .arm("pack", "false", EdgeKind::Direct, "pack")
    .edge("ship", EdgeKind::Error, "notify")
    .join(&["ship", "notify"], &["defer summarise"])
    .edge("refund", EdgeKind::Defer, "summarise")
    .direct("summarise", "end")
    .options("charge", 30, 4)
    .options("ship", 120, 1)
}

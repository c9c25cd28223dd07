//! A stored step as a person wants to read it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::encode::quoted;
use crate::graph::StoredGraph;
use crate::store::{StepKind, StepRecord};

/// What a step did, as texts to be compared.
pub(super) struct ReadStep {
    pub(super) kind: StepKind,
    /// The state, if the record is one.
    pub(super) state: Option<String>,
    pub(super) tasks: Vec<ReadTask>,
    pub(super) next: String,
}

/// What one task did.
pub(super) struct ReadTask {
    pub(super) node: Option<String>,
    /// The same as JSON, with the names of nodes in its route.
    pub(super) text: String,
}

#[derive(Deserialize)]
struct TaskText<'a> {
    node: Option<String>,
    #[serde(borrow)]
    update: Option<&'a RawValue>,
    to: Option<Vec<(u32, u64)>>,
    #[serde(borrow)]
    failed: Option<&'a RawValue>,
}

impl ReadStep {
    /// Reads a record; `graph` says where edges lead.
    pub(super) fn of(record: &StepRecord, graph: &StoredGraph) -> Result<Self, serde_json::Error> {
        let is_state = matches!(record.kind, StepKind::Input | StepKind::Fork);
        let tasks: Vec<TaskText<'_>> = if is_state {
            Vec::new()
        } else {
            serde_json::from_str(&record.updates)?
        };
        Ok(Self {
            kind: record.kind,
            state: is_state.then(|| record.updates.clone()),
            tasks: tasks.into_iter().map(|task| task.read(graph)).collect(),
            next: record.frontier.clone(),
        })
    }
}

impl TaskText<'_> {
    fn read(self, graph: &StoredGraph) -> ReadTask {
        let route = |to: Vec<(u32, u64)>| {
            let hops: Vec<_> = to.iter().map(|hop| quoted(&told(*hop, graph))).collect();
            format!("[{}]", hops.join(","))
        };
        let fields = [
            ("node", self.node.as_deref().map(quoted)),
            ("update", self.update.map(|update| update.get().to_owned())),
            ("to", self.to.map(route)),
            ("failed", self.failed.map(|failed| failed.get().to_owned())),
        ];
        let fields: Vec<_> = fields
            .into_iter()
            .filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)))
            .collect();
        ReadTask {
            text: format!("{{{}}}", fields.join(",")),
            node: self.node,
        }
    }
}

/// One hop of a route. The edge's number is shown too: two may lead to one node.
fn told((edge, items): (u32, u64), graph: &StoredGraph) -> String {
    let target = graph.target(edge).unwrap_or("?");
    match items {
        1 => format!("edge {edge} to {target}"),
        items => format!("edge {edge} to {target} x {items}"),
    }
}

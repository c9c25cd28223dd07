//! The graph as the machine sees it: an executor over a table that each seed
//! chooses.

use std::sync::Arc;

use super::nodes::View;
use super::tale::{Tale, TaleUpdate};
use crate::cx::Cx;
use crate::encode::{self, DecodeError};
use crate::erased::{AnyState, Input, Program, SharedState, Updates, typed};
use crate::graph::{EdgeInfo, EdgeKind, GraphInfo, Hops, NodeId, Part, Running, START};
use crate::machine::{Machine, TaskText};
use crate::node_error::Failure;

/// The hops along the edges that are `taken`, in declared order.
pub(super) fn hops(
    info: &GraphInfo,
    taken: impl Fn(&EdgeInfo) -> bool,
    items: impl Fn(u32) -> u64,
) -> Hops {
    let mut hops = Hops::none();
    let mut was_empty = false;
    for (index, edge) in (0..).zip(info.edges).filter(|(_, edge)| taken(edge)) {
        match edge.kind {
            EdgeKind::Each => {
                let items = 0..items(index) as u32;
                was_empty = !hops.each(index, items.map(|item| Input::of(item + index)));
            }
            EdgeKind::Input => hops.with(index, Input::of(index)),
            EdgeKind::Else if !was_empty => {}
            EdgeKind::Join(_) => {}
            EdgeKind::Direct | EdgeKind::Defer | EdgeKind::Else | EdgeKind::Error => hops.to(index),
        }
    }
    hops
}

/// The graph with that table.
#[derive(Debug)]
pub(super) struct Drama(pub(super) &'static GraphInfo);

impl Program for Drama {
    fn info(&self) -> &'static GraphInfo {
        self.0
    }

    fn start(&self) -> Hops {
        let taken = |edge: &EdgeInfo| edge.from == START;
        hops(self.0, taken, |edge| u64::from(edge % 3))
    }

    fn call<'a>(
        &'a self,
        node: NodeId,
        input: Option<Input>,
        state: &'a dyn AnyState,
        cx: &'a Cx,
    ) -> Running<'a> {
        let view = View {
            graph: self.0,
            node,
            key: cx.order_key(),
            input: input.map(Input::take),
            state: typed(state),
            step: cx.step(),
            attempt: cx.attempt(),
        };
        Box::pin(async move { view.act(cx).await })
    }

    fn on_error(&self, node: NodeId, _: Failure, _: Option<&Input>) -> Option<Hops> {
        let taken = |edge: &EdgeInfo| edge.from == node && edge.kind == EdgeKind::Error;
        let has_row = self.0.edges.iter().any(taken);
        has_row.then(|| hops(self.0, taken, |_| 0))
    }

    fn name_of(&self, _: Part) -> &'static str {
        "a tale"
    }

    fn read_state(&self, json: &str) -> Result<SharedState, DecodeError> {
        let tale: Tale = encode::from_str(json)?;
        Ok(Arc::new(tale))
    }

    fn read_update(&self, json: &str) -> Result<Updates, DecodeError> {
        encode::from_str(json).map(Updates::of::<Tale>)
    }

    fn read_updates(&self, step: &str) -> Result<Option<Updates>, DecodeError> {
        let tasks: Vec<TaskText<TaleUpdate>> = encode::from_str(step)?;
        let updates = tasks.into_iter().filter_map(|task| task.update);
        Ok(Updates::all::<Tale>(updates.collect()))
    }
}

/// The input of a task.
pub(super) fn read_input(json: &str) -> Result<Input, DecodeError> {
    encode::from_str::<u32>(json).map(Input::of)
}

/// The state of a run.
pub(super) fn tale_of(machine: &Machine) -> &Tale {
    typed(&**machine.state())
}

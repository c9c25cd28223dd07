//! The graph as the machine sees it: an executor over a table that each seed
//! chooses.

use std::cell::Cell;

use super::age::{TODAY, migrate};
use super::nodes::View;
use super::tale::Tale;
use crate::cx::Cx;
use crate::encode::{self, DecodeError, Draft, EncodeError};
use crate::graph::{EdgeInfo, EdgeKind, Graph, GraphInfo, Hops, NodeId, Running, START};
use crate::node_error::Failure;

thread_local! {
    static STAGE: Cell<&'static GraphInfo> = const { Cell::new(&GraphInfo::EMPTY) };
}

/// The graph that this thread's machines run on.
pub(super) fn set_stage(info: &'static GraphInfo) {
    STAGE.set(info);
}

/// That graph.
pub(super) fn stage() -> &'static GraphInfo {
    STAGE.get()
}

/// The hops along the edges that are `taken`, in declared order.
pub(super) fn hops(
    info: &GraphInfo,
    taken: impl Fn(&EdgeInfo) -> bool,
    items: impl Fn(u32) -> u64,
) -> Hops<u32> {
    let mut hops = Hops::none();
    let mut was_empty = false;
    for (index, edge) in (0..).zip(info.edges).filter(|(_, edge)| taken(edge)) {
        match edge.kind {
            EdgeKind::Each => {
                let items = 0..items(index) as u32;
                was_empty = !hops.each(index, items.map(|item| item + index));
            }
            EdgeKind::Input => hops.with(index, index),
            EdgeKind::Else if !was_empty => {}
            EdgeKind::Join(_) => {}
            EdgeKind::Direct | EdgeKind::Defer | EdgeKind::Else | EdgeKind::Error => hops.to(index),
        }
    }
    hops
}

/// The graph whose table is the thread's [stage](set_stage).
#[derive(Debug)]
pub(super) struct Drama;

/// More edges than any drawn graph has.
const EDGES: [EdgeInfo; 128] = [EdgeInfo {
    from: START,
    to: 0,
    kind: EdgeKind::Direct,
    label: None,
    span: crate::graph::Span {
        file: "simulator",
        line: 0,
        column: 0,
    },
}; 128];

impl Graph for Drama {
    type State = Tale;
    type Input = u32;

    /// Used only to find whose input is decoded, and here all inputs are numbers.
    const INFO: &'static GraphInfo = &GraphInfo {
        edges: &EDGES,
        version: TODAY,
        migrate: Some(migrate),
        ..GraphInfo::EMPTY
    };

    fn start() -> Hops<u32> {
        hops(
            stage(),
            |edge| edge.from == START,
            |edge| u64::from(edge % 3),
        )
    }

    fn call<'a>(
        &'a self,
        node: NodeId,
        input: Option<u32>,
        state: &'a Tale,
        cx: &'a Cx,
    ) -> Running<'a, Self> {
        let view = View {
            node,
            key: cx.order_key(),
            input,
            state,
            step: cx.step(),
            attempt: cx.attempt(),
        };
        Box::pin(async move { view.act(cx).await })
    }

    fn on_error(node: NodeId, _: Failure, _: Option<&u32>) -> Option<Hops<u32>> {
        let taken = |edge: &EdgeInfo| edge.from == node && edge.kind == EdgeKind::Error;
        let has_row = stage().edges.iter().any(taken);
        has_row.then(|| hops(stage(), taken, |_| 0))
    }

    fn write_input(input: &u32, out: &mut Draft) -> Result<(), EncodeError> {
        out.value(input)
    }

    fn decode_input(_node: NodeId, json: &str) -> Result<u32, DecodeError> {
        encode::from_str(json)
    }
}

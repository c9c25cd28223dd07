//! What the code that `#[graph]` writes calls, so that it can be short.

use std::error::Error;

use serde_json::Value;

use crate::cx::Cx;
use crate::encode::{Draft, EncodeError};
use crate::graph::{
    Done, Fails, Graph, HasRoute, Hops, IntoNodeError, IntoOutcome, Is, Node, NodeFn, NodeId, Part,
    RoutesNowhere, TakesInput, TakesNoInput, TaskInput,
};
use crate::node_error::{Failure, NodeError};

/// The type itself. Written as `&'a Itself<dyn Trait>` a trait object is
/// `'static`, which `&'a dyn Trait` is not.
pub type Itself<T> = T;

/// What a task of node `N` carries.
pub type ItemOf<N> = <<N as NodeFn>::Input as TaskInput>::Item;

/// What an edge with an input must give node `N`.
pub type InputOf<N> = <<N as NodeFn>::Input as TakesInput>::Value;

/// Where the outcome of node `N` says to go.
type Routed<N> = <<N as NodeFn>::Return as IntoOutcome<<N as NodeFn>::State>>::Route;

/// What the `match` of node `N` takes apart.
pub type RouteOf<N> = <Routed<N> as HasRoute>::Route;

/// The encoding of a task's input.
///
/// # Errors
/// A value that JSON cannot hold unchanged.
pub fn input_text<G: Graph>(input: &G::Input) -> Result<String, EncodeError> {
    let mut out = Draft::default();
    G::write_input(input, &mut out)?;
    out.finish()
}

/// Calls the function that `migrate = …` names.
///
/// # Errors
/// The function's own.
pub fn migrate<E>(
    hook: fn(u32, Part, Value) -> Result<Value, E>,
    from: u32,
    part: Part,
    json: Value,
) -> Result<Value, Box<dyn Error + Send + Sync>>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    hook(from, part, json).map_err(Into::into)
}

/// Runs node `N` and expands its row by `row`.
///
/// # Errors
/// The node's own error.
#[expect(
    clippy::manual_async_fn,
    reason = "rustc need not find out for every node that the future is `Send`"
)]
pub fn step<G, N>(
    graph: &G,
    input: Option<ItemOf<N>>,
    state: &G::State,
    cx: &Cx,
    row: impl FnOnce(Routed<N>) -> Hops<G::Input> + Send,
) -> impl Future<Output = Result<Done<G>, NodeError>> + Send
where
    G: Graph,
    N: Node<G>,
{
    async move {
        let Some(input) = N::Input::from_item(input) else {
            // Only a record that was altered leads here.
            return Err(NodeError::permanent("its task has no input on record"));
        };
        let state = <N::State as Is<G::State>>::same(state);
        let outcome = N::run(graph, state, input, cx).await.into_outcome();
        let (update, route) = outcome.map_err(IntoNodeError::into_node_error)?;
        Ok(Done {
            update: update.map(<N::State as Is<G::State>>::same_update),
            hops: row(route),
        })
    }
}

/// The row of a node whose edges are in the edge table.
pub fn along_row<R: RoutesNowhere, I>(_: R) -> Hops<I> {
    Hops::Row
}

/// Goes along the edge of an `each` once for each item; returns whether there
/// were any.
pub fn each<N, I>(
    hops: &mut Hops<I>,
    edge: u32,
    items: impl IntoIterator<Item = InputOf<N>>,
    wrap: fn(ItemOf<N>) -> I,
) -> bool
where
    N: NodeFn,
    N::Input: TakesInput,
{
    let items = items.into_iter().map(N::Input::carried);
    hops.each(edge, items.map(wrap))
}

/// The input of one task.
pub fn item<N>(value: InputOf<N>) -> ItemOf<N>
where
    N: NodeFn,
    N::Input: TakesInput,
{
    N::Input::carried(value)
}

/// Says that an edge gives node `N` no input.
pub const fn plain<N: NodeFn>()
where
    N::Input: TakesNoInput,
{
}

/// Goes along the edge of an `on error` row from node `F`, whose task had that input, to
/// node `N`.
pub fn failed<F, N, I>(
    hops: &mut Hops<I>,
    edge: u32,
    (failure, input): (&Failure, Option<&ItemOf<F>>),
    wrap: fn(ItemOf<N>) -> I,
) where
    F: NodeFn,
    N: NodeFn,
    F::Input: Fails<N::Input>,
{
    match F::Input::item(failure.clone(), input) {
        Some(item) => hops.with(edge, wrap(item)),
        None => hops.to(edge),
    }
}

/// A number that names no node can only come from a table of another graph.
#[cold]
pub fn no_such_node<T>(node: NodeId) -> T {
    unreachable!("node {node} is not in this graph")
}

/// The error for a stored input of a node that takes none.
#[cold]
pub fn no_input(node: NodeId) -> crate::encode::DecodeError {
    crate::encode::DecodeError {
        ty: "no input",
        reason: format!("node {node} takes no input"),
    }
}

//! What the code that `#[graph]` writes calls, so that it can be short.

use std::error::Error;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::Value;

use crate::cx::Cx;
use crate::encode::{self, DecodeError};
use crate::erased::{Input, Updates};
use crate::graph::{
    Call, Dependency, Done, Fails, Given, Graph, HasRoute, Hops, IntoNodeError, IntoOutcome, Is,
    Lends, NoRoute, Node, NodeFn, NodeId, Part, Provides, Returns, Route, RoutesNowhere, Running,
    TakesInput, TakesNoInput, TaskInput, Then, Waits,
};
use crate::node_error::{Failure, NodeError};
use crate::state::{State, StateInfo};

/// The type itself. Written as `&'a Itself<dyn Trait>` a trait object is
/// `'static`, which `&'a dyn Trait` is not.
pub type Itself<T> = T;

/// What a task of node `N` carries.
pub type ItemOf<N> = <<N as NodeFn>::Input as TaskInput>::Item;

/// What an edge with an input must give node `N`.
pub type InputOf<N> = <<N as NodeFn>::Input as TakesInput>::Value;

/// Node `N`, to which an edge gives an input.
pub type Taking<N> = <<N as NodeFn>::Input as TakesInput>::Of<N>;

/// Says at a node's function that a node over `S` may return an `R`.
pub fn returns<S, R: IntoOutcome<S, Error: IntoNodeError>>() {}

/// What is known of a graph's state.
pub const fn state_info<G: Graph>() -> StateInfo {
    <G::State as State>::INFO
}

/// Says at a node's function that a task can carry a `T`.
pub fn input<T>()
where
    Given<T>: TaskInput,
{
}

/// A function that is not `async` as a future. Unlike an `async` block it needs no proof that
/// it is `Send`, whatever the function returns.
pub struct Now<C, R> {
    call: Option<C>,
    function: fn(C) -> R,
}

/// Calls a node's function once the future is polled.
#[inline]
pub const fn now<C, R>(call: C, function: fn(C) -> R) -> Now<C, R> {
    Now {
        call: Some(call),
        function,
    }
}

// Nothing in it is ever pinned.
impl<C, R> Unpin for Now<C, R> {}

impl<C, R> Future for Now<C, R> {
    type Output = R;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        match self.call.take() {
            Some(call) => Poll::Ready((self.function)(call)),
            None => Poll::Pending,
        }
    }
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
pub fn step<'a, G, N, S, R, const OK: bool>(
    graph: &'a G,
    input: Option<Input>,
    state: &'a G::State,
    cx: &'a Cx,
    row: impl FnOnce(Routed<R::Route, OK>) -> Hops + Send + 'a,
) -> Running<'a>
where
    G: Graph,
    N: Node<G, S, R, OK>,
    S: Is<G::State> + 'static,
    R: Returns<S, OK>,
{
    let Some(input) = N::Input::from_item(input.map(Input::take)) else {
        // Only a record that was altered leads here.
        return Box::pin(async { Err(NodeError::permanent("its task has no input on record")) });
    };
    let state = S::same(state);
    let call = Call {
        graph,
        state,
        input,
        cx,
    };
    N::run(call, Row::<G, S, OK, _>(row, PhantomData))
}

/// What follows from what a node of graph `G` returns.
struct Row<G, S, const OK: bool, F>(F, PhantomData<fn() -> (G, S)>);

impl<'a, G, S, R, F, const OK: bool> Then<'a, R> for Row<G, S, OK, F>
where
    G: Graph,
    S: Is<G::State>,
    R: Returns<S, OK>,
    F: FnOnce(Routed<R::Route, OK>) -> Hops + Send + 'a,
{
    type Running = Running<'a>;

    fn when(self, returns: impl Future<Output = R> + Send + 'a) -> Running<'a> {
        let Self(row, _) = self;
        Box::pin(async move {
            let (update, route) = S::outcome(returns.await)?;
            Ok(Done {
                update: update.map(Updates::of::<G::State>),
                hops: row(Routed(route)),
            })
        })
    }
}

/// Where a node wants to go. `OK` is that of [`Node`]: nothing is said of the route of a node
/// that cannot return what it does.
pub struct Routed<R, const OK: bool>(R);

/// What the `match` of a row takes apart.
pub fn route<R, const OK: bool>(routed: Routed<R, OK>) -> <Routed<R, OK> as HasRoute>::Route
where
    Routed<R, OK>: HasRoute,
{
    routed.route()
}

/// Says that a row without a `match` belongs to a node that returns no route.
pub fn no_route<R: RoutesNowhere<OK>, const OK: bool>(_: Routed<R, OK>) {}

impl RoutesNowhere<true> for NoRoute {}
impl<R> RoutesNowhere<false> for R {}

// The trait's message says it: the bound would speak of what may be returned.
#[diagnostic::do_not_recommend]
impl<R: Route> HasRoute for Routed<R, true> {
    type Route = R::Itself;

    fn route(self) -> R::Itself {
        self.0.into()
    }
}

impl<R> HasRoute for Routed<R, false> {
    type Route = R;

    fn route(self) -> R {
        self.0
    }
}

/// Says where a graph names its state that it is one.
pub fn is_state<S: State>() {}

/// Says where a graph names a node that it is one.
pub fn is_node<N: NodeFn>() {}

/// Says at a graph's field that its nodes can share it.
pub fn shared<T: Dependency>() {}

/// The type itself, or one that is an error and of which rustc says nothing more.
pub type Checked<T, const OK: bool> = <T as Same<OK>>::Type;

/// What a graph's fields are shared by: nothing, or an error of which rustc says nothing more.
pub type Fields<const OK: bool> = Checked<(), OK>;

/// See [`Checked`].
#[doc(hidden)]
pub trait Same<const OK: bool> {
    /// The type itself.
    type Type;
}

impl<T> Same<true> for T {
    type Type = T;
}

/// A type that is an error, and so one about which rustc says nothing more.
pub type Unknown<const ERROR: bool> = <Routed<(), ERROR> as HasRoute>::Route;

/// Checks the arms of node `N`'s row, whatever else is wrong with its graph.
pub const fn arms<N, S, R, const OK: bool>(_: impl FnOnce(Routed<R::Route, OK>) + Copy)
where
    N: Node<AnyGraph, S, R, OK>,
    R: Returns<S, OK>,
{
}

/// Stands in for a graph with faults: it has whatever a node asks for.
#[derive(Debug)]
pub enum AnyGraph {}

impl Lends for AnyGraph {}

impl<T: ?Sized> Provides<T> for AnyGraph {
    fn provide<'a>(&'a self, _: &'a Cx) -> &'a T {
        match *self {}
    }
}

/// The row of a node whose edges are in the edge table.
#[inline]
pub fn along_row<R: RoutesNowhere<OK>, const OK: bool>(_: Routed<R, OK>) -> Hops {
    Hops::Row
}

/// Goes along the edge of an `each` once for each item; returns whether there
/// were any.
pub fn each<N>(hops: &mut Hops, edge: u32, items: impl IntoIterator<Item = InputOf<N>>) -> bool
where
    N: NodeFn,
    N::Input: TakesInput,
{
    hops.each(edge, Input::all(items.into_iter().map(N::Input::carried)))
}

/// The input of one task.
pub fn item<N>(value: InputOf<N>) -> Input
where
    N: NodeFn,
    N::Input: TakesInput,
{
    Input::of(N::Input::carried(value))
}

/// Reads the input of a task of node `N`.
pub(crate) fn read_input<N: NodeFn>(json: &str) -> Result<Input, DecodeError> {
    encode::from_str::<ItemOf<N>>(json).map(Input::of)
}

/// Says that an edge gives node `N` no input.
pub const fn plain<N: NodeFn>()
where
    N::Input: TakesNoInput,
{
}

/// Says that node `N`, which waits for others, can be given no input.
pub const fn awaited<N: NodeFn>()
where
    N::Input: Waits,
{
}

/// Goes along the edge of an `on error` row from node `F`, whose task had that input, to
/// node `N`.
pub fn failed<F, N>(hops: &mut Hops, edge: u32, failure: &Failure, input: Option<&Input>)
where
    F: NodeFn,
    N: NodeFn,
    F::Input: Fails<N::Input>,
{
    let handed = |item: Option<&ItemOf<F>>| F::Input::item(failure.clone(), item);
    let item = match input {
        Some(input) => input.lend(|item| handed(Some(item))),
        None => handed(None),
    };
    match item {
        Some(item) => hops.with(edge, Input::of(item)),
        None => hops.to(edge),
    }
}

/// A number that names no node can only come from a table of another graph.
#[cold]
pub fn no_such_node<T>(node: NodeId) -> T {
    unreachable!("node {node} is not in this graph")
}

use std::future::Future;

use crate::cx::Cx;
use crate::graph::input::TaskInput;
use crate::graph::{Graph, IntoNodeError, IntoOutcome, NodeOptions};
use crate::state::{FieldSet, State};

/// What a node is, apart from any graph: written by `#[node]`, never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "not a node",
    note = "annotate the function with `#[node]`"
)]
pub trait NodeFn {
    /// The state it reads and updates.
    type State: State;
    /// [`NoInput`](crate::graph::NoInput), or [`Given<T>`](crate::graph::Given)
    /// if it takes a `T` by value.
    type Input: TaskInput;
    /// What the function returns, as written.
    type Return: IntoOutcome<Self::State, Error: IntoNodeError>;
    /// `name = "…"`, if given: what the node is called in graphs that do not
    /// rename it, in place of the function's name.
    const NAME: Option<&'static str> = None;
    /// What `#[node(…)]` says.
    const OPTIONS: NodeOptions = NodeOptions::DEFAULT;
    /// Whether it takes no dependency and no `Cx`.
    const CLOSED: bool;
    /// `writes(…)`, if given.
    const WRITES: Option<FieldSet> = None;
}

/// A node that graph `G` can run: `G` has the node's state and every
/// dependency. Written by `#[node]`, never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "not a node",
    note = "annotate the function with `#[node]`"
)]
pub trait Node<G: Graph>: NodeFn<State: Is<G::State>> {
    /// Calls the function with what it asks for.
    ///
    /// One lifetime for all, so that an `async` function's own future can be
    /// returned as it is.
    fn run<'a>(
        graph: &'a G,
        state: &'a Self::State,
        input: Self::Input,
        cx: &'a Cx,
    ) -> impl Future<Output = Self::Return> + Send;
}

/// Says that a node's state is its graph's, so that a node over another state
/// is one error, at its name.
#[diagnostic::on_unimplemented(
    message = "this node works on `{Self}`, and its graph on `{S}`",
    label = "its first parameter is `&{Self}`, not `&{S}`",
    note = "a graph's nodes all take `&{S}` first and return `{S}`'s update"
)]
pub trait Is<S: State>: Sized {
    /// The state itself.
    fn same(state: &S) -> &Self;

    /// The update itself.
    fn same_update(update: Self::Update) -> S::Update
    where
        Self: State;
}

impl<S: State> Is<S> for S {
    fn same(state: &S) -> &Self {
        state
    }

    fn same_update(update: S::Update) -> S::Update {
        update
    }
}

use std::future::Future;

use serde::{Serialize, de::DeserializeOwned};

use crate::cx::Cx;
use crate::graph::{Graph, IntoOutcome, NodeOptions};
use crate::node_error::Failure;
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
    /// [`NoInput`], or [`Given<T>`](Given) if it takes a `T` by value.
    type Input: TaskInput;
    /// What the function returns, as written.
    type Return: IntoOutcome<Self::State>;
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
    message = "`{Self}` cannot be a node of `{G}`",
    label = "not a node that `{G}` can run"
)]
pub trait Node<G: Graph>: NodeFn {
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

/// Says that a node works over state `S`; written by `#[node]`, so that a
/// node over another state is one error at its name.
#[diagnostic::on_unimplemented(
    message = "node `{Self}` works on another state than this graph's `{S}`",
    label = "its first parameter is not `&{S}`",
    note = "a graph's nodes all take `&{S}` first and return `{S}`'s update"
)]
pub trait NodeOver<S> {}

/// What a task can carry as its input: nothing, or a value that survives a crash.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a task's input",
    label = "a task's input is stored with the task",
    note = "it is `Serialize + DeserializeOwned + Clone + Send + 'static`"
)]
pub trait TaskInput: Send {}

impl TaskInput for NoInput {}
impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> TaskInput for Given<T> {}

/// The input of a node that takes none.
#[derive(Clone, Copy, Debug)]
pub struct NoInput;

/// The input of a node that takes a `T` by value.
#[derive(Clone, Copy, Debug)]
pub struct Given<T>(pub T);

/// Says that a node takes no input.
#[diagnostic::on_unimplemented(
    message = "this node takes an input, and this edge gives none",
    label = "needs an input: `node(value)`, or `each node(values)` for one task per value"
)]
pub trait TakesNoInput {
    /// The only value.
    fn none() -> Self;
}

impl TakesNoInput for NoInput {
    fn none() -> Self {
        Self
    }
}

/// Says that a node takes an input, and of which type.
#[diagnostic::on_unimplemented(
    message = "this node takes no input, and this edge gives one",
    label = "takes no input: write the node's name alone, or add a by-value parameter to the function"
)]
pub trait TakesInput {
    /// The type of the by-value parameter.
    type Item: Serialize + DeserializeOwned + Clone + Send + 'static;

    /// Wraps a value.
    fn given(item: Self::Item) -> Self;
}

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> TakesInput for Given<T> {
    type Item = T;

    fn given(item: T) -> Self {
        Self(item)
    }
}

/// Says that a node can stand behind `on error`.
#[diagnostic::on_unimplemented(
    message = "a node behind `on error` takes `Failure` or no input",
    label = "its input is not `superstep::Failure`"
)]
pub trait HandlesFailure {}

impl HandlesFailure for NoInput {}
impl HandlesFailure for Given<Failure> {}

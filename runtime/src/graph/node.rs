use std::future::Future;
use std::pin::Pin;

use crate::cx::Cx;
use crate::graph::input::TaskInput;
use crate::graph::{Done, Lends, NodeOptions, Returns};
use crate::node_error::NodeError;
use crate::state::{FieldSet, State};

/// What a node is, apart from any graph: written by `#[node]`, never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "not a node",
    note = "annotate the function with `#[node]`"
)]
pub trait NodeFn {
    /// [`NoInput`](crate::graph::NoInput), or [`Given<T>`](crate::graph::Given)
    /// if it takes a `T` by value.
    type Input: TaskInput;
    /// `name = "…"`, if given: what the node is called in graphs that do not
    /// rename it, in place of the function's name.
    const NAME: Option<&'static str> = None;
    /// What `#[node(…)]` says.
    const OPTIONS: NodeOptions = NodeOptions::DEFAULT;
    /// Whether it takes no dependency and no `Cx`.
    const CLOSED: bool = true;
    /// `writes(…)`, if given.
    const WRITES: Option<FieldSet> = None;
}

/// A node that graph `G` can run, since `G` has every dependency: a function over the state
/// `S` that returns an `R`. Written by `#[node]`, never by hand.
///
/// State and return type stand in the header and not in [`NodeFn`], so that a `pub` function
/// may be a node over private types: an associated type may not be less visible than its
/// trait. `OK` is an expression of which rustc checks at the function that it may return what
/// it does (see [`returns`](crate::graph::glue::returns)): where it may not, rustc says so
/// there, and is silent about everything that the header is needed for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "not a node",
    note = "annotate the function with `#[node]`"
)]
pub trait Node<G: Lends, S, R, const OK: bool>: NodeFn {
    /// Calls the function with what it asks for.
    fn run<'a, T: Then<'a, R>>(call: Call<'a, G, S, Self::Input>, then: T) -> T::Running;
}

/// What follows from the `R` that a node returns. The node gives its future away, so that it
/// need not say what that is: an opaque type costs rustc more than all the rest of a node.
#[doc(hidden)]
pub trait Then<'a, R> {
    /// What becomes of the call.
    type Running;

    /// Goes on when the future is done.
    fn when(self, returns: impl Future<Output = R> + Send + 'a) -> Self::Running;
}

/// A call of a node.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Done, NodeError>> + Send + 'a>>;

/// What a node can ask for. One lifetime for all, so that an `async` function's own future can
/// be returned as it is.
#[derive(Debug)]
pub struct Call<'a, G, S, I> {
    /// The graph, which has the dependencies.
    pub graph: &'a G,
    /// The state before the step.
    pub state: &'a S,
    /// The task's input.
    pub input: I,
    /// The context.
    pub cx: &'a Cx,
}

/// Says that a node's state is its graph's, so that a node over another state
/// is one error, at its name.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this node works on `{Self}`, and its graph on `{S}`",
    label = "its first parameter is `&{Self}`, not `&{S}`",
    note = "a graph's nodes all take `&{S}` first and return `{S}`'s update"
)]
pub trait Is<S>: Sized {
    /// The state itself.
    fn same(state: &S) -> &Self;

    /// What a node over it returned, as its graph takes it.
    ///
    /// # Errors
    /// The node's own error.
    fn outcome<R: Returns<Self, OK>, const OK: bool>(
        returned: R,
    ) -> Result<(Option<S::Update>, R::Route), NodeError>
    where
        S: State;
}

// Not for states alone: what is none is an error where the graph names it.
impl<S> Is<S> for S {
    #[inline]
    fn same(state: &S) -> &Self {
        state
    }

    #[inline]
    fn outcome<R: Returns<S, OK>, const OK: bool>(
        returned: R,
    ) -> Result<(Option<S::Update>, R::Route), NodeError>
    where
        S: State,
    {
        returned.outcome()
    }
}

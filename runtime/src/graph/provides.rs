use crate::cx::Cx;
use crate::graph::Graph;
use crate::node_error::{Failed, Failure};

/// Says that a graph's field can be lent to nodes on several threads.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a graph's dependency: nodes on several threads share it",
    label = "not `Send + Sync + 'static`",
    note = "own what it borrows; use `Arc` for `Rc`, `Mutex` or an atomic for `RefCell` and `Cell`",
    note = "of a `dyn Trait`, let the trait be `trait Trait: Send + Sync`, or write `dyn Trait + Send + Sync`"
)]
pub trait Dependency {}

// The trait's message says it all at once; the bounds would say it one by one.
#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Dependency for T {}

/// What nodes get their dependencies from: a graph, or what stands in for one.
#[doc(hidden)]
pub trait Lends: Sync {}

impl<G: Graph> Lends for G {}

impl<G: Graph> Provides<Cx> for G {
    fn provide<'a>(&'a self, cx: &'a Cx) -> &'a Cx {
        cx
    }
}

/// Says that a graph can hand its nodes a `&T`: it has a field of that type.
/// Written by `#[graph]`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the graph `{Self}` has no field of type `{T}`",
    label = "a node here asks for `&{T}`",
    note = "add a field of type `{T}` to the graph's struct; nodes get their dependencies from there, by type"
)]
pub trait Provides<T: ?Sized> {
    /// The dependency.
    fn provide<'a>(&'a self, cx: &'a Cx) -> &'a T;
}

/// Never implemented: says that what an `on error` row gives is no dependency.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "what failed is a task's input, and no graph has a field of it",
    label = "a node here asks for it by reference",
    note = "take it by value: `failure: Failure`, or `failed: Failed<T>` with the failed node's input `T`"
)]
pub trait LendsFailures {}

impl<G: Graph + LendsFailures> Provides<Failure> for G {
    fn provide<'a>(&'a self, _: &'a Cx) -> &'a Failure {
        unreachable!()
    }
}

impl<G: Graph + LendsFailures, T> Provides<Failed<T>> for G {
    fn provide<'a>(&'a self, _: &'a Cx) -> &'a Failed<T> {
        unreachable!()
    }
}

use crate::graph::HasRoute;

/// Where a node can go next: an enum that the graph's `match` takes apart.
///
/// Derived with `#[derive(Route)]`; `bool` is one too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a route",
    label = "this type does not derive `Route`",
    note = "add `#[derive(Route)]` to the enum"
)]
pub trait Route: HasRoute<Route = Self> + Send + 'static {}

impl Route for bool {}

impl HasRoute for bool {
    type Route = Self;
}

/// Where a node can go next: an enum that the graph's `match` takes apart.
///
/// Derived with `#[derive(Route)]`; `bool` is one too.
#[diagnostic::on_unimplemented(
    message = "a node cannot return `{Self}`",
    label = "not an update of the node's state, a route, or a `Result` of one",
    note = "return the state's update, `(update, route)` in this order, a type that derives `Route`, or `()`, each bare or in a `Result`",
    note = "if it is meant as a route, add `#[derive(Route)]` to the enum"
)]
pub trait Route: Into<Self::Itself> + Send + 'static {
    /// The type itself. Of what is no route it is an error, and so silent.
    #[doc(hidden)]
    type Itself;
}

impl Route for bool {
    type Itself = Self;
}

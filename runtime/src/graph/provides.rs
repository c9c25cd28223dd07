use crate::cx::Cx;

/// Says that a graph can hand its nodes a `&T`: it has a field of that type.
/// Written by `#[graph]`.
#[diagnostic::on_unimplemented(
    message = "the graph `{Self}` has no field of type `{T}`",
    label = "a node here asks for `&{T}`",
    note = "add a field of type `{T}` to the graph's struct; nodes get their dependencies from there, by type"
)]
pub trait Provides<T: ?Sized> {
    /// The dependency.
    fn provide<'a>(&'a self, cx: &'a Cx) -> &'a T;
}

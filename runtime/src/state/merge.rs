/// A type whose values combine the same way in any order: the hook for CRDTs.
///
/// A field with `#[reduce(merge)]` calls it. An implementation must be
/// - **associative**: `(a ∪ b) ∪ c = a ∪ (b ∪ c)`,
/// - **commutative**: `a ∪ b = b ∪ a`,
/// - **idempotent**: `a ∪ a = a`,
///
/// the laws of a join semilattice; `superstep::state::check_merge_laws`
/// tries them on your values.
///
/// ```
/// use superstep::Merge;
///
/// /// The highest version seen wins.
/// #[derive(Clone, PartialEq, Debug)]
/// struct Highest(u64);
///
/// impl Merge for Highest {
///     fn merge(&mut self, other: Self) {
///         self.0 = self.0.max(other.0);
///     }
/// }
///
/// let mut one = Highest(3);
/// one.merge(Highest(5));
/// assert_eq!(one, Highest(5));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Merge`",
    label = "`#[reduce(merge)]` needs an ordered map or a type that implements `Merge`",
    note = "implement `superstep::Merge` for it, or choose another reducer"
)]
pub trait Merge {
    /// Joins `other` into `self`.
    fn merge(&mut self, other: Self);
}

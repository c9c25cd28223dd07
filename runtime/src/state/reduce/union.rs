use std::collections::BTreeSet;

use super::{Never, Reducer};

/// `union`: every contributed element joins the set.
#[derive(Debug)]
pub struct Union;

/// What `#[reduce(union)]` can unite.
#[diagnostic::on_unimplemented(
    message = "`#[reduce(union)]` cannot unite `{Self}`",
    label = "not a `BTreeSet`",
    note = "use `std::collections::BTreeSet`, or `#[reduce(merge)]` on a type that implements `Merge`"
)]
pub trait Unitable: Sized {
    /// Takes in every element of `other`.
    fn unite(&mut self, other: Self);
}

impl<T: Ord> Unitable for BTreeSet<T> {
    fn unite(&mut self, mut other: Self) {
        // An element that is already there stays, as with `insert`.
        if self.is_empty() {
            *self = other;
        } else if other.len() < 8 {
            self.extend(other);
        } else {
            std::mem::swap(self, &mut other);
            self.append(&mut other);
        }
    }
}

impl<T: Unitable> Reducer<T> for Union {
    type Conflict = Never;

    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        contributions.for_each(|more| into.unite(more));
        Ok(())
    }
}

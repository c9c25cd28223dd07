use std::collections::BTreeMap;

use serde::Serialize;

use super::Reducer;
use crate::encode::{self, EncodeError};
use crate::state::Merge;

/// `merge`: ordered maps by key, other types by their [`Merge`] impl.
#[derive(Debug)]
pub struct MergeIn;

/// What `#[reduce(merge)]` can merge.
#[diagnostic::on_unimplemented(
    message = "`#[reduce(merge)]` cannot merge `{Self}`",
    label = "not a `BTreeMap`, and does not implement `Merge`",
    note = "use `std::collections::BTreeMap`, implement `superstep::Merge`, or choose another reducer"
)]
pub trait Mergeable: Sized {
    /// Takes in what `other` says.
    fn merge_in(&mut self, other: Self);

    /// As [`Reducer::conflict`].
    ///
    /// # Errors
    /// A value that has to be encoded to be compared and has no encoding.
    fn conflict<'a>(
        contributions: impl Iterator<Item = (usize, &'a Self)>,
    ) -> Result<Option<(usize, usize)>, EncodeError>
    where
        Self: 'a,
    {
        drop(contributions);
        Ok(None)
    }
}

impl<T: Merge> Mergeable for T {
    #[inline]
    fn merge_in(&mut self, other: Self) {
        self.merge(other);
    }
}

impl<K: Ord, V: Serialize> Mergeable for BTreeMap<K, V> {
    #[inline]
    fn merge_in(&mut self, other: Self) {
        self.extend(other);
    }

    fn conflict<'a>(
        contributions: impl Iterator<Item = (usize, &'a Self)>,
    ) -> Result<Option<(usize, usize)>, EncodeError>
    where
        Self: 'a,
    {
        let mut contributions = contributions.peekable();
        let mut written: BTreeMap<&K, (usize, &V)> = BTreeMap::new();
        while let Some((second, map)) = contributions.next() {
            if written.is_empty() && contributions.peek().is_none() {
                break;
            }
            for (key, value) in map {
                let &mut (first, other) = written.entry(key).or_insert((second, value));
                if first != second && encode::to_string(other)? != encode::to_string(value)? {
                    return Ok(Some((first, second)));
                }
            }
        }
        Ok(None)
    }
}

impl<T: Mergeable> Reducer<T> for MergeIn {
    fn conflict<'a>(
        contributions: impl Iterator<Item = (usize, &'a T)>,
    ) -> Result<Option<(usize, usize)>, EncodeError>
    where
        T: 'a,
    {
        T::conflict(contributions)
    }

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        contributions.for_each(|other| into.merge_in(other));
        Ok(())
    }
}

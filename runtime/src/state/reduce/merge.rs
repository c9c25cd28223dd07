use std::collections::BTreeMap;

use serde::Serialize;

use super::{Conflict, Never, Reducer};
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
    /// As [`Reducer::Conflict`].
    type Conflict: Conflict<Self>;

    /// Takes in `other`.
    fn merge_in(&mut self, other: Self);
}

impl<T: Merge> Mergeable for T {
    type Conflict = Never;

    #[inline]
    fn merge_in(&mut self, other: Self) {
        self.merge(other);
    }
}

impl<K: Ord, V: Serialize> Mergeable for BTreeMap<K, V> {
    type Conflict = ByKey;

    #[inline]
    fn merge_in(&mut self, other: Self) {
        self.extend(other);
    }
}

/// Two different values under one key conflict.
#[derive(Debug)]
pub struct ByKey;

impl<K: Ord, V: Serialize> Conflict<BTreeMap<K, V>> for ByKey {
    fn find<'a>(
        contributions: impl Iterator<Item = (usize, &'a BTreeMap<K, V>)>,
    ) -> Result<Option<(usize, usize)>, EncodeError>
    where
        BTreeMap<K, V>: 'a,
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
    type Conflict = T::Conflict;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        contributions.for_each(|other| into.merge_in(other));
        Ok(())
    }
}

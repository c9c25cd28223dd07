//! The reducers: how the contributions of one step to one field combine.
//!
//! Each is a type without values behind [`Reducer`]; the code that
//! `#[derive(State)]` writes names one per field and leaves the work to the
//! functions here.

mod append;
pub(super) mod codec;
mod conflict;
mod merge;
mod plain;
mod rank;
mod sum;
mod union;
mod upsert;
mod with;

use std::any::Any;
use std::marker::PhantomData;

pub use append::{Append, Appendable};
pub use conflict::{Conflict, Never};
pub use merge::{ByKey, MergeIn, Mergeable};
pub use plain::{First, Last, Replace};
pub use rank::{ByOrd, ByTotalCmp, Max, Min, Present, Rank};
pub use sum::{Sum, Summable};
pub use union::{Union, Unitable};

// What only generated code calls; so is what is hidden below.
#[doc(hidden)]
pub use self::{
    codec::{Codec, Plain},
    plain::{ephemeral, restore},
    upsert::{apply_records, join_records, remove_record},
    with::{apply_with, function, join_with},
};

use serde::Serialize;

use super::{Clash, ReduceError, Slot};
use crate::encode::{self, EncodeError};

/// How the contributions of one step to a field of type `T` combine.
///
/// Contributions come in merge order. What one update says twice is settled by
/// its setters, so an update contributes at most once.
pub trait Reducer<T> {
    /// Which contributions cannot both stand; [`Never`] if all can.
    type Conflict: Conflict<T>;

    /// Combines the contributions with the value so far.
    ///
    /// # Errors
    /// What could not be combined, in words.
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String>;
}

/// The value as a `U`, which is its type, though rustc cannot see that.
#[doc(hidden)]
pub fn same<T: 'static, U: 'static>(value: T) -> Option<U> {
    let mut value = Some(value);
    let same: &mut dyn Any = &mut value;
    same.downcast_mut::<Option<U>>()?.take()
}

/// The reducer `R` as a value, for a field of type `T`.
///
/// The only place where generated code asks whether the two fit: a reducer that
/// does not is then one error, however often the field is mentioned.
#[doc(hidden)]
#[inline]
pub fn fit<R: Reducer<T>, T>() -> impl Reducer<T> {
    Fitted::<R>(PhantomData)
}

struct Fitted<R>(PhantomData<R>);

impl<R: Reducer<T>, T> Reducer<T> for Fitted<R> {
    type Conflict = R::Conflict;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        R::reduce(into, contributions)
    }
}

/// Whether both encode, and to the same text: how updates are compared.
#[doc(hidden)]
pub fn same_encoding<U: Serialize>(one: &U, other: &U) -> bool {
    let encodings = (encode::to_string(one), encode::to_string(other));
    matches!(encodings, (Ok(one), Ok(other)) if one == other)
}

/// Applies what `updates` set in one field and leaves their slots unset.
///
/// # Errors
/// Those of the reducer, with the field's position.
#[doc(hidden)]
#[inline]
pub fn apply<R: Reducer<T>, T, U>(
    _: R,
    field: usize,
    into: &mut T,
    updates: &mut [U],
    slot: fn(&mut U) -> &mut Slot<T>,
) -> Result<(), ReduceError> {
    let contributions = updates.iter_mut().filter_map(|update| slot(update).take());
    R::reduce(into, contributions).map_err(|message| ReduceError { field, message })
}

/// What a setter does when called again: joins `value` to what is pending.
///
/// # Panics
/// If the two cannot be joined, naming the field; a setter has no error to return.
#[doc(hidden)]
#[inline]
#[track_caller]
pub fn join<R: Reducer<T>, T>(_: R, name: &str, pending: &mut Slot<T>, value: T) {
    match pending {
        Slot::Unset => pending.set(value),
        Slot::Set(so_far) => {
            if let Err(message) = R::reduce(so_far, std::iter::once(value)) {
                panic!("`{name}`: {message}");
            }
        }
    }
}

/// Looks for the first conflict of a step, one field after the other.
#[doc(hidden)]
#[derive(Debug)]
pub struct Conflicts<'a, U> {
    updates: &'a [U],
    found: Result<Option<Clash>, EncodeError>,
}

impl<'a, U> Conflicts<'a, U> {
    /// Starts to check `updates`.
    #[inline]
    pub const fn among(updates: &'a [U]) -> Self {
        Self {
            updates,
            found: Ok(None),
        }
    }

    /// Checks one more field, unless a conflict is found already.
    #[must_use]
    pub fn field<R: Reducer<T>, T: 'a>(
        self,
        _: R,
        field: usize,
        slot: fn(&'a U) -> &'a Slot<T>,
    ) -> Self {
        self.look(field, |updates| R::Conflict::find(set_in(updates, slot)))
    }

    /// Checks a field of records, unless a conflict is found already.
    #[must_use]
    pub fn records<T, I>(
        self,
        field: usize,
        slots: impl Fn(&'a U) -> (&'a Slot<Vec<T>>, &'a Slot<Vec<String>>),
        id: impl Fn(&T) -> &I,
    ) -> Self
    where
        T: Serialize + 'a,
        I: Serialize,
    {
        self.look(field, |updates| upsert::conflict(updates, id, slots))
    }

    /// What was found.
    ///
    /// # Errors
    /// A value that had to be encoded to be compared and has no encoding.
    pub fn found(self) -> Result<Option<Clash>, EncodeError> {
        self.found
    }

    #[inline]
    fn look(
        mut self,
        field: usize,
        conflict: impl FnOnce(&'a [U]) -> Result<Option<(usize, usize)>, EncodeError>,
    ) -> Self {
        if self.updates.len() > 1 && matches!(self.found, Ok(None)) {
            let clash = |(first, second)| Clash {
                field,
                first,
                second,
            };
            self.found = conflict(self.updates).map(|found| found.map(clash));
        }
        self
    }
}

fn set_in<'a, U, T: 'a>(
    updates: &'a [U],
    slot: fn(&'a U) -> &'a Slot<T>,
) -> impl Iterator<Item = (usize, &'a T)> {
    updates
        .iter()
        .enumerate()
        .filter_map(move |(index, update)| Some((index, slot(update).as_ref()?)))
}

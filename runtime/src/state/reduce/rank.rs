use std::cmp::Ordering;
use std::marker::PhantomData;

use super::{Never, Reducer};

/// `max`: the greatest of the value so far and the contributions, by the order `R`.
#[derive(Debug)]
pub struct Max<R>(PhantomData<R>);

/// `min`: the least of the value so far and the contributions, by the order `R`.
#[derive(Debug)]
pub struct Min<R>(PhantomData<R>);

/// A total order, in which a value may also take no part.
pub trait Rank<T> {
    /// Whether `new` stands on the `side` of `old`.
    fn stands(new: &T, side: Ordering, old: &T) -> bool;
}

impl<T, R: Rank<T>> Reducer<T> for Max<R> {
    type Conflict = Never;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        keep::<R, T>(into, Ordering::Greater, contributions);
        Ok(())
    }
}

impl<T, R: Rank<T>> Reducer<T> for Min<R> {
    type Conflict = Never;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        keep::<R, T>(into, Ordering::Less, contributions);
        Ok(())
    }
}

#[inline]
fn keep<R: Rank<T>, T>(into: &mut T, side: Ordering, contributions: impl Iterator<Item = T>) {
    for value in contributions {
        if R::stands(&value, side, into) {
            *into = value;
        }
    }
}

/// The order of `Ord`.
#[derive(Debug)]
pub struct ByOrd;

impl<T: Ord> Rank<T> for ByOrd {
    #[inline]
    fn stands(new: &T, side: Ordering, old: &T) -> bool {
        new.cmp(old) == side
    }
}

/// The order of `total_cmp`, for floats.
#[derive(Debug)]
pub struct ByTotalCmp;

impl Rank<f32> for ByTotalCmp {
    #[inline]
    fn stands(new: &f32, side: Ordering, old: &f32) -> bool {
        new.total_cmp(old) == side
    }
}

impl Rank<f64> for ByTotalCmp {
    #[inline]
    fn stands(new: &f64, side: Ordering, old: &f64) -> bool {
        new.total_cmp(old) == side
    }
}

/// The order `R` among the values that are present: `None` never wins.
#[derive(Debug)]
pub struct Present<R>(PhantomData<R>);

impl<T, R: Rank<T>> Rank<Option<T>> for Present<R> {
    #[inline]
    fn stands(new: &Option<T>, side: Ordering, old: &Option<T>) -> bool {
        match (new, old) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(new), Some(old)) => R::stands(new, side, old),
        }
    }
}

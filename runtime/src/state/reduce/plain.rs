use std::marker::PhantomData;

use super::codec::{Codec, Plain, canonical};
use super::{Conflict, Never, Reducer, Slot};
use crate::encode::EncodeError;

/// No attribute and `ephemeral`: the last contribution stands, and two with
/// different encodings conflict.
#[derive(Debug)]
pub struct Replace<C = Plain>(pub(in crate::state) PhantomData<C>);

impl<T, C: Codec<T>> Conflict<T> for Replace<C> {
    fn find<'a>(
        mut contributions: impl Iterator<Item = (usize, &'a T)>,
    ) -> Result<Option<(usize, usize)>, EncodeError>
    where
        T: 'a,
    {
        let Some((first, value)) = contributions.next() else {
            return Ok(None);
        };
        let mut expected = None;
        for (second, other) in contributions {
            let expected = match &expected {
                Some(expected) => expected,
                None => &*expected.insert(canonical::<C, T>(value)?),
            };
            if *expected != canonical::<C, T>(other)? {
                return Ok(Some((first, second)));
            }
        }
        Ok(None)
    }
}

impl<T, C: Codec<T>> Reducer<T> for Replace<C> {
    type Conflict = Self;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        Last::reduce(into, contributions)
    }
}

/// `last`: the step's last contribution stands.
#[derive(Debug)]
pub struct Last;

impl<T> Reducer<T> for Last {
    type Conflict = Never;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        if let Some(value) = contributions.last() {
            *into = value;
        }
        Ok(())
    }
}

/// `first`: the step's first contribution stands.
#[derive(Debug)]
pub struct First;

impl<T> Reducer<T> for First {
    type Conflict = Never;

    #[inline]
    fn reduce(into: &mut T, mut contributions: impl Iterator<Item = T>) -> Result<(), String> {
        if let Some(value) = contributions.next() {
            *into = value;
        }
        contributions.for_each(drop);
        Ok(())
    }
}

/// `ephemeral`: what the step sets, or the default if it sets nothing.
#[inline]
pub fn ephemeral<T: Default, U>(into: &mut T, updates: &mut [U], slot: fn(&mut U) -> &mut Slot<T>) {
    *into = T::default();
    restore(into, updates, slot);
}

/// What the step sets in an ephemeral field, if anything.
#[inline]
pub fn restore<T, U>(into: &mut T, updates: &mut [U], slot: fn(&mut U) -> &mut Slot<T>) {
    let said = updates.iter_mut().filter_map(|update| slot(update).take());
    if let Some(value) = said.last() {
        *into = value;
    }
}

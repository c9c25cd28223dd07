//! `upsert = id`: a list of records, each found by its id.
//!
//! The type of an id cannot be named by generated code, so the ids of removals
//! are kept in their canonical encoding until the records are at hand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use serde::{Serialize, de::DeserializeOwned};

use super::{ReduceError, Slot};
use crate::encode::{self, EncodeError};

/// From this many records on, one pass that indexes the list is cheaper than a
/// search for each.
const WORTH_AN_INDEX: usize = 8;

/// Applies the removals and records of each update, in merge order.
///
/// # Errors
/// A removal whose key cannot be an id of these records, with the field's position.
pub fn apply_records<T, I, U>(
    field: usize,
    into: &mut Vec<T>,
    updates: &mut [U],
    id: impl Fn(&T) -> &I,
    slots: impl Fn(&mut U) -> (&mut Slot<Vec<T>>, &mut Slot<Vec<String>>),
) -> Result<(), ReduceError>
where
    I: Eq + Hash + DeserializeOwned,
{
    for update in updates {
        let (records, removals) = slots(update);
        if let Some(keys) = removals.take() {
            remove(into, &keys, &id).map_err(|message| ReduceError { field, message })?;
        }
        if let Some(records) = records.take() {
            upsert(into, records, &id);
        }
    }
    Ok(())
}

/// What the setter of the records does: the last call for an id counts.
pub fn join_records<T, I: Eq + Hash + Serialize>(
    records: &mut Slot<Vec<T>>,
    removals: &mut Slot<Vec<String>>,
    more: impl IntoIterator<Item = T>,
    id: impl Fn(&T) -> &I,
) {
    let more: Vec<T> = more.into_iter().collect();
    if let Slot::Set(keys) = removals {
        let written: HashSet<String> = more.iter().filter_map(|one| key(id(one))).collect();
        keys.retain(|key| !written.contains(key));
        removals.unset_if(Vec::is_empty);
    }
    upsert(records.or_default(), more, &id);
}

/// What the setter of a removal does: it also cancels a pending record.
///
/// # Panics
/// If the key has no encoding, naming the setter.
#[track_caller]
pub fn remove_record<T, I: Serialize>(
    name: &str,
    records: &mut Slot<Vec<T>>,
    removals: &mut Slot<Vec<String>>,
    id: impl Fn(&T) -> &I,
    removed: &impl Serialize,
) {
    let removed = match encode::to_string(removed) {
        Ok(removed) => removed,
        Err(error) => panic!("`{name}`: {error}"),
    };
    if let Slot::Set(pending) = records {
        pending.retain(|one| key(id(one)).as_ref() != Some(&removed));
        records.unset_if(Vec::is_empty);
    }
    let removals = removals.or_default();
    if !removals.contains(&removed) {
        removals.push(removed);
    }
}

/// The first two updates that set different things for one id.
pub(super) fn conflict<'a, T, I, U>(
    updates: &'a [U],
    id: impl Fn(&T) -> &I,
    slots: impl Fn(&'a U) -> (&'a Slot<Vec<T>>, &'a Slot<Vec<String>>),
) -> Result<Option<(usize, usize)>, EncodeError>
where
    T: Serialize + 'a,
    I: Serialize,
{
    let said = |update: &'a U| {
        let (records, removals) = slots(update);
        records.is_set() || removals.is_set()
    };
    if updates.iter().filter(|update| said(update)).count() < 2 {
        return Ok(None);
    }
    let mut seen: BTreeMap<String, (usize, Option<&T>)> = BTreeMap::new();
    for (second, update) in updates.iter().enumerate() {
        let (records, removals) = slots(update);
        let removed = removals.as_ref().into_iter().flatten();
        let written = records.as_ref().into_iter().flatten();
        let said = removed
            .map(|key| Ok((key.clone(), None)))
            .chain(written.map(|one| Ok((encode::to_string(id(one))?, Some(one)))));
        for entry in said {
            let (key, content) = entry?;
            let &mut (first, other) = seen.entry(key).or_insert((second, content));
            if first != second && !same(other, content)? {
                return Ok(Some((first, second)));
            }
        }
    }
    Ok(None)
}

fn same<T: Serialize>(one: Option<&T>, other: Option<&T>) -> Result<bool, EncodeError> {
    Ok(match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => encode::to_string(one)? == encode::to_string(other)?,
        _ => false,
    })
}

fn upsert<T, I: Eq + Hash>(into: &mut Vec<T>, records: Vec<T>, id: impl Fn(&T) -> &I) {
    if records.len() < WORTH_AN_INDEX {
        for record in records {
            let place = into.iter().position(|one| id(one) == id(&record));
            put(into, place.unwrap_or(into.len()), record);
        }
        return;
    }
    for (place, record) in places(into, &records, id).into_iter().zip(records) {
        put(into, place, record);
    }
}

fn put<T>(into: &mut Vec<T>, place: usize, record: T) {
    match into.get_mut(place) {
        Some(old) => *old = record,
        None => into.push(record),
    }
}

/// Where each of `records` belongs; a place past the end means append.
fn places<T, I: Eq + Hash>(into: &[T], records: &[T], id: impl Fn(&T) -> &I) -> Vec<usize> {
    let mut known: HashMap<&I, usize> = HashMap::with_capacity(into.len() + records.len());
    for (place, one) in into.iter().enumerate() {
        known.entry(id(one)).or_insert(place);
    }
    let mut end = into.len();
    let mut place_of = |record| {
        let place = *known.entry(id(record)).or_insert(end);
        end += usize::from(place == end);
        place
    };
    records.iter().map(&mut place_of).collect()
}

fn remove<T, I: Eq + Hash + DeserializeOwned>(
    into: &mut Vec<T>,
    keys: &[String],
    id: impl Fn(&T) -> &I,
) -> Result<(), String> {
    let ids = keys
        .iter()
        .map(|key| {
            encode::from_str(key)
                .map_err(|error| format!("cannot remove {key}, which is no id: {error}"))
        })
        .collect::<Result<HashSet<I>, String>>()?;
    into.retain(|one| !ids.contains(id(one)));
    Ok(())
}

/// An id's encoding; one that has none equals no key.
fn key(id: &impl Serialize) -> Option<String> {
    encode::to_string(id).ok()
}

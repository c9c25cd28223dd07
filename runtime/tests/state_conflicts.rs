//! What two updates of one step may not both set.

// A test may panic anywhere, not in its own function only.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use superstep::State;
use superstep::state::Clash;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct S {
    plain: Option<String>,
    #[reduce(append)]
    list: Vec<u8>,
    #[reduce(sum)]
    sum: u64,
    #[reduce(last)]
    last: u8,
    #[reduce(merge)]
    map: BTreeMap<u8, f64>,
    #[reduce(upsert = id)]
    records: Vec<Record>,
    #[reduce(ephemeral)]
    flash: u8,
    #[reduce(with = u8::clone_from_other)]
    with: u8,
}

trait CloneFromOther {
    fn clone_from_other(&mut self, other: Self);
}

impl CloneFromOther for u8 {
    fn clone_from_other(&mut self, other: Self) {
        *self = other;
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    id: u32,
    text: String,
}

fn record(id: u32, text: &str) -> Record {
    Record {
        id,
        text: text.into(),
    }
}

fn conflict<const N: usize>(updates: [SUpdate; N]) -> Option<(&'static str, usize, usize)> {
    let clash = S::conflict(&updates).unwrap();
    clash.map(
        |Clash {
             field,
             first,
             second,
         }| (S::INFO.fields[field].name, first, second),
    )
}

#[test]
fn two_values_for_a_plain_field_conflict_and_one_value_twice_does_not() {
    let say = |text: &str| S::update().plain(Some(text.into()));
    assert_eq!(
        conflict([say("a"), S::update(), say("b")]),
        Some(("plain", 0, 2))
    );
    assert_eq!(
        conflict([say("a"), say("a"), say("b"), say("c")]),
        Some(("plain", 0, 2))
    );
    assert_eq!(conflict([say("a"), say("a")]), None);
    assert_eq!(
        conflict([say("a"), S::update().plain(None)]),
        Some(("plain", 0, 1))
    );
    assert_eq!(conflict([say("a")]), None);
}

#[test]
fn the_first_field_in_declared_order_is_the_one_reported() {
    let say = |n: u8| S::update().flash(n).plain(Some(n.to_string()));
    assert_eq!(conflict([say(1), say(2)]), Some(("plain", 0, 1)));
}

#[test]
fn ephemeral_fields_conflict() {
    let flash = |n| S::update().flash(n);
    assert_eq!(conflict([flash(1), flash(2)]), Some(("flash", 0, 1)));
    assert_eq!(conflict([flash(1), flash(1)]), None);
}

#[test]
fn combining_reducers_do_not_conflict() {
    let say = |n: u8| S::update().list([n]).sum(u64::from(n)).last(n).with(n);
    assert_eq!(conflict([say(1), say(2)]), None);
}

#[test]
fn two_different_replacements_conflict() {
    let list = |n| S::update().replace_list([n]).list([n]);
    assert_eq!(conflict([list(1), list(2)]), Some(("list", 0, 1)));
    assert_eq!(conflict([list(1), list(1)]), None);
    let with = |n| S::update().replace_with(n);
    assert_eq!(conflict([with(1), with(2)]), Some(("with", 0, 1)));
}

#[test]
fn one_key_written_twice_conflicts_and_other_keys_join() {
    let put = |key, value| S::update().map([(key, value)]);
    assert_eq!(conflict([put(1, 0.0), put(2, 1.0)]), None);
    assert_eq!(
        conflict([put(1, 1.0), S::update().map([]), put(1, 1.0)]),
        None
    );
    assert_eq!(
        conflict([put(1, 1.0), put(2, 1.0), put(1, 2.0)]),
        Some(("map", 0, 2))
    );
    // Equal by `==`, but not the same bytes.
    assert_eq!(conflict([put(1, 0.0), put(1, -0.0)]), Some(("map", 0, 1)));
}

#[test]
fn one_id_written_or_removed_by_two_conflicts() {
    let put = |id, text: &str| S::update().records([record(id, text)]);
    let remove = |id: u32| S::update().remove_records(id);
    assert_eq!(conflict([put(1, "a"), put(2, "b")]), None);
    assert_eq!(conflict([put(1, "a"), put(1, "a")]), None);
    assert_eq!(conflict([remove(1), remove(1)]), None);
    assert_eq!(
        conflict([put(1, "a"), put(1, "b")]),
        Some(("records", 0, 1))
    );
    assert_eq!(
        conflict([put(1, "a"), put(2, "b"), remove(1)]),
        Some(("records", 0, 2))
    );
}

#[test]
fn what_one_update_says_of_a_field_in_two_ways_is_no_conflict() {
    let update = || {
        S::update()
            .replace_list([1])
            .list([2])
            .records([record(1, "a")])
    };
    assert_eq!(
        conflict([update().remove_records(1).remove_records(2), S::update()]),
        None
    );
}

#[test]
fn a_value_without_encoding_cannot_be_compared() {
    let put = |value| S::update().map([(1, value)]);
    assert!(S::conflict(&[put(f64::NAN), put(1.0)]).is_err());
    assert_eq!(conflict([put(f64::NAN)]), None);
}

#[test]
fn the_table_says_which_fields_conflict() {
    let conflicting = S::INFO.conflicting();
    assert_eq!(conflicting, S::INFO.set_of(&["plain", "flash"]));
}

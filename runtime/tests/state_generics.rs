//! Generic states: what is required of a parameter is what the fields need, and what serde was
//! told to require.

// A test may panic anywhere, not in its own function only.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use superstep::State;
use superstep::encode::{from_str, to_string};

/// What any value is encoded by.
mod boxed {
    use super::*;

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        [value].serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        <[T; 1]>::deserialize(from).map(|[value]| value)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row<T> {
    id: u32,
    content: T,
}

/// Fields that are encoded by functions, and one that has nothing to do with the parameter.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
struct Coded<T, const N: usize> {
    #[serde(with = "boxed")]
    value: T,
    #[serde(with = "boxed")]
    flag: bool,
    #[serde(with = "boxed")]
    #[reduce(append)]
    list: Vec<T>,
    #[serde(skip)]
    #[reduce(ephemeral)]
    few: Option<[T; N]>,
}

#[test]
fn functions_may_encode_the_fields_of_a_generic_state() {
    let update = || Coded::<u8, 2>::update().value(1).flag(true).list([2]);
    let json = to_string(&update()).unwrap();
    assert_eq!(json, r#"{"value":[1],"flag":[true],"list":[[2]]}"#);
    let read: CodedUpdate<u8, 2> = from_str(&json).unwrap();
    assert_eq!(read, update());
    let mut state = Coded::<u8, 2>::default();
    state.apply(&mut [read, update().value(3)]).unwrap();
    assert_eq!((state.value, state.flag, state.list), (3, true, vec![2, 2]));
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Rows<T> {
    #[reduce(upsert = id)]
    rows: Vec<Row<T>>,
}

#[test]
fn records_may_be_generic() {
    let row = |content: &str| Row {
        id: 7,
        content: content.to_owned(),
    };
    let say = |content| Rows::<String>::update().rows([row(content)]);
    assert!(Rows::conflict(&[say("a"), say("b")]).unwrap().is_some());
    let mut state = Rows::default();
    state.apply(&mut [say("a"), say("b")]).unwrap();
    assert_eq!(state.rows, [row("b")]);
    state.apply(&mut [Rows::update().remove_rows(7)]).unwrap();
    assert_eq!(state.rows, []);
}

/// So may their ids, if the struct says that these are ids.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
struct Named<K: Eq + Hash + Serialize + DeserializeOwned> {
    #[reduce(upsert = id)]
    names: Vec<Name<K>>,
    #[reduce(merge)]
    #[serde(rename = "n", alias = "numbers")]
    by_name: BTreeMap<String, K>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Name<K> {
    id: K,
}

#[test]
fn ids_may_be_generic() {
    let mut state = Named::default();
    let update = Named::update().names([Name { id: 'a' }, Name { id: 'b' }]);
    state.apply(&mut [update.remove_names('b')]).unwrap();
    assert_eq!(state.names, [Name { id: 'a' }]);
    let read: NamedUpdate<u8> = from_str(r#"{"numbers":{"one":1}}"#).unwrap();
    assert_eq!(read, Named::update().by_name([("one".to_owned(), 1)]));
}

trait Kind {
    type Item;
}

/// Neither serializable nor anything else.
struct Words;

impl Kind for Words {
    type Item = String;
}

/// The parameter is in the paths of functions.
#[derive(State, Serialize, Deserialize)]
#[serde(bound(
    serialize = "X::Item: Serialize",
    deserialize = "X::Item: DeserializeOwned"
))]
struct Projected<X: Kind>
where
    X::Item: Clone + Debug,
{
    one: X::Item,
    #[reduce(with = put::<X::Item>)]
    two: Vec<X::Item>,
    #[reduce(with = Vec::<X::Item>::extend::<Vec<X::Item>>)]
    three: Vec<X::Item>,
}

fn put<T>(into: &mut Vec<T>, more: Vec<T>) {
    into.extend(more);
}

impl<X: Kind<Item: Clone + Debug>> Clone for Projected<X> {
    fn clone(&self) -> Self {
        Self {
            one: self.one.clone(),
            two: self.two.clone(),
            three: self.three.clone(),
        }
    }
}

impl<X: Kind<Item: Clone + Debug>> Debug for Projected<X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (&self.one, &self.two, &self.three).fmt(f)
    }
}

#[test]
fn an_associated_type_may_be_in_a_path() {
    let mut state: Projected<Words> = from_str(r#"{"one":"a","two":[],"three":[]}"#).unwrap();
    let update = Projected::<Words>::update().one("b".to_owned());
    let update = update.two(["c".to_owned()]).three(["d".to_owned()]);
    state.apply(&mut [update]).unwrap();
    assert_eq!(
        to_string(&state).unwrap(),
        r#"{"one":"b","two":["c"],"three":["d"]}"#
    );
}

//! Unusual structs: generic ones, odd names, odd places.

// A test may panic anywhere, not in its own function only.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use superstep::State;

fn is_a_state<S: State>() {}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Generic<T, const N: usize = 2>
where
    T: Default,
{
    value: T,
    #[reduce(append)]
    list: Vec<T>,
    #[reduce(sum)]
    sum: T,
    #[reduce(max)]
    max: Option<T>,
    #[serde(skip)]
    #[reduce(ephemeral)]
    flash: Option<T>,
    #[serde(skip, default)]
    #[reduce(ephemeral)]
    marker: PhantomData<[(); N]>,
}

#[test]
fn generic_states_work_for_every_fitting_type() {
    is_a_state::<Generic<u64>>();
    let mut state = Generic::<u8, 3>::default();
    let update = || {
        Generic::<u8, 3>::update()
            .value(1)
            .list([2])
            .sum(3)
            .max(Some(4))
    };
    let mut updates = [update(), update()];
    assert_eq!(Generic::conflict(&updates), Ok(None));
    state.apply(&mut updates).unwrap();
    assert_eq!((state.value, state.sum, state.max), (1, 6, Some(4)));
    assert_eq!(state.list, [2, 2]);
}

/// The parameter itself is neither `Clone` nor anything else.
#[derive(State, Serialize, Deserialize)]
#[serde(bound = "")]
struct Marked<T: Kind> {
    id: u8,
    item: T::Item,
    marker: PhantomData<T>,
}

trait Kind: Send + Sync + 'static {
    type Item: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
}

struct Words;

impl Kind for Words {
    type Item = String;
}

impl<T: Kind> Clone for Marked<T> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            item: self.item.clone(),
            marker: PhantomData,
        }
    }
}

impl<T: Kind> Debug for Marked<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.id, self.item)
    }
}

#[test]
fn bounds_are_on_field_types_and_not_on_parameters() {
    is_a_state::<Marked<Words>>();
    let update = Marked::<Words>::update().id(1).item("a".to_owned());
    let json = superstep::encode::to_string(&update.clone()).unwrap();
    assert_eq!(json, r#"{"id":1,"item":"a"}"#);
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)]
struct Odd {
    default: u8,
    clone: u8,
    fmt: u8,
    r#type: u8,
    #[reduce(append)]
    r#match: Vec<u8>,
    update: u8,
    updates: u8,
    fields: u8,
    apply: u8,
    conflict: u8,
    value: u8,
    serialize: u8,
    deserialize: u8,
    into_outcome: u8,
    replace: u8,
    is_set: u8,
    f: u8,
    record: u8,
    key: u8,
    remove_type: u8,
}

#[test]
fn fields_may_have_the_names_of_methods() {
    let update = Odd::update()
        .default(1)
        .clone(2)
        .r#type(3)
        .r#match([4])
        .replace_match([3])
        .update(5)
        .fields(6)
        .apply(7)
        .into_outcome(8)
        .value(9);
    let json = superstep::encode::to_string(&update).unwrap();
    assert_eq!(
        json,
        r#"{"default":1,"clone":2,"type":3,"match":[4],"replace_match":[3],"update":5,"fields":6,"apply":7,"value":9,"into_outcome":8}"#
    );
    let mut state = Odd::default();
    State::apply(&mut state, &mut [update]).unwrap();
    assert_eq!((state.r#type, state.r#match), (3, vec![3, 4]));
}

#[test]
fn a_state_may_have_no_fields() {
    #[derive(State, Debug, Clone, Serialize, Deserialize)]
    struct Empty {}
    Empty {}.apply(&mut [Empty::update()]).unwrap();
    assert_eq!(
        superstep::encode::to_string(&Empty::update()).unwrap(),
        "{}"
    );
}

#[test]
fn a_macro_may_write_the_struct() {
    macro_rules! state {
        ($name:ident { $($field:ident: $ty:ty = $reducer:ident),* }) => {
            #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
            struct $name {
                $(#[reduce($reducer)] $field: $ty,)*
                own: u8,
            }
        };
    }
    state!(Made { list: Vec<u8> = append, sum: f64 = sum, max: Option<f64> = max, map: BTreeMap<u8, u8> = merge });
    let mut state = Made::default();
    let update = Made::update()
        .list([1])
        .sum(1.0)
        .max(Some(1.0))
        .own(1)
        .map([(1, 1)]);
    state.apply(&mut [update]).unwrap();
    assert_eq!((state.sum, state.own), (1.0, 1));
}

#[test]
fn the_runtime_may_be_called_otherwise() {
    mod inner {
        pub(crate) use superstep as renamed;
    }
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    #[superstep(crate = inner::renamed)]
    struct Renamed {
        #[reduce(append)]
        list: Vec<u8>,
    }
    is_a_state::<Renamed>();
}

#[test]
fn a_hundred_and_twenty_eight_fields_are_allowed() {
    macro_rules! wide {
        ($($field:ident)*) => {
            #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
            struct Wide { $($field: u8,)* }
        };
    }
    wide!(
        a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af
        b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 ba bb bc bd be bf
        c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf
        d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 da db dc dd de df
        e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef
        f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff
        g0 g1 g2 g3 g4 g5 g6 g7 g8 g9 ga gb gc gd ge gf
        h0 h1 h2 h3 h4 h5 h6 h7 h8 h9 ha hb hc hd he hf
    );
    let update = Wide::update().hf(1);
    assert_eq!(superstep::state::Update::fields(&update).first(), Some(127));
}

#[test]
#[allow(non_upper_case_globals, non_camel_case_types, dead_code)]
fn values_in_scope_do_not_get_in_the_way() {
    const update: u8 = 0;
    const updates: u8 = 0;
    const record: u8 = 0;
    struct look;

    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Item {
        id: u8,
    }
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    struct S {
        #[reduce(append)]
        list: Vec<u8>,
        #[reduce(upsert = id)]
        items: Vec<Item>,
    }
    let mut state = S::default();
    state
        .apply(&mut [S::update().list([1]).remove_items(1)])
        .unwrap();
    assert_eq!(state.list, [1]);
}

mod board {
    use super::*;

    #[derive(Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Cell<T>(pub T);

    /// Marked by a type, of which it holds nothing.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct Id<T>(pub u64, #[serde(skip)] pub PhantomData<T>);
}

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Board {
    cells: Vec<board::Cell<u8>>,
    of: board::Id<fn() -> Board>,
}

#[test]
fn types_of_ones_own_may_be_called_like_cells_and_be_marked_by_functions() {
    is_a_state::<Board>();
    let _ = Board::update().cells([board::Cell(1)]);
}

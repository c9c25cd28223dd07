//! Types of all the shapes that serde and `schemars` derive, with values of theirs.

#![allow(dead_code, reason = "what counts is what the derives make of them")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroI8, NonZeroU8, NonZeroU64, Wrapping};
use std::ops::{Bound, Range, RangeInclusive};
use std::path::PathBuf;
use std::sync::atomic::AtomicU16;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::encode;
use crate::schema::{check, of};

macro_rules! answer {
    ($($item:item)*) => {
        $(
            #[derive(Debug, Serialize, Deserialize, JsonSchema)]
            $item
        )*
    };
}

answer! {
    pub(super) struct Unit;
    pub(super) struct Newtype(u32);
    pub(super) struct Pair(i8, Option<String>);
    /// With a description.
    pub(super) struct Plain {
        /// And another.
        title: String,
        default: Option<f64>,
        #[serde(default)]
        count: u64,
        #[serde(rename = "a b/c~d")]
        odd: bool,
    }
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub(super) struct Strict {
        first_name: char,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_name: Option<char>,
    }
    #[serde(default)]
    pub(super) struct Defaults {
        a: u8,
        b: Vec<i16>,
        #[serde(skip)]
        c: u8,
    }
    pub(super) enum Units { One, Two, #[serde(rename = "drei")] Three }
    pub(super) enum Described {
        /// The first.
        One,
        /// The second.
        Two,
    }
    pub(super) enum Change {
        Clear,
        Keep,
        Set { to: i32 },
        Add(i32),
        Swap(i32, i32),
        Nested(Box<Change>),
    }
    #[serde(tag = "kind")]
    pub(super) enum Verdict {
        Approved { limit: u32 },
        Refused { reason: String },
        Later,
    }
    #[serde(tag = "kind")]
    pub(super) enum Tagged { Plain(Plain), Strict(Strict), Unit(Unit), None }
    #[serde(tag = "kind", deny_unknown_fields)]
    pub(super) enum StrictTagged { A { x: u8 }, B }
    #[serde(tag = "t", content = "c")]
    pub(super) enum Adjacent { A, B(u8), C(u8, bool), D { x: Option<u8> } }
    #[serde(tag = "t", content = "c", deny_unknown_fields)]
    pub(super) enum StrictAdjacent { A, B(u8) }
    #[serde(untagged)]
    pub(super) enum Untagged { Text(String), Number(f32), Pair(u8, u8), Fields { a: u8 }, Nothing }
    pub(super) enum Catch { A, B(u8), #[serde(untagged)] Other(String) }
    pub(super) enum Never {}
    pub(super) struct Flat {
        id: u16,
        #[serde(flatten)]
        inner: Units2,
        #[serde(flatten)]
        more: BTreeMap<String, i64>,
    }
    pub(super) struct Units2 { left: bool, right: Option<bool> }
    pub(super) struct FlatEnum {
        id: u16,
        #[serde(flatten)]
        change: Shallow,
    }
    pub(super) enum Shallow { On, Off, Dim(u8) }
    pub(super) struct FlatOption {
        id: u16,
        #[serde(flatten)]
        change: Option<Shallow>,
        #[serde(flatten)]
        verdict: Option<Verdict>,
    }
    pub(super) struct FlatTwo {
        #[serde(flatten)]
        one: Shallow,
        #[serde(flatten)]
        two: Verdict,
    }
    #[serde(deny_unknown_fields)]
    pub(super) struct StrictFlat {
        id: u16,
        #[serde(flatten)]
        verdict: Verdict,
    }
    #[serde(deny_unknown_fields)]
    pub(super) struct StrictFlatEnum {
        id: u16,
        #[serde(flatten)]
        change: Shallow,
        #[serde(flatten)]
        inner: Units2,
    }
    pub(super) struct FlatTaggedMap {
        #[serde(flatten)]
        verdict: Verdict,
        #[serde(flatten)]
        rest: HashMap<String, bool>,
    }
    pub(super) struct Tree { value: i32, children: Vec<Tree> }
    pub(super) struct Linked { next: Option<Box<Linked>> }
    #[serde(untagged)]
    pub(super) enum Json { Null, Bool(bool), Number(f64), Text(String), List(Vec<Json>), Map(HashMap<String, Json>) }
    pub(super) struct Generic<T> { inner: T, list: Vec<T> }
    #[serde(transparent)]
    pub(super) struct Transparent { only: Range<i8> }
    pub(super) struct Limits {
        #[schemars(range(min = 1, max = 10))]
        one: u8,
        #[schemars(range(min = 0.1, max = 0.9))]
        part: f64,
        #[schemars(length(min = 1, max = 3))]
        text: String,
        #[schemars(length(equal = 2), inner(range(max = 5)))]
        list: Vec<i32>,
        #[schemars(regex(pattern = r"^[A-Z]{2}\d+$"))]
        code: String,
        #[schemars(contains(pattern = "a.b"))]
        part_of: String,
        #[schemars(extend("multipleOf" = 5))]
        fives: i64,
        #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
        between: f64,
        #[schemars(email)]
        mail: String,
    }
    pub(super) struct Times { at: SystemTime, lasting: Duration }
    pub(super) struct Nets { ip: IpAddr, four: Ipv4Addr, six: Ipv6Addr, socket: SocketAddr, path: PathBuf }
    pub(super) struct Ints {
        a: i8, b: i16, c: i32, d: i64, e: i128, f: isize,
        g: u8, h: u16, i: u32, j: u64, k: u128, l: usize,
        m: NonZeroU8, n: NonZeroI8, o: NonZeroU64, p: Wrapping<u16>,
    }
    pub(super) struct Lists {
        array: [u8; 3], none: [u8; 0], deque: VecDeque<bool>, linked: LinkedList<()>,
        tree_set: BTreeSet<String>, hash_set: HashSet<i32>, tuple: (u8, (bool,), String),
    }
    pub(super) struct Maps {
        text: BTreeMap<String, u8>, unsigned: BTreeMap<u32, bool>, signed: HashMap<i64, f32>,
        unit: BTreeMap<Key, u8>, letter: BTreeMap<char, ()>,
    }
    pub(super) struct Std {
        range: RangeInclusive<u8>, bound: Bound<u8>, result: Result<bool, String>,
        unit: (), nested: Option<Option<u8>>, cow: std::borrow::Cow<'static, str>,
    }
    #[serde(from = "u8", into = "u8")]
    #[derive(Clone)]
    pub(super) struct Converted(u8);
    #[schemars(with = "Option<u8>")]
    pub(super) struct Instead(String);
    pub(super) struct Everything {
        plain: Plain, strict: Option<Strict>, change: Change, verdict: Option<Verdict>,
        adjacent: Adjacent, untagged: Untagged, flat: StrictFlatEnum, tree: Tree, json: Json,
        maps: Maps, lists: Lists, ints: Ints,
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
enum Key {
    Left,
    Right,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            a: 1,
            b: vec![2],
            c: 3,
        }
    }
}

impl From<u8> for Converted {
    fn from(number: u8) -> Self {
        Self(number)
    }
}

impl From<Converted> for u8 {
    fn from(converted: Converted) -> Self {
        converted.0
    }
}

/// The schemas of all these types, and of std's.
pub(super) fn schemas() -> Vec<(&'static str, String)> {
    macro_rules! schemas {
        ($($ty:ty),* $(,)?) => {
            vec![$((stringify!($ty), of::<$ty>().unwrap())),*]
        };
    }
    schemas![
        Unit, Newtype, Pair, Plain, Strict, Defaults, Units, Described, Change, Verdict, Tagged,
        StrictTagged, Adjacent, StrictAdjacent, Untagged, Catch, Never, Flat, FlatEnum, FlatOption,
        FlatTwo, StrictFlat, StrictFlatEnum, FlatTaggedMap, Tree, Linked, Json, Generic<u8>,
        Generic<Option<Verdict>>, Transparent, Limits, Times, Nets, Ints, Lists, Maps, Std,
        Converted, Instead, Everything, bool, u8, u64, i128, f32, f64, char, String, (), Duration,
        Option<bool>, Option<Change>, Option<Untagged>, Vec<Verdict>, HashMap<String, Tree>,
        BTreeMap<Key, Option<u8>>, Result<u8, String>, (u8, Plain), [Units; 2], BTreeSet<Units>,
        Box<Tree>, serde_json::Value, Option<serde_json::Value>, serde_json::Number, AtomicU16,
    ]
}

/// Every value that these types have fits.
#[test]
fn values_fit_the_schemas_of_their_types() {
    fn fits<T: Serialize + JsonSchema>(values: impl IntoIterator<Item = T>) {
        for value in values {
            let text = encode::to_string(&value).unwrap();
            assert_eq!(check(&of::<T>().unwrap(), &text), Ok(()), "{text}");
        }
    }
    let plain = || Plain {
        title: "t".into(),
        default: Some(0.1),
        count: u64::MAX,
        odd: true,
    };
    fits([plain()]);
    fits([Pair(-1, None), Pair(127, Some(String::new()))]);
    fits([
        Strict {
            first_name: 'ä',
            last_name: None,
        },
        Strict {
            first_name: '🚀',
            last_name: Some('b'),
        },
    ]);
    fits([Units::One, Units::Two, Units::Three]);
    fits([Described::One, Described::Two]);
    fits([
        Change::Clear,
        Change::Keep,
        Change::Set { to: 1 },
        Change::Add(-1),
        Change::Swap(1, 2),
        Change::Nested(Box::new(Change::Nested(Box::new(Change::Clear)))),
    ]);
    let verdicts = || {
        [
            Verdict::Approved { limit: 1 },
            Verdict::Refused { reason: "r".into() },
            Verdict::Later,
        ]
    };
    fits(verdicts());
    fits(verdicts().map(Some));
    fits([None::<Verdict>]);
    fits([Tagged::Plain(plain()), Tagged::Unit(Unit), Tagged::None]);
    fits([StrictTagged::A { x: 1 }, StrictTagged::B]);
    fits([
        Adjacent::A,
        Adjacent::B(1),
        Adjacent::C(1, true),
        Adjacent::D { x: None },
    ]);
    fits([StrictAdjacent::A, StrictAdjacent::B(1)]);
    fits([
        Untagged::Text("t".into()),
        Untagged::Number(0.1),
        Untagged::Pair(1, 2),
        Untagged::Fields { a: 1 },
        Untagged::Nothing,
    ]);
    fits([Catch::A, Catch::B(1), Catch::Other("x".into())]);
    let inner = || Units2 {
        left: true,
        right: None,
    };
    fits([Flat {
        id: 1,
        inner: inner(),
        more: BTreeMap::from([("x".into(), -1)]),
    }]);
    fits([Shallow::On, Shallow::Dim(1)].map(|change| FlatEnum { id: 1, change }));
    fits(verdicts().map(|verdict| FlatOption {
        id: 1,
        change: Some(Shallow::On),
        verdict: Some(verdict),
    }));
    fits([FlatOption {
        id: 1,
        change: None,
        verdict: None,
    }]);
    fits(verdicts().map(|two| FlatTwo {
        one: Shallow::Dim(1),
        two,
    }));
    fits(verdicts().map(|verdict| StrictFlat { id: 1, verdict }));
    fits(verdicts().map(|verdict| FlatTaggedMap {
        verdict,
        rest: HashMap::new(),
    }));
    let tree = |children| Tree { value: 1, children };
    fits([tree(vec![tree(vec![]), tree(vec![tree(vec![])])])]);
    fits([Linked {
        next: Some(Box::new(Linked { next: None })),
    }]);
    fits([Generic {
        inner: 1_u8,
        list: vec![2],
    }]);
    fits([Transparent { only: -1..1 }]);
    fits([Times {
        at: SystemTime::now(),
        lasting: Duration::MAX,
    }]);
    fits([Nets {
        ip: [1, 2, 3, 4].into(),
        four: [0; 4].into(),
        six: [0; 16].into(),
        socket: ([1, 2, 3, 4], 5).into(),
        path: "a/b".into(),
    }]);
    fits([Lists {
        array: [1, 2, 3],
        none: [],
        deque: [true].into(),
        linked: [()].into(),
        tree_set: ["a".into(), "b".into()].into(),
        hash_set: [1, -1].into(),
        tuple: (1, (true,), "t".into()),
    }]);
    fits([Maps {
        text: [("a".into(), 1)].into(),
        unsigned: [(u32::MAX, true)].into(),
        signed: [(i64::MIN, 0.5)].into(),
        unit: [(Key::Left, 1), (Key::Right, 2)].into(),
        letter: [('x', ())].into(),
    }]);
    fits([Std {
        range: 1..=2,
        bound: Bound::Excluded(1),
        result: Err("e".into()),
        unit: (),
        nested: Some(Some(1)),
        cow: "c".into(),
    }]);
    fits([Converted(1)]);
    fits([Duration::from_millis(1)]);
    fits([f64::MAX, f64::MIN_POSITIVE, -0.0, 1e300]);
    fits([u128::MAX]);
    fits([i128::MIN]);
}

/// What a type reads that is not quite its own, and what it does not.
#[test]
fn what_does_not_decode_does_not_fit() {
    fn refused<T: for<'de> Deserialize<'de> + JsonSchema>(values: &[&str]) {
        for value in values {
            assert!(encode::from_str::<T>(value).is_err(), "{value} decodes");
            assert!(check(&of::<T>().unwrap(), value).is_err(), "{value} fits");
        }
    }
    refused::<u64>(&[
        "-1",
        "1.0",
        "1e3",
        "-0",
        "18446744073709551616",
        "\"1\"",
        "null",
    ]);
    refused::<i8>(&["128", "-129", "0.5"]);
    refused::<u128>(&["-1", "340282366920938463463374607431768211456"]);
    refused::<f64>(&["1e400", "\"NaN\"", "null"]);
    refused::<char>(&["\"\"", "\"ab\""]);
    refused::<NonZeroU8>(&["0", "256"]);
    refused::<NonZeroI8>(&["0"]);
    refused::<Strict>(&[r#"{"firstName":"a","x":1}"#, r#"{"lastName":"a"}"#]);
    refused::<StrictTagged>(&[r#"{"kind":"A","x":1,"y":2}"#, r#"{"kind":"C"}"#]);
    refused::<StrictFlatEnum>(&[
        r#"{"id":1,"On":null,"left":true,"more":1}"#,
        r#"{"id":1,"left":true}"#,
    ]);
    refused::<[u8; 3]>(&["[1,2]", "[1,2,3,4]"]);
    refused::<(u8, bool)>(&["[1]", "[1,true,2]", "[true,1]"]);
    refused::<Plain>(&[r#"{"title":"a","title":"b","a b/c~d":true}"#, "{}", "1"]);
    refused::<BTreeMap<u32, bool>>(&[r#"{"-1":true}"#, r#"{"a":true}"#]);
    refused::<BTreeMap<Key, u8>>(&[r#"{"Middle":1}"#]);
    refused::<Untagged>(&["true", r#"{"a":256}"#, "[1]"]);
}

/// The text of a schema is that of its keys in order, whatever wrote it.
#[test]
fn schemas_are_canonical() {
    assert_eq!(
        of::<Verdict>().unwrap(),
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","oneOf":[{"properties":{"kind":{"const":"Approved","type":"string"},"limit":{"format":"uint32","minimum":0,"type":"integer"}},"required":["kind","limit"],"type":"object"},{"properties":{"kind":{"const":"Refused","type":"string"},"reason":{"type":"string"}},"required":["kind","reason"],"type":"object"},{"properties":{"kind":{"const":"Later","type":"string"}},"required":["kind"],"type":"object"}],"title":"Verdict"}"#
    );
}

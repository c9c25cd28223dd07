//! An update comes back from its encoding as it was, and people can read it.

// A test may panic anywhere, not in its own function only.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::State;
use superstep::encode::{from_str, to_string};

/// Encodes, decodes, encodes again; returns the text.
fn round_trip<S: State>(update: &S::Update) -> String {
    let json = to_string(update).unwrap();
    let back: S::Update = from_str(&json).unwrap();
    assert_eq!(to_string(&back).unwrap(), json);
    json
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct S {
    status: String,
    #[reduce(append)]
    notes: Vec<u8>,
    answer: Option<u8>,
    #[reduce(upsert = id)]
    items: Vec<Item>,
    unit: (),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    id: String,
}

#[test]
fn an_update_reads_like_what_was_set() {
    let update = S::update()
        .notes([1])
        .replace_notes([0])
        .remove_items("b")
        .items([Item { id: "a".into() }])
        .status("x");
    assert_eq!(
        round_trip::<S>(&update),
        r#"{"status":"x","notes":[1],"replace_notes":[0],"items":[{"id":"a"}],"remove_items":["\"b\""]}"#
    );
    assert_eq!(round_trip::<S>(&S::update()), "{}");
}

#[test]
fn none_zero_and_empty_are_values() {
    let update = S::update().answer(None).notes([]).status("").unit(());
    assert_eq!(
        round_trip::<S>(&update),
        r#"{"status":"","notes":[],"answer":null,"unit":null}"#
    );
    let mut state = S {
        answer: Some(1),
        ..S::default()
    };
    let mut back = [from_str(r#"{"answer":null}"#).unwrap()];
    state.apply(&mut back).unwrap();
    assert_eq!(state.answer, None);
}

#[derive(State, Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Renamed {
    first_name: String,
    #[reduce(append)]
    long_list: Vec<u8>,
    #[serde(rename = "$n", alias = "n", default)]
    #[reduce(sum)]
    count: u8,
}

#[test]
fn serde_names_carry_over() {
    let update = Renamed::update()
        .first_name("a")
        .replace_long_list([1])
        .count(1)
        .replace_count(2);
    assert_eq!(
        round_trip::<Renamed>(&update),
        r#"{"firstName":"a","replaceLongList":[1],"$n":1,"replace_$n":2}"#
    );
    assert!(from_str::<RenamedUpdate>(r#"{"n":1}"#).is_ok());
    assert!(from_str::<RenamedUpdate>(r#"{"no":1}"#).is_err());
}

#[test]
fn a_slot_is_read_once_from_a_name_that_it_has() {
    let refusal = |json| {
        let read: Result<RenamedUpdate, _> = from_str(json);
        read.unwrap_err().reason
    };
    assert!(refusal(r#"{"$n":1,"$n":1}"#).starts_with("duplicate field `$n`"));
    assert!(refusal(r#"{"$n":1,"n":1}"#).starts_with("duplicate field `$n`"));
    assert!(refusal(r#"{"replace_n":1,"replace_$n":1}"#).starts_with("duplicate field"));
    assert!(refusal(r#"{"long_list":[]}"#).starts_with("unknown field `long_list`"));
    assert!(refusal(r#"["a",[],1]"#).starts_with("invalid type: sequence"));
    // Where others are not refused they are passed over, whatever they hold.
    let read: SUpdate = from_str(r#"{"no":[{"a":1}],"status":"x","nor":1}"#).unwrap();
    assert_eq!(read, S::update().status("x"));
}

#[test]
fn the_order_of_names_does_not_matter() {
    let read: SUpdate = from_str(r#"{"unit":null,"notes":[1],"answer":2,"status":"x"}"#).unwrap();
    let update = S::update().status("x").notes([1]).answer(Some(2)).unit(());
    assert_eq!(read, update);
}

#[test]
fn other_formats_can_hold_an_update() {
    let update = S::update().status("x").replace_notes([1]);
    let value = serde_json::to_value(&update).unwrap();
    let read: SUpdate = serde_json::from_value(value).unwrap();
    assert_eq!(read, update);
}

/// Somebody else's type, which serde does not know.
#[derive(Debug, Clone, Default, PartialEq)]
struct Foreign(u64);

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Foreign;

    pub(super) fn serialize<S: Serializer>(value: &Foreign, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("{:x}", value.0))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Foreign, D::Error> {
        let text = String::deserialize(d)?;
        u64::from_str_radix(&text, 16)
            .map(Foreign)
            .map_err(de::Error::custom)
    }
}

fn as_millis<S: serde::Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
    time.as_millis().serialize(s)
}

fn from_millis<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    u64::deserialize(d).map(Duration::from_millis)
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Coded {
    #[serde(with = "hex")]
    foreign: Foreign,
    #[serde(serialize_with = "as_millis", deserialize_with = "from_millis")]
    #[reduce(sum)]
    time: Duration,
}

#[test]
fn functions_that_encode_a_field_carry_over() {
    let update = Coded::update()
        .foreign(Foreign(255))
        .time(Duration::from_secs(1))
        .replace_time(Duration::ZERO);
    assert_eq!(
        round_trip::<Coded>(&update),
        r#"{"foreign":"ff","time":1000,"replace_time":0}"#
    );
    let say = |n| Coded::update().foreign(Foreign(n));
    assert_eq!(Coded::conflict(&[say(1), say(1)]), Ok(None));
    assert!(Coded::conflict(&[say(1), say(2)]).unwrap().is_some());
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    extra: BTreeMap<String, u8>,
}

#[test]
fn a_flattened_field_has_a_name_of_its_own_in_the_update() {
    let update = Flat::update().extra([("a".to_owned(), 1)]);
    assert_eq!(round_trip::<Flat>(&update), r#"{"extra":{"a":1}}"#);
    let mut state = Flat::default();
    state.apply(&mut [update]).unwrap();
    let json = to_string(&state).unwrap();
    assert_eq!(json, r#"{"a":1,"id":0}"#);
    assert_eq!(from_str::<Flat>(&json).unwrap(), state);
}

#[test]
fn the_table_of_fields_says_what_was_written() {
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    struct Table {
        r#type: Option<Vec<u8>>,
        #[reduce(upsert = id)]
        #[serde(default)]
        items: Vec<Item>,
        #[reduce(with = Vec::extend)]
        with: Vec<(u8, [u8; 4])>,
        #[reduce(ephemeral)]
        #[serde(skip)]
        flash: u8,
    }
    assert_eq!((Table::INFO.name, Table::INFO.ephemeral), ("Table", true));
    let rows: Vec<_> = Table::INFO
        .fields
        .iter()
        .map(|field| (field.name, field.ty, field.reducer, field.default))
        .collect();
    assert_eq!(
        rows,
        [
            ("type", "Option<Vec<u8>>", "replace", false),
            ("items", "Vec<Item>", "upsert=id", true),
            ("with", "Vec<(u8,[u8;4])>", "with=Vec::extend", false),
            ("flash", "u8", "ephemeral", true),
        ]
    );
}

#[test]
fn a_default_of_the_whole_struct_is_one_of_every_field() {
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Defaulted {
        _a: u8,
    }
    assert!(Defaulted::INFO.fields[0].default);
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Everything {
    plain: Option<f64>,
    #[reduce(last)]
    last: String,
    #[reduce(append)]
    list: Vec<Option<u8>>,
    #[reduce(sum)]
    sum: u128,
    #[reduce(max)]
    max: Option<f32>,
    #[reduce(merge)]
    map: BTreeMap<i64, f64>,
    #[reduce(upsert = id)]
    items: Vec<Item>,
    #[reduce(ephemeral)]
    flash: (u8, char),
}

/// Loading a run replays the stored updates: they have to do what the ones in
/// memory did.
#[test]
fn decoded_updates_do_what_the_originals_do() {
    let item = |id: u64| Item { id: id.to_string() };
    let update = |n: u64| {
        let float = f64::from_bits(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let float = if float.is_finite() { float } else { -0.0 };
        let some = Everything::update()
            .plain((n % 3 == 1).then_some(float))
            .last(format!("{n}\u{0}\""))
            .list([None, Some(1)])
            .sum(u128::from(n) << 64)
            .max(Some(n as f32 / 3.0))
            .map([(-(n as i64), float)]);
        match n % 4 {
            0 => some.items([item(n), item(n + 1)]),
            1 => some.remove_items(n.to_string()).flash((1, '\n')),
            2 => some.replace_items([item(n)]).replace_list([]),
            _ => Everything::update().replace_sum(n.into()),
        }
    };
    let (mut original, mut decoded) = (Everything::default(), Everything::default());
    for step in 0..200 {
        let mut updates: Vec<_> = (step..step + step % 4).map(update).collect();
        let encoded = to_string(&updates).unwrap();
        let mut copies: Vec<EverythingUpdate> = from_str(&encoded).unwrap();
        original.apply(&mut updates).unwrap();
        decoded.apply(&mut copies).unwrap();
        assert_eq!(to_string(&original), to_string(&decoded));
    }
}

#[test]
fn updates_are_compared_by_what_they_say() {
    let update = || S::update().status("x").notes([1, 2]);
    assert_eq!(update(), update());
    assert_ne!(update(), update().answer(None));
    assert_ne!(update(), S::update().status("x").notes([2, 1]));
    assert_ne!(S::update().notes([]), S::update().replace_notes([]));
    assert_eq!(S::update(), S::update());
}

/// Neither the field's type nor the state is `PartialEq`.
#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Measured<T> {
    at: Point,
    value: T,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Point(f64);

#[test]
fn a_value_without_an_encoding_equals_nothing() {
    let measured = |value| Measured::<u8>::update().at(Point(value)).value(1);
    assert_eq!(measured(0.5), measured(0.5));
    assert_ne!(measured(0.5), measured(0.25));
    assert_ne!(measured(f64::NAN), measured(f64::NAN));
}

/// Names that look like others and are not.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamesApart {
    notes: Vec<u8>,
    // `notes` is replaced as a whole and brings no slot of that name.
    replace_notes: bool,
    #[serde(rename = "replaceLines")]
    replaced: u8,
    #[reduce(append)]
    #[serde(rename = "Lines", alias = "Lines", alias = "lines")]
    lines: Vec<u8>,
    r#type: u8,
    #[reduce(append)]
    r#loop: Vec<u8>,
    #[serde(rename = "page_count")]
    page: u8,
    page_count: u8,
}

#[test]
fn names_that_only_look_alike_are_apart() {
    let update = NamesApart::update()
        .notes([1])
        .replace_notes(true)
        .replaced(2)
        .lines([3])
        .replace_lines([4])
        .r#type(5)
        .r#loop([6])
        .replace_loop([7])
        .page(8)
        .page_count(9);
    assert_eq!(
        round_trip::<NamesApart>(&update),
        r#"{"notes":[1],"replaceNotes":true,"replaceLines":2,"Lines":[3],"replace_Lines":[4],"type":5,"loop":[6],"replaceLoop":[7],"page_count":8,"pageCount":9}"#
    );
}

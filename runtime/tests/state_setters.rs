//! What setters take, and what calling one again does.

// A test may panic anywhere, not in its own function only.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use superstep::State;
use superstep::state::Update;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct S {
    text: String,
    path: PathBuf,
    boxed: Box<str>,
    number: u64,
    float: f32,
    nested: Option<String>,
    tags: Vec<String>,
    queue: VecDeque<u8>,
    set: BTreeSet<String>,
    map: BTreeMap<String, u8>,
    #[reduce(append)]
    log: String,
    #[reduce(append)]
    notes: Vec<Note>,
    #[reduce(append)]
    words: Vec<String>,
    #[reduce(sum)]
    sum: u8,
    #[reduce(max)]
    max: u8,
    #[reduce(min)]
    min: Option<u8>,
    #[reduce(union)]
    union: BTreeSet<u8>,
    #[reduce(merge)]
    merged: BTreeMap<u8, u8>,
    #[reduce(upsert = id)]
    records: Vec<Note>,
    #[reduce(with = u8_or)]
    bits: u8,
    #[reduce(last)]
    last: u8,
    #[reduce(first)]
    first: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    id: u8,
    text: String,
}

fn note(id: u8, text: &str) -> Note {
    Note {
        id,
        text: text.into(),
    }
}

fn u8_or(into: &mut u8, other: u8) {
    *into |= other;
}

fn applied(update: SUpdate) -> S {
    let mut state = S::default();
    state.apply(&mut [update]).unwrap();
    state
}

#[test]
fn texts_take_whatever_becomes_one() {
    let state = applied(S::update().text("a").path("b").boxed("c"));
    assert_eq!((state.text.as_str(), &*state.boxed), ("a", "c"));
    assert_eq!(state.path, PathBuf::from("b"));
    assert_eq!(applied(S::update().text(String::from("a"))).text, "a");

    #[derive(State, Debug, Clone, Serialize, Deserialize)]
    struct Shared {
        #[serde(with = "as_string")]
        text: Arc<str>,
    }
    mod as_string {
        use std::sync::Arc;

        use serde::{Deserialize, Deserializer, Serializer};

        pub(crate) fn serialize<S: Serializer>(text: &str, s: S) -> Result<S::Ok, S::Error> {
            s.serialize_str(text)
        }
        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<str>, D::Error> {
            String::deserialize(d).map(Arc::from)
        }
    }
    let mut state = Shared { text: "a".into() };
    state.apply(&mut [Shared::update().text("b")]).unwrap();
    assert_eq!(&*state.text, "b");
}

#[test]
fn plain_types_leave_inference_alone() -> Result<(), Box<dyn std::error::Error>> {
    let state = applied(
        S::update()
            .number("7".parse()?)
            .float(1.5)
            .nested(Default::default())
            .sum(3),
    );
    assert_eq!((state.number, state.float, state.sum), (7, 1.5, 3));
    Ok(())
}

#[test]
fn lists_take_anything_that_iterates() {
    let state = applied(
        S::update()
            .tags(["a", "b"])
            .queue(1..3)
            .set(vec![String::from("x")])
            .map([("k".to_owned(), 1)])
            .notes(Some(note(1, "n")))
            .words(["w"])
            .replace_words(["v".to_owned()])
            .log(String::from("l"))
            .log("m"),
    );
    assert_eq!(state.tags, ["a", "b"]);
    assert_eq!(state.queue, [1, 2]);
    assert_eq!(state.words, ["v", "w"]);
    assert_eq!((state.log.as_str(), state.notes.len()), ("lm", 1));
    assert_eq!((state.set.len(), state.map["k"]), (1, 1));
}

#[test]
fn calling_again_replaces_where_nothing_combines() {
    let twice = S::update().text("a").tags(["a"]).last(1).first(1);
    let state = applied(twice.text("b").tags(["b"]).last(2).first(2));
    assert_eq!((state.text.as_str(), state.last, state.first), ("b", 2, 2));
    assert_eq!(state.tags, ["b"]);
}

#[test]
fn calling_again_combines_where_the_reducer_does() {
    let once = S::update()
        .notes([note(1, "a")])
        .sum(1)
        .max(1)
        .min(Some(1))
        .union([1])
        .merged([(1, 1), (2, 1)])
        .records([note(1, "a"), note(2, "a")])
        .bits(1);
    let state = applied(
        once.notes([note(2, "b")])
            .sum(2)
            .max(0)
            .min(None)
            .union([2])
            .merged([(2, 2)])
            .records([note(1, "b")])
            .bits(6),
    );
    assert_eq!(state.notes, [note(1, "a"), note(2, "b")]);
    assert_eq!((state.sum, state.max, state.bits), (3, 1, 7));
    assert_eq!(state.union, BTreeSet::from([1, 2]));
    assert_eq!(state.merged, BTreeMap::from([(1, 1), (2, 2)]));
    assert_eq!(state.records, [note(1, "b"), note(2, "a")]);
}

#[test]
fn the_last_word_on_a_record_counts() {
    let removed = S::update()
        .records([note(1, "a"), note(2, "b")])
        .remove_records(1);
    let encoded = |update: &SUpdate| superstep::encode::to_string(update).unwrap();
    assert_eq!(
        encoded(&removed),
        r#"{"records":[{"id":2,"text":"b"}],"remove_records":["1"]}"#
    );
    let kept = removed.records([note(1, "c")]);
    assert_eq!(
        encoded(&kept),
        r#"{"records":[{"id":2,"text":"b"},{"id":1,"text":"c"}]}"#
    );
}

#[test]
#[should_panic(expected = "`S.sum`: 200 + 100 overflows u8")]
fn a_pending_sum_that_overflows_panics_with_the_field() {
    let _ = S::update().sum(200).sum(100);
}

#[test]
#[should_panic(expected = "`S.remove_records`")]
fn a_key_without_encoding_panics_with_the_setter() {
    let _ = S::update().remove_records(f64::NAN);
}

#[test]
fn an_update_knows_its_fields() {
    let update = S::update().text("").remove_records(1).replace_sum(0);
    assert_eq!(update.fields(), S::INFO.set_of(&["text", "records", "sum"]));
    assert!(S::update().fields().is_empty());
}

#[test]
fn debug_shows_what_is_set() {
    let update = S::update().number(0).replace_tags_free();
    assert_eq!(format!("{update:?}"), "SUpdate { number: 0 }");
}

/// A program may add to its update's methods.
impl SUpdate {
    fn replace_tags_free(self) -> Self {
        self
    }
}

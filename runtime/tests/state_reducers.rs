//! What each reducer makes of the updates of one step.

// A test may panic anywhere, not in its own function only.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::{Merge, State};

/// Applies one step; nothing of it may conflict.
fn step<S: State>(state: &mut S, mut updates: Vec<S::Update>) {
    assert_eq!(S::conflict(&updates), Ok(None));
    state.apply(&mut updates).unwrap();
}

fn overflow<S: State>(state: &mut S, update: S::Update) -> (usize, String) {
    let error = state.apply(&mut [update]).unwrap_err();
    (error.field, error.message)
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Plain {
    replaced: u32,
    #[reduce(last)]
    last: String,
    #[reduce(first)]
    first: String,
    #[reduce(ephemeral)]
    flash: Option<u8>,
}

#[test]
fn replace_keeps_what_no_update_mentions() {
    let mut state = Plain {
        replaced: 7,
        ..Plain::default()
    };
    step(&mut state, vec![Plain::update().last("x")]);
    assert_eq!(state.replaced, 7);
    step(&mut state, vec![Plain::update().replaced(0)]);
    assert_eq!(state.replaced, 0);
}

#[test]
fn a_conflict_that_is_allowed_goes_to_the_last_in_merge_order() {
    let mut state = Plain::default();
    let mut updates = [Plain::update().replaced(1), Plain::update().replaced(2)];
    state.apply(&mut updates).unwrap();
    assert_eq!(state.replaced, 2);
}

#[test]
fn last_and_first_are_of_the_step_and_a_later_step_replaces_them() {
    let mut state = Plain::default();
    let both = |word: &str| Plain::update().last(word).first(word);
    step(&mut state, vec![both("a"), both("b"), both("c")]);
    assert_eq!((state.last.as_str(), state.first.as_str()), ("c", "a"));
    step(&mut state, vec![both("d"), both("e")]);
    assert_eq!((state.last.as_str(), state.first.as_str()), ("e", "d"));
}

#[test]
fn ephemeral_is_gone_in_the_step_after_with_updates_or_without() {
    let mut state = Plain::default();
    step(&mut state, vec![Plain::update().flash(Some(1))]);
    assert_eq!(state.flash, Some(1));
    step(&mut state, vec![]);
    assert_eq!(state.flash, None);

    step(&mut state, vec![Plain::update().flash(Some(1))]);
    step(&mut state, vec![Plain::update().replaced(1)]);
    assert_eq!(state.flash, None);
}

#[test]
fn applying_leaves_the_updates_empty() {
    let mut state = Plain::default();
    let mut updates = [
        Plain::update().replaced(1).first("a").last("a"),
        Plain::update().flash(None).first("b").last("b"),
    ];
    state.apply(&mut updates).unwrap();
    for update in &updates {
        assert_eq!(superstep::encode::to_string(update).unwrap(), "{}");
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Lists {
    #[reduce(append)]
    vec: Vec<u8>,
    #[reduce(append)]
    deque: VecDeque<u8>,
    #[reduce(append)]
    text: String,
    #[reduce(union)]
    set: BTreeSet<u8>,
}

#[test]
fn append_goes_to_the_end_in_merge_order() {
    let mut state = Lists::default();
    step(
        &mut state,
        vec![Lists::update().vec([1]).deque([1]).text("a")],
    );
    let more = |n: u8, text: &str| Lists::update().vec([n, n]).deque([n]).text(text);
    step(&mut state, vec![more(3, "c"), more(2, "b")]);
    assert_eq!(state.vec, [1, 3, 3, 2, 2]);
    assert_eq!(state.deque, [1, 3, 2]);
    assert_eq!(state.text, "acb");
}

#[test]
fn union_takes_in_every_element() {
    let mut state = Lists::default();
    step(
        &mut state,
        vec![Lists::update().set([3, 1]), Lists::update().set([1, 2])],
    );
    step(&mut state, vec![Lists::update().set(0..20)]);
    assert_eq!(state.set, BTreeSet::from_iter(0..20));
}

#[test]
fn a_replacement_comes_first_and_the_rest_on_top() {
    let mut state = Lists {
        vec: vec![9],
        text: "old".into(),
        ..Lists::default()
    };
    step(
        &mut state,
        vec![
            Lists::update().vec([1]).text("1"),
            Lists::update().replace_vec([0]).replace_text("0").vec([2]),
        ],
    );
    assert_eq!(state.vec, [0, 1, 2]);
    assert_eq!(state.text, "01");
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Numbers {
    #[reduce(sum)]
    small: u8,
    #[reduce(sum)]
    signed: i64,
    #[reduce(sum)]
    wide: u128,
    #[reduce(sum)]
    float: f64,
    #[reduce(sum)]
    time: Duration,
    #[reduce(max)]
    max: i32,
    #[reduce(min)]
    min: Option<f64>,
    #[reduce(max)]
    highest: Option<f32>,
    #[reduce(max)]
    latest: Duration,
    #[reduce(min)]
    level: Level,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Level {
    Low,
    #[default]
    High,
}

#[test]
fn sum_adds_every_contribution() {
    let mut state = Numbers::default();
    let one = || {
        Numbers::update()
            .small(1)
            .signed(-2)
            .wide(1 << 100)
            .float(0.5)
            .time(Duration::from_secs(1))
    };
    step(&mut state, vec![one(), one()]);
    assert_eq!((state.small, state.signed, state.wide), (2, -4, 1 << 101));
    assert_eq!((state.float, state.time), (1.0, Duration::from_secs(2)));
}

#[test]
fn a_sum_that_overflows_is_an_error_with_both_numbers() {
    let mut state = Numbers {
        small: 250,
        signed: i64::MIN,
        float: f64::MAX,
        time: Duration::MAX,
        ..Numbers::default()
    };
    let say = |words: &str| words.to_owned();
    assert_eq!(
        overflow(&mut state, Numbers::update().small(10)),
        (0, say("250 + 10 overflows u8"))
    );
    assert_eq!(
        overflow(&mut state, Numbers::update().signed(-1)),
        (1, say("-9223372036854775808 + -1 overflows i64"))
    );
    let (field, message) = overflow(&mut state, Numbers::update().float(f64::MAX));
    assert_eq!((field, message.ends_with("overflows f64")), (3, true));
    let (field, message) = overflow(&mut state, Numbers::update().time(Duration::MAX));
    assert_eq!((field, message.ends_with("overflows Duration")), (4, true));
}

#[test]
fn max_and_min_keep_the_outermost_and_none_never_wins() {
    let mut state = Numbers {
        max: -5,
        ..Numbers::default()
    };
    let say = |max, min, highest| {
        Numbers::update()
            .max(max)
            .min(min)
            .highest(highest)
            .level(Level::Low)
            .latest(Duration::from_secs(1))
    };
    step(
        &mut state,
        vec![
            say(-7, Some(0.0), Some(1.0)),
            say(-3, Some(-0.0), None),
            say(-4, None, Some(f32::NEG_INFINITY)),
        ],
    );
    assert_eq!((state.max, state.highest), (-3, Some(1.0)));
    assert_eq!(state.min.map(f64::to_bits), Some((-0.0_f64).to_bits()));
    assert_eq!(
        (state.level, state.latest),
        (Level::Low, Duration::from_secs(1))
    );
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Merged {
    #[reduce(merge)]
    prices: BTreeMap<String, u32>,
    #[reduce(merge)]
    version: Version,
    #[reduce(with = longest)]
    longest: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Version(u32);

impl Merge for Version {
    fn merge(&mut self, other: Self) {
        self.0 = self.0.max(other.0);
    }
}

fn longest(so_far: &mut String, other: String) {
    if other.len() > so_far.len() {
        *so_far = other;
    }
}

#[test]
fn merge_joins_keys_and_a_later_step_replaces_one() {
    let mut state = Merged::default();
    let price = |key: &str, value| Merged::update().prices([(key.to_owned(), value)]);
    step(&mut state, vec![price("a", 1), price("b", 2)]);
    step(&mut state, vec![price("a", 3)]);
    let expected = BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 2)]);
    assert_eq!(state.prices, expected);
    step(
        &mut state,
        vec![price("c", 1), Merged::update().replace_prices([])],
    );
    assert_eq!(state.prices, BTreeMap::from([("c".to_owned(), 1)]));
}

#[test]
fn merge_asks_the_type_and_with_asks_the_function() {
    let mut state = Merged::default();
    let say = |n: u32, text: &str| Merged::update().version(Version(n)).longest(text);
    step(&mut state, vec![say(3, "abc"), say(2, "x")]);
    assert_eq!((state.version, state.longest.as_str()), (Version(3), "abc"));
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Shop {
    #[reduce(upsert = sku)]
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    sku: Sku,
    count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Sku(String);

fn item(sku: &str, count: u32) -> Item {
    Item {
        sku: Sku(sku.into()),
        count,
    }
}

#[test]
fn upsert_replaces_in_place_or_appends() {
    let mut state = Shop::default();
    step(
        &mut state,
        vec![Shop::update().items([item("a", 1), item("b", 1)])],
    );
    step(
        &mut state,
        vec![
            Shop::update().items([item("c", 1)]),
            Shop::update().items([item("a", 2)]),
        ],
    );
    assert_eq!(state.items, [item("a", 2), item("b", 1), item("c", 1)]);
}

#[test]
fn upsert_of_many_does_what_upsert_of_few_does() {
    let many: Vec<Item> = (0..40).map(|n| item(&(n % 15).to_string(), n)).collect();
    let mut at_once = Shop {
        items: vec![item("7", 0), item("x", 0), item("7", 99)],
    };
    let mut singly = at_once.clone();
    step(&mut at_once, vec![Shop::update().items(many.clone())]);
    for one in many {
        step(&mut singly, vec![Shop::update().items([one])]);
    }
    assert_eq!(at_once, singly);
}

#[test]
fn removals_go_by_the_id_whatever_it_is_called_by() {
    let mut state = Shop {
        items: vec![item("a", 1), item("b", 1), item("c", 1)],
    };
    step(
        &mut state,
        vec![
            Shop::update().remove_items("a"),
            Shop::update()
                .remove_items(Sku("b".into()))
                .remove_items("unknown"),
        ],
    );
    assert_eq!(state.items, [item("c", 1)]);
}

#[test]
fn a_removal_by_something_that_is_no_id_is_an_error() {
    let mut state = Shop::default();
    let (field, message) = overflow(&mut state, Shop::update().remove_items(3));
    assert_eq!(field, 0);
    assert!(
        message.starts_with("cannot remove 3, which is no id"),
        "{message}"
    );
}

#[test]
fn records_can_be_replaced_all_at_once() {
    let mut state = Shop {
        items: vec![item("a", 1)],
    };
    step(
        &mut state,
        vec![
            Shop::update().items([item("c", 2)]),
            Shop::update()
                .replace_items([item("b", 1), item("c", 1)])
                .remove_items("b"),
        ],
    );
    assert_eq!(state.items, [item("c", 2)]);
}

#[test]
fn skipped_ephemeral_fields_come_back_from_the_updates_alone() {
    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    struct Mixed {
        kept: u8,
        #[reduce(ephemeral)]
        #[serde(skip)]
        skipped: u8,
        #[reduce(ephemeral)]
        encoded: u8,
    }
    let update = Mixed::update().kept(1).skipped(2).encoded(3);
    let encoded = superstep::encode::to_string(&update).unwrap();
    assert_eq!(encoded, r#"{"kept":1,"skipped":2,"encoded":3}"#);

    let mut state = Mixed::default();
    state.restore_skipped(&mut [update]);
    let expected = Mixed {
        skipped: 2,
        ..Mixed::default()
    };
    assert_eq!(state, expected);
}

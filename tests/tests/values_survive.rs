//! Every value survives its encoding, whatever features other crates switch on
//! in `serde_json` (this package switches on `preserve_order` and
//! `arbitrary_precision`); what cannot survive is an error with type and path.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use superstep::encode;
use superstep::prelude::*;
use superstep_tests::{Dice, Place, stores};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Values {
    #[reduce(append)]
    doubles: Vec<f64>,
    #[reduce(append)]
    floats: Vec<f32>,
    note: Option<String>,
    flag: Option<bool>,
    #[reduce(max)]
    highest: Option<i64>,
    any: Value,
    #[reduce(merge)]
    by_name: BTreeMap<String, u128>,
    sum: i128,
    text: String,
    bytes: Vec<u8>,
}

/// What the node returns as its update.
#[derive(Clone, Debug)]
struct Given(Arc<ValuesUpdate>);

#[node]
fn give(_: &Values, given: &Given) -> ValuesUpdate {
    (*given.0).clone()
}

#[node]
fn pause(_: &Values) {}

#[graph(state = Values, start -> give -> pause -> end)]
struct Giving {
    given: Given,
}

fn engine(place: &Place, update: ValuesUpdate) -> Engine<Giving> {
    let given = Given(Arc::new(update));
    Engine::builder(Giving { given })
        .store(Arc::clone(&place.store))
        .build()
        .expect("the settings make sense")
}

/// Runs with `update`, and returns the state as another engine reads it back.
async fn through(place: &Place, id: &str, input: Values, update: ValuesUpdate) -> Values {
    let run = engine(place, update)
        .run(id, input)
        .await
        .expect("it is stored");
    let reader = engine(place, Values::update());
    let read = reader.get(id).await.expect("it is read").into_state();
    assert_eq!(read, *run.state());
    assert_eq!(reader.state_at(id, 1).await.expect("it is read"), read);
    read
}

fn doubles(dice: &Dice) -> Vec<f64> {
    let corners = [
        0.0,
        -0.0,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        0.1 + 0.2,
        1e21,
        9_007_199_254_740_993.0,
        1.797_693_134_862_315_6e308,
    ];
    let random = (0..20_000).map(|_| f64::from_bits(dice.below(u64::MAX)));
    corners
        .into_iter()
        .chain(random.filter(|double| double.is_finite()))
        .collect()
}

#[tokio::test]
async fn doubles_come_back_bit_for_bit() {
    let dice = Dice::from_env();
    for place in stores() {
        let doubles = doubles(&dice);
        let floats: Vec<f32> = (0..20_000)
            .map(|_| f32::from_bits(dice.below(1 << 32) as u32))
            .filter(|float| float.is_finite())
            .collect();
        let input = Values {
            doubles: doubles.clone(),
            ..Values::default()
        };
        let update = Values::update()
            .doubles(doubles.clone())
            .floats(floats.clone());
        let read = through(&place, "run", input, update).await;
        let bits = |doubles: &[f64]| {
            doubles
                .iter()
                .map(|double| double.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            bits(&read.doubles),
            bits(&[&doubles[..], &doubles[..]].concat())
        );
        assert!(
            read.floats
                .iter()
                .map(|float| float.to_bits())
                .eq(floats.iter().map(|float| float.to_bits()))
        );
    }
}

#[tokio::test]
async fn none_and_zero_are_values_like_any_other() {
    for place in stores() {
        let input = || Values {
            note: Some("there".into()),
            flag: Some(false),
            highest: Some(3),
            text: "text".into(),
            any: json!(7),
            ..Values::default()
        };
        let untouched = through(&place, "untouched", input(), Values::update()).await;
        assert_eq!(untouched, input());

        let cleared = Values::update()
            .note(None)
            .flag(None)
            .text("")
            .any(Value::Null);
        let read = through(&place, "cleared", input(), cleared).await;
        let expected = Values {
            highest: Some(3),
            ..Values::default()
        };
        assert_eq!(read, expected);
    }
}

#[tokio::test]
async fn integers_and_text_come_back() {
    let text: String = ('\0'..='\u{2000}')
        .chain(['\u{d7ff}', '\u{e000}', '\u{10ffff}'])
        .collect();
    for place in stores() {
        let update = Values::update()
            .sum(i128::MIN)
            .highest(Some(i64::MIN))
            .by_name([("most".to_owned(), u128::MAX), (text.clone(), 1)])
            .text(&text)
            .bytes(0..=255);
        let read = through(&place, "run", Values::default(), update).await;
        assert_eq!(read.sum, i128::MIN);
        assert_eq!(read.highest, Some(i64::MIN));
        assert_eq!(read.by_name["most"], u128::MAX);
        assert_eq!((read.by_name[&text], &read.text), (1, &text));
        assert_eq!(read.bytes.len(), 256);
    }
}

fn object(keys: &[&str]) -> Value {
    let entries = keys
        .iter()
        .map(|key| ((*key).to_owned(), json!({"b": key, "a": 1.5})));
    Value::Object(entries.collect::<Map<_, _>>())
}

#[tokio::test]
async fn the_order_of_insertion_does_not_show() {
    let dice = Dice::from_env();
    let mut keys = ["z", "a", "Z", "10", "9", "é", ""];
    for place in stores() {
        let mut first = None;
        for round in 0..20 {
            dice.shuffle(&mut keys);
            let update = || Values::update().any(object(&keys));
            let input = Values {
                any: object(&keys),
                ..Values::default()
            };
            let engine = engine(&place, update());
            let run = engine
                .run(format!("run-{round}"), input)
                .seed(1)
                .await
                .unwrap();
            assert_eq!(*first.get_or_insert(run.fingerprint()), run.fingerprint());
        }
    }
    let hash: HashMap<_, _> = keys.iter().map(|key| (*key, 1)).collect();
    let sorted: BTreeMap<_, _> = keys.iter().map(|key| (*key, 1)).collect();
    assert_eq!(
        encode::to_string(&hash).unwrap(),
        encode::to_string(&sorted).unwrap()
    );
}

/// What is stored is plain JSON, whether or not some crate of the program
/// switches on `arbitrary_precision`.
#[tokio::test]
async fn free_form_json_is_stored_as_it_would_be_without_features() {
    let any = json!({"n": 1.5, "whole": 3, "most": u64::MAX, "list": [-0.5, null, "x"]});
    assert_eq!(
        encode::to_string(&any).unwrap(),
        r#"{"list":[-0.5,null,"x"],"most":18446744073709551615,"n":1.5,"whole":3}"#
    );
    for place in stores() {
        let read = through(
            &place,
            "run",
            Values::default(),
            Values::update().any(any.clone()),
        )
        .await;
        assert_eq!(read.any, any);
    }
}

/// Nothing was written, and the run says why.
async fn refused(place: &Place, id: &str, update: ValuesUpdate, path: &str) {
    let engine = engine(place, update);
    let error = engine
        .run(id, Values::default())
        .await
        .expect_err("it is refused");
    let Error::NotRoundTrip {
        run,
        step,
        what,
        source,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((run.as_str(), *step), (id, 1));
    assert_eq!(&**what, "the update of node `give`", "{error}");
    assert!(source.ty.contains("ValuesUpdate"), "{}", source.ty);
    assert_eq!(source.path, path);
    assert!(source.reason.contains("NaN"), "{}", source.reason);
    assert!(error.to_string().contains(path), "{error}");
    let run = engine.get(id).await.expect("it works");
    assert_eq!((run.steps(), run.status()), (0, Status::Failed));
    assert_eq!(*run.state(), Values::default());
}

#[tokio::test]
async fn what_cannot_survive_is_refused_with_type_and_path() {
    for place in stores() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let id = format!("double {bad}");
            let update = Values::update().doubles([1.0, bad]);
            refused(&place, &id, update, "doubles[1]").await;
        }

        // In the input: there is no run at all.
        let giving = engine(&place, Values::update());
        let input = Values {
            floats: vec![0.0, f32::NAN],
            ..Values::default()
        };
        let error = giving.run("input", input).await.unwrap_err();
        let Error::NotRoundTrip {
            step: 0,
            what,
            source,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(&**what, "the state");
        assert_eq!(source.path, "floats[1]");
        assert!(source.ty.contains("Values"));
        let error = giving.get("input").await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(f64),
    Text(String),
    Whole(u64),
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Traps {
    nested: Option<Option<u8>>,
    pairs: HashMapOfPairs,
    loose: Option<Loose>,
}

/// A field's own type does not tell what its contents contain.
type HashMapOfPairs = BTreeMap<String, BTreeMap<String, Vec<(u8, Option<()>)>>>;

#[derive(Clone, Debug)]
struct Trap(Arc<TrapsUpdate>);

#[node]
fn spring(_: &Traps, trap: &Trap) -> TrapsUpdate {
    (*trap.0).clone()
}

#[graph(state = Traps, start -> spring -> end)]
struct Trapped {
    trap: Trap,
}

async fn sprung(update: TrapsUpdate) -> Error {
    let trap = Trap(Arc::new(update));
    let engine = Engine::builder(Trapped { trap })
        .check_round_trip(true)
        .build()
        .expect("it works");
    engine
        .run("run", Traps::default())
        .await
        .expect_err("it is refused")
}

#[tokio::test]
async fn what_would_change_silently_is_refused() {
    let deep = BTreeMap::from([("b".to_owned(), vec![(1, None), (2, Some(()))])]);
    for (update, path) in [
        (Traps::update().nested(Some(None)), "nested"),
        (
            Traps::update().pairs(BTreeMap::from([("a".to_owned(), deep)])),
            r#"pairs["a"]["b"][1][1]"#,
        ),
        (Traps::update().loose(Some(Loose::Whole(3))), "loose"),
    ] {
        let error = sprung(update).await;
        let Error::NotRoundTrip { source, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(source.path, path, "{error}");
    }
}

#[node]
fn weigh(_: &Values, weight: f64) -> ValuesUpdate {
    Values::update().doubles([weight])
}

#[derive(Route)]
enum Weigh {
    All(Vec<f64>),
}

#[node]
fn deal(_: &Values) -> Weigh {
    Weigh::All(vec![1.0, f64::NAN])
}

#[graph(
    state = Values,
    start -> deal,
    deal -> match { Weigh::All(weights) => each weigh(weights) else end },
    weigh -> end,
)]
struct Weighing;

#[tokio::test]
async fn an_input_of_a_task_that_cannot_be_stored_fails_its_run() {
    for place in stores() {
        let engine = Engine::builder(Weighing)
            .store(Arc::clone(&place.store))
            .build()
            .unwrap();
        let error = engine.run("run", Values::default()).await.unwrap_err();
        let Error::NotRoundTrip { step, what, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((*step, &**what), (1, "the input of node `weigh`"));
        let run = engine.get("run").await.unwrap();
        assert_eq!((run.steps(), run.status()), (0, Status::Failed));
    }
}

#[node]
fn take(_: &Traps, loose: Loose) -> TrapsUpdate {
    Traps::update().loose(Some(loose))
}

#[graph(state = Traps, start -> take(Loose::Whole(3)), take -> end)]
struct GivenAtStart;

#[tokio::test]
async fn an_input_that_start_gives_is_checked_like_any_other() {
    let engine = Engine::builder(GivenAtStart)
        .check_round_trip(true)
        .build()
        .unwrap();
    let error = engine.run("run", Traps::default()).await.unwrap_err();
    let Error::NotRoundTrip { step: 0, what, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(&**what, "the input of node `take`");
    let error = engine.get("run").await.unwrap_err();
    assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
}

#[derive(Debug)]
struct FailsOnce(std::sync::atomic::AtomicBool);

#[node]
fn stumble(_: &Traps, once: &FailsOnce) -> Result<(), String> {
    match once.0.swap(true, std::sync::atomic::Ordering::SeqCst) {
        false => Err("not yet".into()),
        true => Ok(()),
    }
}

#[graph(state = Traps, start -> [spring, stumble] -> end)]
struct Stumbling {
    trap: Trap,
    once: FailsOnce,
}

#[tokio::test]
async fn a_result_that_would_change_is_not_kept() {
    let trap = Trap(Arc::new(Traps::update().loose(Some(Loose::Whole(3)))));
    let once = FailsOnce(Default::default());
    let engine = Engine::builder(Stumbling { trap, once })
        .check_round_trip(true)
        .build()
        .unwrap();
    let error = engine.run("run", Traps::default()).await.unwrap_err();
    assert!(matches!(error, Error::NodeFailed { .. }), "{error}");
    let error = engine.resume("run").await.unwrap_err();
    assert!(matches!(error, Error::NotRoundTrip { .. }), "{error}");
}

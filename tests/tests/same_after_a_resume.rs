//! With the round-trip check on, whatever a node sees after a resume equals what
//! it would have seen without one: a value that would come back as another is
//! refused in the step that made it, and nodes get inputs and responses as
//! they are stored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Place, memory, stores};

/// `Big(5)` has the text of `Small(5)`, and comes back as that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Amount {
    Small(u32),
    Big(u64),
    Text(String),
}

/// A value of which only part is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Cached {
    stored: u32,
    #[serde(skip)]
    cache: u32,
}

#[derive(State, Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Purse {
    amount: Amount,
    by_name: BTreeMap<String, Cached>,
    #[reduce(append)]
    seen: Vec<String>,
}

impl Default for Purse {
    fn default() -> Self {
        Self {
            amount: Amount::Text("none".into()),
            by_name: BTreeMap::new(),
            seen: Vec::new(),
        }
    }
}

fn engine<G: Graph>(place: &Place, graph: G) -> Engine<G> {
    built(place, graph, None)
}

fn built<G: Graph>(place: &Place, graph: G, every: Option<u64>) -> Engine<G> {
    let engine = Engine::builder(graph)
        .store(Arc::clone(&place.store))
        .check_round_trip(true);
    let engine = match every {
        Some(every) => engine.snapshot_every(every),
        None => engine,
    };
    engine.build().expect("the settings make sense")
}

/// What was refused, where and in which step.
fn refused<S: fmt::Debug>(result: Result<Run<S>, Error>) -> (u64, String, String) {
    let error = result.expect_err("it is refused");
    let Error::NotRoundTrip { step, source, .. } = error else {
        panic!("{error}")
    };
    (step, source.path, source.reason)
}

#[derive(Clone)]
struct Said(fn() -> PurseUpdate);

#[node]
fn say(_: &Purse, said: &Said) -> PurseUpdate {
    (said.0)()
}

#[graph(state = Purse, start -> say -> end)]
struct Saying {
    said: Said,
}

#[tokio::test]
async fn an_update_that_would_come_back_as_another_is_refused() {
    let big = || Purse::update().amount(Amount::Big(5));
    let cached = || {
        let one = Cached {
            stored: 1,
            cache: 1,
        };
        Purse::update().by_name(BTreeMap::from([("a".to_owned(), one)]))
    };
    let nothing = Purse::update;
    for place in stores() {
        for (name, update, path) in [
            ("big", big as fn() -> PurseUpdate, "amount"),
            ("cached", cached, r#"by_name["a"].cache"#),
        ] {
            let id = |what: &str| format!("{name} as {what}");
            let said = || engine(&place, Saying { said: Said(update) });
            let (step, at, reason) = refused(said().run(id("update"), Purse::default()).await);
            assert_eq!((step, at.as_str()), (1, path), "{reason}");
            assert!(reason.contains("another value"), "{reason}");

            let quiet = || {
                engine(
                    &place,
                    Saying {
                        said: Said(nothing),
                    },
                )
            };
            quiet().run(id("turn"), Purse::default()).await.unwrap();
            let (step, at, _) = refused(quiet().turn(id("turn"), update()).await);
            assert_eq!((step, at.as_str()), (2, path));
            let (step, at, _) = refused(quiet().update(&id("turn"), update()).await);
            assert_eq!((step, at.as_str()), (2, path));

            let mut input = Purse::default();
            superstep::State::apply(&mut input, &mut [update()]).unwrap();
            let (step, at, _) = refused(quiet().run(id("input"), input.clone()).await);
            assert_eq!((step, at.as_str()), (0, path));
            let edit = |state: &mut Purse| *state = input;
            let (step, at, _) = refused(quiet().fork(&id("turn"), 0, &id("fork"), edit).await);
            assert_eq!((step, at.as_str()), (1, path));
        }
    }
}

/// What a task gets as its input and from its effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parcel {
    amount: Amount,
    cached: Cached,
}

fn parcel() -> Parcel {
    Parcel {
        amount: Amount::Big(5),
        cached: Cached {
            stored: 1,
            cache: 1,
        },
    }
}

#[derive(Route)]
enum Send {
    All(Vec<Parcel>),
}

#[node]
fn send(_: &Purse) -> Send {
    Send::All(vec![parcel(), parcel()])
}

struct Broken(AtomicBool);

#[node]
fn fail(_: &Purse, broken: &Broken, parcel: Parcel) -> Result<PurseUpdate, NodeError> {
    match broken.0.load(SeqCst) {
        true => Err(NodeError::permanent("not yet")),
        false => Ok(Purse::update().seen([format!("{parcel:?}")])),
    }
}

#[node]
async fn fetch(_: &Purse, parcel: Parcel, cx: &Cx) -> Result<PurseUpdate, NodeError> {
    let fetch = cx.effect("fetch", &parcel.cached.stored);
    let fetched = fetch
        .run(|| async { superstep::ok(crate::parcel()) })
        .await?;
    Ok(Purse::update().seen([format!("{parcel:?} and {fetched:?}")]))
}

#[graph(
    state = Purse,
    start -> [fail(parcel()), send],
    send -> match { Send::All(parcels) => each fetch(parcels) else end },
    fail -> end,
    fetch -> end,
)]
struct Sending {
    broken: Broken,
}

#[tokio::test]
async fn inputs_and_responses_are_given_as_they_are_stored() {
    for place in stores() {
        let sending = |broken: bool| {
            let broken = Broken(AtomicBool::new(broken));
            engine(&place, Sending { broken })
        };
        let straight = sending(false)
            .run("straight", Purse::default())
            .await
            .unwrap();
        let error = sending(true)
            .run("stopped", Purse::default())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NodeFailed { .. }), "{error}");
        let stopped = sending(false).resume("stopped").await.unwrap();
        assert_eq!(stopped.state().seen, straight.state().seen);
        assert_eq!(straight.state().seen.len(), 3);
        for seen in &straight.state().seen {
            assert!(seen.contains("Small(5)") && !seen.contains("Big"), "{seen}");
        }
        for id in ["straight", "stopped"] {
            sending(false).replay(id).await.unwrap();
        }
    }
}

/// Ten entries whose order differs in every process, and in every copy.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct OneLine(HashMap<String, u8>);

impl fmt::Debug for OneLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneLine({:?})", self.0)
    }
}

/// Maps without an order inside other values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Jumble {
    map: HashMap<String, Vec<HashMap<u32, Option<String>>>>,
    line: OneLine,
}

fn jumble(round: u32) -> Jumble {
    let text = |key| (key % 2 == 0).then(|| format!("{key}, {{("));
    let inner = |keys| (0..keys).map(|key| (key * round, text(key))).collect();
    let keys = || (0..10).map(|key| format!("key {key}"));
    let ten = ("ten".to_owned(), vec![inner(10), inner(2)]);
    Jumble {
        map: keys().map(|key| (key, Vec::new())).chain([ten]).collect(),
        line: OneLine(keys().zip(0..).collect()),
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Attic {
    jumble: Jumble,
    #[reduce(append)]
    all: Vec<Jumble>,
    #[reduce(with = absorb)]
    mixed: Jumble,
}

fn absorb(so_far: &mut Jumble, more: Jumble) {
    so_far.map.extend(more.map);
    so_far.line.0.extend(more.line.0);
}

#[node]
fn stow(state: &Attic) -> AtticUpdate {
    let round = state.all.len() as u32 + 1;
    Attic::update()
        .jumble(jumble(round))
        .all([jumble(round)])
        .mixed(jumble(round))
}

#[node]
fn take(state: &Attic, jumble: Jumble) -> AtticUpdate {
    assert_eq!(jumble, state.jumble);
    Attic::update().mixed(jumble)
}

#[derive(Route)]
enum Hand {
    Over(Jumble),
}

#[node]
fn hand(state: &Attic) -> Hand {
    Hand::Over(state.jumble.clone())
}

#[graph(state = Attic, start -> stow -> hand, hand -> match { Hand::Over(jumble) => take(jumble) }, take -> end)]
struct Stowing;

#[tokio::test]
async fn the_order_of_a_nested_map_is_no_difference() {
    let place = memory();
    let engine = built(&place, Stowing, Some(1));
    let input = Attic {
        jumble: jumble(3),
        ..Attic::default()
    };
    for run in 0..1_000 {
        let run = engine
            .run(format!("run {run}"), input.clone())
            .await
            .unwrap();
        assert_eq!(run.state().all, [jumble(1)]);
    }
    let other = built(&place, Stowing, Some(1));
    assert_eq!(other.get("run 0").await.unwrap().state().mixed, jumble(1));
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Desk {
    #[reduce(ephemeral)]
    #[serde(skip)]
    hint: String,
    #[reduce(ephemeral)]
    kept: u32,
    #[reduce(append)]
    seen: Vec<String>,
}

#[node]
fn first(_: &Desk) -> DeskUpdate {
    Desk::update().hint("from first").kept(1)
}

#[node]
fn second(state: &Desk) -> DeskUpdate {
    Desk::update()
        .seen([format!("{}/{}", state.hint, state.kept)])
        .hint("from second")
}

#[graph(state = Desk, start -> first -> second -> end)]
struct Desks;

#[tokio::test]
async fn a_skipped_ephemeral_field_is_no_difference() {
    for place in stores() {
        let engine = built(&place, Desks, Some(1));
        let input = Desk {
            hint: "given".into(),
            kept: 7,
            ..Desk::default()
        };
        let run = engine.run("run", input).await.unwrap();
        assert_eq!(run.state().seen, ["from first/1"]);
        assert_eq!(run.state().hint, "from second");
        engine.snapshot("run").await.unwrap();
        let turn = engine
            .turn("run", Desk::update().hint("of the turn"))
            .await
            .unwrap();
        assert_eq!(turn.state().seen.len(), 2);
        let other = built(&place, Desks, Some(1));
        assert_eq!(other.get("run").await.unwrap().state(), turn.state());
    }
}

/// What the user's functions make of values that can all be stored.
#[derive(State, Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Made {
    #[reduce(with = divide)]
    ratio: f64,
    #[reduce(merge)]
    spread: Spread,
    #[reduce(with = widen)]
    amount: Amount,
    #[reduce(append)]
    #[serde(with = "short")]
    list: Vec<u32>,
    rounds: u32,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            ratio: 0.0,
            spread: Spread::default(),
            amount: Amount::Small(1),
            list: Vec::new(),
            rounds: 0,
        }
    }
}

fn divide(so_far: &mut f64, by: f64) {
    *so_far /= by;
}

fn widen(so_far: &mut Amount, by: Amount) {
    if let (Amount::Small(one), Amount::Small(other)) = (&so_far, by) {
        *so_far = Amount::Big(u64::from(one + other));
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Spread {
    factor: f64,
}

impl Merge for Spread {
    fn merge(&mut self, other: Self) {
        self.factor = (self.factor * other.factor).sqrt();
    }
}

/// Serde code that keeps no more than two.
mod short {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(list: &[u32], to: S) -> Result<S::Ok, S::Error> {
        list[..list.len().min(2)].serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
        Vec::deserialize(from)
    }
}

#[derive(Clone)]
struct Making(fn() -> MadeUpdate);

/// Says it in the third round.
#[node]
fn make(state: &Made, making: &Making) -> MadeUpdate {
    let said = match state.rounds {
        2 => (making.0)(),
        _ => Made::update(),
    };
    said.rounds(state.rounds + 1)
}

#[node]
fn more(state: &Made) -> bool {
    state.rounds < 40
}

#[graph(state = Made, start -> make -> more, more -> match { true => make, false => end })]
struct Maker {
    making: Making,
}

#[tokio::test]
async fn what_a_reducer_made_is_looked_at_in_its_step_whenever_a_snapshot_is_due() {
    type Says = fn() -> MadeUpdate;
    let said: [(&str, Says); 4] = [
        ("ratio", || Made::update().ratio(0.0)),
        ("spread.factor", || {
            Made::update().replace_spread(Spread { factor: -1.0 })
        }),
        ("amount", || Made::update().amount(Amount::Small(1))),
        ("list", || Made::update().list([1, 2]).list([3])),
    ];
    for place in stores() {
        for (path, update) in said {
            let mut outcomes = HashSet::new();
            for every in [None, Some(1), Some(7)] {
                let engine = built(
                    &place,
                    Maker {
                        making: Making(update),
                    },
                    every,
                );
                let id = format!("{path} {every:?}");
                let update = || match path {
                    "spread.factor" => Made::update().spread(Spread { factor: 1.0 }),
                    _ => Made::update(),
                };
                let result = match engine.run(&*id, Made::default()).await {
                    // It can be stored; what it is merged with next cannot.
                    Ok(_) => engine.turn(&*id, update()).await,
                    refused => refused,
                };
                outcomes.insert(refused(result));
                engine.get(&id).await.expect("it loads");
            }
            let [(_, at, _)] = &Vec::from_iter(outcomes.clone())[..] else {
                panic!("{outcomes:?}")
            };
            assert_eq!(at, path, "{outcomes:?}");
        }
    }
}

#[node]
fn append_one(state: &Made) -> MadeUpdate {
    Made::update().list([state.rounds]).rounds(state.rounds + 1)
}

#[node]
fn again(state: &Made) -> bool {
    state.rounds < 5
}

#[graph(state = Made, start -> append_one -> again, again -> match { true => append_one, false => end })]
struct Appending;

#[tokio::test]
async fn a_whole_that_serde_code_cuts_short_is_found_when_it_grows_too_long() {
    for place in stores() {
        for every in [None, Some(1), Some(3)] {
            let engine = built(&place, Appending, every);
            let (step, path, _) = refused(engine.run(format!("{every:?}"), Made::default()).await);
            assert_eq!((step, path.as_str()), (5, "list"));
        }
    }
}

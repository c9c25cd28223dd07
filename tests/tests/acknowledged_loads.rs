//! Whatever is acknowledged can be loaded, with the round-trip check on and off,
//! however deep a value is nested and wherever it is kept; what cannot be
//! loaded is refused before anything is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::StepKind;
use superstep::{Graph, Outcome};
use superstep_tests::{Place, stores};

/// Two levels of text for each branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
enum Tree {
    #[default]
    Leaf,
    Branch {
        of: Box<Tree>,
    },
}

/// A list in a list in a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Lists(Vec<Lists>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Deep {
    lists: Option<Lists>,
    tree: Option<Tree>,
}

/// A value whose text has `levels` levels: lists in lists.
fn lists(levels: usize) -> Deep {
    let lists = (1..levels - 1).fold(Lists::default(), |inner, _| Lists(vec![inner]));
    Deep {
        lists: Some(lists),
        tree: None,
    }
}

/// The same with variants: two levels at a time.
fn branches(levels: usize) -> Deep {
    let of = |tree| Tree::Branch { of: Box::new(tree) };
    let tree = (0..levels / 2).fold(Tree::Leaf, |inner, _| of(inner));
    Deep {
        lists: None,
        tree: Some(tree),
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Den {
    deep: Deep,
    #[reduce(sum)]
    rounds: u64,
}

/// Where the value comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Input,
    Update,
    TaskInput,
    Response,
    Answer,
    Kept,
    KeptInput,
    Turn,
    Correction,
    Fork,
    Snapshot,
}

const WAYS: [Way; 11] = [
    Way::Input,
    Way::Update,
    Way::TaskInput,
    Way::Response,
    Way::Answer,
    Way::Kept,
    Way::KeptInput,
    Way::Turn,
    Way::Correction,
    Way::Fork,
    Way::Snapshot,
];

struct Given {
    way: Way,
    deep: Deep,
    mended: AtomicBool,
}

#[derive(Route)]
enum Next {
    Take(Deep),
    On,
}

#[node]
async fn give(_: &Den, given: &Given, cx: &Cx) -> Result<(DenUpdate, Next), NodeError> {
    let deep = given.deep.clone();
    let update = Den::update().rounds(1);
    Ok(match given.way {
        Way::Update | Way::Kept | Way::Snapshot => (update.deep(deep), Next::On),
        Way::TaskInput | Way::KeptInput => (update, Next::Take(deep)),
        Way::Response => {
            let response = cx.effect("ask", &()).run(|| async { superstep::ok(deep) });
            (update.deep(response.await?), Next::On)
        }
        Way::Answer => {
            let call = cx.effect("pay", &()).at_most_once();
            let unclear = || async { Err::<Deep, _>(NodeError::transient("unclear")) };
            (update.deep(call.run(unclear).await?), Next::On)
        }
        _ => (update, Next::On),
    })
}

#[node]
fn stumble(_: &Den, given: &Given) -> Result<(), NodeError> {
    let kept = matches!(given.way, Way::Kept | Way::KeptInput);
    match kept && !given.mended.load(SeqCst) {
        true => Err(NodeError::permanent("not yet")),
        false => Ok(()),
    }
}

#[node]
fn take(_: &Den, deep: Deep) -> DenUpdate {
    Den::update().rounds(1).deep(deep)
}

#[node]
fn rest(_: &Den) -> DenUpdate {
    Den::update().rounds(1)
}

#[graph(
    state = Den,
    start -> [give, stumble],
    give -> match { Next::Take(deep) => take(deep), Next::On => rest },
    take -> rest,
    rest -> end,
    stumble -> end,
)]
struct Keeping {
    given: Given,
}

/// One value on one path through one store.
struct Trial<'a> {
    place: &'a Place,
    check: bool,
    way: Way,
    deep: Deep,
    id: String,
}

impl Trial<'_> {
    fn engine(&self, mended: bool) -> Engine<Keeping> {
        let given = Given {
            way: self.way,
            deep: self.deep.clone(),
            mended: AtomicBool::new(mended),
        };
        let engine = Engine::builder(Keeping { given })
            .store(Arc::clone(&self.place.store))
            .check_round_trip(self.check);
        let engine = match self.way {
            Way::Snapshot => engine.snapshot_every(1),
            _ => engine,
        };
        engine.build().expect("the settings make sense")
    }

    fn shown(&self) -> String {
        let Self {
            place,
            check,
            way,
            id,
            ..
        } = self;
        format!("{way:?} of {id} in {place:?}, check {check}")
    }

    /// What is stored can be read by another engine.
    async fn loads(&self, id: &str) -> Option<Run<Den>> {
        let other = self.engine(true);
        let run = match other.get(id).await {
            Err(Error::RunNotFound { .. }) => return None,
            run => run.unwrap_or_else(|error| panic!("{}: {error}", self.shown())),
        };
        for step in 0..=run.steps() {
            let at = other.state_at(id, step).await;
            at.unwrap_or_else(|error| panic!("{}: {error}", self.shown()));
        }
        let history = other.history(id).await;
        let history = history.unwrap_or_else(|error| panic!("{}: {error}", self.shown()));
        assert!(history.iter().any(|step| step.kind == StepKind::Input));
        Some(run)
    }

    /// Whether the value is taken; an error must be one that says why.
    async fn is_taken(&self) -> bool {
        let result = self.go().await;
        let refused = match &result {
            Ok(_) => false,
            Err(Error::NotRoundTrip { source, .. }) => {
                assert!(
                    source.reason.contains("levels"),
                    "{}: {source}",
                    self.shown()
                );
                true
            }
            Err(error) => panic!("{}: {error}", self.shown()),
        };
        let id = result.as_ref().map_or(self.id.as_str(), Run::id);
        let loaded = self.loads(id).await;
        if let (Ok(run), Some(loaded)) = (&result, &loaded) {
            assert!(run.state() == loaded.state(), "{}", self.shown());
            assert!(run.state().deep == self.deep, "{}", self.shown());
        }
        !refused
    }

    async fn go(&self) -> Result<Run<Den>, Error> {
        let engine = self.engine(false);
        let id = self.id.as_str();
        let deep = || Den::update().deep(self.deep.clone());
        let input = match self.way {
            Way::Input => Den {
                deep: self.deep.clone(),
                rounds: 0,
            },
            _ => Den::default(),
        };
        match (self.way, engine.run(id, input).await) {
            (Way::Turn, run) => {
                run?;
                engine.turn(id, deep()).await
            }
            (Way::Correction, run) => {
                run?;
                engine.update(id, deep()).await
            }
            (Way::Fork, run) => {
                run?;
                let fork = format!("{id}, forked");
                let edit = |state: &mut Den| state.deep = self.deep.clone();
                let forked = engine.fork(id, 0, &fork, edit).await?;
                self.loads(&fork).await.expect("it is there");
                Ok(forked)
            }
            (Way::Kept | Way::KeptInput, Err(Error::NodeFailed { .. })) => {
                self.loads(id).await.expect("it is there");
                self.engine(true).resume(id).await
            }
            (Way::Answer, Ok(run)) => {
                let question = run.interrupts()[0].id.to_owned();
                let outcome = Outcome::Happened(self.deep.clone());
                engine.answer(id, &question, outcome).await?;
                self.loads(id).await.expect("it is there");
                self.engine(true).resume(id).await
            }
            (_, run) => run,
        }
    }
}

#[tokio::test]
async fn whatever_is_acknowledged_loads_however_deep_it_is() {
    for place in stores() {
        for (shape, value) in [
            ("lists", lists as fn(usize) -> Deep),
            ("branches", branches),
        ] {
            for way in WAYS {
                for check in [true, false] {
                    let mut taken = Vec::new();
                    // With the check on, the `Debug` output is compared too:
                    // that costs the cube of the depth.
                    let depths = match check {
                        true => &[118, 125, 126, 200][..],
                        false => &[118, 123, 124, 125, 126, 127, 128, 129, 200],
                    };
                    for &levels in depths {
                        let trial = Trial {
                            place: &place,
                            check,
                            way,
                            deep: value(levels),
                            id: format!("{way:?} {check} {shape} {levels}"),
                        };
                        taken.push((levels, trial.is_taken().await));
                    }
                    // What is shallow is accepted, and nothing that is too deep.
                    assert_eq!(taken[0], (118, true), "{way:?} {shape} {check}");
                    assert_eq!(taken.last(), Some(&(200, false)), "{way:?} {shape} {check}");
                    assert!(taken.is_sorted_by(|one, next| one.1 >= next.1), "{taken:?}");
                }
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Key {
    Unknown,
    Hash { value: u128 },
}

/// A wide integer where serde cannot read it back, and where it can.
#[derive(State, Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Keys {
    key: Key,
    plain: u128,
    signed: i128,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            key: Key::Unknown,
            plain: 0,
            signed: 0,
        }
    }
}

#[derive(Clone)]
struct Written(Arc<dyn Fn() -> KeysUpdate + Send + Sync>);

#[node]
fn write(_: &Keys, written: &Written) -> KeysUpdate {
    (written.0)()
}

#[derive(Route)]
enum Deal {
    One(Key),
}

#[node]
fn deal(state: &Keys, written: &Written) -> Deal {
    let mut state = state.clone();
    superstep::State::apply(&mut state, &mut [(written.0)()]).expect("it replaces");
    Deal::One(state.key)
}

#[node]
fn get_key(_: &Keys, _key: Key) {}

#[graph(state = Keys, start -> write -> end)]
struct Writing {
    written: Written,
}

#[graph(state = Keys, start -> deal, deal -> match { Deal::One(key) => get_key(key) }, get_key -> end)]
struct Dealing {
    written: Written,
}

fn keys_engine<G: Graph<State = Keys>>(place: &Place, graph: G, check: bool) -> Engine<G> {
    let engine = Engine::builder(graph).store(Arc::clone(&place.store));
    engine.check_round_trip(check).build().expect("it works")
}

fn hash(value: u128) -> Written {
    Written(Arc::new(move || Keys::update().key(Key::Hash { value })))
}

#[tokio::test]
async fn a_wide_integer_that_would_not_load_is_refused_without_the_check_too() {
    let too_wide = u128::from(u64::MAX) + 1;
    for place in stores() {
        for check in [true, false] {
            for value in [7, u64::MAX.into(), too_wide, u128::MAX] {
                let id = |what: &str| format!("{what} {value} {check}");
                let refused = |result: Result<Run<Keys>, Error>| {
                    let error = result.expect_err("serde cannot read it back");
                    assert!(matches!(error, Error::NotRoundTrip { .. }), "{error}");
                };
                let writing = || {
                    keys_engine(
                        &place,
                        Writing {
                            written: hash(value),
                        },
                        check,
                    )
                };
                let dealing = || {
                    keys_engine(
                        &place,
                        Dealing {
                            written: hash(value),
                        },
                        check,
                    )
                };
                refused(writing().run(id("update"), Keys::default()).await);
                writing().get(&id("update")).await.expect("it loads");
                refused(dealing().run(id("input of a task"), Keys::default()).await);
                dealing()
                    .get(&id("input of a task"))
                    .await
                    .expect("it loads");

                let key = Key::Hash { value };
                let input = Keys {
                    key,
                    ..Keys::default()
                };
                let plain = || Written(Arc::new(Keys::update));
                let engine = || keys_engine(&place, Writing { written: plain() }, check);
                refused(engine().run(id("input"), input.clone()).await);
                let error = engine().get(&id("input")).await.unwrap_err();
                assert!(matches!(error, Error::RunNotFound { .. }), "{error}");

                engine()
                    .run(id("turn"), Keys::default())
                    .await
                    .expect("it works");
                let update = Keys::update().key(input.key.clone());
                refused(engine().turn(id("turn"), update.clone()).await);
                engine().get(&id("turn")).await.expect("it loads");
                refused(engine().update(&id("turn"), update).await);
                engine().get(&id("turn")).await.expect("it loads");
                let edit = |state: &mut Keys| state.key = input.key.clone();
                refused(engine().fork(&id("turn"), 0, &id("fork"), edit).await);
            }
        }
    }
}

#[tokio::test]
async fn plain_wide_integers_come_back_with_and_without_the_check() {
    for place in stores() {
        for check in [true, false] {
            let id = format!("{check}");
            let written = Written(Arc::new(|| {
                Keys::update().plain(u128::MAX).signed(i128::MIN)
            }));
            let engine = || {
                keys_engine(
                    &place,
                    Writing {
                        written: written.clone(),
                    },
                    check,
                )
            };
            let run = engine().run(&*id, Keys::default()).await.expect("it works");
            let read = engine().get(&id).await.expect("it loads");
            assert_eq!(
                (read.state().plain, read.state().signed),
                (u128::MAX, i128::MIN)
            );
            assert_eq!(read.state(), run.state());
        }
    }
}

//! A failed task does not undo its siblings: their results are kept, and they
//! do not run again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Dice, Journal, Place, stores, trace};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Batch {
    #[reduce(append)]
    done: Vec<String>,
    note: String,
}

/// Which items fail, and how.
#[derive(Clone, Debug, Default)]
struct World {
    failing: Arc<Mutex<BTreeSet<u32>>>,
    panicking: Arc<Mutex<BTreeSet<u32>>>,
    journal: Journal,
    dice: Option<Dice>,
}

impl World {
    fn failing(items: &[u32]) -> Self {
        let world = Self::default();
        world.fail(items);
        world
    }

    fn fail(&self, items: &[u32]) {
        *self.failing.lock().expect("nobody panics with it") = items.iter().copied().collect();
    }

    fn fails(&self, item: u32) -> bool {
        self.failing
            .lock()
            .expect("nobody panics with it")
            .contains(&item)
    }

    fn panics(&self, item: u32) -> bool {
        self.panicking
            .lock()
            .expect("nobody panics with it")
            .contains(&item)
    }
}

#[derive(Route)]
enum Then {
    Follow(Vec<String>),
    Stop,
}

#[node]
async fn work(_: &Batch, item: u32, world: &World) -> Result<(BatchUpdate, Then), NodeError> {
    world.journal.note(item);
    if let Some(dice) = &world.dice {
        dice.dawdle().await;
    }
    assert!(!world.panics(item), "item {item} is a bug");
    if world.fails(item) {
        return Err(NodeError::permanent(format!("item {item} fails")));
    }
    let then = if item.is_multiple_of(2) {
        Then::Follow(vec![format!("{item}a"), format!("{item}b")])
    } else {
        Then::Stop
    };
    Ok((Batch::update().done([item.to_string()]), then))
}

#[node]
fn follow(state: &Batch, name: String, world: &World) -> BatchUpdate {
    world.journal.note(&name);
    Batch::update().done([format!("{name}{}", state.note)])
}

#[node]
fn meet(_: &Batch) -> BatchUpdate {
    Batch::update().done(["met".to_owned()])
}

#[graph(
    state = Batch,
    start -> each work(0..6) else end,
    work -> match {
        Then::Follow(names) => [each follow(names) else end, defer meet],
        Then::Stop => end,
    },
    follow -> end,
    meet -> end,
)]
struct Batches {
    world: World,
}

fn engine(place: &Place, world: &World, concurrency: usize) -> Engine<Batches> {
    let world = world.clone();
    Engine::builder(Batches { world })
        .store(Arc::clone(&place.store))
        .max_concurrency(concurrency)
        .build()
        .expect("the settings make sense")
}

fn failed_node(error: &Error) -> String {
    match error {
        Error::NodeFailed { node, source, .. } => format!("{node}: {source}"),
        Error::NodePanicked { node, message, .. } => format!("{node}: {message}"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn siblings_run_to_their_end_and_only_what_failed_runs_again() {
    let alone = World::failing(&[]);
    for place in stores() {
        engine(&place, &alone, 8)
            .run("alone", Batch::default())
            .seed(1)
            .await
            .unwrap();
        let expected = trace(&engine(&place, &alone, 8), "alone").await.unwrap();
        for (concurrency, other_engine) in [(1, false), (8, false), (1, true), (8, true)] {
            let world = World::failing(&[1, 4]);
            let mut engine = engine(&place, &world, concurrency);
            let id = format!("run-{concurrency}-{other_engine}");
            let error = engine.run(&id, Batch::default()).seed(1).await.unwrap_err();
            assert_eq!(
                failed_node(&error),
                "work: item 1 fails",
                "the first in frontier order"
            );
            let mut ran = world.journal.take();
            ran.sort();
            assert_eq!(ran, ["0", "1", "2", "3", "4", "5"]);

            // Nothing of the step shows yet.
            let run = engine.get(&id).await.unwrap();
            assert_eq!((run.steps(), run.status()), (0, Status::Failed));
            assert!(run.state().done.is_empty());

            let renew = || self::engine(&place, &world, concurrency);
            if other_engine {
                engine = renew();
            }
            world.fail(&[4]);
            let error = engine.resume(&id).await.unwrap_err();
            assert_eq!(failed_node(&error), "work: item 4 fails");
            let mut ran = world.journal.take();
            ran.sort();
            assert_eq!(ran, ["1", "4"]);

            if other_engine {
                engine = renew();
            }
            world.fail(&[]);
            engine.resume(&id).await.unwrap();
            let mut ran = world.journal.take();
            ran.sort();
            assert_eq!(ran, ["0a", "0b", "2a", "2b", "4", "4a", "4b"]);
            assert_eq!(trace(&engine, &id).await.unwrap(), expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_does_not_undo_its_siblings_either() {
    for place in stores() {
        for round in 0..20 {
            let world = World {
                dice: Some(Dice::from_env()),
                ..World::default()
            };
            world.panicking.lock().unwrap().insert(3);
            let engine = engine(&place, &world, [1, 3, 8][round % 3]);
            let id = format!("run-{round}");
            let error = engine.run(&id, Batch::default()).await.unwrap_err();
            assert_eq!(failed_node(&error), "work: item 3 is a bug");
            world.journal.take();
            world.panicking.lock().unwrap().clear();
            let run = engine.resume(&id).await.unwrap();
            let again: Vec<String> = world.journal.take();
            assert_eq!(
                again
                    .iter()
                    .filter(|item| item.parse::<u32>().is_ok())
                    .count(),
                1
            );
            assert_eq!(run.state().done[..6], ["0", "1", "2", "3", "4", "5"]);
        }
    }
}

/// A correction between two attempts is seen by what runs from now on, and
/// leaves the kept results kept.
#[tokio::test]
async fn an_update_in_between_leaves_the_kept_results_kept() {
    for place in stores() {
        let world = World::failing(&[5]);
        let engine = engine(&place, &world, 8);
        engine.run("run", Batch::default()).await.unwrap_err();
        world.journal.take();
        let run = engine
            .update("run", Batch::update().note("!"))
            .await
            .unwrap();
        assert_eq!((run.steps(), run.state().note.as_str()), (1, "!"));

        world.fail(&[]);
        let run = engine.resume("run").await.unwrap();
        let mut ran = world.journal.take();
        ran.sort();
        assert_eq!(ran, ["0a", "0b", "2a", "2b", "4a", "4b", "5"]);
        let followed = ["0a!", "0b!", "2a!", "2b!", "4a!", "4b!", "met"];
        assert_eq!(run.state().done[6..], followed);
    }
}

/// What a replay has to know: the step whose state a kept result saw, however
/// often the step was left open since.
#[tokio::test]
async fn a_kept_result_remembers_which_state_it_saw() {
    for place in stores() {
        let world = World::failing(&[5]);
        let engine = engine(&place, &world, 8);
        engine.run("run", Batch::default()).await.unwrap_err();
        let update = Batch::update().note("!");
        engine.update("run", update).await.unwrap();
        engine.resume("run").await.unwrap_err();

        let loaded = place.store.load("run").await.unwrap().unwrap();
        let saw: Vec<u64> = loaded.pending.iter().map(|kept| kept.saw).collect();
        assert_eq!((loaded.head.step, saw), (1, vec![0; 5]));
    }
}

//! Reading an open run, or correcting it, leaves its tasks as they were:
//! the same order keys, the same kept results.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Place, stores};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Batch {
    #[reduce(append)]
    done: Vec<u32>,
    note: String,
}

#[derive(Clone, Debug, Default)]
struct World {
    mended: Arc<AtomicBool>,
    keys: Arc<Mutex<Vec<(u32, String)>>>,
}

#[node]
async fn work(_: &Batch, item: u32, world: &World, cx: &Cx) -> Result<BatchUpdate, NodeError> {
    let key = cx.order_key().to_string();
    world
        .keys
        .lock()
        .expect("nobody panics with it")
        .push((item, key));
    if item == 2 && !world.mended.load(Ordering::SeqCst) {
        return Err(NodeError::permanent("not yet"));
    }
    Ok(Batch::update().done([item]))
}

#[graph(state = Batch, start -> each work(0..4) else end, work -> end)]
struct Batches {
    world: World,
}

fn engine(place: &Place, world: &World) -> Engine<Batches> {
    let world = world.clone();
    Engine::builder(Batches { world })
        .store(Arc::clone(&place.store))
        .build()
        .expect("the settings make sense")
}

#[tokio::test]
async fn looks_and_corrections_leave_the_open_tasks_alone() {
    for looks in ["", "g", "u", "gg", "gu", "uu", "ugu", "gugu"] {
        for place in stores() {
            let world = World::default();
            let engine = engine(&place, &world);
            engine.run("run", Batch::default()).await.unwrap_err();
            for look in looks.chars() {
                match look {
                    'g' => drop(engine.get("run").await.unwrap()),
                    _ => drop(
                        engine
                            .update("run", Batch::update().note("seen"))
                            .await
                            .unwrap(),
                    ),
                }
            }
            world.mended.store(true, Ordering::SeqCst);
            let run = engine.resume("run").await.unwrap();
            assert_eq!(run.state().done, [0, 1, 2, 3], "{looks}");
            let ran = world.keys.lock().unwrap().clone();
            let items: Vec<_> = ran.iter().map(|(item, _)| *item).collect();
            assert_eq!(
                items,
                [0, 1, 2, 3, 2],
                "{place:?} {looks}: kept results ran again"
            );
            let keys: BTreeSet<_> = ran.iter().map(|(_, key)| key).collect();
            assert_eq!(keys.len(), 4, "{place:?} {looks}: order keys changed");
        }
    }
}

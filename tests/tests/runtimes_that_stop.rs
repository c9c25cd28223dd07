//! One engine, two runtimes: the runtime of whoever drives is shut down while
//! somebody in another one waits for the run. The waiter continues from the last
//! commit; it is not the node's failure.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Place, stores};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    tasks: u32,
    #[reduce(sum)]
    n: u64,
}

/// What the nodes tell the test.
#[derive(Clone, Debug)]
struct World {
    stops: Arc<AtomicBool>,
    /// Open once a node waits.
    waits: Arc<Semaphore>,
}

impl World {
    fn new() -> Self {
        Self {
            stops: Arc::default(),
            waits: Arc::new(Semaphore::new(0)),
        }
    }

    async fn somebody_waits(&self) {
        drop(self.waits.acquire().await);
    }
}

#[derive(Route)]
enum Naps {
    Each(Vec<u32>),
}

#[node]
fn share(count: &Count) -> Naps {
    Naps::Each((0..count.tasks).collect())
}

/// Until the first runtime stops it waits for ever, by a timer of that one.
#[node]
async fn nap(_: &Count, item: u32, world: &World, cx: &Cx) -> Result<CountUpdate, NodeError> {
    let seen = cx
        .effect("look", &item)
        .run(|| async { superstep::ok(1_u64) })
        .await?;
    if !world.stops.load(Ordering::SeqCst) {
        world.waits.add_permits(1);
        let year = Duration::from_secs(365 * 24 * 3_600);
        cx.untracked(|| tokio::time::sleep(year)).await;
    }
    Ok(Count::update().n(seen))
}

#[graph(
    state = Count,
    start -> share,
    share -> match { Naps::Each(items) => each nap(items) else end },
    nap -> end,
)]
#[derive(Clone, Debug)]
struct Sleepers {
    world: World,
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().expect("a runtime")
}

fn engine(place: &Place, world: &World) -> Engine<Sleepers> {
    let world = world.clone();
    Engine::builder(Sleepers { world })
        .store(Arc::clone(&place.store))
        .build()
        .unwrap()
}

#[test]
fn whoever_waits_elsewhere_goes_on() {
    for place in stores() {
        for (case, tasks) in [1, 4].into_iter().cycle().take(10).enumerate() {
            let world = World::new();
            let engine = engine(&place, &world);
            let run = format!("run {case}");
            let input = move || Count { tasks, n: 0 };
            let first = runtime(2);
            first.spawn(engine.run(run.as_str(), input()).into_future());
            let waiter = std::thread::spawn({
                let (engine, run, world) = (engine.clone(), run.clone(), world.clone());
                move || {
                    runtime(0).block_on(async {
                        world.somebody_waits().await;
                        engine.run(run, input()).await
                    })
                }
            });
            first.block_on(world.somebody_waits());
            world.stops.store(true, Ordering::SeqCst);
            first.shutdown_background();
            let ended = waiter.join().expect("the waiter does not panic");
            let ended = ended.unwrap_or_else(|error| panic!("{place:?}, {tasks} tasks: {error}"));
            assert_eq!(ended.state().n, u64::from(tasks), "{place:?}");
        }
    }
}

//! With `FULL`, an effect whose result a node has seen is not called again after
//! a power loss, and the run ends as if nothing had happened.
//!
//! `SUPERSTEP_CUTS` sets how many power losses there are (100 by default),
//! `SUPERSTEP_SEED` where, and what is lost.
#![cfg(all(unix, feature = "sqlite"))]

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Dice, Journal, scale, sqlite_at, trace};
use superstep_vfs::{Disk, Loss};

const RUN: &str = "caller";

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Calls {
    round: u64,
    #[reduce(sum)]
    total: u64,
}

#[derive(Route)]
enum Next {
    Call(Vec<u64>),
    Stop,
}

/// What the nodes call, and who sees it.
#[derive(Clone, Default)]
struct World {
    calls: Journal,
    disk: Option<Arc<Disk>>,
    /// How long the log was when a node saw the result of a call.
    seen: Arc<Mutex<Vec<(usize, String)>>>,
}

#[node]
fn begin(state: &Calls) -> (CallsUpdate, Next) {
    let first = 3 * state.round;
    let next = match state.round {
        0..4 => Next::Call((first..first + 3).collect()),
        _ => Next::Stop,
    };
    (Calls::update().round(state.round + 1), next)
}

#[node]
async fn call(_: &Calls, number: u64, world: &World, cx: &Cx) -> Result<CallsUpdate, NodeError> {
    let mut total = 0;
    for name in ["ask", "tell"] {
        let what = format!("{name} {number}");
        let answer = async || {
            world.calls.note(&what);
            superstep::ok(number)
        };
        total += cx.effect(name, &number).run(answer).await?;
        if let Some(disk) = &world.disk {
            let now = disk.position();
            world.seen.lock().unwrap().push((now, what));
        }
    }
    Ok(Calls::update().total(total))
}

#[node]
fn stop(_: &Calls) {}

#[graph(
    state = Calls,
    start -> begin,
    begin -> match {
        Next::Call(numbers) => each call(numbers) else stop,
        Next::Stop => stop,
    },
    call -> begin,
    stop -> end,
)]
struct Caller {
    world: World,
}

fn engine(store: Arc<dyn Store>, world: &World) -> Engine<Caller> {
    let world = world.clone();
    Engine::builder(Caller { world })
        .store(store)
        .build()
        .expect("the settings make sense")
}

#[tokio::test]
async fn full_loses_no_effect_that_a_node_has_seen() {
    let (cuts, dice) = (scale("SUPERSTEP_CUTS", 100), Dice::from_env());
    superstep_vfs::install();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let disk = Arc::new(Disk::under(&path).unwrap());
    let world = World {
        disk: Some(Arc::clone(&disk)),
        ..World::default()
    };
    let recorded = engine(sqlite_at(&path), &world);
    recorded.run(RUN, Calls::default()).await.unwrap();
    let expected = trace(&recorded, RUN).await.unwrap();
    let (log, seen) = (disk.log(), world.seen.lock().unwrap().clone());
    assert_eq!(seen.len(), 24);
    let owners = std::fs::read_dir(folder.path().join("runs.db-owners")).unwrap();
    let owner = owners.last().unwrap().unwrap().file_name();

    let (mut kept, mut repeated) = (0, 0);
    for cut in 0..cuts {
        let at = dice.below(log.len() as u64 + 1) as usize;
        let loss = [Loss::Everything, Loss::Tails, Loss::Sectors][dice.below(3) as usize];
        let folder = tempfile::tempdir().unwrap();
        let image = log.image(at, loss, |end| dice.below(end));
        image.write_to(folder.path()).unwrap();
        // The lock file of the one who had it open; nobody holds it.
        let owners = folder.path().join("runs.db-owners");
        std::fs::create_dir(&owners).unwrap();
        std::fs::write(owners.join(&owner), "").unwrap();

        let world = World::default();
        let engine = engine(sqlite_at(&folder.path().join("runs.db")), &world);
        match engine.resume(RUN).await {
            Err(Error::RunNotFound { .. }) => engine.run(RUN, Calls::default()).await,
            resumed => resumed,
        }
        .unwrap();
        let what = format!("cut {cut}, behind change {at}, losing {loss:?}");
        assert_eq!(trace(&engine, RUN).await.unwrap(), expected, "{what}");
        let calls = world.calls.lines();
        for (_, call) in seen.iter().filter(|(then, _)| *then <= at) {
            assert!(!calls.contains(call), "{what}: {call} again");
            kept += 1;
        }
        let unseen = seen.iter().filter(|(then, _)| *then > at);
        repeated += unseen.filter(|(_, call)| calls.contains(call)).count();
    }
    eprintln!(
        "Full: {cuts} power losses, none of {kept} effects that were seen called again, \
         {repeated} that were not seen yet called again"
    );
    assert!(kept > 0 && repeated > 0, "{kept} kept, {repeated} repeated");
}

//! A driving call that was polled and is then kept without being polled holds
//! nobody up: whoever else is polled continues from there. If nobody is, the run
//! loses its lease, and that call is told so when it is polled again.

use std::future::{Future, IntoFuture, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Hooked, Moment, Place, memory, stores, well};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Talk {
    message: String,
    tasks: u32,
    #[reduce(append)]
    heard: Vec<String>,
}

/// Opened by the test when the nodes may continue.
#[derive(Clone, Debug)]
struct Gate(Arc<Semaphore>);

/// How long a node occupies its thread.
#[derive(Clone, Copy, Debug)]
struct Busy(Duration);

#[derive(Route)]
enum Listeners {
    Each(Vec<u32>),
}

#[node]
fn listen(state: &Talk) -> Listeners {
    Listeners::Each((0..state.tasks).collect())
}

#[node]
async fn hear(state: &Talk, _item: u32, gate: &Gate, busy: &Busy) -> TalkUpdate {
    gate.0.acquire().await.expect("the gate stays").forget();
    std::thread::sleep(busy.0);
    Talk::update().heard([state.message.clone()])
}

#[graph(
    state = Talk,
    start -> listen,
    listen -> match { Listeners::Each(items) => each hear(items) else end },
    hear -> end,
)]
#[derive(Clone, Debug)]
struct Listener {
    gate: Gate,
    busy: Busy,
}

fn listener(permits: usize) -> Listener {
    let gate = Gate(Arc::new(Semaphore::new(permits)));
    let busy = Busy(Duration::ZERO);
    Listener { gate, busy }
}

fn engine(store: Arc<dyn Store>, graph: &Listener) -> Engine<Listener> {
    let engine = Engine::builder(graph.clone()).store(store);
    engine.build().expect("the settings make sense")
}

fn say(message: &str, tasks: u32) -> Talk {
    Talk {
        message: message.to_owned(),
        tasks,
        ..Talk::default()
    }
}

type Call<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Polls `call` until it waits, and keeps it.
async fn polled<T>(
    call: impl IntoFuture<Output = Result<T, Error>, IntoFuture: Send + 'static>,
) -> Call<T> {
    let mut call: Call<T> = Box::pin(call.into_future());
    tokio::select! {
        biased;
        _ = &mut call => panic!("it ended before it could be kept"),
        () = ready(()) => {}
    }
    call
}

/// Long enough that only a call that hangs does not come back.
async fn soon<T>(what: &str, call: impl IntoFuture<Output = T>) -> T {
    let call = timeout(Duration::from_secs(20), call.into_future());
    call.await.unwrap_or_else(|_| panic!("{what} hangs"))
}

/// Polls `kept` until the run's first step is there.
async fn driven(engine: &Engine<Listener>, run: &str, kept: &mut Call<Run<Talk>>) {
    while engine.get(run).await.is_err() {
        tokio::select! {
            biased;
            _ = &mut *kept => panic!("it ended before it could be kept"),
            () = tokio::task::yield_now() => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_polled_drives() {
    for place in stores() {
        for tasks in [1, 3] {
            let graph = listener(0);
            let engine = engine(Arc::clone(&place.store), &graph);
            let run = format!("run-{tasks}");
            let mut kept = polled(engine.run(run.as_str(), say("hello", tasks))).await;
            driven(&engine, &run, &mut kept).await;
            graph.gate.0.add_permits(9);
            let done = soon("run", engine.run(run.as_str(), say("hello", tasks)))
                .await
                .unwrap();
            assert_eq!(done.state().heard.len(), tasks as usize, "{place:?}");
            let again = soon("resume", engine.resume(&run)).await.unwrap();
            assert_eq!(again.fingerprint(), done.fingerprint());
            // The one that was kept gets the same.
            assert_eq!(kept.await.unwrap().fingerprint(), done.fingerprint());
        }
    }
}

/// What a slow store does to each kind of call while it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_any_kind_may_be_kept_at_any_of_its_waits() {
    let hooks = [
        "head",
        "load",
        "acquire",
        "commit",
        "release",
        "put_snapshot",
        "steps",
        "questions",
    ];
    for place in stores() {
        for kind in 0..5 {
            for (at, hook) in hooks.into_iter().enumerate() {
                for when in [Moment::Before, Moment::After] {
                    let run = format!("run {kind} {at} {when:?}");
                    let what = format!("{place:?}, {run}");
                    one_kept(&place, &run, kind, hook, when, &what).await;
                }
            }
        }
    }
}

async fn one_kept(
    place: &Place,
    run: &str,
    kind: u32,
    hook: &'static str,
    when: Moment,
    what: &str,
) {
    let graph = listener(99);
    let slow = place.hooked(move |moment, call| {
        if (moment, call) != (when, hook) {
            return well();
        }
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    });
    let engine = engine(slow, &graph);
    engine.run(run, say("first", 1)).await.unwrap();
    let id = run.to_owned();
    let (by, update) = (engine.clone(), Talk::update().message("second"));
    let call: Call<()> = match kind {
        0 => Box::pin(async move { by.run(id, say("first", 1)).await.map(drop) }),
        1 => Box::pin(async move { by.resume(&id).await.map(drop) }),
        2 => Box::pin(async move { by.turn(id, update).await.map(drop) }),
        3 => Box::pin(async move { by.update(&id, update).await.map(drop) }),
        _ => Box::pin(async move { by.snapshot(&id).await }),
    };
    let mut kept = call;
    let ended = tokio::select! {
        biased;
        result = &mut kept => Some(result),
        () = ready(()) => None,
    };
    let looked = soon(what, engine.run(run, say("first", 1))).await;
    assert_eq!(looked.expect(what).id(), run);
    soon(what, engine.update(run, Talk::update().message("third")))
        .await
        .expect(what);
    soon(what, engine.snapshot(run)).await.expect(what);
    let turned = soon(what, engine.turn(run, Talk::update().message("fourth"))).await;
    assert_eq!(
        turned.expect(what).state().heard.last().unwrap(),
        "fourth",
        "{what}"
    );
    if ended.is_none() {
        soon(what, kept).await.expect(what);
    }
}

/// As short as a lease may be: it is renewed by the wall clock.
const TERM: Duration = Duration::from_secs(1);

fn with_short_lease(store: &Arc<dyn Store>, graph: &Listener) -> Engine<Listener> {
    let engine = Engine::builder(graph.clone()).store(Arc::clone(store));
    engine.lease(TERM).build().unwrap()
}

#[tokio::test]
async fn one_that_nobody_polls_for_a_whole_lease_loses_it() {
    let (graph, place) = (listener(0), memory());
    let ours = with_short_lease(&place.store, &graph);
    let theirs = with_short_lease(&place.store, &graph);
    let mut kept = polled(ours.run("run", say("hello", 1))).await;
    driven(&ours, "run", &mut kept).await;

    // It is woken after a third of the term, and has a whole one to answer.
    let began = std::time::Instant::now();
    graph.gate.0.add_permits(1);
    let done = loop {
        match theirs.resume("run").await {
            Err(Error::LeaseHeld { .. }) if began.elapsed() < 30 * TERM => {
                sleep(TERM / 20).await;
            }
            done => break done.expect("its lease is free"),
        }
    };
    assert!(began.elapsed() >= TERM, "{:?}", began.elapsed());
    assert_eq!(done.state().heard, ["hello"]);
    let lost = kept.await.unwrap_err();
    assert!(matches!(lost, Error::LeaseLost { .. }), "{lost}");
    assert_eq!(graph.gate.0.available_permits(), 0);
}

/// The engine itself continues a run that one of its calls has lost.
#[tokio::test]
async fn what_one_call_lost_another_of_the_same_engine_takes_up() {
    let (graph, place) = (listener(0), memory());
    let engine = with_short_lease(&place.store, &graph);
    let mut kept = polled(engine.run("run", say("hello", 3))).await;
    driven(&engine, "run", &mut kept).await;
    let began = std::time::Instant::now();
    while place
        .store
        .head("run")
        .await
        .unwrap()
        .unwrap()
        .lease
        .is_some()
    {
        assert!(began.elapsed() < 30 * TERM, "it is never lost");
        sleep(TERM / 20).await;
    }
    graph.gate.0.add_permits(3);
    let done = engine.run("run", say("hello", 3)).await.unwrap();
    assert_eq!(done.state().heard.len(), 3);
    let lost = kept.await.unwrap_err();
    assert!(matches!(lost, Error::LeaseLost { .. }), "{lost}");
    assert_eq!(graph.gate.0.available_permits(), 0, "lost tasks went on");
}

#[tokio::test]
async fn one_that_is_polled_keeps_its_lease_for_as_long_as_it_takes() {
    let (graph, place) = (listener(0), memory());
    let ours = with_short_lease(&place.store, &graph);
    let theirs = with_short_lease(&place.store, &graph);
    let driving = tokio::spawn(ours.run("run", say("hello", 2)).into_future());
    let began = std::time::Instant::now();
    while began.elapsed() < 4 * TERM {
        sleep(TERM / 10).await;
        let refused = theirs.resume("run").await.unwrap_err();
        assert!(matches!(refused, Error::LeaseHeld { .. }), "{refused}");
    }
    graph.gate.0.add_permits(2);
    assert_eq!(driving.await.unwrap().unwrap().state().heard.len(), 2);
}

/// A node that occupies its thread cannot be polled meanwhile, and is not idle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_poll_under_way_is_a_sign_of_life() {
    for tasks in [1, 2] {
        let place = memory();
        let graph = Listener {
            busy: Busy(Duration::from_millis(2_500)),
            ..listener(0)
        };
        let builder = || Engine::builder(graph.clone()).store(Arc::clone(&place.store));
        let ours = builder().lease(Duration::from_secs(1)).build().unwrap();
        let theirs = builder().build().unwrap();
        // The tasks of a fan-out are polled by workers, the call is not.
        let mut kept = polled(ours.run("run", say("hello", tasks))).await;
        driven(&ours, "run", &mut kept).await;
        let call = if tasks == 1 {
            Ok(tokio::spawn(kept))
        } else {
            Err(kept)
        };
        graph.gate.0.add_permits(2);
        sleep(Duration::from_millis(2_200)).await;
        let refused = theirs.resume("run").await.unwrap_err();
        assert!(matches!(refused, Error::LeaseHeld { .. }), "{refused}");
        let done = match call {
            Ok(spawned) => spawned.await.unwrap(),
            Err(kept) => kept.await,
        };
        assert_eq!(done.unwrap().state().heard.len(), tasks as usize);
    }
}

/// The commit of a kept call takes as long as it likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_calls_that_are_kept_in_turn_get_done() {
    for place in stores() {
        let graph = listener(99);
        let store = Hooked::new(Arc::clone(&place.store), |_, _| {
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        });
        let engine = engine(Arc::new(store), &graph);
        let mut one: Call<_> = Box::pin(engine.run("run", say("hello", 3)).into_future());
        let mut other: Call<_> = Box::pin(engine.run("run", say("hello", 3)).into_future());
        let done = soon("the pair", async {
            loop {
                for call in [&mut one, &mut other] {
                    tokio::select! {
                        biased;
                        result = call => return result,
                        () = tokio::task::yield_now() => {}
                    }
                }
            }
        });
        assert_eq!(done.await.unwrap().state().heard.len(), 3, "{place:?}");
    }
}

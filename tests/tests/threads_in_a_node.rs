//! A node may have threads. Effects with names of their own may be made on any of
//! them; what is counted must be called on the node's own thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::EffectKind;
use superstep::testing::{Fault, FaultyStore, StoreCall};
use superstep_tests::{Journal, Place, kind, kinds, stores};

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(call: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut call = pin!(call);
    loop {
        if let Poll::Ready(output) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Job {
    seen: String,
}

type Act = fn(&Cx, &Journal) -> Result<String, NodeError>;

/// What the node does.
#[derive(Clone, Copy)]
struct Script(Act);

#[node(blocking)]
fn blocks(_: &Job, script: &Script, journal: &Journal, cx: &Cx) -> Result<JobUpdate, NodeError> {
    Ok(Job::update().seen((script.0)(cx, journal)?))
}

/// The same in an `async` node, on whatever thread polls it.
#[node]
async fn polls(
    _: &Job,
    script: &Script,
    journal: &Journal,
    cx: &Cx,
) -> Result<JobUpdate, NodeError> {
    tokio::task::yield_now().await;
    Ok(Job::update().seen((script.0)(cx, journal)?))
}

#[graph(state = Job, start -> blocks -> end)]
#[derive(Clone)]
struct Blocks {
    script: Script,
    journal: Journal,
}

#[graph(state = Job, start -> polls -> end)]
#[derive(Clone)]
struct Polls {
    script: Script,
    journal: Journal,
}

/// Runs a node that does what `script` says, and replays it.
async fn done<G: Graph<State = Job>>(graph: G, place: &Place) -> Result<String, Error> {
    let engine = Engine::builder(graph).store(place.store.clone());
    let engine = engine.build().unwrap();
    let run = engine.run(place.kind, Job::default()).await?;
    for _ in 0..3 {
        let replayed = engine.replay(place.kind).await?;
        assert_eq!(replayed.state(), run.state());
    }
    Ok(run.state().seen.clone())
}

fn blocking(script: Act) -> Blocks {
    Blocks {
        script: Script(script),
        journal: Journal::new(),
    }
}

fn polled(script: Act) -> Polls {
    Polls {
        script: Script(script),
        journal: Journal::new(),
    }
}

/// Every thread has its effect, and in the closure of one of them another thread
/// reads the clock and makes its own.
fn each_with_its_own(cx: &Cx, journal: &Journal) -> Result<String, NodeError> {
    let (in_closure, is_in_closure) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let mut waits = Some((in_closure, may_go_on));
    let names = ["left", "middle", "right"];
    thread::scope(|scope| {
        let others = names.map(|name| {
            let waits = waits.take();
            scope.spawn(move || {
                let drawn = cx.effect(name, &name).run(|| async move {
                    journal.note(name);
                    if let Some((in_closure, may_go_on)) = waits {
                        in_closure.send(()).unwrap();
                        may_go_on.recv().unwrap();
                    }
                    // A closure's numbers are its own on any thread.
                    let drawn = (cx.rng().next_u64(), cx.uuid());
                    superstep::ok(format!(
                        "{name} {drawn:?} {}",
                        cx.now() > std::time::UNIX_EPOCH
                    ))
                });
                block_on(drawn)
            })
        });
        let _ = is_in_closure.recv();
        let now = cx.now();
        let own = block_on(cx.effect("own", &()).run(|| async { superstep::ok(1) }))?;
        let number = cx.rng().next_u64();
        let _ = go_on.send(());
        let mut all = vec![format!("{now:?} {own} {number}")];
        for other in others {
            all.push(other.join().unwrap()?);
        }
        let mut drawn = all.clone();
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn.len(), 4);
        Ok(format!("{all:?}"))
    })
}

#[tokio::test]
async fn effects_with_names_of_their_own_are_made_on_any_thread() {
    for place in stores() {
        let graph = blocking(each_with_its_own);
        done(graph.clone(), &place).await.unwrap();
        assert_eq!(graph.journal.lines().len(), 3, "a replay makes none");
        let recorded = kinds(&place, place.kind).await;
        let expected = [
            kind("", 0, EffectKind::Clock),
            kind("left", 0, EffectKind::Done),
            kind("middle", 0, EffectKind::Done),
            kind("own", 0, EffectKind::Done),
            kind("right", 0, EffectKind::Done),
        ];
        assert_eq!(recorded, expected);
    }
}

#[tokio::test]
async fn so_they_are_in_an_async_node() {
    for place in stores() {
        let graph = polled(|cx, _| {
            let now = cx.now();
            let other = || {
                let other = cx.effect("other", &()).run(|| async { superstep::ok(1) });
                block_on(other)
            };
            let other = thread::scope(|scope| scope.spawn(other).join().unwrap())?;
            Ok(format!("{now:?} {other} {}", cx.rng().next_u64()))
        });
        done(graph, &place).await.unwrap();
    }
}

/// Runs `call` on a thread other than its own.
fn elsewhere<T: Send>(call: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(call).join().unwrap())
}

/// The node ignores it.
fn swallowed(effect: superstep::Effect<'_>) -> String {
    let done = effect.run(|| async { superstep::ok(1) });
    format!("{:?}", block_on(done).is_ok())
}

#[tokio::test]
async fn what_is_counted_is_refused_on_another_thread() {
    let refused: [(&str, Act); 6] = [
        ("`now()`", |cx, _| {
            Ok(elsewhere(|| format!("{:?}", cx.now())))
        }),
        ("`rng()`", |cx, _| {
            Ok(elsewhere(|| cx.rng().next_u64().to_string()))
        }),
        ("`uuid()`", |cx, _| Ok(elsewhere(|| cx.uuid().to_string()))),
        ("effect `twice`", |cx, _| {
            let once = swallowed(cx.effect("twice", &()));
            let again = elsewhere(|| swallowed(cx.effect("twice", &())));
            Ok(once + &again)
        }),
        ("effect `twice`", |cx, _| {
            let once = elsewhere(|| swallowed(cx.effect("twice", &())));
            let again = swallowed(cx.effect("twice", &()));
            Ok(once + &again)
        }),
        ("effect `twice`", |cx, _| {
            let once = elsewhere(|| swallowed(cx.effect("twice", &())));
            let again = elsewhere(|| swallowed(cx.effect("twice", &())));
            Ok(once + &again)
        }),
    ];
    for (call, script) in refused {
        for place in stores() {
            let ends = [
                done(blocking(script), &place).await,
                Engine::builder(polled(script))
                    .no_store()
                    .build()
                    .unwrap()
                    .run("run", Job::default())
                    .await
                    .map(|run| run.state().seen.clone()),
            ];
            for end in ends {
                let error = end.unwrap_err();
                let Error::OtherThread { step, call: of, .. } = &error else {
                    panic!("{call}: {error}")
                };
                assert_eq!((*step, &**of), (1, call));
                let text = error.to_string();
                assert!(text.contains("run `") && text.contains("node `"), "{text}");
            }
        }
    }
}

/// Two calls of one name that the node makes itself are fine, even if other
/// threads wait for them.
#[tokio::test]
async fn what_the_node_has_called_may_be_awaited_on_another_thread() {
    for place in stores() {
        let graph = blocking(|cx, _| {
            let calls = [1, 2].map(|item| cx.effect("fetch", &item));
            let fetched = thread::scope(|scope| {
                calls
                    .map(|call| scope.spawn(|| swallowed(call)))
                    .map(|thread| thread.join().unwrap())
            });
            Ok(format!("{fetched:?}"))
        });
        assert_eq!(done(graph, &place).await.unwrap(), r#"["true", "true"]"#);
    }
}

/// A node whose time is over is dropped, and what its values ask for then is no mistake.
#[tokio::test]
async fn what_is_asked_for_while_a_node_is_dropped_is_not_refused() {
    struct Asks<'a>(&'a Cx);
    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            self.0.now();
            self.0.uuid();
        }
    }
    for place in stores() {
        let lab = superstep_tests::lab::Lab::new(|cx, _, _| {
            Box::pin(async move {
                let _asks = Asks(cx);
                std::future::pending().await
            })
        });
        let engine = lab.builder(&place.store);
        let engine = engine.default_timeout(std::time::Duration::from_millis(50));
        let engine = engine.build().unwrap();
        let error = engine.run("run", superstep_tests::lab::one()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::NodeTimeout { .. }), "{error}");
    }
}

/// Nobody polls a context for unit tests.
#[test]
fn a_context_for_tests_is_at_home_on_any_thread() {
    let cx = Cx::test();
    let drawn = elsewhere(|| (cx.rng().next_u64(), cx.uuid(), cx.now()));
    assert!(drawn.2 > std::time::UNIX_EPOCH);
    assert_eq!(elsewhere(|| swallowed(cx.effect("a", &()))), "true");
    assert_eq!(swallowed(cx.effect("a", &())), "true");
}

#[tokio::test]
async fn a_store_that_is_away_is_asked_again_on_any_thread() {
    for fault in [Fault::LoseCall, Fault::LoseAnswer] {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()));
        store.fail_call(StoreCall::Journal, 1, fault);
        let graph = blocking(|cx, _| {
            let other = || block_on(cx.effect("other", &()).run(|| async { superstep::ok(7) }));
            let made = thread::scope(|scope| scope.spawn(other).join().unwrap())?;
            Ok(format!("{made}"))
        });
        let engine = Engine::builder(graph).store(store).build().unwrap();
        let run = engine.run("job", Job::default()).await.unwrap();
        assert_eq!(run.state().seen, "7", "{fault:?}");
    }
}

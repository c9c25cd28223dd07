//! Pruning drops what was asked for and nothing that a resume, a further turn
//! or a fork needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{Prune, Pruned, StoreExt};
use superstep::testing;
use superstep_tests::{Hooked, Moment, stores, well};
use tokio::sync::Semaphore;

/// Long enough for snapshots on the way.
const STEPS: u64 = 2_010;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Walk {
    to: u64,
    #[reduce(sum)]
    at: u64,
    last: String,
}

#[node]
fn go(walk: &Walk) -> Result<(WalkUpdate, bool), NodeError> {
    let at = walk.at + 1;
    if walk.last == "fall" {
        return Err(NodeError::permanent("it fell"));
    }
    let step = Walk::update().at(1).last(format!("{at:0100}"));
    Ok((step, at < walk.to))
}

#[graph(state = Walk, max_steps = 100_000, start -> go, go -> match { true => go, false => end })]
struct Walking;

#[derive(Clone, Debug)]
struct Other;

#[graph(state = Walk, start -> go, go -> match { true => go, false => end })]
struct Elsewhere {
    #[graph(skip)]
    _other: Other,
}

fn walk(to: u64) -> Walk {
    Walk {
        to,
        ..Walk::default()
    }
}

fn walking(store: &Arc<dyn Store>) -> Engine<Walking> {
    let builder = Engine::builder(Walking).store(Arc::clone(store));
    builder.build().unwrap()
}

async fn ids(store: &Arc<dyn Store>) -> Vec<String> {
    let runs = store.all_runs().await.unwrap();
    runs.into_iter().map(|head| head.run).collect()
}

/// A store whose clock the test moves.
fn on_a_clock() -> (Arc<dyn Store>, impl Fn(u64)) {
    let late = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&late);
    let store = MemoryStore::with_clock(move || {
        SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed))
    });
    (Arc::new(store), move |seconds| {
        late.fetch_add(seconds, Ordering::Relaxed);
    })
}

#[tokio::test]
async fn runs_go_by_age() {
    let (store, pass) = on_a_clock();
    let engine = walking(&store);
    for run in ["a", "b", "c", "d"] {
        engine.run(run, walk(2)).await.unwrap();
        pass(10);
    }
    // `a` has moved since.
    engine.update("a", Walk::update().to(3)).await.unwrap();
    pass(10);
    let policy = |age| Prune::runs().older_than(Duration::from_secs(age));
    let pruned = engine.prune(policy(41)).await.unwrap();
    assert_eq!(pruned, Pruned::default());
    let pruned = engine.prune(policy(30)).await.unwrap();
    assert_eq!((pruned.runs, pruned.steps), (2, 6));
    assert_eq!(ids(&store).await, ["a", "d"]);
    let error = engine.get("b").await.unwrap_err();
    assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
    // A run that is gone can be started again.
    assert_eq!(engine.run("b", walk(1)).await.unwrap().steps(), 1);
}

#[tokio::test]
async fn runs_go_by_status_count_and_graph() {
    for place in stores() {
        let engine = walking(&place.store);
        let elsewhere = Engine::builder(Elsewhere { _other: Other });
        let elsewhere = elsewhere.store(place.store.clone());
        let elsewhere = elsewhere.build().unwrap();
        elsewhere.run("elsewhere", walk(1)).await.unwrap();
        let falling = Walk {
            last: "fall".into(),
            ..walk(2)
        };
        engine.run("failed", falling).await.unwrap_err();
        for run in ["one", "two", "three"] {
            engine.run(run, walk(2)).await.unwrap();
            // The store's clock counts milliseconds.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let pruned = engine.prune(Prune::runs().keep_newest(2)).await.unwrap();
        assert_eq!((pruned.runs, pruned.steps), (1, 3));
        let left = ["elsewhere", "failed", "three", "two"];
        assert_eq!(ids(&place.store).await, left);
        let pruned = engine.prune(Prune::runs().keep_newest(2)).await.unwrap();
        assert_eq!(pruned, Pruned::default());

        let failed = Prune::runs().statuses([Status::Failed]);
        assert_eq!(engine.prune(failed).await.unwrap().runs, 1);
        assert_eq!(ids(&place.store).await, ["elsewhere", "three", "two"]);
        engine.prune(Prune::runs()).await.unwrap();
        assert_eq!(ids(&place.store).await, ["elsewhere"]);
    }
}

/// What can be seen of a run, beginning at step `from`.
async fn seen(engine: &Engine<Walking>, run: &str, from: u64) -> Vec<superstep::StepInfo> {
    let mut steps = engine.history(run).await.unwrap();
    steps.retain(|step| step.step == 0 || step.step >= from);
    steps
}

#[tokio::test]
async fn a_long_run_loses_its_early_steps_and_nothing_else() {
    for place in stores() {
        let engine = walking(&place.store);
        let run = engine.run("run", walk(STEPS)).await.unwrap();
        let seed = place.store.head("run").await.unwrap().unwrap().seed;
        let twin = engine.run("twin", walk(STEPS)).seed(seed).await.unwrap();
        assert_eq!(twin.fingerprint(), run.fingerprint());
        engine.label("run", 7, "early").await.unwrap();
        engine.label("run", STEPS, "late").await.unwrap();

        let all_but_twin = || Prune::history().keep_newest(1);
        let pruned = engine.prune(all_but_twin()).await.unwrap();
        let first = place.store.head("run").await.unwrap().unwrap().pruned;
        assert!((STEPS / 2..STEPS).contains(&first), "{first}");
        assert_eq!((pruned.runs, pruned.steps), (1, first - 1));
        let again = engine.prune(all_but_twin()).await.unwrap();
        assert_eq!(again, Pruned::default());

        // Even from an engine that has nothing in memory.
        for engine in [&engine, &walking(&place.store)] {
            let now = engine.get("run").await.unwrap();
            assert_eq!(now.state(), run.state());
            assert_eq!(now.fingerprint(), run.fingerprint());
            let same = engine.run("run", walk(STEPS)).await.unwrap();
            assert_eq!(same.steps(), STEPS);
            let history = engine.history("run").await.unwrap();
            let there: Vec<u64> = history.iter().map(|step| step.step).collect();
            let expected: Vec<u64> = std::iter::once(0).chain(first..=STEPS).collect();
            assert_eq!(there, expected);
            for step in [0, first, first + 1, STEPS] {
                assert_eq!(
                    engine.state_at("run", step).await.unwrap(),
                    engine.state_at("twin", step).await.unwrap()
                );
            }
            for step in [1, 7, first - 1] {
                let error = engine.state_at("run", step).await.unwrap_err();
                let Error::Pruned {
                    step: at,
                    first: from,
                    ..
                } = &error
                else {
                    panic!("{error}")
                };
                assert_eq!((*at, *from), (step, first));
                let said = format!("from step {first} on");
                assert!(error.to_string().contains(&said), "{error}");
                let error = engine.fork("run", step, "fork", |_| {}).await.unwrap_err();
                assert!(matches!(error, Error::Pruned { .. }), "{error}");
            }
        }
        let labels = engine.labels("run").await.unwrap();
        assert_eq!(labels, [("late".to_owned(), STEPS)]);

        // And it continues as if nothing had happened.
        for run in ["run", "twin"] {
            let more = Walk::update().to(STEPS + 500);
            engine.turn(run, more).await.unwrap();
        }
        let [run, twin] = [
            engine.get("run").await.unwrap(),
            engine.get("twin").await.unwrap(),
        ];
        assert_eq!(run.steps(), STEPS + 501);
        assert_eq!(run.state(), twin.state());
        assert_eq!(run.fingerprint(), twin.fingerprint());
    }
}

#[tokio::test]
async fn an_open_run_is_resumed_after_its_steps_are_pruned() {
    for place in stores() {
        let halting = |steps| {
            let builder = Engine::builder(Walking).max_steps(steps).snapshot_every(10);
            builder.store(place.store.clone()).build().unwrap()
        };
        halting(55).run("run", walk(100)).await.unwrap_err();
        let engine = halting(1_000);
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!((pruned.runs, pruned.steps), (1, 49));
        let before = seen(&engine, "run", 50).await;
        assert_eq!(before.len(), 7);
        let run = engine.resume("run").await.unwrap();
        assert_eq!((run.steps(), run.state().at), (100, 100));
        assert_eq!(seen(&engine, "run", 50).await[..7], before);
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!((pruned.runs, pruned.steps), (1, 50));
        assert_eq!(engine.history("run").await.unwrap().len(), 2);
        assert_eq!(
            walking(&place.store).get("run").await.unwrap().state(),
            run.state()
        );
    }
}

#[tokio::test]
async fn a_snapshot_on_request_lets_a_short_history_go() {
    for place in stores() {
        let engine = walking(&place.store);
        let run = engine.run("run", walk(20)).await.unwrap();
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!(pruned, Pruned::default());
        assert_eq!(engine.history("run").await.unwrap().len(), 21);

        engine.snapshot("run").await.unwrap();
        engine.snapshot("run").await.unwrap();
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!((pruned.runs, pruned.steps), (1, 19));
        // The engine had the run in memory all the while, and still has.
        for (engine, at) in [(&engine, 20), (&walking(&place.store), 30)] {
            let now = engine.get("run").await.unwrap();
            assert!(at > 20 || now.state() == run.state());
            let more = Walk::update().to(at + 10);
            let run = engine.turn("run", more).await.unwrap();
            assert_eq!(run.state().at, at + 10);
        }
        let head = place.store.head("run").await.unwrap().unwrap();
        assert_eq!((head.turn, head.lease), (2, None));

        let error = engine.snapshot("nobody").await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_forks_stand_on_stays() {
    for place in stores() {
        let engine = walking(&place.store);
        engine.run("origin", walk(40)).await.unwrap();
        let edit = |walk: &mut Walk| walk.to = 25;
        engine.fork("origin", 15, "fork", edit).await.unwrap();
        engine.fork("fork", 10, "again", edit).await.unwrap();
        let fork = engine.resume("fork").await.unwrap();
        let before = engine.history("fork").await.unwrap();
        let state_10 = engine.state_at("origin", 10).await.unwrap();

        engine.snapshot("origin").await.unwrap();
        let only_history = engine.prune(Prune::history()).await.unwrap();
        assert_eq!((only_history.runs, only_history.steps), (1, 40 - 16));
        assert_eq!(engine.history("fork").await.unwrap(), before);
        for run in ["origin", "fork", "again"] {
            assert_eq!(engine.state_at(run, 10).await.unwrap(), state_10);
        }
        let error = engine.state_at("origin", 20).await.unwrap_err();
        let Error::Pruned { first: 40, .. } = error else {
            panic!("{error}")
        };

        // `again` is not finished, and keeps what it stands on.
        let dropped = engine.prune(Prune::runs()).await.unwrap();
        assert_eq!(dropped.runs, 0, "{dropped:?}");
        assert_eq!(engine.history("fork").await.unwrap(), before);
        let again = engine.resume("again").await.unwrap();
        assert_eq!(again.state().at, fork.state().at);
        let dropped = engine.prune(Prune::runs()).await.unwrap();
        assert_eq!(dropped.runs, 3);
        assert_eq!(ids(&place.store).await, [""; 0]);
    }
}

/// What its origin loses after the fork was made was never the fork's.
#[tokio::test]
async fn a_fork_is_replayed_whatever_its_origin_loses() {
    for place in stores() {
        let engine = walking(&place.store);
        engine.run("origin", walk(20)).await.unwrap();
        engine.fork("origin", 5, "fork", |_| {}).await.unwrap();
        engine.fork("fork", 3, "again", |_| {}).await.unwrap();
        engine.snapshot("origin").await.unwrap();
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!(pruned.steps, 20 - 6);
        for id in ["fork", "again"] {
            let run = engine.resume(id).await.unwrap();
            let replayed = engine.replay(id).await.unwrap();
            assert_eq!(replayed.fingerprint(), run.fingerprint());
        }
        let error = engine.replay("origin").await.unwrap_err();
        assert!(matches!(error, Error::Pruned { first: 20, .. }), "{error}");
        let report = testing::replay_all(Walking, &*place.store)
            .with_ended()
            .await
            .unwrap();
        assert!(report.is_ok(), "{report}");
    }
}

/// Also where the turns after it are gone, and their steps.
#[tokio::test]
async fn a_fork_of_a_pruned_run_knows_its_turn_and_its_count() {
    for place in stores() {
        let engine = walking(&place.store);
        for run in ["whole", "pruned"] {
            engine.run(run, walk(2)).await.unwrap();
            engine
                .update(run, Walk::update().last("aside"))
                .await
                .unwrap();
            engine.turn(run, Walk::update().to(4)).await.unwrap();
            let kept = format!("{run} is kept up to here");
            engine.fork(run, 5, &kept, |_| {}).await.unwrap();
            for to in [6, 8, 10] {
                engine.turn(run, Walk::update().to(to)).await.unwrap();
            }
        }
        engine.snapshot("pruned").await.unwrap();
        assert!(engine.prune(Prune::history()).await.unwrap().steps > 0);
        let last = engine.get("pruned").await.unwrap().steps();
        for step in [0, 1, 2, 3, 4, 5, last] {
            let forked = async |run: &str| {
                let id = format!("{run} at {step}");
                engine.fork(run, step, &id, |_| {}).await.unwrap();
                let head = place.store.head(&id).await.unwrap().unwrap();
                (head.turn, head.turn_step, head.counted_from)
            };
            assert_eq!(forked("pruned").await, forked("whole").await, "{step}");
            let id = format!("pruned at {step}");
            engine.resume(&id).await.unwrap();
            engine.turn(&id, Walk::update().to(20)).await.unwrap();
            if step < last {
                engine.replay(&id).await.unwrap();
            }
        }
    }
}

/// A fork whose origin was pruned before, and which is pruned itself.
#[tokio::test]
async fn a_fork_of_a_pruned_run_is_a_run_like_any_other() {
    for place in stores() {
        let engine = walking(&place.store);
        engine.run("origin", walk(20)).await.unwrap();
        engine.snapshot("origin").await.unwrap();
        let more = Walk::update().to(40);
        engine.turn("origin", more).await.unwrap();
        engine.prune(Prune::history()).await.unwrap();
        let edit = |walk: &mut Walk| walk.to = 50;
        engine.fork("origin", 25, "fork", edit).await.unwrap();
        let run = engine.resume("fork").await.unwrap();
        let steps = |history: Vec<superstep::StepInfo>| -> Vec<u64> {
            history.iter().map(|step| step.step).collect()
        };
        let there: Vec<u64> = std::iter::once(0).chain(20..=run.steps()).collect();
        assert_eq!(steps(engine.history("fork").await.unwrap()), there);
        for step in [20, 25, 26, 30] {
            engine.state_at("fork", step).await.unwrap();
        }
        let error = engine.state_at("fork", 19).await.unwrap_err();
        assert!(matches!(error, Error::Pruned { first: 20, .. }), "{error}");

        engine.snapshot("fork").await.unwrap();
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!(pruned.steps, run.steps() - 27);
        let there: Vec<u64> = [0]
            .into_iter()
            .chain(20..=26)
            .chain([run.steps()])
            .collect();
        assert_eq!(steps(engine.history("fork").await.unwrap()), there);
        for step in [0, 20, 25, 26, run.steps()] {
            engine.state_at("fork", step).await.unwrap();
        }
        let error = engine.state_at("fork", 27).await.unwrap_err();
        assert!(matches!(error, Error::Pruned { .. }), "{error}");
        // Its early steps can still be forked, and it can continue itself.
        engine.fork("fork", 25, "again", |_| {}).await.unwrap();
        engine.fork("fork", 26, "and again", |_| {}).await.unwrap();
        for id in ["again", "and again"] {
            let run = walking(&place.store).resume(id).await.unwrap();
            assert_eq!(run.state().at, run.state().to);
        }
        let more = Walk::update().to(60);
        let run = walking(&place.store).turn("fork", more).await.unwrap();
        assert_eq!(run.state().at, 60);
    }
}

/// `store`, whose early steps are pruned just before the call that `when` names.
fn pruned_before(store: &Arc<dyn Store>, when: &'static str) -> Engine<Walking> {
    let inner = Arc::clone(store);
    let pruning = Hooked::new(Arc::clone(store), move |moment, call| {
        if moment == Moment::After || call != when {
            return well();
        }
        let store = Arc::clone(&inner);
        Box::pin(async move { store.prune(&Prune::history()).await.map(drop) })
    });
    Engine::builder(Walking).store(pruning).build().unwrap()
}

/// Steps that disappear while they are being read are pruned, not corrupt.
#[tokio::test]
async fn pruning_does_not_disturb_a_look() {
    for place in stores() {
        let engine = walking(&place.store);
        let run = engine.run("run", walk(20)).await.unwrap();
        engine.snapshot("run").await.unwrap();
        let engine = pruned_before(&place.store, "steps");
        let error = engine.state_at("run", 10).await.unwrap_err();
        let Error::Pruned { first: 20, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(&engine.state_at("run", 20).await.unwrap(), run.state());
    }
}

#[tokio::test]
async fn a_fork_of_a_step_that_goes_meanwhile_is_not_made() {
    for place in stores() {
        let engine = walking(&place.store);
        engine.run("run", walk(20)).await.unwrap();
        engine.snapshot("run").await.unwrap();
        let engine = pruned_before(&place.store, "commit");
        let error = engine.fork("run", 10, "fork", |_| {}).await.unwrap_err();
        let Error::Pruned { run, step: 10, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(run, "run");
        assert_eq!(ids(&place.store).await, ["run"]);
        // The last step stays, and so can be forked.
        let fork = engine.fork("run", 20, "fork", |_| {}).await.unwrap();
        assert_eq!(fork.status(), Status::Completed);
    }
}

#[derive(Clone, Debug)]
struct Gate {
    entered: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

#[node]
async fn pass(_: &Walk, gate: &Gate) -> WalkUpdate {
    gate.entered.add_permits(1);
    gate.open.acquire().await.expect("it stays open").forget();
    Walk::update().at(1)
}

#[graph(state = Walk, start -> pass -> end)]
struct Passing {
    gate: Gate,
}

#[tokio::test]
async fn a_run_that_is_driven_is_left_alone() {
    for place in stores() {
        let gate = Gate {
            entered: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
        };
        let engine = || {
            let gate = gate.clone();
            let builder = Engine::builder(Passing { gate });
            builder.store(place.store.clone()).build().unwrap()
        };
        let (engine, other) = (engine(), engine());
        let driving = tokio::spawn({
            let engine = engine.clone();
            async move { engine.run("run", Walk::default()).await }
        });
        gate.entered.acquire().await.unwrap().forget();
        for engine in [&engine, &other] {
            let error = engine.snapshot("run").await.unwrap_err();
            assert!(matches!(error, Error::LeaseHeld { .. }), "{error}");
            for policy in [Prune::runs(), Prune::history()] {
                let all = policy.statuses([Status::Running, Status::Completed]);
                assert_eq!(engine.prune(all).await.unwrap(), Pruned::default());
            }
        }
        gate.open.add_permits(1);
        let run = driving.await.unwrap().unwrap();
        assert_eq!((run.steps(), run.state().at), (1, 1));
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_file_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = superstep_tests::sqlite_at(&path);
    let engine = walking(&store);
    for run in ["one", "other"] {
        engine.run(run, walk(STEPS)).await.unwrap();
    }
    let size = || std::fs::metadata(&path).unwrap().len();
    drop((engine, store));
    let full = size();
    let store = superstep_tests::sqlite_at(&path);
    let engine = walking(&store);
    engine.snapshot("one").await.unwrap();
    engine.snapshot("other").await.unwrap();
    engine.prune(Prune::history()).await.unwrap();
    let run = engine.get("one").await.unwrap();
    drop((engine, store));
    assert!(size() * 5 < full, "{} of {full} bytes are left", size());
    let store = superstep_tests::sqlite_at(&path);
    let again = walking(&store).get("one").await.unwrap();
    assert_eq!((again.state(), again.steps()), (run.state(), STEPS));
}

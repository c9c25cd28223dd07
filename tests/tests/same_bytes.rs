//! The same input and seed give the same bytes: state, chain values and
//! history, whatever the concurrency, the delays, the store, the runtime and
//! the process.

use std::future::Future;

use superstep::prelude::*;
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Place, Trace, child, child_folder, stores, trace};

/// What may differ between two runs and must not show.
#[derive(Clone, Copy, Debug)]
struct Setting {
    store: usize,
    concurrency: usize,
    threads: bool,
}

fn settings() -> impl Iterator<Item = Setting> {
    (0..).map(|run: usize| Setting {
        store: run % 2,
        concurrency: [1, 2, 8][run % 3],
        threads: (run / 6).is_multiple_of(2),
    })
}

fn block_on<F: Future>(threads: bool, future: F) -> F::Output {
    let mut builder = if threads {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

async fn survey(setting: Setting) -> Trace {
    let places = stores();
    let Place { store, .. } = &places[setting.store % places.len()];
    let engine = Engine::builder(Surveyor::new())
        .shared_store(store.clone())
        .max_concurrency(setting.concurrency)
        .build()
        .expect("the settings make sense");
    let run = engine.run("survey", Survey::of(2, 4)).seed(7).await;
    let run = run.expect("the survey finishes");
    let trace = trace(&engine, "survey").await.expect("it is stored");
    let last = trace.history.last().expect("it has steps");
    assert_eq!(run.fingerprint(), Some(last.chain));
    trace
}

#[test]
fn a_hundred_runs_give_the_same_bytes() {
    let mut first: Option<Trace> = None;
    for setting in settings().take(100) {
        let trace = block_on(setting.threads, survey(setting));
        assert!(trace.history.len() > 10, "{}", trace.history.len());
        let first = first.get_or_insert_with(|| trace.clone());
        assert_eq!(trace, *first, "{setting:?}");
    }
}

#[test]
fn other_processes_give_the_same_bytes() {
    let here = block_on(true, survey(settings().next().unwrap()));
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let status = child("in_a_child", folder.path()).status().unwrap();
        assert!(status.success());
        let there = std::fs::read_to_string(folder.path().join("trace")).unwrap();
        assert_eq!(there, format!("{here:#?}"));
    }
}

#[test]
fn in_a_child() {
    let Some(folder) = child_folder() else { return };
    let setting = settings().nth(std::process::id() as usize % 12).unwrap();
    let trace = block_on(setting.threads, survey(setting));
    std::fs::write(folder.join("trace"), format!("{trace:#?}")).unwrap();
}

#[tokio::test]
async fn another_input_seed_or_route_gives_another_fingerprint() {
    let engine = Engine::builder(Surveyor::new()).build().unwrap();
    let mut fingerprints = Vec::new();
    for (id, input, seed) in [
        ("one", Survey::of(2, 4), 7),
        ("two", Survey::of(2, 4), 8),
        ("three", Survey::of(2, 3), 7),
        ("four", Survey::of(1, 4), 7),
    ] {
        let run = engine.run(id, input).seed(seed).await.unwrap();
        fingerprints.push(run.fingerprint().unwrap());
    }
    let same = engine.run("five", Survey::of(2, 4)).seed(7).await.unwrap();
    assert_eq!(same.fingerprint(), Some(fingerprints[0]));
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 4);
}

#[tokio::test]
async fn without_a_store_the_state_is_the_same() {
    let kept = Engine::builder(Surveyor::new()).build().unwrap();
    let kept = kept.run("survey", Survey::of(2, 4)).await.unwrap();
    let unkept = Engine::builder(Surveyor::new()).no_store().build().unwrap();
    let unkept = unkept.run("survey", Survey::of(2, 4)).await.unwrap();
    assert_eq!(unkept.state(), kept.state());
    assert_eq!(unkept.steps(), kept.steps());
    assert_eq!(unkept.fingerprint(), None);
}

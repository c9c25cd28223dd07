//! The same input and seed give the same bytes: state, chain values, digests,
//! history and effects, whatever the concurrency, the delays, the store, the
//! threads and the process. The nodes draw random numbers and read the clock.
//!
//! `SUPERSTEP_REPEATS` sets how many runs there are (36 by default).

use std::collections::BTreeSet;
use std::time::{Instant, UNIX_EPOCH};

use superstep::prelude::*;
use superstep::store::{EffectKind, EffectRecord, StoreExt};
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Place, Trace, child, child_folder, scale, stores, trace};
use tokio::runtime::Builder;

/// What may differ between two runs and must not show.
#[derive(Clone, Copy, Debug)]
struct Setting {
    store: usize,
    concurrency: usize,
    threads: usize,
}

/// All of them, over and over.
fn settings() -> impl Iterator<Item = Setting> {
    (0..).map(|run: usize| Setting {
        store: run % 2,
        concurrency: [1, 2, 8][run / 2 % 3],
        threads: [1, 2, 8][run / 6 % 3],
    })
}

/// Everything that a run leaves behind, except the time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bytes {
    trace: Trace,
    effects: Vec<EffectRecord>,
}

fn survey(setting: Setting) -> Bytes {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(setting.threads).enable_all().build();
    let runtime = runtime.expect("a runtime");
    // On its workers, and not on the thread of the test.
    let survey = runtime.spawn(survey_at(setting));
    runtime.block_on(survey).expect("it does not panic")
}

async fn survey_at(setting: Setting) -> Bytes {
    let places = stores();
    let Place { store, .. } = &places[setting.store % places.len()];
    let engine = Engine::builder(Surveyor::new())
        .store(store.clone())
        .max_concurrency(setting.concurrency)
        .build()
        .expect("the settings make sense");
    let run = engine.run("survey", Survey::of(2, 4)).seed(7).await;
    let run = run.expect("the survey finishes");
    let trace = trace(&engine, "survey").await.expect("it is stored");
    let last = trace.history.last().expect("it has steps");
    assert_eq!(run.fingerprint(), Some(last.chain));
    let effects = store.all_effects("survey", 0, run.steps()).await;
    let effects = effects.expect("they are stored").into_iter();
    let effects = effects.map(|mut record| {
        record
            .response
            .take_if(|_| record.kind == EffectKind::Clock);
        record.recorded = UNIX_EPOCH;
        record
    });
    Bytes {
        trace,
        effects: effects.collect(),
    }
}

/// What that many surveys left behind, each in the next setting.
fn surveys(count: usize) -> Bytes {
    let mut settings = settings();
    let first = survey(settings.next().expect("they go on for ever"));
    for setting in settings.take(count - 1) {
        assert_eq!(survey(setting), first, "{setting:?}");
    }
    first
}

fn repeats() -> usize {
    usize::try_from(scale("SUPERSTEP_REPEATS", 36)).expect("a number of runs")
}

#[test]
fn every_run_gives_the_same_bytes_in_this_process_and_in_another() {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut other = child("in_another_process", folder.path()).spawn().unwrap();
    let here = surveys(repeats().div_ceil(2));
    assert!(other.wait().unwrap().success());
    let there = std::fs::read_to_string(folder.path().join("bytes")).unwrap();
    assert_eq!(there, format!("{here:#?}"));

    let Bytes { trace, effects } = here;
    let kinds: BTreeSet<&str> = effects.iter().map(|record| record.kind.as_str()).collect();
    assert!(kinds.is_superset(&BTreeSet::from(["clock", "done", "failed"])));
    let last = trace.history.last().unwrap();
    assert!(last.step > 10);
    eprintln!(
        "{} runs in 2 processes, {} stores, concurrency 1, 2 and 8, 1, 2 and 8 threads: \
         {} steps and {} effects alike, last chain value {}; {:.0?}",
        repeats(),
        stores().len(),
        last.step,
        effects.len(),
        last.chain,
        began.elapsed(),
    );
}

#[test]
fn in_another_process() {
    let Some(folder) = child_folder() else { return };
    let there = surveys(repeats() / 2);
    std::fs::write(folder.join("bytes"), format!("{there:#?}")).unwrap();
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

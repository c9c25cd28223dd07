//! Runs that share an engine do not see one another.

use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{stores, trace};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_runs_at_once_are_isolated() {
    let alone = Engine::builder(Surveyor::new()).build().unwrap();
    for place in stores() {
        let engine = Engine::builder(Surveyor::new())
            .store(place.store.clone())
            .build()
            .unwrap();
        let mut runs = JoinSet::new();
        for run in 0..40 {
            let engine = engine.clone();
            runs.spawn(async move {
                let (id, input) = (format!("run-{run}"), Survey::of(run % 4, run % 7));
                engine.run(&id, input.clone()).await.map(|_| (id, input))
            });
        }
        while let Some(run) = runs.join_next().await {
            let (id, input) = run.unwrap().unwrap();
            alone.run(&id, input).await.unwrap();
            let expected = trace(&alone, &id).await.unwrap();
            assert_eq!(trace(&engine, &id).await.unwrap(), expected);
        }
        assert_eq!(place.store.all_runs().await.unwrap().len(), 40);
        assert!(place.store.all_stuck().await.unwrap().is_empty());
    }
}

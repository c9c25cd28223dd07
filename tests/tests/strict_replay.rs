//! Strict replay of a finished run makes no external call and ends in the same
//! fingerprint.

use superstep_tests::stores;
use superstep_tests::survey::{Survey, Surveyor};

#[tokio::test]
async fn a_finished_run_replays_to_its_fingerprint() {
    for place in stores() {
        let engine = superstep::Engine::builder(Surveyor::new())
            .shared_store(place.store.clone())
            .build()
            .unwrap();
        let run = engine.run("run", Survey::of(3, 4)).await.unwrap();
        let replayed = engine.replay("run").await.unwrap();
        assert_eq!(run.fingerprint(), replayed.fingerprint());
        assert_eq!(run.state(), replayed.state());
    }
}

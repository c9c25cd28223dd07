//! An error says what it is about, and a failed run keeps why it failed.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::testing::{Fault, FaultyStore, StoreCall};
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Trip {
    #[reduce(sum)]
    stops: u64,
}

#[node]
fn go(_: &Trip) -> TripUpdate {
    Trip::update().stops(1)
}

#[node]
fn stumbles(trip: &Trip) -> Result<TripUpdate, NodeError> {
    match trip.stops {
        0..=1 => Err(NodeError::permanent("the road ends here")),
        _ => Ok(Trip::update().stops(1)),
    }
}

#[graph(state = Trip, start -> go -> stumbles -> end)]
struct Travels;

type Parts<'a> = (&'static str, Option<&'a str>, Option<u64>, Option<&'a str>);

fn parts(error: &Error) -> Parts<'_> {
    (error.code(), error.run(), error.step(), error.node())
}

#[tokio::test]
async fn an_error_says_what_it_is_about() {
    for place in stores() {
        let engine = Engine::builder(Travels).store(place.store.clone());
        let engine = engine.build().unwrap();
        let failed = engine.run("trip", Trip::default()).await.unwrap_err();
        let about = ("node_failed", Some("trip"), Some(2), Some("stumbles"));
        assert_eq!(parts(&failed), about);
        let unknown = engine.get("nowhere").await.unwrap_err();
        assert_eq!(
            parts(&unknown),
            ("run_not_found", Some("nowhere"), None, None)
        );
        let nameless = engine.get("").await.unwrap_err();
        assert_eq!(parts(&nameless).0, "invalid_run_id");
        assert!(
            [failed, unknown, nameless]
                .iter()
                .all(|error| !error.is_transient())
        );
    }
    let refused = Engine::builder(Travels)
        .max_concurrency(0)
        .build()
        .unwrap_err();
    assert_eq!(parts(&refused), ("invalid_option", None, None, None));
}

#[tokio::test]
async fn what_passes_by_itself_is_transient() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    for n in 1..10_000 {
        store.fail_call(StoreCall::Commit, n, Fault::LoseCall);
    }
    let engine = Engine::builder(Travels).store(store);
    let engine = engine.lease(Duration::from_secs(1)).build().unwrap();
    let away = engine.run("trip", Trip::default()).await.unwrap_err();
    assert_eq!(parts(&away), ("store", Some("trip"), None, None));
    assert!(away.is_transient(), "{away}");
}

#[tokio::test]
async fn a_failed_run_says_why() {
    for place in stores() {
        let engine = Engine::builder(Travels).store(place.store.clone());
        let engine = engine.build().unwrap();
        let failed = engine.run("trip", Trip::default()).await.unwrap_err();
        let run = engine.get("trip").await.unwrap();
        let why = run.error().expect("it failed");
        assert_eq!(
            (why.code.as_str(), &why.message),
            (failed.code(), &failed.to_string())
        );
        assert_eq!((why.step, why.node.as_deref()), (Some(2), Some("stumbles")));

        let json = serde_json::to_value(&run).unwrap();
        assert_eq!(json["status"], "failed");
        assert_eq!(json["error"]["code"], "node_failed");
        assert_eq!(json["error"]["node"], "stumbles");

        // A correction leaves it as it is; a successful run removes the reason.
        let run = engine
            .update("trip", Trip::update().stops(1))
            .await
            .unwrap();
        assert_eq!(
            (run.status(), run.error().is_some()),
            (Status::Failed, true)
        );
        let run = engine.resume("trip").await.unwrap();
        assert_eq!((run.status(), run.error()), (Status::Completed, None));
        assert_eq!(engine.get("trip").await.unwrap().error(), None);
    }
}

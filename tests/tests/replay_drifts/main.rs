//! Whatever a program does differently than before is a `ReplayMismatch` that
//! names the step and the node, and says what was and what is.

#[cfg(feature = "sqlite")]
mod altered;
mod trip;

use std::sync::Arc;
use std::time::Duration;

use superstep::prelude::*;
use superstep_tests::{Journal, stores};
use trip::{Today, Traveller, Trip};

/// Drift, step, node, and what the message says.
const DRIFTS: &[(&str, u64, &str, &str)] = &[
    (
        "an item more",
        1,
        "plan",
        "node `plan`: the replay differs in the route: recorded edge 1 to visit x 3, edge 3 to watch, now edge 1 to visit x 4, edge 3 to watch",
    ),
    (
        "an item less",
        1,
        "plan",
        "now edge 1 to visit x 2, edge 3 to watch",
    ),
    ("no items", 1, "plan", "now edge 2 to end, edge 3 to watch"),
    (
        "another input",
        1,
        "plan",
        "node `plan`: the replay differs in the next tasks: recorded",
    ),
    (
        "inputs in another order",
        1,
        "plan",
        "node `plan`: the replay differs in the next tasks: recorded",
    ),
    ("another arm", 1, "plan", "now edge 4 to home"),
    (
        "a field more",
        1,
        "plan",
        "node `plan`: the replay differs in the update: recorded nothing at `mood`, now \"fine\"",
    ),
    (
        "a panic",
        2,
        "visit",
        "node `visit`: the replay differs in the result: recorded success, now a panic: lost the map",
    ),
    (
        "an error",
        2,
        "visit",
        "node `visit`: the replay differs in the result: recorded success, now an error: no ticket",
    ),
    (
        "waits for nothing",
        2,
        "visit",
        "now it waits for something that never comes",
    ),
    (
        "waits too long",
        2,
        "visit",
        "now it is not done after 50ms",
    ),
    (
        "another request",
        2,
        "visit",
        "node `visit`: the replay differs in the request of effect `buy` (call 0): recorded 1 at `[1]`, now 7",
    ),
    (
        "another effect",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded no such call, now effect `sell` (call 0) for [\"b\",1]",
    ),
    (
        "effects swapped",
        2,
        "visit",
        "node `visit`: the replay differs in the order of the effects: recorded effect `ask` (call 0), now effect `buy` (call 0)",
    ),
    (
        "calls of one name swapped",
        2,
        "visit",
        "node `visit`: the replay differs in the request of effect `ask` (call 0): recorded 1 at `[1]`, now 2",
    ),
    (
        "an effect more at first",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded no such call, now effect `look` (call 0) for [\"b\",1]",
    ),
    (
        "an effect more at last",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded no such call, now effect `look` (call 0)",
    ),
    (
        "an effect once more",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded no such call, now effect `ask` (call 2) for [\"b\",3]",
    ),
    (
        "the first effect gone",
        2,
        "visit",
        "node `visit`: the replay differs in the order of the effects: recorded effect `ask` (call 0), now effect `buy` (call 0)",
    ),
    (
        "the last effect gone",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded effect `ask` (call 1) for [\"b\",2], now no such call",
    ),
    (
        "all effects gone",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded effect `ask` (call 0) for [\"b\",1], now no such call",
    ),
    (
        "a reading of the clock more",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded no such call, now `now()` (call 1)",
    ),
    (
        "a late reading of the clock more",
        2,
        "visit",
        "node `visit`: the replay differs in the effects: recorded no such call, now `now()` (call 1)",
    ),
    (
        "no reading of the clock",
        2,
        "visit",
        "node `visit`: the replay differs in the order of the effects: recorded `now()` (call 0), now effect `ask` (call 0)",
    ),
    (
        "the real clock",
        2,
        "visit",
        "node `visit`: the replay differs in the update: recorded 1",
    ),
    (
        "other random numbers",
        2,
        "visit",
        "node `visit`: the replay differs in the update: recorded",
    ),
    (
        "a counter of the process",
        2,
        "visit",
        "at `notes[0].luck`, now",
    ),
    (
        "a number deep down",
        2,
        "visit",
        "node `visit`: the replay differs in the update: recorded 2.5 at `notes[0].prices.tea[1]`, now 2.75",
    ),
    (
        "the end of a long text",
        2,
        "visit",
        "node `visit`: the replay differs in the update: recorded",
    ),
    (
        "a field less",
        2,
        "visit",
        "node `visit`: the replay differs in the update: recorded 1 at `seen`, now nothing",
    ),
    (
        "another sum",
        2,
        "visit",
        "node `visit`: the replay differs in the update: recorded 1 at `seen`, now 2",
    ),
    (
        "a sibling",
        2,
        "watch",
        "node `watch`: the replay differs in the update: recorded 10 at `seen`, now 100",
    ),
    ("another route", 3, "pack", "now edge 10 to end"),
    (
        "the last word",
        4,
        "home",
        "node `home`: the replay differs in the update: recorded \"good after 13\" at `mood`, now \"bad after 13\"",
    ),
];

/// The program with a drift, and the calls it makes.
fn engine(store: &Arc<dyn Store>, drift: &'static str) -> (Engine<Traveller>, Journal) {
    let calls = Journal::new();
    let today = Today {
        drift,
        calls: calls.clone(),
    };
    let engine = Engine::builder(Traveller { today })
        .store(Arc::clone(store))
        .default_timeout(match drift {
            "waits too long" => Duration::from_millis(50),
            _ => Duration::from_secs(30),
        })
        .build();
    (engine.unwrap(), calls)
}

#[tokio::test]
async fn every_drift_is_found_with_step_and_node() {
    for place in stores() {
        let (before, _) = engine(&place.store, "");
        let run = before.run("run", Trip::default()).await.unwrap();
        assert_eq!(run.state().seen, 13);
        let mut missed = Vec::new();
        for &(drift, at, who, says) in DRIFTS {
            let (now, calls) = engine(&place.store, drift);
            let error = now.replay("run").await.expect_err(drift);
            let said = error.to_string();
            let found = matches!(&error, Error::ReplayMismatch { step, node, .. } if (*step, &**node) == (at, who));
            if !found || !said.contains(says) || !calls.lines().is_empty() {
                missed.push(format!("{drift}: {said}"));
            }
        }
        assert_eq!(missed, [""; 0], "in {place:?}");
        let (same, calls) = engine(&place.store, "");
        let replayed = same.replay("run").await.unwrap();
        assert_eq!(replayed.fingerprint(), run.fingerprint());
        assert_eq!(calls.lines(), [""; 0]);
    }
}

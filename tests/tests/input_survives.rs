//! What a node sees does not depend on whether the run was interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Desk {
    #[reduce(append)]
    seen: Vec<String>,
    #[reduce(ephemeral)]
    #[serde(skip)]
    hint: String,
    #[reduce(ephemeral)]
    kept: String,
}

#[derive(Clone, Debug)]
struct Broken(Arc<AtomicBool>);

#[node]
fn first(state: &Desk, broken: &Broken) -> Result<DeskUpdate, String> {
    if broken.0.swap(false, Ordering::SeqCst) {
        return Err("broken".into());
    }
    Ok(Desk::update()
        .seen([format!("{}/{}", state.hint, state.kept)])
        .hint("from first"))
}

#[node]
fn second(state: &Desk) -> DeskUpdate {
    Desk::update().seen([format!("{}/{}", state.hint, state.kept)])
}

#[graph(state = Desk, start -> first -> second -> end)]
struct Desks {
    broken: Broken,
}

#[tokio::test]
async fn an_ephemeral_input_is_the_same_after_an_interruption() {
    for place in stores() {
        let mut seen = Vec::new();
        for broken in [false, true] {
            let id = format!("run {broken}");
            let engine = Engine::builder(Desks {
                broken: Broken(Arc::new(AtomicBool::new(broken))),
            })
            .store(Arc::clone(&place.store))
            .build()
            .unwrap();
            let input = Desk {
                hint: "hint".into(),
                kept: "kept".into(),
                ..Desk::default()
            };
            let run = match engine.run(id.as_str(), input).await {
                Ok(run) => run,
                Err(_) => engine.resume(&id).await.unwrap(),
            };
            seen.push(run.into_state().seen);
        }
        assert_eq!(seen[0], seen[1], "{place:?}");
    }
}

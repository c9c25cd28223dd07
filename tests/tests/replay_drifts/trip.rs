//! A journey on which everything can happen differently than before.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;
use superstep_tests::Journal;
use tokio::time::sleep;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    #[reduce(append)]
    notes: Vec<Note>,
    #[reduce(sum)]
    pub seen: u64,
    mood: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    stop: String,
    at: u64,
    luck: u64,
    prices: BTreeMap<String, Vec<f64>>,
    heard: Vec<String>,
}

/// What the program does differently than before, and the calls it makes.
#[derive(Clone)]
pub struct Today {
    pub drift: &'static str,
    pub calls: Journal,
}

impl Today {
    fn is(&self, drift: &str) -> bool {
        self.drift == drift
    }
}

#[derive(Route)]
pub enum Plan {
    Visit(Vec<String>),
    Home,
}

#[node]
pub fn plan(state: &Trip, today: &Today) -> (TripUpdate, Plan) {
    let mut stops = ["a", "b", "c"].map(String::from).to_vec();
    match today.drift {
        "an item more" => stops.push("d".into()),
        "an item less" => stops.truncate(2),
        "no items" => stops.clear(),
        "another input" => stops[1] = "B".into(),
        "inputs in another order" => stops.swap(0, 1),
        "another arm" => return (Trip::update(), Plan::Home),
        "a field more" => return (Trip::update().mood("fine"), Plan::Visit(stops)),
        _ => {}
    }
    assert!(state.notes.is_empty());
    (Trip::update(), Plan::Visit(stops))
}

/// The second of the three visits is the one that drifts.
#[node]
pub async fn visit(
    _: &Trip,
    stop: String,
    today: &Today,
    cx: &Cx,
) -> Result<TripUpdate, NodeError> {
    let drift = if stop == "b" { today.drift } else { "" };
    let mut calls = vec![("ask", 1), ("buy", 1), ("ask", 2)];
    match drift {
        "a panic" => panic!("lost the map"),
        "an error" => return Err(NodeError::permanent("no ticket")),
        "waits for nothing" => pending().await,
        "waits too long" => cx.untracked(|| sleep(Duration::from_secs(3_600))).await,
        "another request" => calls[1].1 = 7,
        "another effect" => calls[1].0 = "sell",
        "effects swapped" => calls.swap(0, 1),
        "calls of one name swapped" => calls.swap(0, 2),
        "an effect more at first" => calls.insert(0, ("look", 1)),
        "an effect more at last" => calls.push(("look", 1)),
        "an effect once more" => calls.push(("ask", 3)),
        "the first effect gone" => drop(calls.remove(0)),
        "the last effect gone" => calls.truncate(2),
        "all effects gone" => calls.clear(),
        "a reading of the clock more" => drop(cx.now()),
        _ => {}
    }
    let at = match drift {
        "no reading of the clock" => UNIX_EPOCH,
        "the real clock" => {
            let _ = cx.now();
            cx.untracked(SystemTime::now) + Duration::from_secs(1)
        }
        _ => cx.now(),
    };
    if drift == "a late reading of the clock more" {
        let _ = cx.now();
    }
    static RUNS: AtomicU64 = AtomicU64::new(1);
    let luck = match drift {
        "other random numbers" => cx.uuid().as_u128() as u64,
        "a counter of the process" => RUNS.fetch_add(1, Ordering::Relaxed),
        _ => cx.rng().next_u64(),
    };
    let mut heard = Vec::new();
    for (name, request) in calls {
        let call = cx.effect(name, &(&stop, request));
        let call = call.run(|| async {
            today.calls.note("called");
            ok(format!("{name} {request}"))
        });
        heard.push(call.await?);
    }
    let mut prices = BTreeMap::from([("tea".to_owned(), vec![1.5, 2.5])]);
    if drift == "a number deep down" {
        prices.entry("tea".into()).or_default()[1] = 2.75;
    }
    let end = if drift == "the end of a long text" {
        "!"
    } else {
        "."
    };
    heard.push(format!("{}{end}", "x".repeat(500)));
    let at = at.duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let update = Trip::update().notes([Note {
        stop,
        at,
        luck,
        prices,
        heard,
    }]);
    Ok(match drift {
        "a field less" => update,
        "another sum" => update.seen(2),
        _ => update.seen(1),
    })
}

#[node]
pub fn watch(_: &Trip, today: &Today) -> TripUpdate {
    Trip::update().seen(if today.is("a sibling") { 100 } else { 10 })
}

/// Where the visits and the watch meet.
#[node]
pub fn pack(_: &Trip, today: &Today) -> bool {
    !today.is("another route")
}

#[node]
pub fn home(state: &Trip, today: &Today) -> TripUpdate {
    let mood = if today.is("the last word") {
        "bad"
    } else {
        "good"
    };
    Trip::update().mood(format!("{mood} after {}", state.seen))
}

#[graph(
    state = Trip,
    start -> plan,
    plan -> match {
        Plan::Visit(stops) => [each visit(stops) else end, watch],
        Plan::Home => home,
    },
    visit -> end,
    watch -> end,
    [visit, watch] -> pack,
    pack -> match { true => home, false => end },
    home -> end,
)]
#[derive(Clone)]
pub struct Traveller {
    pub today: Today,
}

// What an editor has at every keystroke: rustc's parser has said it, and the nodes stay known.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

struct Web;

#[node]
fn plan(trip: &Trip, web) -> TripUpdate {
    Trip::update().city(&trip.city)
}

#[node]
async fn search(_: &Trip, question: String, web: &) -> Result<TripUpdate, NodeError> {
    Ok(Trip::update().city(question))
}

#[node(timeout = "1s")]
pub fn write(trip: &Trip, web: &Web, pages: Vec<) {
    let _ = trip.;
}

#[node]
fn ask(_: &Trip, who: ) -> TripUpdate {
    Trip::update().city(who)
}

#[node]
fn tell(trip: , names: Vec<&str>, web: &Web) -> TripUpdate {
    Trip::update()
}

#[graph(
    state = Trip,
    start -> plan -> search("a".to_owned()),
    search -> write -> ask("b".to_owned()),
    ask -> tell -> end,
)]
struct Journey {
    web: Web,
}

fn main() {
    let _ = Engine::builder(Journey { web: Web });
}

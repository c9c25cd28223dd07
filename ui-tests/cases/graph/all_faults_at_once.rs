use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

#[node]
fn plan(_: &Trip) {}

#[node]
fn write(_: &Trip) {}

#[node]
fn ping(_: &Trip) {}

#[node]
fn pong(_: &Trip) {}

#[node]
fn lost(_: &Trip) {}

#[node]
fn dangling(_: &Trip) {}

#[graph(
    state = Trip,
    start -> plan -> [write, write],
    write -> ping -> pong -> ping,
    lost -> end,
    plan -> end,
    [plan, dangling] -> start,
)]
struct Journey;

fn use_it<G: superstep::Graph>(_: G) {}

fn user() {
    use_it(Journey);
}

fn main() {}

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
fn check(_: &Trip, note: String) {
    let _ = note;
}

#[node]
fn decide(_: &Trip) -> bool {
    true
}

#[graph(
    state = Trip,
    start -> plan,
    start -> decide,
    plan -> write -> end,
    plan -> end,
    write -> end,
    plan on error -> write,
    plan on error -> end,
    decide -> match { true => write, false => end },
    decide -> plan,
    check -> write,
    check -> defer decide,
    write -> each check(texts()) else end,
)]
struct Journey;

fn main() {}

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
fn read(_: &Trip) {}

#[node]
fn both(_: &Trip) {}

#[graph(state = Trip, start -> [plan, write], plan -> [write, read] -> both)]
struct Journey;

fn main() {}

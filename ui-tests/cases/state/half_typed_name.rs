use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    days: u64,
    lin
}

#[node]
fn plan(_: &Trip) -> TripUpdate {
    Trip::update().days(1)
}

#[graph(state = Trip, start -> plan -> end)]
struct Journey;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Stay {
    nam
    #[reduce(append)]
    nights: Vec<u64>,
}

#[node]
fn sleep(_: &Stay) -> StayUpdate {
    Stay::update().nights([1]).replace_nights([2])
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Note {
    text text: String,
    read: bool,
}

#[node]
fn open(_: &Note) -> NoteUpdate {
    Note::update().read(true).text("twice")
}

fn main() {}

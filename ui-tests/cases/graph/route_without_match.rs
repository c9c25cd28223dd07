use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

#[node]
fn write(_: &Trip) {}

#[derive(Route)]
enum Plan {
    Search(Vec<String>),
    Write,
}

#[node]
fn plan(_: &Trip) -> Plan {
    Plan::Write
}

#[node]
fn search(_: &Trip, question: String) {
    let _ = question;
}

#[graph(
    state = Trip,
    start -> plan -> write -> match { true => end, _ => search("a".to_string()) },
    search -> end,
)]
struct Journey;

fn main() {}

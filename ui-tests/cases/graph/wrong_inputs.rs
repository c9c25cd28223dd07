use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

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

#[node]
fn count(_: &Trip, number: u32) {
    let _ = number;
}

#[graph(
    state = Trip,
    start -> plan,
    plan -> match {
        Plan::Search(questions) => [each count(questions) else end, count("three"), each count(7) else end],
        Plan::Write => end,
    },
    count -> end,
)]
struct Journey;

fn main() {}

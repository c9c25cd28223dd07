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
    start -> match { true => plan, false => end },
    plan -> match {
        Plan::Search(_) => match { _ => write },
        Plan::Write => end,
    },
    [plan, write] -> match { _ => end },
    write on error -> match { _ => end },
)]
struct Journey;

fn main() {}

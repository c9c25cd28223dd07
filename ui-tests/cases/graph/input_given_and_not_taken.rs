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
    start -> plan,
    plan -> match {
        Plan::Search(questions) => [each write(questions) else end, search],
        Plan::Write => [write("a".to_string()), search],
    },
    search -> end,
    write -> end,
)]
struct Journey;

fn main() {}

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
    start => plan,
    plan -> each search,
    plan -> match { Plan::Write => end } -> write,
    write -> search("a".to_string(), "b".to_string()),
    write -> search() -> end,
    write -> defer search("a".to_string()),
    [] -> write,
    each -> write,
    plan on failure -> end,
    [plan, write] on error -> end,
    write -> match { true => plan -> write },
    write,
    3 -> write,
    end <- write,
    write -> plan <- search,
    plan -> each search(line in lines) else end,
    write -> search("a" "b"),
    plan -> match { search(x) },
    plan -> match { Plan::Write -> end },
    plan -> match { Plan::Write => write _ => end },
    write -> [plan write],
)]
struct Journey;

fn main() {}

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

struct Llm;
struct Web;

#[node]
fn plan(_: &Trip, llm: &Llm, web: &Web) {
    let _ = (llm, web);
}

#[node]
fn search(_: &Trip, web: &Web, names: &[String]) {
    let _ = (web, names);
}

#[graph(state = Trip, start -> plan -> search -> end)]
struct Journey {
    llm: Llm,
    #[graph(skip)]
    hidden: Web,
    names: Vec<String>,
}

fn main() {}

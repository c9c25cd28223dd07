use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn plan(_: &Trip) {}

fn of_text(from: u32, json: String) -> Result<String, String> {
    Ok(format!("{from}{json}"))
}

#[graph(state = Trip, version = 2, migrate = of_text, start -> plan -> end)]
struct Journey;

#[graph(state = Trip, version = 2, migrate = no_such_function, start -> plan -> end)]
struct Flight;

fn main() {}

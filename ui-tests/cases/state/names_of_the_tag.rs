use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind")]
struct Research {
    notes: Vec<String>,
    kind: String,
}

fn main() {}

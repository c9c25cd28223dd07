use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Research {
    #[serde(rename(serialize = "a", deserialize = "b"))]
    notes: Vec<u8>,
}

fn main() {}

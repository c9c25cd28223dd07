use serde::{Deserialize, Serialize};
use superstep::prelude::*;

// Shown in docs/compile-errors.md:
#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: &'static str,
}

// Not shown:
fn main() {}

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
#[node]
fn write(letter: &mut Letter) {
    letter.text = "Dear reader,".to_owned();
}

// Not shown:
fn main() {}

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
#[node]
fn write(letter: &Letter) -> Letter {
    let text = format!("{} Yours", letter.text);
    Letter { text }
}

// Not shown:
fn main() {}

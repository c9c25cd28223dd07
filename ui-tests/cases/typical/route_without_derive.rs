use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
enum Verdict {
    Good,
    Again,
}

#[node]
fn review(letter: &Letter) -> Verdict {
    match letter.text.len() {
        0 => Verdict::Again,
        _ => Verdict::Good,
    }
}

// Not shown:
fn main() {}

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

#[node]
fn write(_: &Letter) -> LetterUpdate {
    Letter::update().text("Dear reader,")
}

// Shown in docs/compile-errors.md:
#[graph(state = Letter, start -> write)]
struct Writing;

// Not shown:
fn main() {}

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

// Shown in docs/compile-errors.md:
#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    #[reduce(append)]
    lines: Vec<String>,
}

#[node]
fn write(_: &Letter) -> LetterUpdate {
    Letter::update().lines("Dear reader,")
}

// Not shown:
fn main() {}

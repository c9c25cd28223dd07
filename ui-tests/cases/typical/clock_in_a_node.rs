use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
#[node]
fn date(_: &Letter) -> LetterUpdate {
    let now = std::time::SystemTime::now();
    Letter::update().text(format!("{now:?}"))
}

// Not shown:
fn main() {}

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

#[derive(Route)]
enum Verdict {
    Good,
    Again,
}

#[node]
fn write(_: &Letter) -> LetterUpdate {
    Letter::update().text("Dear reader,")
}

#[node]
fn review(letter: &Letter) -> Verdict {
    match letter.text.len() {
        0 => Verdict::Again,
        _ => Verdict::Good,
    }
}

// Shown in docs/compile-errors.md:
#[graph(
    state = Letter,
    start -> write -> review,
    review -> match {
        Verdict::Good => end,
    },
)]
struct Writing;

// Not shown:
fn main() {}

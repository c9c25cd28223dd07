use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
trait Llm {
    fn complete(&self, prompt: &str) -> String;
}

#[node]
fn write(letter: &Letter, llm: &dyn Llm) -> LetterUpdate {
    Letter::update().text(llm.complete(&letter.text))
}

#[graph(state = Letter, start -> write -> end)]
struct Writing {
    llm: Box<dyn Llm>,
}

// Not shown:
fn main() {}

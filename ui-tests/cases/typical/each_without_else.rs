use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

#[derive(Route)]
enum Pages {
    Of(Vec<String>),
}

#[node]
fn split(letter: &Letter) -> Pages {
    Pages::Of(letter.text.lines().map(str::to_owned).collect())
}

#[node]
fn read(_: &Letter, page: String) {
    let _ = page;
}

// Shown in docs/compile-errors.md:
#[graph(
    state = Letter,
    start -> split -> match { Pages::Of(pages) => each read(pages) },
    read -> end,
)]
struct Reading;

// Not shown:
fn main() {}

// E0004 names the missing arm; that no row leads to the node behind it is said, too, since no
// other row does.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

#[derive(Route)]
enum Verdict {
    Good,
    Again(String),
}

#[node]
fn write(_: &Letter) {}

#[node]
fn review(letter: &Letter) -> Verdict {
    match letter.text.is_empty() {
        true => Verdict::Again("empty".to_owned()),
        false => Verdict::Good,
    }
}

#[node]
fn fix(_: &Letter) {}

#[graph(
    state = Letter,
    start -> write -> review,
    review -> match {
        Verdict::Good => end,
    },
    fix -> review,
)]
struct Writing;

// Of a `match` in a table with faults only the patterns count.
#[graph(
    state = Letter,
    start -> write -> review,
    review -> match {
        Verdict::Again(text) if return => write,
        Verdict::Again(_) => end,
        Verdict::Good => end,
    },
)]
struct Guarded;

// The same where the `match` is one target of several.
#[graph(
    state = Letter,
    start -> review,
    review -> [write, match { Verdict::Good => end }],
    fix -> write -> end,
)]
struct Beside;

fn main() {}

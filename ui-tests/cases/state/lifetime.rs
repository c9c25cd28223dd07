use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Borrowed<'a> {
    text: &'a str,
}

fn main() {}

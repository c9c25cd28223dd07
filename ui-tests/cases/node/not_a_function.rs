#![allow(unused)]

use superstep::prelude::*;

#[node]
struct Plan {
    topic: String,
}

fn main() {}

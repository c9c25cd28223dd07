use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
enum Either {
    One,
    Other,
}

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Pair(u8, u8);

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Nothing;

#[derive(State, Clone, Copy)]
union Bits {
    a: u32,
    b: f32,
}

fn main() {}

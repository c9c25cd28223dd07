#![allow(unused)]

use superstep::prelude::*;

#[node]
fn plan() {}

fn main() {}

#![allow(unused)]

use superstep::prelude::*;

struct Notes;

#[node]
fn plan(notes: &Notes) {}

fn main() {}

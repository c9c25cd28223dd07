// What is missing at the end is reported at the last token, not at the whole attribute.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn plan(_: &Trip) {}

#[graph(state = Trip, start -> plan ->)]
struct Arrow;

#[graph(state = Trip, start -> plan -> end, plan)]
struct Row;

#[graph(state = Trip, start -> plan -> end, plan on)]
struct On;

#[graph(state = Trip, start -> plan -> end, version =)]
struct Setting;

#[graph(state =)]
struct Unset;

#[graph(start -> plan -> end, state)]
struct Word;

#[graph(state = Trip, start -> plan -> match)]
struct Matching;

#[graph(state = Trip, start -> plan -> end, allow)]
struct Allow;

#[graph(state = Trip, start -> plan -> match { true => })]
struct Arm;

#[graph(state = Trip, start -> [plan, plan] -> match { true => end, false => plan(1 + ) })]
struct Expression;

#[graph(state = Trip, start -> each plan(1) else)]
struct EachElse;

#[graph(state = Trip, one = )]
struct Instance;

#[graph()]
struct Nothing;

#[graph]
struct Bare;

fn main() {}

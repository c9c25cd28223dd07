use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    city: String,
}

#[node]
fn plan(_: &Order) -> bool {
    true
}

#[node]
fn pack(_: &Order) {}

#[node]
fn ship(_: &Order) {}

#[node]
fn charge(_: &Order) {}

#[node]
fn done(_: &Order) {}

#[graph(
    state = Order,
    start -> plan -> match { true => [shpi, charge], false => pack },
    pack -> end,
    [ship, charge] -> done -> end,
)]
struct TargetBesideJoin;

#[graph(
    state = Order,
    start -> plan -> match { true => [shpi, charge], false => ship },
    ship -> end,
    charge -> end,
)]
struct TargetOnly;

#[graph(
    state = Order,
    start -> pack,
    pakc -> plan,
    plan -> match { true => ship, false => pack },
    ship -> end,
)]
struct Source;

#[graph(state = Order, start -> paln, plan -> match { _ => ship }, ship -> end, plan on error -> end)]
struct First;

#[graph(state = Order, start -> [ship, charge], ship -> pack -> end, [shpi, charge] -> done -> end)]
struct JoinSource;

#[graph(state = Order, start -> [plan, plan_b], plan -> end)]
struct NoSlip;

#[graph(state = Order, strat -> ship -> end)]
struct Start;

#[node]
fn merge(_: &Order) {}

/// A forgotten `-> end`, behind names that are alike.
#[graph(state = Order, start -> ship -> merge -> pack -> charge)]
struct OpenEnd;

#[graph(state = Order, start -> plan_a -> plan_b, plan_a = ship, plan_b = ship)]
struct Numbered;

#[node]
fn ask(_: &Order) {}

#[graph(state = Order, start -> aks, ask -> end)]
struct ThreeLetters;

#[graph(state = Order, start -> ask -> End)]
struct End;

#[graph(state = Order, start -> ask -> END)]
struct AllCapitals;

fn main() {}

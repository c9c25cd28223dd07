// Without our macros: the same errors; serde says that of `Lime` twice.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Cart {
    cents: u46,
    lines: Vec<Lime>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Line {
    sku: String,
}

#[node]
fn fill(_: &Cart) -> CartUpdate {
    Cart::update().cents(1)
}

#[graph(state = Cart, start -> fill -> end)]
struct Shop;

fn main() {}

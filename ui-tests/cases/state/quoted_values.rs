use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Cart {
    #[reduce(upsert = "sku")]
    lines: Vec<Line>,
    #[reduce(upsert = line.sku)]
    gifts: Vec<Line>,
    #[reduce(with = "longest")]
    note: String,
    #[reduce(with = |a, b| *a = b)]
    name: String,
    #[reduce(with = longest, sum)]
    both: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Line {
    sku: String,
}

fn longest(_: &mut String, _: String) {}

fn main() {}

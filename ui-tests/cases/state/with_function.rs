use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Research {
    #[reduce(with = longest)]
    text: String,
}

fn longest(one: &str, other: &str) -> String {
    one.max(other).to_owned()
}

fn main() {}

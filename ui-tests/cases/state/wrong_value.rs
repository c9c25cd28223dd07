use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Research {
    #[reduce(append)]
    notes: Vec<String>,
    #[reduce(sum)]
    tokens: u64,
}

fn main() {
    let _ = Research::update().tokens("many");
    let _ = Research::update().notes("one");
    let _ = Research::update().note(["one"]);
}

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Research {
    prices: HashMap<String, u32>,
    #[reduce(union)]
    seen: HashSet<String>,
    by_path: std::collections::HashMap<String, u32>,
    nested: Vec<std::collections::HashMap<String, u32>>,
}

fn main() {}

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

trait Db: Send + Sync {}

#[node]
fn plan(_: &Trip) {}

#[graph(state = Trip, start -> plan -> end)]
struct Objects {
    main: Arc<dyn Db + 'static>,
    replica: Arc<dyn Db + 'static>,
}

#[graph(state = Trip, start -> plan -> end)]
struct Texts {
    url: String,
    key: String,
    region: String,
}

#[graph(state = Trip, start -> plan -> end)]
struct SeenThrough {
    urls: Vec<String>,
    one: Box<u8>,
    another: Arc<u8>,
}

fn main() {}

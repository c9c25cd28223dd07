#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node]
async fn plan(state: &Research) -> ResearchUpdate {
    let shared = std::rc::Rc::new(state.topic.clone());
    std::future::ready(()).await;
    drop(shared);
    ResearchUpdate::default()
}

fn main() {}

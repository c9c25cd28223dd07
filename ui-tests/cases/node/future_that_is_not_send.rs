#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node]
async fn plan(state: &Research) -> ResearchUpdate {
    let shared = std::rc::Rc::new(state.topic.clone());
    std::future::ready(()).await;
    drop(shared);
    ResearchUpdate::default()
}

fn main() {}

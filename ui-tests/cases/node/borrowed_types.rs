#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

use std::borrow::Cow;

#[node]
fn search(state: &Research, question: Cow<'_, str>) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn pick(state: &Research, names: &Vec<&str>) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn plan<'a>(state: &'a Research, note: &'static str, words: Vec<&'a str>) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node(timeout)]
fn a(_: &Trip) {}

#[node(timeout =)]
fn b(_: &Trip) {}

#[node(idle)]
fn k(_: &Trip) {}

#[node(retry)]
fn c(_: &Trip) {}

#[node(retry(attempts))]
fn d(_: &Trip) {}

#[node(retry(attempts = ))]
fn e(_: &Trip) {}

#[node(name =, crate =)]
fn f(_: &Trip) {}

#[node(writes)]
fn g(_: &Trip) {}

#[node(allow)]
fn h(_: &Trip) {}

#[node(allow())]
fn i(_: &Trip) {}

#[node(crate = superstep::)]
fn j(_: &Trip) {}

fn main() {}

//! What the macro itself knows to be wrong, each rule in a function of its own.
//!
//! Everything works on node and edge numbers. A graph without faults is walked
//! a few times from end to end; only faults cost more.

mod arcs;
mod exclusive;
mod reach;
mod rows;
mod spelling;
mod two_rows;

use super::model::Model;
use crate::errors::Errors;

pub(super) fn graph(model: &mut Model, errors: &mut Errors) {
    spelling::unite(model);
    if model.has_start() {
        spelling::repair(model, errors);
    }
    rows::check(model, errors);
    two_rows::check(model, errors);
    if model.has_start() {
        let arcs = arcs::Arcs::new(model);
        reach::check(model, &arcs, errors);
        exclusive::check(model, &arcs, errors);
    }
}

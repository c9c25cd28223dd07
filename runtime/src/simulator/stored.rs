//! How everybody reads the run back from the store: as any program does.

use std::sync::Arc;

use super::drama::{Drama, tale_of};
use super::world::Stage;
use crate::encode;
use crate::error::Error;
use crate::graph::StoredGraph;
use crate::machine::{Blueprint, Machine};
use crate::session::{self, Graphs, Tail};
use crate::store::Loaded;

/// A run as it is stored, and its machine.
pub(super) struct Stored {
    pub(super) loaded: Loaded,
    pub(super) graphs: Graphs,
    pub(super) machine: Machine,
    pub(super) tail: Tail,
}

/// The run as it is stored; `None`, which is reported, if it cannot be read.
pub(super) fn restore(stage: &mut Stage) -> Option<Stored> {
    let loaded = stage.shelf.load()?;
    let mut graphs = Graphs::new(stage.graph.fingerprint, &loaded.head, &stage.shelf.graphs());
    for graph in graphs.of_results(&loaded.pending) {
        // The versions of a graph differ in nothing else.
        let stored = StoredGraph::of(stage.graph.info);
        graphs.describe_edges(graph, &stored, stage.graph.info);
    }
    let restored = session::restore(&blueprint(stage), &loaded, &graphs);
    let (machine, tail) = readable(stage, restored)?;
    Some(Stored {
        loaded,
        graphs,
        machine,
        tail,
    })
}

pub(super) fn blueprint(stage: &Stage) -> Blueprint {
    Blueprint {
        program: Arc::new(Drama(stage.graph.info)),
        circles: None,
        conflict: stage.input.policy(),
    }
}

/// What was read or made; an error is reported.
pub(super) fn readable<T>(stage: &mut Stage, read: Result<T, Error>) -> Option<T> {
    let claim = "what is stored can be read and continued";
    read.map_err(|error| stage.shelf.watch.report(claim, error.to_string()))
        .ok()
}

/// What was acknowledged is stored, and comes back as it was.
pub(super) fn compare(stage: &mut Stage, machine: &Machine) {
    let Some(Stored {
        loaded,
        machine: restored,
        ..
    }) = restore(stage)
    else {
        return;
    };
    if loaded.head.step > machine.step() {
        return; // somebody else is ahead by now
    }
    let texts = [&restored, machine].map(|machine| {
        let state = encode::to_string(tale_of(machine)).expect("a tale has an encoding");
        let frontier = machine.frontier_text().expect("a tale has an encoding");
        let (step, chain) = (machine.step(), machine.chain());
        format!("step {step}\n{chain}\n{state}\n{frontier}")
    });
    if texts[0] != texts[1] || tale_of(&restored) != tale_of(machine) {
        let details = format!("restored: {}\nin memory: {}", texts[0], texts[1]);
        let claim = "what was acknowledged comes back as it was";
        stage.shelf.watch.report(claim, details);
    }
}

//! How an owner reads the run back from the store: as every program does.

use super::drama::Drama;
use super::world::Stage;
use crate::error::Error;
use crate::machine::{Blueprint, Machine};
use crate::session::{self, Kept, Reducers, Tail};
use crate::store::Loaded;

/// A run as it is stored, and its machine.
pub(super) struct Stored {
    pub(super) loaded: Loaded,
    pub(super) machine: Machine<Drama>,
    pub(super) tail: Tail,
}

/// The run as it is stored; `None`, which is reported, if it cannot be read.
pub(super) fn restore(stage: &mut Stage) -> Option<Stored> {
    let loaded = stage.shelf.load()?;
    let blueprint = Blueprint {
        info: stage.graph.info,
        circles: None,
        conflict: stage.input.policy(),
    };
    let restored = session::restore(&blueprint, &loaded, &Reducers::new(Vec::new()));
    let (machine, tail) = readable(stage, restored)?;
    Some(Stored {
        loaded,
        machine,
        tail,
    })
}

/// The kept results of the open step, by order key.
pub(super) fn read_kept(stage: &mut Stage, loaded: &Loaded) -> Kept<Drama> {
    readable(stage, session::read_kept(loaded)).unwrap_or_default()
}

fn readable<T>(stage: &mut Stage, read: Result<T, Error>) -> Option<T> {
    let claim = "what is stored can be read";
    read.map_err(|error| stage.shelf.watch.report(claim, error.to_string()))
        .ok()
}

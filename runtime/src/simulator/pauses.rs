//! Where the run of a seed stops for a look, in the simulator's own words.

use super::dice::Dice;
use crate::graph::{GraphInfo, NodeId};
use crate::machine::Machine;
use crate::session::Pauses;

/// The pause points of a seed: none in most.
pub(super) fn pauses_of(seed: u64, graph: &GraphInfo) -> Pauses {
    let mut dice = Dice::new(seed, "pauses");
    if !dice.one_in(3) {
        return Pauses::default();
    }
    let mut draw = || {
        let nodes = (0..graph.nodes.len() as NodeId).collect();
        let count = dice.below(3);
        dice.draw(nodes, count).into()
    };
    Pauses {
        before: draw(),
        after: draw(),
    }
}

/// Whether one of `nodes` is in the open step of `machine`.
pub(super) fn is_open(nodes: &[NodeId], machine: &Machine) -> bool {
    let mut tasks = machine.frontier().iter();
    tasks.any(|task| nodes.contains(&task.node))
}

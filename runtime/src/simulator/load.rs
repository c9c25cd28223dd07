//! How an owner reads the run back from the store.

use std::collections::HashMap;

use super::bugs::{Bug, spoil_frontier};
use super::drama::Drama;
use super::outside::{EffectId, id_of};
use super::reference::new_machine;
use super::tale::Tale;
use super::world::Stage;
use crate::encode;
use crate::hash::Digest;
use crate::machine::{
    Finished, Machine, first_chain, next_chain, read_result, snapshot_digest, step_digest,
};
use crate::session::load::turn_of;
use crate::store::{EffectRecord, Loaded, PendingResult};

/// The run as it is stored; `None`, which is reported, if it cannot be read.
pub(super) fn restore(stage: &mut Stage) -> Option<(Loaded, Machine<Drama>)> {
    let loaded = stage.shelf.load()?;
    match machine_of(stage, &loaded) {
        Ok(machine) => Some((loaded, machine)),
        Err(reason) => {
            stage
                .shelf
                .watch
                .report("what is stored can be read", reason);
            None
        }
    }
}

fn machine_of(stage: &Stage, loaded: &Loaded) -> Result<Machine<Drama>, String> {
    let Loaded {
        head,
        snapshot,
        steps,
        ..
    } = loaded;
    let (first, later) = steps.split_first().ok_or("there are no steps")?;
    if step_digest(&first.updates, &first.frontier) != first.digest {
        return Err(format!("step {} is altered", first.step));
    }
    let state = match snapshot {
        Some(snapshot) if snapshot_digest(&snapshot.state) == snapshot.digest => &snapshot.state,
        Some(snapshot) => return Err(format!("snapshot {} is altered", snapshot.step)),
        None if first_chain(head.fingerprint, head.seed, &first.updates) == first.chain => {
            &first.updates
        }
        None => return Err("the input is altered".into()),
    };
    let state: Tale = encode::from_str(state).map_err(|error| error.to_string())?;
    let mut machine = new_machine(&stage.graph, head.seed, state);
    if first.step > 0 && stage.bug != Some(Bug::EphemeralFieldLost) {
        (machine.restore_skipped(&first.updates)).map_err(|error| error.to_string())?;
    }
    let mut turn = turn_of(head);
    if stage.bug == Some(Bug::CountLost) {
        turn.counted_from = turn.step;
    }
    machine.restore(first.step, first.chain, turn);
    for record in later {
        let chain = next_chain(machine.chain(), &record.updates, &record.frontier);
        let redone = machine.redo(&record.updates, chain);
        redone.map_err(|error| format!("{error:?}"))?;
        if (machine.step(), machine.chain()) != (record.step, record.chain) {
            return Err(format!("step {} is altered or missing", record.step));
        }
    }
    let last = &later.last().unwrap_or(first).frontier;
    let restored = match stage.bug.and_then(|bug| spoil_frontier(bug, last)) {
        Some(spoiled) => machine.restore_frontier(&spoiled),
        None => machine.restore_frontier(last),
    };
    restored.map_err(|error| error.to_string())?;
    Ok(machine)
}

/// The recorded effects of the open step.
pub(super) fn read_effects(
    stage: &Stage,
    effects: Vec<EffectRecord>,
) -> HashMap<EffectId, EffectRecord> {
    if stage.bug == Some(Bug::EffectsForgotten) {
        return HashMap::new();
    }
    effects
        .into_iter()
        .map(|effect| (id_of(&effect), effect))
        .collect()
}

/// The kept results of the open step, by order key.
pub(super) fn read_kept(
    stage: &Stage,
    pending: &[PendingResult],
) -> HashMap<Digest, Finished<Drama>> {
    if stage.bug == Some(Bug::KeptResultsDropped) {
        return HashMap::new();
    }
    let read = |kept: &PendingResult| {
        let finished = read_result(&kept.result);
        (
            kept.task,
            finished.expect("a result reads as it was written"),
        )
    };
    pending.iter().map(read).collect()
}

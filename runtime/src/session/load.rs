//! Reads a run back from its store and checks every byte on the way.

use std::collections::HashMap;

use super::commit::Pending;
use super::effects::journal_digest;
use super::faults::{changed, step_error};
use super::graphs::Graphs;
use super::migrate;
use super::snapshots::Tail;
use crate::cx::RunIdentity;
use crate::encode::DecodeError;
use crate::erased::{Program, SharedState};
use crate::error::Error;
use crate::graph::{GraphInfo, keep_name};
use crate::hash::Digest;
use crate::machine::{
    Blueprint, Finished, Machine, RedoError, StepText, Turn, first_chain, node_gone, read_result,
    result_text, snapshot_digest,
};
use crate::store::{EffectRecord, Head, Loaded, PendingResult, Snapshot, StepKind, StepRecord};

/// A head whose numbers do not fit together is not what was written.
pub(crate) fn check_head(head: &Head) -> Result<(), Error> {
    let origin = head.origin.as_ref();
    let fits = head.turn_step <= head.counted_from
        && head.counted_from <= head.step
        && origin.is_none_or(|origin| origin.step < head.step)
        && head.step.max(head.turn) < u64::MAX;
    if fits {
        return Ok(());
    }
    let reason = "its step, its turn and where it branches off do not fit together";
    Err(corrupt(head, "the head".into(), reason.into()))
}

/// The turn that a run is in.
pub(crate) const fn turn_of(head: &Head) -> Turn {
    Turn {
        number: head.turn,
        step: head.turn_step,
        counted_from: head.counted_from,
    }
}

/// The machine of a run as it stands at its head, except for what is to run next.
pub(crate) fn restore_state(
    blueprint: &Blueprint,
    loaded: &Loaded,
    graphs: &Graphs,
) -> Result<(Machine, Tail), Error> {
    let head = &loaded.head;
    check_head(head)?;
    let Loaded {
        snapshot, steps, ..
    } = loaded;
    let (mut machine, tail) = replay_steps(blueprint, head, snapshot.as_ref(), steps, graphs)?;
    if machine.step() != head.step || machine.chain() != head.chain {
        let reason = format!(
            "the steps end at step {}, the head says step {}",
            machine.step(),
            head.step
        );
        return Err(corrupt(head, "the head".into(), reason));
    }
    machine.change_graph(graphs.next(head.step));
    machine.keep_under(graphs.kept_under());
    Ok((machine, tail))
}

/// The machine of a run as it stands at its head, to be continued.
pub(crate) fn restore(
    blueprint: &Blueprint,
    loaded: &Loaded,
    graphs: &Graphs,
) -> Result<(Machine, Tail), Error> {
    let (mut machine, tail) = restore_state(blueprint, loaded, graphs)?;
    if let Some(last) = loaded.steps.last() {
        #[cfg(test)]
        let last = &crate::mistakes::spoiled(last);
        restore_frontier(&mut machine, &loaded.head, last, graphs)?;
    }
    Ok((machine, tail))
}

/// Puts what `record` says is to run next into a machine that stands there.
pub(super) fn restore_frontier(
    machine: &mut Machine,
    head: &Head,
    record: &StepRecord,
    graphs: &Graphs,
) -> Result<(), Error> {
    let frontier = &record.frontier;
    let fail = |error| frontier_error(head, record, error);
    if graphs.is_one() {
        return machine.restore_frontier(frontier).map_err(fail);
    }
    if let Some(node) = node_gone(frontier, machine.info()).map_err(fail)? {
        let stored = graphs.at(record.step).fingerprint;
        return Err(without_node(machine.info(), head, stored, &node));
    }
    let restored = machine.restore_older_frontier(frontier, graphs.older(record.step));
    restored.map_err(fail)
}

/// Why the run cannot go on: today's graph has no such node.
fn without_node(today: &GraphInfo, head: &Head, stored: Digest, node: &str) -> Error {
    let line = format!("node `{node}` is to run next or has arrived at a join, and is gone");
    let help = format!(
        "{}, or finish the run with the program that has it",
        keep_name(node, "path")
    );
    changed(today, head, stored, vec![line], help)
}

/// Goes from the last whole state through the steps that follow it. That state is a
/// snapshot, the input, or the first step of a fork, whose record is the state.
pub(crate) fn replay_steps(
    blueprint: &Blueprint,
    head: &Head,
    snapshot: Option<&Snapshot>,
    steps: &[StepRecord],
    graphs: &Graphs,
) -> Result<(Machine, Tail), Error> {
    let program = &*blueprint.program;
    let base = snapshot.map_or(0, |snapshot| snapshot.step);
    let fork = steps
        .iter()
        .rposition(|record| record.kind == StepKind::Fork && record.step > base);
    let (base, snapshot, steps) = match fork {
        Some(fork) => (steps[fork].step, None, &steps[fork..]),
        None => (base, snapshot, steps),
    };
    let Some((first, later)) = steps.split_first().filter(|(first, _)| first.step == base) else {
        return Err(corrupt(
            head,
            format!("step {base}"),
            "it is missing".into(),
        ));
    };
    if base > head.step {
        let reason = format!("the head says step {}", head.step);
        return Err(corrupt(head, format!("step {base}"), reason));
    }
    check_step(head, first)?;
    let mut machine = match snapshot {
        Some(snapshot) => from_snapshot(blueprint, head, snapshot, first)?,
        None => from_record(blueprint, head, first)?,
    };
    let turn = turn_of(head);
    let counted_from = match mistake!(CountLost) {
        true => turn.step,
        false => turn.counted_from,
    };
    let turn = Turn {
        counted_from,
        ..turn
    };
    machine.restore(base, first.chain, turn);
    machine.was_made_by(later.last().unwrap_or(first).version);
    for record in later {
        if record.step != machine.step() + 1 {
            return Err(corrupt(
                head,
                format!("step {}", machine.step() + 1),
                "it is missing".into(),
            ));
        }
        if text_of(record).chain(machine.chain()) != record.chain
            || graphs.noted(record.step) != record.graph
        {
            return Err(altered(head, record.step));
        }
        graphs.check_reducers(program.info(), head, record)?;
        migrate::updates(program, record.version, &record.updates)
            .map_err(RedoError::Decode)
            .and_then(|today| machine.redo(&today, record.chain))
            .map_err(|error| redo_error(head, record.step, error))?;
    }
    let snapshot = snapshot.map_or(first.updates.len(), |snapshot| snapshot.state.len());
    let mut tail = Tail::behind(base, snapshot);
    later
        .iter()
        .for_each(|record| tail.add(record.updates.len()));
    if steps
        .iter()
        .any(|record| migrate::is_needed(program.info(), record.version))
    {
        tail.be_outgrown();
    }
    Ok((machine, tail))
}

fn from_snapshot(
    blueprint: &Blueprint,
    head: &Head,
    snapshot: &Snapshot,
    record: &StepRecord,
) -> Result<Machine, Error> {
    let place = || format!("the snapshot of step {}", snapshot.step);
    check_snapshot(head, snapshot)?;
    let program = &*blueprint.program;
    let state = migrate::state(program, record.version, &snapshot.state)
        .map_err(|error| undecodable(head, place(), error))?;
    let mut machine = blueprint.machine(RunIdentity::new(head.run.clone(), Some(head.seed)), state);
    if !is_state(record) && !mistake!(EphemeralFieldLost) {
        migrate::updates(program, record.version, &record.updates)
            .and_then(|today| machine.restore_skipped(&today))
            .map_err(|error| undecodable(head, format!("step {}", record.step), error))?;
    }
    Ok(machine)
}

/// From a step whose record is the whole state.
fn from_record(blueprint: &Blueprint, head: &Head, record: &StepRecord) -> Result<Machine, Error> {
    if record.kind == StepKind::Input
        && first_chain(head.fingerprint, head.seed, &record.updates) != record.chain
    {
        return Err(altered(head, 0));
    }
    let state = recorded_state(&*blueprint.program, head, record)?;
    Ok(blueprint.machine(RunIdentity::new(head.run.clone(), Some(head.seed)), state))
}

/// What a record that [is the state](is_state) decodes into today.
pub(crate) fn recorded_state(
    program: &dyn Program,
    head: &Head,
    record: &StepRecord,
) -> Result<SharedState, Error> {
    let place = || match record.kind {
        StepKind::Input => "the input".into(),
        _ => format!("step {}", record.step),
    };
    migrate::state(program, record.version, &record.updates)
        .map_err(|error| undecodable(head, place(), error))
}

/// Whether a step's text is the state after it, and not what its tasks did.
pub(crate) const fn is_state(record: &StepRecord) -> bool {
    matches!(record.kind, StepKind::Input | StepKind::Fork)
}

pub(crate) fn check_snapshot(head: &Head, snapshot: &Snapshot) -> Result<(), Error> {
    if snapshot_digest(&snapshot.state) == snapshot.digest {
        return Ok(());
    }
    let place = format!("the snapshot of step {}", snapshot.step);
    Err(corrupt(head, place, "it is not what was written".into()))
}

/// What the hashes of a step are over.
pub(crate) fn text_of(record: &StepRecord) -> StepText<'_> {
    StepText {
        updates: &record.updates,
        frontier: &record.frontier,
        graph: record.graph,
    }
}

/// Checks that a step is what was written.
pub(crate) fn check_step(head: &Head, record: &StepRecord) -> Result<(), Error> {
    if text_of(record).digest() == record.digest {
        return Ok(());
    }
    Err(altered(head, record.step))
}

/// Checks that the effects of a step are what was written; for a turn, those of the step
/// that it dropped.
pub(crate) fn check_journal(
    head: &Head,
    record: &StepRecord,
    effects: &[EffectRecord],
) -> Result<(), Error> {
    if journal_digest(record.notes.as_deref(), effects.iter()) == record.journal {
        return Ok(());
    }
    let place = format!("the journal of step {}", record.step);
    let reason = "its effects are not those that were written: their hash differs";
    Err(corrupt(head, place, reason.into()))
}

/// The kept results of the open step. They do not go through `migrate`: those of another
/// graph must be what today's would have written, except for the numbers of the edges.
pub(crate) fn read_pending(
    program: &dyn Program,
    loaded: &Loaded,
    graphs: &Graphs,
) -> Result<Pending, Error> {
    let Loaded { head, pending, .. } = loaded;
    if mistake!(KeptResultsForgotten) {
        return Ok(Pending::new());
    }
    let today = |graph, edge| graphs.edge_today(graph, edge);
    let read = |kept: &PendingResult| -> Result<(Digest, _), Error> {
        let fail = |error| {
            let place = format!("the kept result of `{}`", kept.node);
            let help = "finish the step with the program that kept it";
            undecodable_with(head, place, error, help.into())
        };
        let (mut finished, graph) = read_result(program, &kept.result, today).map_err(fail)?;
        let again = || result_text(program, &finished, graph, false);
        if !graphs.is_today(graph) && !again().is_ok_and(|again| again == kept.result) {
            return Err(fail(older_result()));
        }
        finished
            .hops
            .renumber(|edge| today(graph, edge).unwrap_or(edge));
        let saw = match mistake!(SeenStateForgotten) {
            true => head.step,
            false => kept.saw,
        };
        let saw = Some(saw);
        Ok((kept.task, Finished { saw, ..finished }))
    };
    pending
        .iter()
        .map(read)
        .collect::<Result<HashMap<_, _>, _>>()
}

fn older_result() -> DecodeError {
    DecodeError {
        ty: "task result",
        reason: "an older version of the graph wrote it, and results of an open step do not go \
                 through `migrate`"
            .into(),
    }
}

fn redo_error(head: &Head, step: u64, error: RedoError) -> Error {
    match error {
        RedoError::Decode(error) => undecodable(head, format!("step {step}"), error),
        RedoError::Step(error) => step_error(&head.run, step, error),
    }
}

pub(crate) fn altered(head: &Head, step: u64) -> Error {
    corrupt(
        head,
        format!("step {step}"),
        "it is not what was written: its hash differs".into(),
    )
}

pub(crate) fn corrupt(head: &Head, place: String, reason: String) -> Error {
    Error::Corrupt {
        run: head.run.clone(),
        place,
        reason,
    }
}

pub(crate) fn undecodable(head: &Head, place: String, error: DecodeError) -> Error {
    let help = "give added fields `#[serde(default)]`, let `migrate` say what became of others, or use the program \
                that wrote it";
    undecodable_with(head, place, error, help.into())
}

fn undecodable_with(head: &Head, place: String, error: DecodeError, help: Box<str>) -> Error {
    Error::Undecodable {
        run: head.run.clone(),
        place,
        reason: error.to_string(),
        help,
    }
}

/// What runs next does not go through `migrate`.
fn frontier_error(head: &Head, record: &StepRecord, error: DecodeError) -> Error {
    let place = format!("the frontier of step {}", record.step);
    let help = "keep the types of inputs readable, or use the program that wrote it";
    undecodable_with(head, place, error, help.into())
}

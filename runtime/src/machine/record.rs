//! Steps as text and the hashes over it: what a commit is made of, and how a
//! run is read back.

use std::iter::once;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cx::RunIdentity;
use crate::encode::{self, DecodeError, Draft, EncodeError};
use crate::erased::{AnyState, Program, SharedState, UpdateRef, Updates, make_mut};
use crate::graph::{GraphInfo, Hop, Hops};
use crate::hash::{Digest, Hasher};
use crate::machine::{DoneTask, Finished, Machine, StepError, Turn};
use crate::node_error::Failure;
use crate::state::FieldSet;

/// In how many lists and objects an update is nested in its step's text.
const AROUND_UPDATE: usize = 2;

/// What one task of a step did, as it is stored: `{"node":…,"update":…,"to":…}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskText<U> {
    /// The node; absent for what came from outside.
    #[serde(default)]
    pub(crate) node: Option<String>,
    #[serde(default = "none")]
    pub(crate) update: Option<U>,
    /// Where a dynamic row went: edges and how many items.
    #[serde(default)]
    pub(crate) to: Option<Vec<(u32, u64)>>,
    /// Why it failed, if its `on error` row took over.
    #[serde(default)]
    pub(crate) failed: Option<Failure>,
}

const fn none<U>() -> Option<U> {
    None
}

/// The texts and hashes of a step that happened.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) updates: String,
    pub(crate) frontier: String,
    /// The graph, if another one made the step before.
    pub(crate) graph: Option<Digest>,
    pub(crate) previous: Digest,
    pub(crate) chain: Digest,
    pub(crate) digest: Digest,
    pub(crate) key: Digest,
}

/// `SHA-256(run_id, step, ordered frontier keys, chain(n))`.
pub(crate) fn idempotency_key(run: &str, step: u64, tasks: &[Digest], chain: Digest) -> Digest {
    tasks
        .iter()
        .fold(Hasher::new().part(run).number(step), |hasher, key| {
            hasher.part(key.as_bytes())
        })
        .part(chain.as_bytes())
        .finish()
}

/// `chain(0) = SHA-256(graph fingerprint, seed, input)`.
pub(crate) fn first_chain(graph: Digest, seed: u64, input: &str) -> Digest {
    Hasher::new()
        .part(graph.as_bytes())
        .number(seed)
        .part(input)
        .finish()
}

/// What the hashes of a step are over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepText<'a> {
    pub(crate) updates: &'a str,
    pub(crate) frontier: &'a str,
    /// The graph, if another one made the step before.
    pub(crate) graph: Option<Digest>,
}

impl StepText<'_> {
    /// `chain(n) = SHA-256(chain(n-1) || updates(n) || next frontier, joins and deferred(n))`,
    /// and the graph's fingerprint where it changes.
    ///
    /// Of a fork's first step `updates(n)` is the whole edited state and `chain(n-1)`
    /// its origin's: the record is what loading begins with, as a snapshot would be.
    pub(crate) fn chain(self, previous: Digest) -> Digest {
        self.hash(Hasher::new().part(previous.as_bytes()))
    }

    /// `digest(n)`: the same without what came before.
    pub(crate) fn digest(self) -> Digest {
        self.hash(Hasher::new())
    }

    fn hash(self, before: Hasher) -> Digest {
        let hasher = before.part(self.updates).part(self.frontier);
        match self.graph {
            Some(graph) => hasher.part(graph.as_bytes()),
            None => hasher,
        }
        .finish()
    }
}

/// What a snapshot's text is checked against.
pub(crate) fn snapshot_digest(state: &str) -> Digest {
    Hasher::new().part(state).finish()
}

impl Machine {
    /// The canonical text of what the open step's tasks did, in merge order.
    pub(crate) fn updates_text(
        &self,
        done: &[DoneTask<'_>],
        check: bool,
    ) -> Result<String, EncodeError> {
        let mut out = Draft::default();
        out.raw("[");
        for (position, ((update, done), task)) in done.iter().zip(&self.frontier).enumerate() {
            if position > 0 {
                out.raw(",");
            }
            push_task(&mut out, self.info.node_name(task.node), *update, done)?;
        }
        out.raw("]");
        let said = done.iter().filter_map(|(update, _)| *update);
        out.checked(check, |text| compare_updates(text, said, check))
    }

    /// The text of the state as a snapshot of the step whose text is `updates`.
    pub(crate) fn snapshot_text(&self, updates: &str, check: bool) -> Result<String, EncodeError> {
        let state = &self.state;
        state.draft()?.checked(check, |text| {
            let mut back = state.read_back(text)?;
            if !check {
                return Ok(());
            }
            restore_skipped(&*self.program, &mut back, updates)
                .map_err(|error| encode::lost_as(state.name(), error))?;
            state.same_value(&*back)
        })
    }

    /// With the check on, before the step that was merged last is sealed: what
    /// reducers made of the fields in `said` survives being stored, and tasks get
    /// the inputs that their texts decode into.
    pub(crate) fn check_merged(&mut self, said: FieldSet) -> Result<(), StepError> {
        self.state.check_reduced(said)?;
        let read = self.read_inputs_back();
        read.map_err(|error| StepError::unstorable(self.lost_input())(error))
    }

    /// Of what a value is that keeps what the open step's tasks did from being stored.
    pub(crate) fn lost_update(&self, done: &[DoneTask<'_>], check: bool) -> String {
        let mut tasks = done.iter().zip(&self.frontier);
        let lost = tasks.find(|((update, _), _)| {
            update.is_some_and(|update| outside_text(update, check).is_err())
        });
        match lost {
            Some((_, task)) => format!("the update of node `{}`", self.info.node_name(task.node)),
            None => "what the step's nodes did".to_owned(),
        }
    }

    /// The order keys of the open step's tasks.
    pub(crate) fn frontier_keys(&self) -> Vec<Digest> {
        self.frontier
            .iter()
            .map(|task| self.keys.get(task.key))
            .collect()
    }

    /// Seals the input: step 0.
    pub(crate) fn seal_input(
        &mut self,
        graph: Digest,
        seed: u64,
        input: String,
    ) -> Result<Sealed, StepError> {
        let frontier = self.frontier_to_seal()?;
        self.frontier_bytes = frontier.len();
        self.forget_ancestors();
        self.chain = first_chain(graph, seed, &input);
        self.made_by = self.info.version;
        let text = StepText {
            updates: &input,
            frontier: &frontier,
            graph: None,
        };
        Ok(Sealed {
            digest: text.digest(),
            key: idempotency_key(&self.keys.run().id, 0, &[], self.chain),
            updates: input,
            frontier,
            graph: None,
            previous: Digest::default(),
            chain: self.chain,
        })
    }

    /// Seals the step that happened last: `tasks` are the keys that ran in it,
    /// `updates` is the text of what they did.
    pub(crate) fn seal(&mut self, tasks: &[Digest], updates: String) -> Result<Sealed, StepError> {
        let frontier = self.frontier_to_seal()?;
        self.frontier_bytes = frontier.len();
        self.forget_ancestors();
        Ok(self.seal_with(tasks, updates, frontier))
    }

    fn frontier_to_seal(&mut self) -> Result<String, StepError> {
        let text = self.stored_frontier();
        text.map_err(|error| StepError::unstorable(self.lost_input())(error))
    }

    /// The same with a frontier that is there as text.
    pub(crate) fn seal_with(
        &mut self,
        tasks: &[Digest],
        updates: String,
        frontier: String,
    ) -> Sealed {
        let previous = self.chain;
        let graph = self.other_graph.take();
        let text = StepText {
            updates: &updates,
            frontier: &frontier,
            graph,
        };
        self.chain = text.chain(previous);
        self.made_by = self.info.version;
        Sealed {
            digest: text.digest(),
            key: idempotency_key(&self.keys.run().id, self.step, tasks, self.chain),
            updates,
            frontier,
            graph,
            previous,
            chain: self.chain,
        }
    }

    /// The live keys are computed now, so that their ancestors can be freed.
    fn forget_ancestors(&mut self) {
        self.belong_to(Arc::clone(self.keys.run()));
    }

    /// The step that happened last is on record, with that chain value.
    pub(crate) fn stand_at(&mut self, chain: Digest) {
        self.forget_ancestors();
        self.chain = chain;
    }

    /// From now on the contexts of tasks are `run`'s.
    pub(crate) fn belong_to(&mut self, run: Arc<RunIdentity>) {
        let tasks = self
            .frontier
            .iter_mut()
            .flat_map(|task| [&mut task.key, &mut task.arrow.parent]);
        let deferred = self.deferred.iter_mut().map(|(_, arrow)| &mut arrow.parent);
        self.keys
            .keep(run, tasks.chain(deferred).chain(self.joins.keys_mut()));
    }

    /// Puts the run back to where it was after `step`, before the steps that
    /// [`redo`](Self::redo) applies again.
    pub(crate) const fn restore(&mut self, step: u64, chain: Digest, turn: Turn) {
        (self.step, self.chain, self.turn) = (step, chain, turn);
    }

    /// The last step was made by a program of that version.
    pub(crate) const fn was_made_by(&mut self, version: u32) {
        self.made_by = version;
    }

    /// The graph of the results that are kept from here on, if the run began under another.
    pub(crate) const fn kept_under(&self) -> Option<Digest> {
        self.kept_under
    }

    pub(crate) const fn keep_under(&mut self, graph: Option<Digest>) {
        self.kept_under = graph;
    }

    /// The next step has to record that it is of `graph`, since the last one was of
    /// another; `None` if it was not.
    pub(crate) const fn change_graph(&mut self, graph: Option<Digest>) {
        self.other_graph = graph;
    }

    /// Applies the updates of a committed step to the state again, as they would
    /// be written today; `chain` is the step's chain value.
    pub(crate) fn redo(&mut self, today: &str, chain: Digest) -> Result<(), RedoError> {
        let updates = self.program.read_updates(today);
        let mut updates = updates.map_err(RedoError::Decode)?;
        self.apply(updates.as_mut()).map_err(RedoError::Step)?;
        self.chain = chain;
        Ok(())
    }

    /// After a snapshot was decoded: what its step left in fields that the
    /// state's own encoding skips.
    pub(crate) fn restore_skipped(&mut self, updates: &str) -> Result<(), DecodeError> {
        restore_skipped(&*self.program, &mut self.state, updates)
    }
}

fn restore_skipped(
    program: &dyn Program,
    state: &mut SharedState,
    updates: &str,
) -> Result<(), DecodeError> {
    if state.is_ephemeral()
        && let Some(mut updates) = program.read_updates(updates)?
    {
        updates.restore_skipped(make_mut(state));
    }
    Ok(())
}

/// Reads the text of a step as a loader will, and compares its updates with
/// the originals.
fn compare_updates<'a>(
    text: &str,
    said: impl Iterator<Item = UpdateRef<'a>>,
    check: bool,
) -> Result<(), EncodeError> {
    let tasks: Vec<TaskText<Box<RawValue>>> =
        encode::from_str(text).map_err(encode::lost::<Updates>)?;
    let texts = tasks.iter().filter_map(|task| task.update.as_ref());
    let mut updates = said.zip(texts);
    updates.try_for_each(|(said, text)| said.survives(text.get(), check))
}

/// The text of a state that does not come from a step. Ephemeral fields that
/// its encoding skips are not kept, and so are not compared.
pub(crate) fn state_text(state: &dyn AnyState, check: bool) -> Result<String, EncodeError> {
    state.draft()?.checked(check, |text| {
        let back = state.read_back(text)?;
        match (check, state.is_ephemeral()) {
            (false, _) => Ok(()),
            (true, false) => state.same_value(&*back),
            (true, true) => without_ephemeral(state).same_value(&*without_ephemeral(&*back)),
        }
    })
}

fn without_ephemeral(state: &dyn AnyState) -> SharedState {
    let mut state = state.copy();
    // Without an update there is nothing that could fail to be merged.
    let _ = make_mut(&mut state).apply_none();
    state
}

/// Why a committed step could not be redone.
#[derive(Debug)]
pub(crate) enum RedoError {
    Decode(DecodeError),
    Step(StepError),
}

fn push_task(
    out: &mut Draft,
    node: &str,
    update: Option<UpdateRef<'_>>,
    done: &Finished,
) -> Result<(), EncodeError> {
    out.raw("{\"node\":");
    out.value(node)?;
    if let Some(update) = update {
        out.raw(",\"update\":");
        update.write(AROUND_UPDATE, out)?;
    }
    if let Hops::Taken(hops) = &done.hops {
        out.raw(",\"to\":");
        out.value(&taken(hops))?;
    }
    if let Some(failure) = &done.failure {
        out.raw(",\"failed\":");
        out.value(&**failure)?;
    }
    out.raw("}");
    Ok(())
}

/// Hops as edges with the number of their items; the inputs are in the frontier.
pub(crate) fn taken(hops: &[Hop]) -> Vec<(u32, u64)> {
    hops.chunk_by(|one, next| one.edge == next.edge && next.item > 0)
        .map(|group| (group[0].edge, group.len() as u64))
        .collect()
}

/// The text of an update from outside, as the only entry of its step.
pub(crate) fn outside_text(update: UpdateRef<'_>, check: bool) -> Result<String, EncodeError> {
    let mut out = Draft::default();
    out.raw("[{\"update\":");
    update.write(AROUND_UPDATE, &mut out)?;
    out.raw("}]");
    out.checked(check, |text| compare_updates(text, once(update), check))
}

/// The kept result of one task, with its inputs, so that the task need not run
/// again; `graph` is the one whose edges it numbers, if the run began under another.
pub(crate) fn result_text(
    program: &dyn Program,
    done: &Finished,
    graph: Option<Digest>,
    check: bool,
) -> Result<String, EncodeError> {
    result_draft(done, graph)?.checked(check, |text| {
        let back = read_result(program, text, |_, edge| Some(edge));
        let (back, _) = back.map_err(encode::lost::<Finished>)?;
        encode::same_text::<Finished>(text, &result_draft(&back, graph)?.finish()?)?;
        match (&done.update, &back.update) {
            (Some(update), Some(back)) if check => {
                update.first().survives(&back.first().to_text()?, check)
            }
            _ => Ok(()),
        }
    })
}

/// Its update must not be deeper than its step will be able to hold.
fn result_draft(done: &Finished, graph: Option<Digest>) -> Result<Draft, EncodeError> {
    let mut out = Draft::default();
    let mut separator = "{";
    let mut field = |out: &mut Draft, name: &str| {
        for part in [separator, "\"", name, "\":"] {
            out.raw(part);
        }
        separator = ",";
    };
    if let Some(update) = &done.update {
        field(&mut out, "update");
        update.first().write(AROUND_UPDATE, &mut out)?;
    }
    if let Hops::Taken(hops) = &done.hops {
        field(&mut out, "hops");
        push_hops(&mut out, hops)?;
    }
    if let Some(failure) = &done.failure {
        field(&mut out, "failed");
        out.value(&**failure)?;
    }
    if done.attempt > 1 {
        field(&mut out, "attempt");
        out.value(&done.attempt)?;
    }
    if let Some(graph) = graph {
        field(&mut out, "graph");
        out.value(&graph)?;
    }
    if out.is_empty() {
        out.raw("{");
    }
    out.raw("}");
    Ok(out)
}

fn push_hops(out: &mut Draft, hops: &[Hop]) -> Result<(), EncodeError> {
    out.raw("[");
    for (position, hop) in hops.iter().enumerate() {
        let comma = if position > 0 { "," } else { "" };
        out.raw(&format!("{comma}[{},{}", hop.edge, hop.item));
        if let Some(input) = &hop.input {
            out.raw(",");
            input.write(out)?;
        }
        out.raw("]");
    }
    out.raw("]");
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultText<'a> {
    #[serde(default, borrow)]
    update: Option<&'a RawValue>,
    #[serde(default, borrow)]
    hops: Option<Vec<HopText<'a>>>,
    #[serde(default)]
    failed: Option<Failure>,
    #[serde(default = "first")]
    attempt: u32,
    #[serde(default)]
    graph: Option<Digest>,
}

/// The graph whose edges a kept result numbers, if it is not the one that the run began
/// under.
pub(crate) fn result_graph(json: &str) -> Option<Digest> {
    #[derive(Deserialize)]
    struct Wrote {
        graph: Option<Digest>,
    }
    serde_json::from_str::<Wrote>(json).ok()?.graph
}

const fn first() -> u32 {
    1
}

/// What else a replay has to know of a task: its place in the frontier, the
/// attempt that succeeded, and the step whose state it saw. Usual values are
/// left out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskNote {
    pub(crate) task: u64,
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub(crate) attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) saw: Option<u64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it like this"
)]
const fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}

/// What is unusual about a finished task that was at position `task` in the frontier of
/// the step after `last`.
pub(crate) fn task_note(task: u64, last: u64, done: &Finished) -> Option<TaskNote> {
    let saw = done.saw.filter(|saw| *saw != last);
    let Finished { attempt, .. } = *done;
    (attempt > 1 || saw.is_some()).then_some(TaskNote { task, attempt, saw })
}

#[derive(Deserialize)]
#[serde(transparent)]
struct HopText<'a>(#[serde(borrow)] Vec<&'a RawValue>);

/// Reads what [`result_text`] wrote, and which graph that was. The edges keep their numbers;
/// `today` gives what one of that graph has become.
pub(crate) fn read_result(
    program: &dyn Program,
    json: &str,
    today: impl Fn(Option<Digest>, u32) -> Option<u32>,
) -> Result<(Finished, Option<Digest>), DecodeError> {
    let fail = |reason: String| DecodeError {
        ty: "task result",
        reason,
    };
    let text: ResultText<'_> =
        serde_json::from_str(json).map_err(|error| fail(error.to_string()))?;
    let update = text.update.map(|json| program.read_update(json.get()));
    let hops = match text.hops {
        None => Hops::Row,
        Some(hops) => Hops::Taken(
            hops.iter()
                .map(|hop| read_hop(program.info(), &hop.0, |edge| today(text.graph, edge)))
                .collect::<Result<_, _>>()?,
        ),
    };
    let finished = Finished {
        update: update.transpose()?,
        hops,
        failure: text.failed.map(Box::new),
        attempt: text.attempt,
        saw: None,
    };
    Ok((finished, text.graph))
}

fn read_hop(
    graph: &GraphInfo,
    parts: &[&RawValue],
    today: impl Fn(u32) -> Option<u32>,
) -> Result<Hop, DecodeError> {
    let fail = |reason: &str| DecodeError {
        ty: "task result",
        reason: reason.to_owned(),
    };
    let number = |position: usize| {
        let text = parts
            .get(position)
            .ok_or_else(|| fail("a hop lacks its edge or item"))?;
        let number = text.get().parse::<u32>();
        number.map_err(|_| fail("a hop's edge or item is not a number below 2^32"))
    };
    let edge = number(0)?;
    let info = today(edge)
        .and_then(|edge| graph.edges.get(edge as usize))
        .ok_or_else(|| fail("a hop's edge is not in this graph"))?;
    let input = parts
        .get(2)
        .map(|json| graph.read_input(info.to, json.get()))
        .transpose()?;
    if input.is_none() && info.kind.gives_input() {
        return Err(fail("a hop lacks its input"));
    }
    Ok(Hop {
        edge,
        item: number(1)?,
        input,
    })
}

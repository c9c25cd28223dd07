//! Steps as text and the hashes over it: what a commit is made of, and how a
//! run is read back.

use std::iter::once;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cx::RunIdentity;
use crate::encode::{self, DecodeError, Draft, EncodeError};
use crate::graph::{Graph, Hop, Hops};
use crate::hash::{Digest, Hasher};
use crate::machine::{DoneTask, Finished, Machine, StepError, Turn, UpdateOf};
use crate::node_error::Failure;
use crate::state::{FieldSet, State, Update, Whole};

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

impl<G: Graph> Machine<G> {
    /// The canonical text of what the open step's tasks did, in merge order.
    pub(crate) fn updates_text(
        &self,
        done: &[DoneTask<'_, G>],
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
        let state = <G::State as State>::Whole::draft(&self.state)?;
        state.checked(check, |text| {
            let mut back = <G::State as State>::Whole::read_back(text)?;
            if !check {
                return Ok(());
            }
            restore_skipped::<G>(&mut back, updates).map_err(encode::lost::<G::State>)?;
            <G::State as State>::Whole::same_value(&self.state, &back)
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
    pub(crate) fn lost_update(&self, done: &[DoneTask<'_, G>], check: bool) -> String {
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
        let tasks: Vec<TaskText<UpdateOf<G>>> =
            encode::from_str(today).map_err(RedoError::Decode)?;
        let mut applied: Vec<_> = tasks.into_iter().filter_map(|task| task.update).collect();
        self.apply(&mut applied).map_err(RedoError::Step)?;
        self.chain = chain;
        Ok(())
    }

    /// After a snapshot was decoded: what its step left in fields that the
    /// state's own encoding skips.
    pub(crate) fn restore_skipped(&mut self, updates: &str) -> Result<(), DecodeError> {
        restore_skipped::<G>(
            <G::State as State>::Whole::make_mut(&mut self.state),
            updates,
        )
    }
}

fn restore_skipped<G: Graph>(state: &mut G::State, updates: &str) -> Result<(), DecodeError> {
    if !G::State::INFO.ephemeral {
        return Ok(());
    }
    let tasks: Vec<TaskText<UpdateOf<G>>> = encode::from_str(updates)?;
    let mut updates: Vec<_> = tasks.into_iter().filter_map(|task| task.update).collect();
    state.restore_skipped(&mut updates);
    Ok(())
}

/// Reads the text of a step as a loader will, and compares its updates with
/// the originals.
fn compare_updates<'a, U: Update>(
    text: &str,
    said: impl Iterator<Item = &'a U>,
    check: bool,
) -> Result<(), EncodeError> {
    let tasks: Vec<TaskText<U>> = encode::from_str(text).map_err(encode::lost::<U>)?;
    let back = tasks.iter().filter_map(|task| task.update.as_ref());
    said.zip(back).try_for_each(|(said, back)| {
        encode::same_text::<U>(&encode::to_string(said)?, &encode::to_string(back)?)?;
        if check {
            encode::same_value(said, back)
        } else {
            Ok(())
        }
    })
}

/// The text of a state that does not come from a step. Ephemeral fields that
/// its encoding skips are not kept, and so are not compared.
pub(crate) fn state_text<S: State>(state: &S, check: bool) -> Result<String, EncodeError> {
    S::Whole::draft(state)?.checked(check, |text| {
        let back = S::Whole::read_back(text)?;
        match (check, S::INFO.ephemeral) {
            (false, _) => Ok(()),
            (true, false) => S::Whole::same_value(state, &back),
            (true, true) => {
                S::Whole::same_value(&without_ephemeral(state), &without_ephemeral(&back))
            }
        }
    })
}

fn without_ephemeral<S: State>(state: &S) -> S {
    let mut state = S::Whole::copy(state);
    // Without an update there is nothing that could fail to be merged.
    let _ = state.apply(&mut []);
    state
}

/// Why a committed step could not be redone.
#[derive(Debug)]
pub(crate) enum RedoError {
    Decode(DecodeError),
    Step(StepError),
}

fn push_task<G: Graph>(
    out: &mut Draft,
    node: &str,
    update: Option<&UpdateOf<G>>,
    done: &Finished<G>,
) -> Result<(), EncodeError> {
    out.raw("{\"node\":");
    out.value(node)?;
    if let Some(update) = update {
        out.raw(",\"update\":");
        out.nested(AROUND_UPDATE, update)?;
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
pub(crate) fn taken<I>(hops: &[Hop<I>]) -> Vec<(u32, u64)> {
    hops.chunk_by(|one, next| one.edge == next.edge && next.item > 0)
        .map(|group| (group[0].edge, group.len() as u64))
        .collect()
}

/// The text of an update from outside, as the only entry of its step.
pub(crate) fn outside_text<U: Update>(update: &U, check: bool) -> Result<String, EncodeError> {
    let mut out = Draft::default();
    out.raw("[{\"update\":");
    out.nested(AROUND_UPDATE, update)?;
    out.raw("}]");
    out.checked(check, |text| compare_updates(text, once(update), check))
}

/// The kept result of one task, with its inputs, so that the task need not run
/// again; `graph` is the one whose edges it numbers, if the run began under another.
pub(crate) fn result_text<G: Graph>(
    done: &Finished<G>,
    graph: Option<Digest>,
    check: bool,
) -> Result<String, EncodeError> {
    result_draft(done, graph)?.checked(check, |text| {
        let back = read_result::<G>(text, |_, edge| Some(edge));
        let (back, _) = back.map_err(encode::lost::<UpdateOf<G>>)?;
        encode::same_text::<Finished<G>>(text, &result_draft(&back, graph)?.finish()?)?;
        match (&done.update, &back.update) {
            (Some(update), Some(back)) if check => encode::same_value(update, back),
            _ => Ok(()),
        }
    })
}

/// Its update must not be deeper than its step will be able to hold.
fn result_draft<G: Graph>(done: &Finished<G>, graph: Option<Digest>) -> Result<Draft, EncodeError> {
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
        out.nested(AROUND_UPDATE, update)?;
    }
    if let Hops::Taken(hops) = &done.hops {
        field(&mut out, "hops");
        push_hops::<G>(&mut out, hops)?;
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

fn push_hops<G: Graph>(out: &mut Draft, hops: &[Hop<G::Input>]) -> Result<(), EncodeError> {
    out.raw("[");
    for (position, hop) in hops.iter().enumerate() {
        let comma = if position > 0 { "," } else { "" };
        out.raw(&format!("{comma}[{},{}", hop.edge, hop.item));
        if let Some(input) = &hop.input {
            out.raw(",");
            G::write_input(input, out)?;
        }
        out.raw("]");
    }
    out.raw("]");
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultText<'a, U> {
    #[serde(default = "none")]
    update: Option<U>,
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
pub(crate) fn task_note<G: Graph>(task: u64, last: u64, done: &Finished<G>) -> Option<TaskNote> {
    let saw = done.saw.filter(|saw| *saw != last);
    let Finished { attempt, .. } = *done;
    (attempt > 1 || saw.is_some()).then_some(TaskNote { task, attempt, saw })
}

#[derive(Deserialize)]
#[serde(transparent)]
struct HopText<'a>(#[serde(borrow)] Vec<&'a serde_json::value::RawValue>);

/// Reads what [`result_text`] wrote, and which graph that was. The edges keep their numbers;
/// `today` gives what one of that graph has become.
pub(crate) fn read_result<G: Graph>(
    json: &str,
    today: impl Fn(Option<Digest>, u32) -> Option<u32>,
) -> Result<(Finished<G>, Option<Digest>), DecodeError> {
    let fail = |reason: String| DecodeError {
        ty: "task result",
        reason,
    };
    let text: ResultText<'_, UpdateOf<G>> =
        serde_json::from_str(json).map_err(|error| fail(error.to_string()))?;
    let hops = match text.hops {
        None => Hops::Row,
        Some(hops) => Hops::Taken(
            hops.iter()
                .map(|hop| read_hop::<G>(&hop.0, |edge| today(text.graph, edge)))
                .collect::<Result<_, _>>()?,
        ),
    };
    let finished = Finished {
        update: text.update,
        hops,
        failure: text.failed.map(Box::new),
        attempt: text.attempt,
        saw: None,
    };
    Ok((finished, text.graph))
}

fn read_hop<G: Graph>(
    parts: &[&serde_json::value::RawValue],
    today: impl Fn(u32) -> Option<u32>,
) -> Result<Hop<G::Input>, DecodeError> {
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
        .and_then(|edge| G::INFO.edges.get(edge as usize))
        .ok_or_else(|| fail("a hop's edge is not in this graph"))?;
    let input = parts
        .get(2)
        .map(|json| G::decode_input(info.to, json.get()))
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

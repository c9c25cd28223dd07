//! The heart: a pure step machine.
//!
//! It takes a frontier and the results of its tasks, and returns the next
//! frontier and the text of the commit. It knows no tokio, no store and no
//! clock, so the engine, replays, property tests and simulators drive the same
//! machine.

mod blueprint;
mod frontier;
mod joins;
mod loops;
mod names;
mod record;
mod task;

use std::sync::Arc;

pub(crate) use blueprint::Blueprint;
pub(crate) use frontier::{
    differing_parent, frontier_by_name, is_end, node_gone, stored_input, stored_tasks,
};
pub(crate) use record::{
    RedoError, Sealed, StepText, TaskNote, TaskText, first_chain, idempotency_key, outside_text,
    read_result, result_graph, result_text, snapshot_digest, state_text, taken, task_note,
};
pub(crate) use task::{Arrow, DoneTask, Finished, Gathered, Task};

use crate::cx::{KeyId, Keyring, RunIdentity};
use crate::encode::EncodeError;
use crate::erased::{Input, Program, SharedState, Updates, make_mut};
use crate::graph::{END, EdgeKind, GraphInfo, Hops, NodeId, RowInfo, START};
use crate::hash::Digest;
use crate::options::ConflictPolicy;
use crate::state::ReduceError;
use joins::Joins;
use loops::LoopWatch;
pub(crate) use loops::{Circles, closed_circles};

/// Frontiers below this many tasks are searched instead of indexed.
const SMALL: usize = 16;

/// Why a step whose tasks all finished cannot be committed.
#[derive(Debug)]
pub(crate) enum StepError {
    Conflict {
        field: &'static str,
        nodes: Vec<&'static str>,
    },
    Undeclared {
        field: &'static str,
        node: &'static str,
    },
    Reduce {
        field: &'static str,
        message: String,
    },
    /// `what` says of what the value is.
    Encode { what: String, error: EncodeError },
}

impl From<EncodeError> for StepError {
    fn from(error: EncodeError) -> Self {
        Self::unstorable("the state")(error)
    }
}

impl StepError {
    /// `what` has no encoding.
    pub(crate) fn unstorable(what: impl Into<String>) -> impl FnOnce(EncodeError) -> Self {
        let what = what.into();
        |error| Self::Encode { what, error }
    }
}

/// The turn that a run is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// From 0.
    pub(crate) number: u64,
    /// The step that began it.
    pub(crate) step: u64,
    /// The step from which the limit is counted: the last that came
    /// from outside.
    pub(crate) counted_from: u64,
}

/// A run between two steps.
#[derive(Debug)]
pub(crate) struct Machine {
    program: Arc<dyn Program>,
    info: &'static GraphInfo,
    policy: ConflictPolicy,
    state: SharedState,
    /// The last step that happened.
    step: u64,
    chain: Digest,
    /// This graph, to be recorded with the next step if another one made the last.
    other_graph: Option<Digest>,
    /// The version of the program that made the last step.
    made_by: u32,
    kept_under: Option<Digest>,
    turn: Turn,
    keys: Keyring,
    frontier: Vec<Task>,
    /// How long the frontier's text was when it was last written or read.
    frontier_bytes: usize,
    joins: Joins,
    /// What waits until nothing else is runnable, in order of first arrival.
    deferred: Vec<(NodeId, Arrow)>,
    loops: LoopWatch,
    /// The frontier is built here and then replaces the old one, so that
    /// a run does not allocate for each step.
    next: Vec<Task>,
    /// For each node, the last round in which it was reached without an input;
    /// used by frontiers of at least [`SMALL`] tasks.
    reached: Vec<u64>,
    /// The last round whose frontier was indexed.
    indexed: u64,
    round: u64,
}

impl Machine {
    /// A run that has its input and has not started.
    pub(crate) fn new(
        program: Arc<dyn Program>,
        circles: Option<Circles>,
        policy: ConflictPolicy,
        state: SharedState,
        run: Arc<RunIdentity>,
    ) -> Self {
        let info = program.info();
        Self {
            program,
            info,
            policy,
            state,
            step: 0,
            chain: Digest::default(),
            other_graph: None,
            made_by: info.version,
            kept_under: None,
            turn: Turn::default(),
            keys: Keyring::new(info, run),
            frontier: Vec::new(),
            frontier_bytes: 0,
            joins: Joins::new(info),
            deferred: Vec::new(),
            loops: LoopWatch::new(info, circles),
            next: Vec::new(),
            reached: Vec::new(),
            indexed: 0,
            round: 0,
        }
    }

    pub(crate) fn program(&self) -> &dyn Program {
        &*self.program
    }

    pub(crate) const fn info(&self) -> &'static GraphInfo {
        self.info
    }

    pub(crate) const fn state(&self) -> &SharedState {
        &self.state
    }

    /// The last step that happened.
    pub(crate) const fn step(&self) -> u64 {
        self.step
    }

    pub(crate) const fn chain(&self) -> Digest {
        self.chain
    }

    pub(crate) const fn turn(&self) -> Turn {
        self.turn
    }

    /// The version of the program that made the last step.
    pub(crate) const fn made_by(&self) -> u32 {
        self.made_by
    }

    /// How many of the steps that `max_steps` allows are taken.
    pub(crate) const fn taken(&self) -> u64 {
        self.step - self.turn.counted_from
    }

    /// The run's id.
    pub(crate) fn run(&self) -> &str {
        &self.keys.run().id
    }

    pub(crate) const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The tasks of the next step, in order.
    pub(crate) fn frontier(&self) -> &[Task] {
        &self.frontier
    }

    /// How long the frontier's text is, for a run between two steps.
    pub(crate) const fn frontier_bytes(&self) -> u64 {
        self.frontier_bytes as u64
    }

    /// The same, to [start](Task::start) them. A machine that gave its inputs away
    /// must be advanced or given up.
    pub(crate) fn frontier_mut(&mut self) -> &mut [Task] {
        &mut self.frontier
    }

    /// Starts the current turn: the frontier is where `start` leads.
    pub(crate) fn begin(&mut self) {
        self.frontier.clear();
        self.joins.clear();
        self.deferred.clear();
        self.loops.reset();
        self.round += 1;
        let parent = self.keys.turn(self.turn.number);
        self.hop(START, parent, self.program.start());
        self.close_expansion();
    }

    /// A further turn: its update is a step of its own, then the run continues from `start`.
    pub(crate) fn next_turn(&mut self, update: Option<Updates>) -> Result<(), StepError> {
        self.correct(update)?;
        self.turn.number += 1;
        self.turn.step = self.step;
        self.begin();
        Ok(())
    }

    /// A correction from outside, as a step of its own; the frontier stays, and
    /// the count of steps starts again.
    pub(crate) fn correct(&mut self, mut update: Option<Updates>) -> Result<(), StepError> {
        self.apply(update.as_mut())?;
        self.turn.counted_from = self.step;
        self.loops.reset();
        Ok(())
    }

    /// The run branches off: another state replaces this one, as
    /// a step of its own; the frontier stays.
    pub(crate) fn branch(&mut self, state: SharedState) {
        self.state = state;
        self.step += 1;
        self.loops.reset();
    }

    /// Checks, before anything changes, that the update of the task at
    /// `position` sets no fields that its node does not declare.
    pub(crate) fn check_writes(&self, position: usize, update: &Updates) -> Result<(), StepError> {
        let node = &self.info.nodes[self.frontier[position].node as usize];
        let undeclared = node
            .writes
            .and_then(|writes| update.first().fields().without(writes).first());
        match undeclared {
            None => Ok(()),
            Some(field) => Err(StepError::Undeclared {
                field: self.field(field),
                node: node.name,
            }),
        }
    }

    /// Takes the updates out of the tasks' results, and checks, before
    /// anything changes, that they can be merged.
    pub(crate) fn gather(&self, finished: &mut [Option<Finished>]) -> Result<Gathered, StepError> {
        let mut updates = Vec::with_capacity(finished.len());
        let mut writers = Vec::with_capacity(finished.len());
        for (position, done) in finished.iter_mut().enumerate() {
            if let Some(update) = done.as_mut().and_then(|done| done.update.take()) {
                self.check_writes(position, &update)?;
                updates.push(update);
                writers.push(position);
            }
        }
        let gathered = Gathered {
            updates: Updates::merged(updates.into_iter()),
            writers,
        };
        if self.policy == ConflictPolicy::LastWriterWins || gathered.writers.len() < 2 {
            return Ok(gathered);
        }
        let clash = gathered
            .updates
            .as_ref()
            .map(Updates::conflict)
            .transpose()?;
        let Some(clash) = clash.flatten() else {
            return Ok(gathered);
        };
        let writer = |update: usize| {
            self.info
                .node_name(self.frontier[gathered.writers[update]].node)
        };
        let nodes = vec![writer(clash.first), writer(clash.second)];
        Err(StepError::Conflict {
            field: self.field(clash.field),
            nodes,
        })
    }

    /// Merges the updates and expands the tasks' routes: the step happens.
    ///
    /// # Errors
    /// A reducer that refuses; the machine is then of no further use.
    pub(crate) fn advance(
        &mut self,
        mut gathered: Gathered,
        finished: Vec<Option<Finished>>,
    ) -> Result<(), StepError> {
        #[cfg(test)]
        gathered.mistake(&*self.program, &finished);
        self.apply(gathered.updates.as_mut())?;
        self.expand(finished.into_iter().flatten());
        Ok(())
    }

    /// The same for a frontier of one task, the usual case, which is spared
    /// the lists.
    pub(crate) fn advance_one(&mut self, done: &mut Finished) -> Result<(), StepError> {
        self.apply(done.update.as_mut())?;
        self.round += 1;
        let (node, key) = (self.frontier[0].node, self.frontier[0].key);
        self.frontier.clear();
        self.hop(node, key, std::mem::replace(&mut done.hops, Hops::Row));
        if done.failure.is_none() {
            self.arrive_everywhere(node, key);
        }
        self.close_expansion();
        Ok(())
    }

    fn apply(&mut self, updates: Option<&mut Updates>) -> Result<(), StepError> {
        self.step += 1;
        let ephemeral = self.state.is_ephemeral();
        if updates.is_none() && !ephemeral {
            return Ok(());
        }
        self.loops.changed(ephemeral && updates.is_some());
        let state = make_mut(&mut self.state);
        let applied = match updates {
            Some(updates) => updates.apply(state),
            None => state.apply_none(),
        };
        applied.map_err(|ReduceError { field, message }| StepError::Reduce {
            field: self.field(field),
            message,
        })
    }

    fn field(&self, position: usize) -> &'static str {
        self.info.state.fields[position].name
    }

    /// The next frontier: the finished tasks in their order, each task's
    /// targets in declared order, a node's own row before the joins it is in.
    fn expand(&mut self, finished: impl Iterator<Item = Finished>) {
        self.round += 1;
        let mut tasks = std::mem::take(&mut self.frontier);
        let mut arrived: Vec<NodeId> = Vec::new();
        let done = tasks.iter().zip(finished);
        #[cfg(test)]
        let done = crate::mistakes::in_order(done);
        for (task, done) in done {
            self.hop(task.node, task.key, done.hops);
            // All tasks of one source in a step are one arrival: the first that succeeded.
            let joins = !self.info.nodes[task.node as usize].joins.is_empty();
            if joins && done.failure.is_none() && !arrived.contains(&task.node) {
                arrived.push(task.node);
                self.arrive_everywhere(task.node, task.key);
            }
        }
        tasks.clear();
        self.frontier = tasks;
        self.close_expansion();
    }

    fn close_expansion(&mut self) {
        std::mem::swap(&mut self.frontier, &mut self.next);
        if self.frontier.is_empty() {
            self.release_deferred();
        }
    }

    fn arrive_everywhere(&mut self, node: NodeId, key: KeyId) {
        for join in self.info.nodes[node as usize].joins {
            self.arrive(*join, node, key);
        }
    }

    fn hop(&mut self, node: NodeId, parent: KeyId, hops: Hops) {
        match hops {
            Hops::Row => {
                if let RowInfo::Static { from, to } = self.info.nodes[node as usize].row {
                    (from..to).for_each(|edge| {
                        self.reach(
                            Arrow {
                                parent,
                                edge,
                                item: 0,
                            },
                            None,
                        )
                    });
                }
            }
            Hops::Taken(hops) => {
                for hop in hops {
                    self.reach(
                        Arrow {
                            parent,
                            edge: hop.edge,
                            item: hop.item,
                        },
                        hop.input,
                    );
                }
            }
        }
    }

    fn arrive(&mut self, join: u32, node: NodeId, key: KeyId) {
        if let Some(arrivals) = self.joins.arrive(join, node, key) {
            let parent = self.keys.join(arrivals);
            let row = &self.info.joins[join as usize];
            for (&edge, &deferred) in row.edges.iter().zip(row.deferred) {
                let arrow = Arrow {
                    parent,
                    edge,
                    item: 0,
                };
                if deferred {
                    self.defer(arrow)
                } else {
                    self.reach(arrow, None)
                }
            }
        }
    }

    /// Follows one arrow into the next frontier.
    fn reach(&mut self, arrow: Arrow, input: Option<Input>) {
        let edge = &self.info.edges[arrow.edge as usize];
        if edge.to == END {
            return;
        }
        if edge.kind == EdgeKind::Defer {
            return self.defer(arrow);
        }
        // A node without input that is reached twice runs once, at its first place.
        if input.is_none() && self.is_reached(edge.to) {
            return;
        }
        let key = self
            .keys
            .task(arrow.parent, edge.to, arrow.edge, arrow.item);
        self.next.push(Task {
            node: edge.to,
            key,
            arrow,
            of_each: edge.kind == EdgeKind::Each,
            input,
        });
    }

    /// Whether `node` is already in the next frontier without an input; from now on
    /// it is.
    fn is_reached(&mut self, node: NodeId) -> bool {
        let plain = |task: &&Task| task.input.is_none();
        if self.next.len() < SMALL {
            return self.next.iter().filter(plain).any(|task| task.node == node);
        }
        if self.indexed != self.round {
            self.indexed = self.round;
            self.reached.resize(self.info.nodes.len(), 0);
            for task in self.next.iter().filter(plain) {
                self.reached[task.node as usize] = self.round;
            }
        }
        std::mem::replace(&mut self.reached[node as usize], self.round) == self.round
    }

    fn defer(&mut self, arrow: Arrow) {
        let node = self.info.edges[arrow.edge as usize].to;
        if node != END && !self.deferred.iter().any(|(waiting, _)| *waiting == node) {
            self.deferred.push((node, arrow));
        }
    }

    fn release_deferred(&mut self) {
        for (node, arrow) in self.deferred.drain(..) {
            let key = self.keys.task(arrow.parent, node, arrow.edge, arrow.item);
            self.frontier.push(Task {
                node,
                key,
                arrow,
                of_each: false,
                input: None,
            });
        }
    }

    /// Whether nothing is left to run.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.frontier.is_empty()
    }

    /// What waits in vain in a run with nothing left to run, if anything does.
    pub(crate) fn starved(&self) -> Option<String> {
        (self.joins.waiting().next().is_some()).then(|| self.joins.describe())
    }

    /// Called once after each step: why the run can never get anywhere, if it goes
    /// round in circles.
    ///
    /// # Errors
    /// A state that cannot be encoded, when a loop has to be compared.
    pub(crate) fn comes_round(&mut self) -> Result<Option<String>, EncodeError> {
        if !self.loops.is_watching(&self.frontier) {
            return Ok(None);
        }
        let frontier = self.frontier_shape()?;
        let has_inputs = self.frontier.iter().any(|task| task.input.is_some());
        let recurs = self.loops.recurs(frontier, has_inputs, &*self.state)?;
        Ok(recurs.then(|| self.describe_loop()))
    }

    fn describe_loop(&self) -> String {
        let names = self
            .frontier
            .iter()
            .map(|task| format!("`{}`", self.info.node_name(task.node)));
        format!(
            "the same tasks ({}) come round again with the state unchanged, and no node among them asks for anything \
             from outside, so this would go on for ever; change the state on the way or route out of the loop",
            names.collect::<Vec<_>>().join(", ")
        )
    }
}

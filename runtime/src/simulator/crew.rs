//! The tasks of the open step in an owner's memory: the dice decide how each
//! attempt goes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::desk::{Desk, Grant, Wish, sit_at};
use super::drama::Drama;
use super::world::Stage;
use crate::cx::{Cx, Registered, Rest};
use crate::erased::Program;
use crate::graph::Done;
use crate::hash::Digest;
use crate::machine::{Finished, Machine, Task};
use crate::node_error::NodeError;
use crate::session::{
    AttemptError, Attempts, Blocked, StepResults, TaskError, TaskResult, concluded,
};
use crate::store::StoreError;

/// The tasks of a step that is under way.
pub(super) struct Crew {
    pub(super) keys: Vec<Digest>,
    slots: Vec<Slot>,
    /// A single task, whose result is reported as such.
    pub(super) is_lone: bool,
    /// Attempts of blocking nodes that were given up: their threads keep running.
    given_up: Vec<Attempt>,
    /// What the step was given up for.
    blocked: Option<Blocked>,
}

/// How far one task has come.
enum Slot {
    Waiting(Task),
    Running(Box<Running>),
    Came(Box<TaskResult>),
}

struct Running {
    task: Task,
    attempts: Attempts,
    /// How often it was tried before.
    tries: u32,
    attempt: Attempt,
}

/// One attempt at a task.
struct Attempt {
    node: Pin<Box<dyn Future<Output = Result<Done, NodeError>> + Send>>,
    cx: Arc<Cx>,
    desk: Desk,
    /// What the store is told of its waits.
    registering: Option<(Registered, Desk)>,
    /// Its node has come to an end.
    is_over: bool,
}

/// The result of a move.
pub(super) enum Moved {
    On,
    /// All have a result.
    Over(Vec<TaskResult>),
}

impl Crew {
    /// The only task of a step.
    pub(super) fn lone(machine: &Machine, task: Task) -> Self {
        Self {
            keys: machine.frontier_keys(),
            slots: vec![Slot::Waiting(task)],
            is_lone: true,
            given_up: Vec::new(),
            blocked: None,
        }
    }

    /// The tasks of a step, except those that are `finished`.
    pub(super) fn of(
        keys: Vec<Digest>,
        tasks: &mut [Task],
        finished: Vec<Option<Finished>>,
    ) -> Self {
        let mut finished = finished.into_iter();
        let slots = tasks
            .iter_mut()
            .map(|task| match finished.next().flatten() {
                Some(done) => Slot::Came(Box::new(Ok(done))),
                None => Slot::Waiting(task.start()),
            });
        Self {
            keys,
            slots: slots.collect(),
            is_lone: false,
            given_up: Vec::new(),
            blocked: None,
        }
    }

    /// Whether its step is given up, since its queue is blocked.
    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// These start once more, if they have stopped to wait; returns how many do. A step's only task
    /// does not before its step is left.
    pub(super) fn again(&mut self, tasks: Vec<(usize, Task)>) -> u64 {
        let mut again = 0;
        for (at, task) in tasks.into_iter().filter(|_| !self.is_lone) {
            let has_stopped = |slot: &Slot| match slot {
                Slot::Came(result) => matches!(**result, Err(TaskError::Suspended)),
                _ => false,
            };
            if has_stopped(&self.slots[at]) {
                self.slots[at] = Slot::Waiting(task);
                again += 1;
            }
        }
        again
    }

    fn waiting(&self) -> Option<usize> {
        let waits = |slot: &Slot| matches!(slot, Slot::Waiting(_));
        self.slots.iter().position(waits)
    }

    fn running(&self) -> Vec<usize> {
        let runs = |at: &usize| matches!(self.slots[*at], Slot::Running(_));
        (0..self.slots.len()).filter(runs).collect()
    }

    /// One move in the step: a task starts, continues, or ends.
    pub(super) fn go_on(&mut self, stage: &mut Stage, machine: &Machine, epoch: u64) -> Moved {
        let running = self.running();
        let waiting = self.waiting().filter(|_| running.len() < stage.concurrency);
        let moves = running.len() + usize::from(waiting.is_some());
        if moves == 0 {
            return Moved::Over(self.results());
        }
        if !self.given_up.is_empty() && stage.dice.one_in(3) {
            let at = stage.dice.index(self.given_up.len());
            if self.given_up[at].poll(stage, epoch).is_ready() {
                drop(self.given_up.swap_remove(at));
            }
            return Moved::On;
        }
        match (running.get(stage.dice.index(moves)), waiting) {
            (Some(at), _) => self.move_task(stage, machine, epoch, *at),
            (None, Some(at)) => self.start(stage, machine, epoch, at),
            (None, None) => unreachable!("a move was counted"),
        }
        Moved::On
    }

    fn start(&mut self, stage: &mut Stage, machine: &Machine, epoch: u64, at: usize) {
        stage.shelf.watch.started(epoch, self.keys[at]);
        let Slot::Waiting(task) = &self.slots[at] else {
            unreachable!("only what waits is started");
        };
        let task = task.clone();
        let info = &stage.graph.info.nodes[task.node as usize];
        let attempts = Attempts::at(info);
        self.slots[at] = begin(stage, machine, epoch, task, (attempts, 0));
    }

    fn move_task(&mut self, stage: &mut Stage, machine: &Machine, epoch: u64, at: usize) {
        let Slot::Running(running) = &mut self.slots[at] else {
            unreachable!("only what runs is moved");
        };
        let polled = match stage.dice.one_in(stage.rates.timeouts) {
            true => Poll::Ready(Err(running.attempt.cut_short(stage))),
            false => running.attempt.poll(stage, epoch),
        };
        let Poll::Ready(result) = polled else {
            return;
        };
        let Slot::Running(running) =
            std::mem::replace(&mut self.slots[at], came(Err(TaskError::Lost)))
        else {
            unreachable!("it was there");
        };
        let Running {
            task,
            mut attempts,
            tries,
            attempt,
        } = *running;
        let cx = Arc::clone(&attempt.cx);
        // As the engine does: what is left of an attempt is examined when it is over.
        let options = &stage.graph.info.nodes[task.node as usize].options;
        if options.blocking && !attempt.is_over {
            cx.give_up();
            self.given_up.push(attempt);
        } else {
            drop(attempt);
        }
        let error = match concluded(result, &cx) {
            Ok(Done { update, hops }) => {
                self.slots[at] = came(Ok(attempts.succeed(update, hops)));
                return;
            }
            Err(error) => error,
        };
        let is_permanent = matches!(&error, AttemptError::Failed(error) if error.is_permanent());
        let may_be_tried = !is_permanent && tries + 1 < options.retry.attempts;
        self.slots[at] = match attempts.after(error, &cx) {
            Ok(_delay) => {
                stage.tally.retries += 1;
                stage.shelf.watch.tried_again(self.keys[at], may_be_tried);
                begin(stage, machine, epoch, task, (attempts, tries + 1))
            }
            Err(error) => came(attempts.fail(machine.program(), error, &task)),
        };
    }

    /// Its engine drains: what runs is dropped, or was about to be tried again.
    pub(super) fn cut(&mut self, stage: &mut Stage) {
        self.drop_all(stage, |stage| {
            stage.tally.drained += 1;
            match stage.dice.one_in(2) {
                true => TaskError::Drained,
                false => TaskError::Dropped,
            }
        });
    }

    fn drop_all(&mut self, stage: &mut Stage, how: fn(&mut Stage) -> TaskError) {
        for slot in &mut self.slots {
            if let Slot::Came(_) = slot {
                continue;
            }
            let cut = how(stage);
            if let Slot::Running(mut running) = std::mem::replace(slot, came(Err(cut))) {
                running.attempt.cut_short(stage);
            }
        }
    }

    /// The step is given up, if no slot is free and more wait for one than the queue takes.
    pub(super) fn block(&mut self, stage: &mut Stage) {
        let mut waiting = (self.slots.iter()).filter_map(|slot| match slot {
            Slot::Waiting(task) => Some(task.node),
            _ => None,
        });
        let outside = waiting.nth(stage.queue_depth);
        if let Some(node) = outside.filter(|_| self.running().len() >= stage.concurrency) {
            stage.tally.blocked += 1;
            self.blocked = Some(Blocked {
                node,
                depth: stage.queue_depth,
                wait: Duration::from_secs(1),
                is_given_up: true,
            });
            self.drop_all(stage, |_| TaskError::Dropped);
        }
    }

    fn results(&mut self) -> Vec<TaskResult> {
        let results = self.slots.drain(..).map(|slot| match slot {
            Slot::Came(result) => *result,
            Slot::Waiting(_) | Slot::Running(_) => Err(TaskError::Lost),
        });
        results.collect()
    }
}

/// The tasks' results, as a session is told them.
pub(super) fn step_results(crew: &Crew, results: Vec<TaskResult>) -> StepResults {
    let mut failed = Vec::new();
    let finished = results.into_iter().enumerate().map(|(at, result)| {
        let failure = |error| failed.push((at, error));
        result.map_err(failure).ok()
    });
    StepResults {
        finished: finished.collect(),
        failed,
        blocked: crew.blocked,
    }
}

fn came(result: TaskResult) -> Slot {
    Slot::Came(Box::new(result))
}

/// The next attempt at a task.
fn begin(
    stage: &mut Stage,
    machine: &Machine,
    epoch: u64,
    task: Task,
    (mut attempts, tries): (Attempts, u32),
) -> Slot {
    let step = machine.step() + 1;
    let Some(cx) = attempts.begin(machine.keys(), task.key, step) else {
        return came(attempts.fail(machine.program(), AttemptError::Suspended, &task));
    };
    if tries == 0 {
        stage.starts(epoch, &cx);
    }
    stage.tally.tasks += 1;
    let is_blocking = stage.graph.info.nodes[task.node as usize].options.blocking;
    let cx = Arc::new(if is_blocking { cx.outliving() } else { cx });
    let (node, input) = (task.node, task.input.clone());
    let (state, at) = (Arc::clone(machine.state()), Arc::clone(&cx));
    let drama = Drama(machine.info());
    let call = async move { drama.call(node, input, &*state, &at).await };
    let desk = Desk {
        fate: fate(stage),
        ..Desk::default()
    };
    let attempt = Attempt {
        node: Box::pin(call),
        cx,
        desk,
        registering: None,
        is_over: false,
    };
    Slot::Running(Box::new(Running {
        task,
        attempts,
        tries,
        attempt,
    }))
}

/// Whether a node that has done its work fails all the same.
fn fate(stage: &mut Stage) -> Option<NodeError> {
    if !stage.dice.one_in(stage.rates.failures) {
        return None;
    }
    Some(match stage.dice.one_in(3) {
        true => NodeError::permanent(BY_CHANCE),
        false => NodeError::transient(BY_CHANCE),
    })
}

/// The message of a node that fails by chance.
const BY_CHANCE: &str = "as the dice would have it";

impl Attempt {
    /// One move: what it wishes for is granted, or its node is polled.
    fn poll(&mut self, stage: &mut Stage, epoch: u64) -> Poll<Result<Done, AttemptError>> {
        if self.registering.is_some() && stage.dice.one_in(2) {
            return self.rest(stage, epoch);
        }
        if !granted(&mut self.desk, stage, epoch) {
            return Poll::Pending;
        }
        let Self { node, cx, desk, .. } = self;
        let polled = sit_at(desk, || {
            let _here = cx.run_here();
            node.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        for (id, answer) in self.desk.seen.drain(..) {
            stage.shelf.watch.saw(&id, answer);
        }
        for got in self.desk.got.drain(..) {
            stage.got(epoch, &self.cx, &got);
        }
        self.is_over = polled.is_ready();
        match polled {
            Poll::Ready(result) => {
                self.cx.end();
                Poll::Ready(result.map_err(AttemptError::Failed))
            }
            Poll::Pending => self.rest(stage, epoch),
        }
    }

    /// As the engine does when a node is pending; at most one write at a time.
    fn rest(&mut self, stage: &mut Stage, epoch: u64) -> Poll<Result<Done, AttemptError>> {
        if let Some((registering, desk)) = &mut self.registering {
            if !granted(desk, stage, epoch) {
                return Poll::Pending;
            }
            let polled = sit_at(desk, || {
                registering
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
            });
            let Poll::Ready(result) = polled else {
                return Poll::Pending;
            };
            self.registering = None;
            self.cx.registers(false, result);
            return Poll::Pending; // the node is asked first what it makes of it
        }
        match self.cx.rest() {
            Rest::Busy => Poll::Pending,
            Rest::Register(registering) => {
                self.cx.registers(true, Ok(()));
                self.registering = Some((registering, Desk::default()));
                Poll::Pending
            }
            Rest::Suspended => {
                self.cx.end();
                Poll::Ready(Err(AttemptError::Suspended))
            }
        }
    }

    /// It takes too long, its runtime is shut down, or the budget is used up.
    fn cut_short(&mut self, stage: &mut Stage) -> AttemptError {
        stage.tally.cut_short += 1;
        // A call that is on its way arrives, or it never does.
        let is_call = |wish: &mut Wish| matches!(wish, Wish::Call(..));
        if let Some(Wish::Call(id, _)) = self.desk.wish.take_if(is_call)
            && stage.dice.one_in(2)
        {
            let _ = stage.outside.call(&id, 0);
        }
        self.cx.end();
        match stage.dice.index(8) {
            0 => AttemptError::Budget,
            1 => AttemptError::Lost,
            2 => AttemptError::Panicked(BY_CHANCE.into()),
            3 | 4 => AttemptError::Idle(Duration::from_secs(1)),
            _ => AttemptError::TimedOut(Duration::from_secs(1)),
        }
    }
}

/// The outcome of a wish; the wish again, if there is none yet.
fn grant(stage: &mut Stage, epoch: u64, wish: Wish) -> Result<Grant, Wish> {
    Ok(match wish {
        Wish::Call(id, got) => {
            stage.calls_with(epoch, &got);
            stage.shelf.watch.called(epoch, &id);
            stage.tally.calls += 1;
            Grant::Called(stage.outside.call(&id, stage.rates.failures))
        }
        Wish::Write(recording) => {
            let written = stage.shelf.journal(recording.clone());
            let is_unwell = matches!(written, Err(StoreError::Backend { .. }));
            if is_unwell && stage.dice.one_in(2) {
                return Err(Wish::Write(recording)); // it is asked again
            }
            stage.tally.recorded += recording.effects.len() as u64;
            Grant::Written(written)
        }
        Wish::Register(registration) => {
            let answer = stage.shelf.register((*registration).clone());
            let is_unwell = matches!(answer, Err(StoreError::Backend { .. }));
            if is_unwell && stage.dice.one_in(2) {
                return Err(Wish::Register(registration));
            }
            stage.tally.registered += registration.waits.len() as u64;
            Grant::Registered(answer)
        }
    })
}

/// Whether nothing is wished for any more at that desk.
fn granted(desk: &mut Desk, stage: &mut Stage, epoch: u64) -> bool {
    let Some(wish) = desk.wish.take() else {
        return true;
    };
    match grant(stage, epoch, wish) {
        Ok(grant) => desk.grant = Some(grant),
        Err(wish) => desk.wish = Some(wish),
    }
    desk.wish.is_none()
}

//! The execution of a run: what one call does to it, shared by every call that
//! waits for the result.

use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll, Waker};

use super::core::Core;
use super::drain::draining;
use super::inside::{self, Inner};
use super::pulse::{Abandon, Pulse};
use crate::error::Error;
use crate::panics::{caught, let_go};
use crate::run::AnyRun;

/// What driving a run results in.
pub(super) type RunResult = Result<AnyRun, Error>;

pub(super) type Driving = Pin<Box<dyn Future<Output = RunResult> + Send>>;

/// What a call is for.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    Run(StartedWith),
    Resume,
    /// A further turn, with its token.
    Turn(Option<String>),
    /// To write to the run without driving it, by this call.
    Write(&'static str),
}

impl Purpose {
    /// The call's name.
    pub(super) const fn call(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Resume => "resume",
            Self::Turn(_) => "turn",
            Self::Write(call) => call,
        }
    }

    /// Whether the run moves by it.
    pub(super) const fn drives(&self) -> bool {
        !matches!(self, Self::Write(_))
    }

    /// The token of the turn that the call is for, if it has one.
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Turn(token) => token.as_deref(),
            _ => None,
        }
    }

    /// Whether two calls at once can be one: both get its result.
    pub(super) fn is_one_with(&self, other: &Self) -> bool {
        !matches!(self, Self::Turn(None) | Self::Write(_)) && self == other
    }
}

/// What a run is started with: its input as text, and its seed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct StartedWith {
    pub(super) input: String,
    pub(super) seed: u64,
}

/// One execution. None of the calls that wait for it owns it: whichever is
/// polled drives, so that one that is dropped, or no longer polled, holds
/// nobody up.
pub(super) struct Execution {
    pub(super) purpose: Purpose,
    pulse: Arc<Pulse>,
    progress: Mutex<Progress>,
}

enum Progress {
    Driving(Driving),
    Done(Ended),
}

/// How an execution ended.
pub(super) enum Ended {
    With(RunResult),
    /// It waits for the caller itself, which is inside the run.
    Within(Inner),
}

impl Clone for Ended {
    fn clone(&self) -> Self {
        match self {
            Self::With(result) => Self::With(result.clone()),
            Self::Within(inner) => Self::Within(*inner),
        }
    }
}

impl Execution {
    /// Whoever has held it calls [back](Pulse::call_back) those that came meanwhile.
    fn progress(&self) -> Option<MutexGuard<'_, Progress>> {
        match self.progress.try_lock() {
            Ok(progress) => Some(progress),
            Err(TryLockError::Poisoned(progress)) => Some(progress.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn poll(&self, call: u64, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Some(inner) = inside::place_in(&self.pulse) {
            return Poll::Ready(Ended::Within(inner));
        }
        // Before checking whether another call polls: that one calls back.
        self.pulse.register(call, cx.waker());
        let Some(mut progress) = self.progress() else {
            return Poll::Pending;
        };
        self.pulse.admit(call);
        let polled = match &mut *progress {
            Progress::Done(ended) => {
                let ended = ended.clone();
                drop(progress);
                // Nobody else wakes those that were turned away meanwhile.
                self.pulse.call_back();
                return Poll::Ready(ended);
            }
            Progress::Driving(driving) => self.drive(driving),
        };
        match &polled {
            Poll::Pending => {
                drop(progress);
                self.pulse.call_back();
            }
            Poll::Ready(ended) => {
                Self::end(progress, ended.clone());
                self.pulse.wake();
            }
        }
        polled
    }

    /// Drops what was driven outside the lock, since that runs users' code too.
    fn end(mut progress: MutexGuard<'_, Progress>, ended: Ended) {
        let left = mem::replace(&mut *progress, Progress::Done(ended));
        drop(progress);
        let_go(left);
    }

    /// Ends it unless somebody polls it at this moment.
    fn drop_it(&self) {
        if let Some(progress) = self.progress()
            && matches!(&*progress, Progress::Driving(_))
        {
            Self::end(progress, Ended::With(Err(draining(&self.pulse.run))));
            self.pulse.wake();
        }
    }

    /// How the lost lease ends it.
    fn lost(&self) -> Option<Ended> {
        let epoch = self.pulse.lost()?;
        let run = self.pulse.run.clone();
        Some(Ended::With(Err(Error::LeaseLost { run, epoch })))
    }

    fn drive(&self, driving: &mut Driving) -> Poll<Ended> {
        if let Some(lost) = self.lost() {
            return Poll::Ready(lost);
        }
        let _inside = inside::run(&self.pulse);
        let _polling = self.pulse.poll();
        let waker = Waker::from(Arc::clone(&self.pulse));
        match caught(|| driving.as_mut().poll(&mut Context::from_waker(&waker))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ended::With(result)),
            Err(message) => {
                let run = self.pulse.run.clone();
                Poll::Ready(Ended::With(Err(Error::Panicked { run, message })))
            }
        }
    }
}

impl Abandon for Execution {
    fn abandon(&self) {
        if let (Some(progress), Some(lost)) = (self.progress(), self.lost())
            && matches!(&*progress, Progress::Driving(_))
        {
            Self::end(progress, lost);
        }
    }
}

impl Drop for Execution {
    /// Users' values are dropped with it, wherever the last call is.
    fn drop(&mut self) {
        let progress = self.progress.get_mut();
        let progress = progress.unwrap_or_else(PoisonError::into_inner);
        let_go(mem::replace(
            progress,
            Progress::Driving(Box::pin(pending())),
        ));
    }
}

/// One call's part in an execution.
pub(super) struct Part {
    execution: Arc<Execution>,
    call: u64,
}

/// What is known of an execution before it has ended.
pub(super) enum Known {
    /// It holds the lease and runs tasks.
    Drives,
    Ended(Box<Ended>),
}

impl Part {
    fn of(execution: Arc<Execution>) -> Self {
        let call = execution.pulse.enrol();
        Self { execution, call }
    }

    pub(super) fn purpose(&self) -> &Purpose {
        &self.execution.purpose
    }

    /// Whether it drives the turn with that token.
    pub(super) fn drives(&self, token: Option<&str>) -> bool {
        self.execution.pulse.drives(token)
    }

    /// Whether it has ended, as far as nobody is polling it at this moment.
    pub(super) fn is_over(&self) -> bool {
        let progress = self.execution.progress();
        let is_over = matches!(progress.as_deref(), Some(Progress::Done(_)));
        drop(progress);
        self.execution.pulse.call_back();
        is_over
    }

    /// Drives until the end.
    pub(super) async fn join(&self) -> Ended {
        poll_fn(|cx| self.execution.poll(self.call, cx)).await
    }

    /// Drives until it is certain whether the execution moves the run or only
    /// reads it.
    pub(super) async fn known(&self) -> Known {
        let pulse = &self.execution.pulse;
        poll_fn(|cx| {
            if pulse.is_driving() && inside::place_in(pulse).is_none() {
                return Poll::Ready(Known::Drives);
            }
            match self.execution.poll(self.call, cx) {
                Poll::Ready(ended) => Poll::Ready(Known::Ended(Box::new(ended))),
                Poll::Pending if pulse.is_driving() => Poll::Ready(Known::Drives),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.execution.pulse.leave(self.call);
    }
}

/// Whether an execution is new. If not, what it would have driven may be used later.
pub(super) enum Entered {
    New(Part),
    UnderWay(Part, Driving),
}

/// The executions of an engine, by run. Each has a number, so that one that
/// was dropped cannot remove the entry of its successor.
pub(super) struct Active(Mutex<Executions>);

struct Executions {
    started: u64,
    by_run: HashMap<String, (u64, Weak<Execution>)>,
}

/// An execution's entry among the active ones; goes when the execution ends
/// or is dropped.
struct Entry {
    core: Arc<Core>,
    run: String,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.core.active.end(&self.run, self.number);
    }
}

impl Active {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Executions {
            started: 0,
            by_run: HashMap::new(),
        }))
    }

    /// What is taken out of it must outlive the guard: the last call of an
    /// execution drops it, and that takes the lock again.
    fn executions(&self) -> MutexGuard<'_, Executions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current execution of the engine's `run`, or else a new one.
    pub(super) fn enter(
        &self,
        core: &Arc<Core>,
        run: &str,
        purpose: &Purpose,
        driving: Driving,
    ) -> Entered {
        let found;
        let mut executions = self.executions();
        let entry = executions.by_run.get(run);
        found = entry.and_then(|(_, execution)| execution.upgrade());
        if let Some(execution) = &found
            && execution.pulse.lost().is_none()
        {
            let execution = Arc::clone(execution);
            drop(executions);
            return Entered::UnderWay(Part::of(execution), driving);
        }
        executions.started += 1;
        let number = executions.started;
        let entry = Entry {
            core: Arc::clone(core),
            run: run.to_owned(),
            number,
        };
        let drives = purpose.drives();
        let driving: Driving = Box::pin(async move {
            let Entry { core, run, .. } = &entry;
            if !drives {
                return driving.await;
            }
            let mut driven = core.drain.enter(run)?;
            let result = driving.await;
            driven.came_to(&result);
            result
        });
        let execution = Arc::new_cyclic(|this: &Weak<Execution>| Execution {
            purpose: purpose.clone(),
            pulse: Pulse::new(&core.identity.owner, run, this.clone()),
            progress: Mutex::new(Progress::Driving(driving)),
        });
        let entry = (number, Arc::downgrade(&execution));
        executions.by_run.insert(run.to_owned(), entry);
        Entered::New(Part::of(execution))
    }

    /// Ends those that nobody polls, and that drive.
    pub(super) fn drop_all(&self) {
        let all = |executions: &Executions| -> Vec<_> {
            let executions = executions.by_run.values();
            let all = executions.filter_map(|(_, execution)| execution.upgrade());
            all.collect()
        };
        // Whoever ends takes the lock.
        let all = all(&self.executions());
        let driving = all.iter().filter(|execution| execution.purpose.drives());
        driving.for_each(|execution| execution.drop_it());
    }

    /// Forgets execution `number` of `run`.
    fn end(&self, run: &str, number: u64) {
        let mut executions = self.executions();
        let is_it = |(current, _): &(u64, _)| *current == number;
        if executions.by_run.get(run).is_some_and(is_it) {
            executions.by_run.remove(run);
        }
    }
}

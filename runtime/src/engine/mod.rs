//! The engine: tokio around the step machine.

mod active;
mod answer;
mod away;
mod blocking;
mod builder;
mod call;
mod compatible;
mod core;
mod drain;
mod drive;
mod fork;
mod handle;
mod history;
mod inside;
mod keeper;
mod labels;
mod lease;
mod lookout;
mod node;
mod past;
mod patience;
mod pulse;
mod rehearsed;
pub(crate) mod replay;
mod retention;
mod runtime;
mod shown;
mod signal;
mod start;
mod states;
mod step;
mod stored;
mod turn;
mod unhurried;

use std::fmt;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;

pub use answer::AnswerCall;
pub use builder::EngineBuilder;
pub use call::{ForkCall, RunCall, TurnCall};
pub use drain::Drained;
pub use fork::At;
pub use signal::SignalCall;

use self::active::{Driving, Ended, Entered, Known, Part, Purpose, RunResult, StartedWith};
use self::core::Core;
use self::handle::RunHandle;
use self::start::state_text;
use self::stored::{Asked, check_new_id, check_token};
use serde::Serialize;

use crate::cx::default_seed;
use crate::encode;
use crate::erased::{self, SharedState, UpdateOf, Updates};
use crate::error::Error;
use crate::graph::Graph;
use crate::panics::Caught;
use crate::run::{AnyRun, Run, StepInfo};
use crate::state::whole;

/// Drives runs of one graph. Clones are cheap and share everything.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use superstep::prelude::*;
///
/// #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// struct Greeting {
///     name: String,
///     text: String,
/// }
///
/// #[node]
/// fn greet(state: &Greeting) -> GreetingUpdate {
///     Greeting::update().text(format!("Hello, {}!", state.name))
/// }
///
/// #[graph(state = Greeting, start -> greet -> end)]
/// struct Greeter;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let engine = Engine::builder(Greeter).build()?;
/// let run = engine.run("run-1", Greeting { name: "Ada".into(), ..Default::default() }).await?;
/// assert_eq!(run.state().text, "Hello, Ada!");
/// # Ok::<(), Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine<G: Graph> {
    core: Arc<Core>,
    graph: PhantomData<fn() -> G>,
}

impl<G: Graph> Clone for Engine<G> {
    fn clone(&self) -> Self {
        Self::over(Arc::clone(&self.core))
    }
}

impl<G: Graph> fmt::Debug for Engine<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("graph", &G::INFO.name)
            .field("owner", &self.core.identity.owner)
            .field("settings", &self.core.settings)
            .finish_non_exhaustive()
    }
}

impl<G: Graph> Engine<G> {
    /// Settings for an engine over `graph`, whose fields are what nodes ask for.
    pub fn builder(graph: G) -> EngineBuilder<G> {
        EngineBuilder::new(graph)
    }

    /// Starts run `id` with `state` as its input, and drives it to its end.
    ///
    /// The same id and input again continues the run, or returns the finished
    /// one; two such calls at once share one execution. Awaiting drives the
    /// run; dropping the future stops it where it is, to be resumed. A call
    /// that was polled and is then kept without being polled for a whole
    /// [`lease`](EngineBuilder::lease), e.g. after a `select!`, loses the run
    /// ([`Error::LeaseLost`]), unless another call drives it.
    ///
    /// # Errors
    /// [`Error::InvalidRunId`], [`Error::InputMismatch`], [`Error::LeaseHeld`],
    /// and whatever stops the run.
    pub fn run(&self, id: impl Into<String>, state: G::State) -> RunCall<G> {
        RunCall::new(Arc::clone(&self.core), id.into(), Arc::new(state))
    }

    /// Continues run `id` after a crash, a failure, an answer or a [stop for a
    /// look](EngineBuilder::pause_before); returns a finished run as it is.
    ///
    /// # Errors
    /// [`Error::RunNotFound`], [`Error::LeaseHeld`], [`Error::GraphChanged`], and
    /// whatever stops the run.
    pub async fn resume(&self, id: &str) -> Result<Run<G::State>, Error> {
        let core = &self.core;
        let handle = core.handle("resume", id)?.patient();
        core.drain.check(id)?;
        let resumed = async {
            // Only a run that exists has an execution, so that `run` can tell whether it does.
            let head = handle.at.head().await?;
            if head.status.is_final() {
                let run = handle.look(head).await?;
                // Another turn may have begun between the two reads.
                if run.status().is_final() {
                    return Ok(run);
                }
            } else {
                handle.at.check_open(&head).await?;
            }
            core.go_on(handle, None).await
        };
        of_run(id, resumed).await.map(AnyRun::typed)
    }

    /// Reads run `id`, without advancing anything.
    ///
    /// # Errors
    /// [`Error::RunNotFound`], [`Error::WrongGraph`], [`Error::Undecodable`];
    /// [`Error::GraphChanged`] if a field's reducer has changed since steps were
    /// written that no snapshot covers.
    pub async fn get(&self, id: &str) -> Result<Run<G::State>, Error> {
        let run = self.core.handle("get", id)?;
        let head = run.at.head().await?;
        of_run(id, run.look(head)).await.map(AnyRun::typed)
    }

    /// A further turn on a run that has ended or failed: `update` commits as a
    /// step of its own, then the run continues from `start`.
    ///
    /// The step in which a run failed is dropped with its tasks' results;
    /// what its effects had on record stays readable as
    /// [`StepInfo::dropped`](crate::StepInfo::dropped) of the turn's step.
    ///
    /// # Errors
    /// [`Error::RunNotFinished`] unless the run has ended or failed, and as long
    /// as [`Run::interrupts`] of a failed run asks what became of an at-most-once
    /// effect; [`Error::LeaseHeld`] while somebody else drives it;
    /// and whatever stops the run.
    pub fn turn(&self, id: impl Into<String>, update: UpdateOf<G>) -> TurnCall<G> {
        let update = Updates::of::<G::State>(update);
        TurnCall::new(Arc::clone(&self.core), id.into(), update)
    }

    /// The result of the turn of run `id` that began with `token`: the run as it stood at
    /// the end of that turn, corrections after it included, and as it stands now if no
    /// further turn has begun. A turn that failed, and whose open step the next one
    /// dropped, is [`Failed`](crate::Status::Failed), with its error and the state of its last
    /// committed step.
    ///
    /// A repeated [`turn`](Self::turn) with that token returns the same, and also
    /// continues the current turn.
    ///
    /// # Errors
    /// [`Error::RunNotFound`]; [`Error::TurnNotFound`] if no turn began with that token, which
    /// a fork does not inherit; [`Error::InvalidToken`] if none could;
    /// [`Error::Pruned`] if the steps of the turn are gone.
    pub async fn turn_result(&self, id: &str, token: &str) -> Result<Run<G::State>, Error> {
        let run = self.core.handle("turn_result", id)?;
        check_token(id, Some(token))?;
        of_run(id, run.turn_result(token)).await.map(AnyRun::typed)
    }

    /// An operator's correction: `update` commits as a step of its own, and
    /// what was to run next stays the same.
    ///
    /// # Errors
    /// [`Error::LeaseHeld`] while somebody drives the run, [`Error::StepOpen`]
    /// if an unfinished task has effects on record.
    pub async fn update(&self, id: &str, update: UpdateOf<G>) -> Result<Run<G::State>, Error> {
        let update = Updates::of::<G::State>(update);
        self.core.update(id, update).await.map(AnyRun::typed)
    }

    /// Answers an open question of run `id`; see [`Run::interrupts`]. If this engine drives the run it
    /// goes on at once, and if another process drives it within a quarter of a second; if
    /// nobody does, it [wakes](crate::Run::wakes), and [`resume`](Self::resume) continues it.
    ///
    /// What a node [asks](crate::Cx::interrupt) is answered with a value of the type that it waits for:
    /// what does not fit the question's JSON Schema is refused. With [`.by("…")`](AnswerCall::by) it is
    /// kept who gave the answer.
    ///
    /// What became of an at-most-once effect is answered with an
    /// [`Outcome`](crate::Outcome): `Outcome::Happened(response)`,
    /// `Outcome::did_not_happen()` or `Outcome::refused(reason)`.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Order { is_approved: bool }
    /// # #[node]
    /// # async fn approve(_: &Order, cx: &Cx) -> OrderUpdate {
    /// #     Order::update().is_approved(cx.interrupt("approve", "May this be paid?").await)
    /// # }
    /// # #[graph(state = Order, start -> approve -> end)]
    /// # struct Shop;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let engine = Engine::builder(Shop).build()?;
    /// let run = engine.run("order-7", Order::default()).await?;
    /// let asked = &run.interrupts()[0];
    /// let refused = engine.answer("order-7", &asked.id, "maybe").await;
    /// assert!(matches!(refused, Err(Error::AnswerRefused { .. })));
    /// engine.answer("order-7", &asked.id, true).by("ada").await?;
    /// assert!(engine.resume("order-7").await?.state().is_approved);
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A question is answered once: the same answer again is harmless, another one refused. Of an answer
    /// and a deadline exactly one counts, by the store's clock.
    ///
    /// # Errors
    /// [`Error::QuestionNotFound`], also once nobody waits for the answer any more;
    /// [`Error::AlreadyAnswered`]; [`Error::AnswerRefused`], with the place that does not fit;
    /// [`Error::QuestionExpired`] from its deadline on; [`Error::RunFinished`];
    /// [`Error::RunNotFound`], [`Error::WrongGraph`].
    pub fn answer(&self, id: &str, question: &str, answer: impl Serialize) -> AnswerCall<G> {
        let answer = encode::to_string(&answer);
        AnswerCall::new(Arc::clone(&self.core), id, question, answer)
    }

    /// Sends a signal to run `id`: it is kept until the run [receives](crate::Cx::receive) a signal with that
    /// name, also if nobody waits for one yet, and over turns. Those of one name are received in the
    /// order in which they were committed, each once. If the run waits for it and is driven by this engine it goes on at
    /// once, and if another process drives it within a quarter of a second; if nobody does, it
    /// [wakes](crate::Run::wakes), and goes on when it is [resumed](Self::resume).
    ///
    /// With [`.id("…")`](SignalCall::id) a repeated call is harmless, however often a webhook is
    /// delivered.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Order { receipt: String }
    /// # #[node]
    /// # async fn payment(_: &Order, cx: &Cx) -> OrderUpdate {
    /// #     Order::update().receipt(cx.receive::<String>("paid").await)
    /// # }
    /// # #[graph(state = Order, start -> payment -> end)]
    /// # struct Shop;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let engine = Engine::builder(Shop).build()?;
    /// # engine.run("order-7", Order::default()).await?;
    /// engine.signal("order-7", "paid", "no. 7").id("evt_123").await?;
    /// engine.signal("order-7", "paid", "no. 7").id("evt_123").await?; // delivered twice
    /// # engine.resume("order-7").await?;
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::RunNotFound`]; [`Error::RunFinished`] for a run that has ended;
    /// [`Error::MailboxFull`] beyond the option `max_signals`; [`Error::SignalRefused`] for a name or
    /// an id that is empty or too long; [`Error::NotRoundTrip`] for a value that JSON would
    /// change; [`Error::WrongGraph`].
    pub fn signal(&self, id: &str, name: &str, value: &(impl Serialize + ?Sized)) -> SignalCall<G> {
        SignalCall::new(Arc::clone(&self.core), id, name, encode::to_string(value))
    }

    /// Every committed step of run `id`, oldest first, including those of a fork's
    /// origin up to where it branches off; pruned steps are not included.
    ///
    /// # Errors
    /// [`Error::RunNotFound`], [`Error::WrongGraph`], [`Error::Undecodable`].
    pub async fn history(&self, id: &str) -> Result<Vec<StepInfo>, Error> {
        self.core.handle("history", id)?.at.history().await
    }

    /// Executes every node of run `id` again, from step 0 on, with the recorded
    /// effects, and compares each task's update and route, and each effect's
    /// name, order and request, with the record. It writes nothing, and no
    /// closure of an effect is called; a call that a node makes outside an
    /// effect cannot be suppressed.
    ///
    /// If a run has lived under several graphs, only the turns whose steps were
    /// all written by this one are executed; [`Run::skipped`] names the others.
    ///
    /// # Errors
    /// [`Error::ReplayMismatch`] for the first difference. [`Error::GraphChanged`]
    /// if no turn of the run is of this exact graph,
    /// [`Error::LeaseHeld`] while somebody drives it, [`Error::Pruned`] if part
    /// of it is gone, [`Error::Corrupt`] if part of it is not what was written.
    pub async fn replay(&self, id: &str) -> Result<Run<G::State>, Error> {
        let replayed = self.core.handle("replay", id)?.replay().await;
        replayed.map(AnyRun::typed)
    }

    /// The state of run `id` after `step`; step 0 is the input.
    ///
    /// # Errors
    /// [`Error::StepNotFound`], [`Error::Pruned`], [`Error::RunNotFound`], [`Error::Undecodable`].
    pub async fn state_at(&self, id: &str, step: u64) -> Result<G::State, Error> {
        let run = self.core.handle("state_at", id)?;
        let head = run.at.head().await?;
        let state = async {
            let (machine, ..) = run.past(&head, step).await?;
            Ok(whole::copy(erased::typed(&**machine.state())))
        };
        of_run(id, state).await
    }

    /// An engine with that core.
    const fn over(core: Arc<Core>) -> Self {
        Self {
            core,
            graph: PhantomData,
        }
    }
}

impl Core {
    /// The run that `call` is for.
    fn handle(self: &Arc<Self>, call: &'static str, run: &str) -> Result<RunHandle, Error> {
        RunHandle::of(self, call, run)
    }

    /// Does what a call is for, `driving`, as the execution of `run`, or joins the
    /// one that is under way. It awaits the end of one that only reads or
    /// writes; only one that drives is in the way.
    fn execute<'a>(
        self: &'a Arc<Self>,
        run: &'a str,
        purpose: Purpose,
        mut driving: Driving,
    ) -> Asked<'a, AnyRun> {
        Box::pin(async move {
            runtime::begin(purpose.call())?;
            if purpose.drives() {
                self.drain.check(run)?;
            }
            loop {
                let ended = match self.active.enter(self, run, &purpose, driving) {
                    Entered::New(part) => part.join().await,
                    Entered::UnderWay(part, again) => {
                        driving = again;
                        match self.take_part(run, &purpose, &part).await? {
                            Some(ended) => ended,
                            None => continue,
                        }
                    }
                };
                return match ended {
                    // Where the run was begun, not where this call is.
                    Ended::With(Err(Error::RuntimeLost { .. })) if !runtime::is_gone_here() => {
                        let handle = self.handle("resume", run)?.patient();
                        Box::pin(self.go_on(handle, purpose.token())).await
                    }
                    Ended::With(result) => result,
                    Ended::Within(inside::Inner { node }) => {
                        match self.handle("resume", run)?.at.driven_by(node).await? {}
                    }
                };
            }
        })
    }

    /// The part of a call in an execution that another call began, until its
    /// end; `None` if that one is over and did not do what this call is for.
    async fn take_part(
        self: &Arc<Self>,
        run: &str,
        purpose: &Purpose,
        part: &Part,
    ) -> Result<Option<Ended>, Error> {
        if purpose.is_one_with(part.purpose()) {
            return Ok(Some(part.join().await));
        }
        match part.known().await {
            Known::Ended(ended) => {
                let is_within = matches!(*ended, Ended::Within(_));
                return Ok(is_within.then_some(*ended));
            }
            Known::Drives => {}
        }
        let handle = self.handle(purpose.call(), run)?.patient();
        let is_for_this = match purpose {
            Purpose::Resume => true,
            Purpose::Run(origin) => {
                handle.check_started_with(origin).await?;
                true
            }
            Purpose::Turn(token) => part.drives(token.as_deref()),
            Purpose::Write(_) => false,
        };
        if is_for_this {
            return Ok(Some(part.join().await));
        }
        if let Some(run) = handle.earlier_turn(purpose.token()).await? {
            return Ok(Some(Ended::With(Ok(run))));
        }
        // Meanwhile it may have ended, and this turn begun elsewhere.
        match part.is_over() {
            true => Ok(None),
            false => match handle.at.lease_held().await? {},
        }
    }

    /// Continues an existing run, unless it is finished; with a token in the turn that began
    /// with it.
    async fn go_on(self: &Arc<Self>, handle: RunHandle, token: Option<&str>) -> RunResult {
        let run = handle.at.id().to_owned();
        let token = token.map(str::to_owned);
        let purpose = match &token {
            Some(_) => Purpose::Turn(token.clone()),
            None => Purpose::Resume,
        };
        let drive = Box::pin(async move { handle.resume(token.as_deref()).await });
        self.execute(&run, purpose, drive).await
    }

    async fn start(
        self: Arc<Self>,
        run: String,
        state: SharedState,
        seed: Option<u64>,
    ) -> RunResult {
        check_new_id(&run)?;
        if self.store.is_none() {
            let mut driven = self.drain.enter(&run)?;
            let result = self.run_unstored(run, state, seed).await;
            driven.came_to(&result);
            return result;
        }
        let id = run.clone();
        of_run(&id, self.start_stored(run, state, seed)).await
    }

    async fn start_stored(
        self: &Arc<Self>,
        run: String,
        state: SharedState,
        seed: Option<u64>,
    ) -> RunResult {
        let handle = self.handle("run", &run)?.patient();
        let origin = StartedWith {
            input: state_text(self, &run, 0, &*state)?,
            seed: seed.unwrap_or_else(|| default_seed(&run)),
        };
        let own = origin.clone();
        let drive = Box::pin(async move { handle.start(state, own).await });
        self.execute(&run, Purpose::Run(origin), drive).await
    }

    async fn start_turn(
        self: Arc<Self>,
        run: String,
        update: Updates,
        token: Option<String>,
    ) -> RunResult {
        let handle = self.handle("turn", &run)?.patient();
        check_token(&run, token.as_deref())?;
        let own = token.clone();
        let drive = Box::pin(async move { handle.turn(update, own).await });
        self.execute(&run, Purpose::Turn(token), drive).await
    }

    async fn update(self: &Arc<Self>, run: &str, update: Updates) -> RunResult {
        let handle = self.handle("update", run)?.patient();
        let write = Box::pin(async move { handle.update(update).await });
        self.execute(run, Purpose::Write("update"), write).await
    }
}

/// A call for `run`. It handles users' values, whose `Clone` and `Drop` may
/// panic.
async fn of_run<T>(run: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    Caught(pin!(call)).await.unwrap_or_else(|message| {
        let run = run.to_owned();
        Err(Error::Panicked { run, message })
    })
}

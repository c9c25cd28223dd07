//! A graph whose tasks do what the test says: rounds of tasks, each of which
//! runs the test's script.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::EngineBuilder;
use superstep::prelude::*;
use tokio::sync::Notify;

use crate::{Journal, Place};

/// The tasks' results.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// How many rounds there will be.
    pub rounds: u32,
    /// How many tasks a round has.
    pub tasks: u32,
    /// How many rounds are done.
    #[reduce(sum)]
    pub done: u32,
    /// What the tasks saw, in merge order.
    #[reduce(append)]
    pub seen: Vec<String>,
    /// What an operator said.
    pub note: String,
}

impl Findings {
    /// The input of that many rounds of that many tasks.
    pub fn of(rounds: u32, tasks: u32) -> Self {
        Self {
            rounds,
            tasks,
            ..Self::default()
        }
    }
}

/// The result of a script: what its task saw.
pub type Doing<'a> = Pin<Box<dyn Future<Output = Result<String, NodeError>> + Send + 'a>>;

type Act = dyn for<'a> Fn(&'a Cx, &'a Outside, u32) -> Doing<'a> + Send + Sync;

/// What every task does, given its context, the outside world and its number.
#[derive(Clone)]
pub struct Script(Arc<Act>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

/// The world outside the run, which remembers what was asked of it.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Who called what, and what else happened.
    pub journal: Journal,
    calls: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
    holding: Arc<AtomicBool>,
    held: Arc<Notify>,
}

impl Outside {
    /// Notes `called <what>` and returns which call it was, of all, so that a
    /// repeated call shows.
    pub async fn call(&self, what: impl fmt::Display) -> Result<u64, NodeError> {
        self.journal.note(format_args!("called {what}"));
        Ok(self.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How often it was called.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Breaks something, or fixes it; scripts check it with [`is_broken`](Self::is_broken).
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    /// Whether something is broken.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Holds up whoever comes to [`pass`](Self::pass), or stops doing so.
    pub fn set_holding(&self, holding: bool) {
        self.holding.store(holding, Ordering::Relaxed);
    }

    /// Never returns while it is [holding](Self::set_holding).
    pub async fn pass(&self) {
        if self.holding.load(Ordering::Relaxed) {
            self.held.notify_one();
            pending::<()>().await;
        }
    }

    /// Drives `run` until somebody is held up, then drops it there: all that a
    /// crash leaves is in the store.
    pub async fn crash<T>(&self, run: impl IntoFuture<Output = T>) {
        self.set_holding(true);
        tokio::select! {
            _ = run.into_future() => panic!("nobody was held up"),
            () = self.held.notified() => {}
        }
        self.set_holding(false);
    }
}

/// Where `plan` can go.
#[derive(Route, Debug)]
pub enum Plan {
    /// One task for each number.
    Work(Vec<u32>),
    /// No round is left.
    Stop,
}

/// Begins a round.
#[node]
pub fn plan(state: &Findings) -> (FindingsUpdate, Plan) {
    if state.done == state.rounds {
        return (Findings::update(), Plan::Stop);
    }
    let tasks = Plan::Work((0..state.tasks).collect());
    (Findings::update().done(1), tasks)
}

/// Does what the script says.
#[node(retry(attempts = 3, base = "0ms"))]
pub async fn work(
    _: &Findings,
    item: u32,
    script: &Script,
    outside: &Outside,
    cx: &Cx,
) -> Result<FindingsUpdate, NodeError> {
    let seen = (script.0)(cx, outside, item).await?;
    Ok(Findings::update().seen([seen]))
}

/// The graph.
#[graph(
    state = Findings,
    start -> plan,
    plan -> match {
        Plan::Work(items) => each work(items) else end,
        Plan::Stop => end,
    },
    work -> plan,
)]
#[derive(Clone, Debug)]
pub struct Lab {
    script: Script,
    /// The world outside the run.
    pub outside: Outside,
}

impl Lab {
    /// A lab in a world of its own.
    pub fn new(
        script: impl for<'a> Fn(&'a Cx, &'a Outside, u32) -> Doing<'a> + Send + Sync + 'static,
    ) -> Self {
        Self {
            script: Script(Arc::new(script)),
            outside: Outside::default(),
        }
    }

    /// The same lab in another world.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self {
            script: self.script.clone(),
            outside: Outside::default(),
        }
    }

    /// Settings for an engine over this lab and that store.
    pub fn builder(&self, store: &Arc<dyn Store>) -> EngineBuilder<Self> {
        Engine::builder(self.clone()).store(Arc::clone(store))
    }

    /// An engine over this lab and the store of `place`.
    pub fn engine(&self, place: &Place) -> Engine<Self> {
        // Leases never lapse while a test runs.
        let hour = Duration::from_secs(3_600);
        let built = self.builder(&place.store).lease(hour).build();
        built.expect("the settings make sense")
    }
}

/// Continues a run as soon as whoever was dropped has given its lease back.
///
/// # Errors
/// Those of [`Engine::resume`].
pub async fn take_over(engine: &Engine<Lab>, id: &str) -> Result<Run<Findings>, Error> {
    loop {
        match engine.resume(id).await {
            Err(Error::LeaseHeld { .. }) => tokio::task::yield_now().await,
            other => return other,
        }
    }
}

/// Long for what a test does, and short for one that waits for it to pass.
pub const SHORT: Duration = Duration::from_millis(200);

/// The input of one task.
pub fn one() -> Findings {
    Findings::of(1, 1)
}

/// Asks for one page, and notes that it saw it.
///
/// # Errors
/// Those of the effect.
pub async fn fetch(cx: &Cx, outside: &Outside, item: u32) -> Result<String, NodeError> {
    let page = cx.effect("fetch", &item).run(|| outside.call("fetch"));
    let page = page.await?;
    outside.journal.note(format_args!("saw {page}"));
    Ok(page.to_string())
}

/// A lab whose tasks [`fetch`].
pub fn fetching() -> Lab {
    Lab::new(|cx, outside, item| Box::pin(fetch(cx, outside, item)))
}

/// What the tasks of a finished run saw.
pub fn seen(run: &Run<Findings>) -> &[String] {
    assert_eq!(run.status(), Status::Completed);
    assert_eq!(run.interrupts(), []);
    &run.state().seen
}

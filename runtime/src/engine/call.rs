//! Calls that take an option or two before they are awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::Engine;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::UpdateOf;
use crate::run::Run;

type Driven<G> = Pin<Box<dyn Future<Output = Result<Run<<G as Graph>::State>, Error>> + Send>>;

/// A run to be started, by [`Engine::run`]; await it.
#[must_use = "nothing happens until it is awaited"]
pub struct RunCall<G: Graph> {
    engine: Engine<G>,
    run: String,
    state: G::State,
    seed: Option<u64>,
}

impl<G: Graph> RunCall<G> {
    pub(super) const fn new(engine: Engine<G>, run: String, state: G::State) -> Self {
        Self {
            engine,
            run,
            state,
            seed: None,
        }
    }

    /// Sets the run's seed. By default it is a hash of the run's id.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl<G: Graph> IntoFuture for RunCall<G> {
    type Output = Result<Run<G::State>, Error>;
    type IntoFuture = Driven<G>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.engine.start(self.run, self.state, self.seed))
    }
}

impl<G: Graph> fmt::Debug for RunCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunCall")
            .field("run", &self.run)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// A turn to be begun, by [`Engine::turn`]; await it.
#[must_use = "nothing happens until it is awaited"]
pub struct TurnCall<G: Graph> {
    engine: Engine<G>,
    run: String,
    update: UpdateOf<G>,
    token: Option<String>,
}

impl<G: Graph> TurnCall<G> {
    pub(super) const fn new(engine: Engine<G>, run: String, update: UpdateOf<G>) -> Self {
        Self {
            engine,
            run,
            update,
            token: None,
        }
    }

    /// Names the turn, e.g. after the message that began it: a further call
    /// with the same token begins no turn and returns the run instead.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

impl<G: Graph> IntoFuture for TurnCall<G> {
    type Output = Result<Run<G::State>, Error>;
    type IntoFuture = Driven<G>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.engine.start_turn(self.run, self.update, self.token))
    }
}

impl<G: Graph> fmt::Debug for TurnCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnCall")
            .field("run", &self.run)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

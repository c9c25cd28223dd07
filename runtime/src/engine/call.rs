//! Calls that take an option or two before they are awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{At, Engine};
use crate::encode::EncodeError;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::UpdateOf;
use crate::run::Run;
use crate::session::GivenResponse;

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
    /// with the same token begins no turn and returns that one's result instead. At least 1
    /// and at most 1,024 bytes, else [`Error::InvalidToken`].
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

/// Edits the state that a fork begins with.
pub(super) type Edit<'a, G> = Box<dyn FnOnce(&mut <G as Graph>::State) + Send + 'a>;

/// What calls are to have answered, or the first that cannot be stored, and why.
pub(super) type Responses = Result<Vec<GivenResponse>, (String, EncodeError)>;

/// A fork to be made, by [`Engine::fork`]; await it.
#[must_use = "nothing happens until it is awaited"]
pub struct ForkCall<'a, G: Graph> {
    engine: Engine<G>,
    origin: (String, At),
    run: String,
    edit: Edit<'a, G>,
    responses: Responses,
}

impl<'a, G: Graph> ForkCall<'a, G> {
    pub(super) fn new(
        engine: Engine<G>,
        (origin, at): (&str, At),
        run: &str,
        edit: Edit<'a, G>,
    ) -> Self {
        Self {
            engine,
            origin: (origin.to_owned(), at),
            run: run.to_owned(),
            edit,
            responses: Ok(Vec::new()),
        }
    }

    /// What if a call had answered this? In the step that follows the branch, call `n` of
    /// `effect` has the response `value` in the fork; it is made by a task of `node`: the one of
    /// item `item` of an `each`, else the task 0. (Of a node that several arrows reach in one step
    /// the tasks are counted in frontier order.) All are counted from 0. Can be called for
    /// several calls.
    ///
    /// All that the tasks of that step have on record of their effects is the fork's, too, so that
    /// nothing outside is called again up to the changed answer. What that task called after it,
    /// by the order of its calls, is called anew when the fork is resumed, for it may depend on
    /// the answer. Only effects that are made [at most once](crate::Effect::at_most_once) are not:
    /// if one of those asks for something else than on record, the fork stops with
    /// [`Error::EffectChanged`]. The steps that follow are the fork's own, payments included.
    ///
    /// `value` has the type that the node gets from that effect, which is an owned one:
    /// `&"rain".to_owned()`, not `&"rain"`. The engine does not know it: it checks that what is
    /// recorded is of the same type, if a response is recorded.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Trip { packed: String }
    /// #[node]
    /// async fn pack(_: &Trip, cx: &Cx) -> Result<TripUpdate, NodeError> {
    ///     let weather: String = cx.effect("forecast", &"tomorrow").run(|| async {
    ///         superstep::ok("sun".to_owned())
    ///     }).await?;
    ///     Ok(Trip::update().packed(if weather == "rain" { "a coat" } else { "a hat" }))
    /// }
    /// # #[graph(state = Trip, start -> pack -> end)]
    /// # struct Packing;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let engine = Engine::builder(Packing).build()?;
    /// let trip = engine.run("trip", Trip::default()).await?;
    /// assert_eq!(trip.state().packed, "a hat");
    ///
    /// engine.fork("trip", 0, "wet trip", |_| {})
    ///     .with_response("pack", 0, "forecast", 0, &"rain".to_owned())
    ///     .await?;
    /// assert_eq!(engine.resume("wet trip").await?.state().packed, "a coat");
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When it is awaited: [`Error::EffectNotFound`] if there is no such call on record, with those
    /// that there are, and [`Error::Pruned`] if its step is gone; [`Error::ResponseRefused`] if the
    /// recorded response is of another type; [`Error::NotRoundTrip`] if `value` does not survive
    /// its encoding.
    pub fn with_response<T: Serialize + DeserializeOwned>(
        mut self,
        node: &str,
        item: u64,
        effect: &str,
        n: u64,
        value: &T,
    ) -> Self {
        if let Ok(responses) = &mut self.responses {
            match GivenResponse::new((node, item), (effect, n), value) {
                Ok(response) => responses.push(response),
                Err(error) => {
                    let what = format!("the response given for effect `{effect}` of node `{node}`");
                    self.responses = Err((what, error));
                }
            }
        }
        self
    }
}

impl<'a, G: Graph> IntoFuture for ForkCall<'a, G> {
    type Output = Result<Run<G::State>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            engine,
            origin: (origin, at),
            run,
            edit,
            responses,
        } = self;
        Box::pin(async move {
            let made = engine.make_fork((&origin, at), &run, edit, responses);
            made.await
        })
    }
}

impl<G: Graph> fmt::Debug for ForkCall<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkCall")
            .field("origin", &self.origin)
            .field("run", &self.run)
            .field("responses", &self.responses)
            .finish_non_exhaustive()
    }
}

//! Calls that take an option or two before they are awaited.
//!
//! Each is a future itself, so that it can be spawned as it is.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::At;
use super::core::Core;
use crate::encode::EncodeError;
use crate::erased::{AnyState, SharedState, Updates};
use crate::error::Error;
use crate::graph::Graph;
use crate::run::{AnyRun, Run};
use crate::session::GivenResponse;

type Driven<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What a call asks for, until it is polled, and then the future that does it.
pub(super) struct Call<'a, G, A, T = AnyRun> {
    pub(super) run: String,
    pub(super) asked: Option<(Arc<Core>, A)>,
    /// Never locked: it only makes the call `Sync`.
    driven: Mutex<Option<Driven<'a, T>>>,
    graph: PhantomData<fn() -> G>,
}

impl<'a, G, A, T> Call<'a, G, A, T> {
    pub(super) const fn new(core: Arc<Core>, run: String, asked: A) -> Self {
        Self {
            run,
            asked: Some((core, asked)),
            driven: Mutex::const_new(None),
            graph: PhantomData,
        }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        drive: impl FnOnce(Arc<Core>, String, A) -> Driven<'a, T>,
    ) -> Poll<Result<T, Error>> {
        let driven = self.driven.get_mut();
        if let Some((core, asked)) = self.asked.take() {
            *driven = Some(drive(core, self.run.clone(), asked));
        }
        match driven {
            Some(driven) => driven.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// A run to be started, by [`Engine::run`](super::Engine::run); await it, or spawn it.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use superstep::prelude::*;
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Trip { packed: String }
/// # #[node]
/// # fn pack(_: &Trip) {}
/// # #[graph(state = Trip, start -> pack -> end)]
/// # struct Packing;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let engine = Engine::builder(Packing).build()?;
/// let call = tokio::spawn(engine.run("trip", Trip::default()));
/// // It is driven, whatever happens here.
/// let run = call.await??;
/// assert_eq!(run.status(), Status::Completed);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing happens until it is awaited"]
pub struct RunCall<G: Graph>(Call<'static, G, (SharedState, Option<u64>)>);

impl<G: Graph> RunCall<G> {
    pub(super) const fn new(core: Arc<Core>, run: String, state: SharedState) -> Self {
        Self(Call::new(core, run, (state, None)))
    }

    /// Sets the run's seed. By default it is a hash of the run's id.
    pub const fn seed(mut self, seed: u64) -> Self {
        if let Some((_, (_, given))) = &mut self.0.asked {
            *given = Some(seed);
        }
        self
    }
}

impl<G: Graph> Future for RunCall<G> {
    type Output = Result<Run<G::State>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.0.poll(cx, |core, run, (state, seed)| {
            Box::pin(core.start(run, state, seed))
        });
        polled.map_ok(AnyRun::typed)
    }
}

// What is asked for is moved, never polled.
impl<G: Graph> Unpin for RunCall<G> {}

impl<G: Graph> fmt::Debug for RunCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.0.asked.as_ref();
        f.debug_struct("RunCall")
            .field("run", &self.0.run)
            .field("seed", &asked.and_then(|(_, (_, seed))| *seed))
            .finish_non_exhaustive()
    }
}

/// A turn to be begun, by [`Engine::turn`](super::Engine::turn); await it, or spawn it.
#[must_use = "nothing happens until it is awaited"]
pub struct TurnCall<G: Graph>(Call<'static, G, (Updates, Option<String>)>);

impl<G: Graph> TurnCall<G> {
    pub(super) const fn new(core: Arc<Core>, run: String, update: Updates) -> Self {
        Self(Call::new(core, run, (update, None)))
    }

    /// Names the turn, e.g. after the message that began it: a further call
    /// with the same token begins no turn and returns that one's result instead. At least 1
    /// and at most 1,024 bytes, else [`Error::InvalidToken`].
    pub fn token(mut self, token: impl Into<String>) -> Self {
        if let Some((_, (_, given))) = &mut self.0.asked {
            *given = Some(token.into());
        }
        self
    }
}

impl<G: Graph> Future for TurnCall<G> {
    type Output = Result<Run<G::State>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.0.poll(cx, |core, run, (update, token)| {
            Box::pin(core.start_turn(run, update, token))
        });
        polled.map_ok(AnyRun::typed)
    }
}

// As for a `RunCall`.
impl<G: Graph> Unpin for TurnCall<G> {}

impl<G: Graph> fmt::Debug for TurnCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.0.asked.as_ref();
        f.debug_struct("TurnCall")
            .field("run", &self.0.run)
            .field("token", &asked.and_then(|(_, (_, token))| token.as_ref()))
            .finish_non_exhaustive()
    }
}

/// Edits the state that a fork begins with.
pub(super) type Edit<'a> = Box<dyn FnOnce(&mut dyn AnyState) + Send + 'a>;

/// What calls are to have answered, or the first that cannot be stored, and why.
pub(super) type Responses = Result<Vec<GivenResponse>, (String, EncodeError)>;

/// What is asked of a fork, beside its id.
struct Fork<'a> {
    origin: (String, At),
    edit: Edit<'a>,
    responses: Responses,
}

/// A fork to be made, by [`Engine::fork`](super::Engine::fork); await it, or spawn it.
#[must_use = "nothing happens until it is awaited"]
pub struct ForkCall<'a, G: Graph>(Call<'a, G, Fork<'a>>);

impl<'a, G: Graph> ForkCall<'a, G> {
    pub(super) fn new(
        core: Arc<Core>,
        (origin, at): (&str, At),
        run: &str,
        edit: Edit<'a>,
    ) -> Self {
        let asked = Fork {
            origin: (origin.to_owned(), at),
            edit,
            responses: Ok(Vec::new()),
        };
        Self(Call::new(core, run.to_owned(), asked))
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
        if let Some((_, Fork { responses, .. })) = &mut self.0.asked
            && let Ok(given) = responses
        {
            match GivenResponse::new((node, item), (effect, n), value) {
                Ok(response) => given.push(response),
                Err(error) => {
                    let what = format!("the response given for effect `{effect}` of node `{node}`");
                    *responses = Err((what, error));
                }
            }
        }
        self
    }
}

impl<G: Graph> Future for ForkCall<'_, G> {
    type Output = Result<Run<G::State>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.0.poll(cx, |core, run, asked| {
            let Fork {
                origin: (origin, at),
                edit,
                responses,
            } = asked;
            Box::pin(async move { core.make_fork((&origin, at), &run, edit, responses).await })
        });
        polled.map_ok(AnyRun::typed)
    }
}

impl<G: Graph> fmt::Debug for ForkCall<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.0.asked.as_ref();
        f.debug_struct("ForkCall")
            .field("origin", &asked.map(|(_, asked)| &asked.origin))
            .field("run", &self.0.run)
            .field("responses", &asked.map(|(_, asked)| &asked.responses))
            .finish_non_exhaustive()
    }
}

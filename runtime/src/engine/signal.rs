//! Signals that are sent to a run.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::Core;
use crate::encode::EncodeError;
use crate::error::Error;
use crate::graph::Graph;
use crate::store::{LONGEST_NAME, NewSignal};

type Sent = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A signal to be sent, by [`Engine::signal`](super::Engine::signal); await it, or spawn it.
#[must_use = "nothing is sent until it is awaited"]
pub struct SignalCall<G> {
    run: String,
    name: String,
    id: Option<String>,
    asked: Option<(Arc<Core>, Result<String, EncodeError>)>,
    sent: Option<Sent>,
    graph: PhantomData<fn() -> G>,
}

impl<G: Graph> SignalCall<G> {
    pub(super) fn new(
        core: Arc<Core>,
        run: &str,
        name: &str,
        value: Result<String, EncodeError>,
    ) -> Self {
        Self {
            run: run.to_owned(),
            name: name.to_owned(),
            id: None,
            asked: Some((core, value)),
            sent: None,
            graph: PhantomData,
        }
    }

    /// Names the signal, e.g. after the event that it reports: a further one with the same id is, for
    /// that run, the first one again, whatever its name and value, and changes nothing. At least 1
    /// and at most 1,024 bytes, else [`Error::SignalRefused`].
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

impl<G: Graph> Future for SignalCall<G> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some((core, value)) = self.asked.take() {
            let (run, name, id) = (self.run.clone(), self.name.clone(), self.id.clone());
            let sent = async move { core.signal(&run, name, id, value).await };
            self.sent = Some(Box::pin(sent));
        }
        match &mut self.sent {
            Some(sent) => sent.as_mut().poll(task),
            None => Poll::Pending,
        }
    }
}

// What is asked for is moved, never polled.
impl<G> Unpin for SignalCall<G> {}

impl<G> fmt::Debug for SignalCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalCall")
            .field("run", &self.run)
            .field("name", &self.name)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Core {
    async fn signal(
        self: Arc<Self>,
        run: &str,
        name: String,
        id: Option<String>,
        value: Result<String, EncodeError>,
    ) -> Result<(), Error> {
        let handle = self.handle("signal", run)?.patient();
        check(run, "name", &name)?;
        if let Some(id) = &id {
            check(run, "id", id)?;
        }
        let head = handle.at.head().await?;
        let what = format!("signal `{name}`");
        let value = value.map_err(Error::not_round_trip(run, head.step + 1, what))?;
        handle
            .at
            .signal(NewSignal {
                most: self.settings.max_signals,
                ..NewSignal::new(run, id.unwrap_or_else(drawn), name, value)
            })
            .await?;
        self.lookouts.tell(run);
        Ok(())
    }
}

/// An id that no other signal has.
fn drawn() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

/// Refuses a name or an id that no signal can have.
fn check(run: &str, what: &'static str, text: &str) -> Result<(), Error> {
    let reason = match text.len() {
        0 => "it is empty; give it one",
        1..=LONGEST_NAME if text.contains('\0') => "it contains a NUL character; leave that out",
        1..=LONGEST_NAME => return Ok(()),
        _ => "it is longer than 1,024 bytes; shorten it",
    };
    let run = run.to_owned();
    Err(Error::SignalRefused { run, what, reason })
}

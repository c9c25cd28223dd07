//! Signals that are sent to a run.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::call::Call;
use super::core::Core;
use crate::encode::EncodeError;
use crate::error::Error;
use crate::graph::Graph;
use crate::store::{LONGEST_NAME, NewSignal};

/// A signal to be sent, by [`Engine::signal`](super::Engine::signal); await it, or spawn it.
#[must_use = "nothing is sent until it is awaited"]
pub struct SignalCall<G>(Call<'static, G, Sending, ()>);

struct Sending {
    name: String,
    id: Option<String>,
    value: Result<String, EncodeError>,
}

impl<G: Graph> SignalCall<G> {
    pub(super) fn new(
        core: Arc<Core>,
        run: &str,
        name: &str,
        value: Result<String, EncodeError>,
    ) -> Self {
        let (name, id) = (name.to_owned(), None);
        Self(Call::new(core, run.to_owned(), Sending { name, id, value }))
    }

    /// Names the signal, e.g. after the event that it reports: a further one with the same id is, for
    /// that run, the first one again, whatever its name and value, and changes nothing. At least 1
    /// and at most 1,024 bytes, else [`Error::SignalRefused`].
    pub fn id(mut self, id: impl Into<String>) -> Self {
        if let Some((_, sending)) = &mut self.0.asked {
            sending.id = Some(id.into());
        }
        self
    }
}

impl<G: Graph> Future for SignalCall<G> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |core, run, sending| {
            Box::pin(async move { core.signal(&run, sending).await })
        })
    }
}

// What is asked for is moved, never polled.
impl<G> Unpin for SignalCall<G> {}

impl<G> fmt::Debug for SignalCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sending = self.0.asked.as_ref().map(|(_, sending)| sending);
        f.debug_struct("SignalCall")
            .field("run", &self.0.run)
            .field("name", &sending.map(|sending| &sending.name))
            .field("id", &sending.and_then(|sending| sending.id.as_ref()))
            .finish_non_exhaustive()
    }
}

impl Core {
    async fn signal(
        self: Arc<Self>,
        run: &str,
        Sending { name, id, value }: Sending,
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

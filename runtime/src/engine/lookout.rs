//! Who looks for what comes for a run while its step is being driven.

use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;

use super::drain::until;
use super::step::{Restarts, Timer};
use super::stored::Stored;
use crate::session::Session;

/// How often to look for what others have sent: what this engine sends is told at once.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The runs of an engine for which somebody looks out.
#[derive(Debug, Default)]
pub(super) struct Lookouts(Mutex<HashMap<String, Arc<Notify>>>);

impl Lookouts {
    fn runs(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was sent to that run.
    pub(super) fn tell(&self, run: &str) {
        if let Some(look) = self.runs().get(run) {
            look.notify_one();
        }
    }

    fn begin(&self, run: &str) -> Lookout<'_> {
        let told = Arc::<Notify>::default();
        self.runs().insert(run.to_owned(), Arc::clone(&told));
        Lookout {
            lookouts: self,
            run: run.to_owned(),
            told,
        }
    }
}

/// One of them, until it is dropped.
struct Lookout<'a> {
    lookouts: &'a Lookouts,
    run: String,
    told: Arc<Notify>,
}

impl Drop for Lookout<'_> {
    fn drop(&mut self) {
        self.lookouts.runs().remove(&self.run);
    }
}

/// Fetches what comes for the waits of the open step, as long as it is polled.
async fn look_out(session: &Session, at: &Stored, lookouts: &Lookouts, restarts: Option<Restarts>) {
    let lookout = lookouts.begin(at.id());
    loop {
        let next = poll_fn(|task| match session.next_due(task.waker()) {
            Some(next) => Poll::Ready(next),
            None => Poll::Pending,
        });
        let (due, now) = next.await;
        let time = due.and_then(|due| due.duration_since(now).ok());
        let nap = time.map_or(LOOK_EVERY, |time| time.min(LOOK_EVERY));
        let nap = until(Timer::after(nap), lookout.told.notified());
        if let Some(Err(_)) = nap.await {
            return pending().await; // its runtime has no clock any more
        }
        // What is not found now is found when the step is left.
        if let Ok(mail) = at.mail(session.known()).await {
            let again = session.mail(mail);
            if let Some(restarts) = &restarts {
                again
                    .into_iter()
                    .for_each(|(position, task)| restarts.start(position, task));
            }
        }
    }
}

/// The work of a step, and somebody who looks out if it takes longer than a moment.
pub(super) struct Attended<'a, F> {
    work: Pin<&'a mut F>,
    session: &'a Session,
    /// None for a run that no store keeps: nothing comes for it.
    at: Option<(&'a Stored, &'a Lookouts)>,
    /// Where tasks start once more; a step's only task does when the step is left.
    restarts: Option<Restarts>,
    looking: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
}

impl<'a, F> Attended<'a, F> {
    pub(super) fn new(
        work: Pin<&'a mut F>,
        session: &'a Session,
        at: Option<(&'a Stored, &'a Lookouts)>,
    ) -> Self {
        Self {
            work,
            session,
            at,
            restarts: None,
            looking: None,
        }
    }

    pub(super) fn with(self, restarts: Restarts) -> Self {
        let restarts = Some(restarts);
        Self { restarts, ..self }
    }
}

impl<F: Future> Future for Attended<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = this.work.as_mut().poll(task);
        if polled.is_pending()
            && let Some((at, lookouts)) = this.at
        {
            let (session, restarts) = (this.session, &this.restarts);
            let looking = || -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
                Box::pin(look_out(session, at, lookouts, restarts.clone()))
            };
            let looking = this.looking.get_or_insert_with(looking);
            // It never ends.
            let _ = looking.as_mut().poll(task);
        }
        polled
    }
}

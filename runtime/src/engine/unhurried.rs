//! A store whose calls take no time by tokio's clock while that one is paused.
//!
//! A paused clock jumps to the next timer as soon as its runtime has nothing to
//! do, and takes waiting for another thread for idleness. It stands still as
//! long as a blocking task of the runtime is pending: one is kept pending until the
//! store has answered.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{self, Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::hash::Digest;
use crate::store::{
    Answer, Claim, Commit, Committed, EffectKey, EffectRecord, Event, GraphChange, Head, Lease,
    Listed, Loaded, Mail, NewSignal, Page, Park, Parked, Prune, Pruned, Question, Recording,
    Registration, RunFilter, Snapshot, StepRecord, Store, StoreFuture, TurnRecord,
};

pub(super) struct Unhurried(pub(super) Arc<dyn Store>);

/// `wait`, with the clock held while it lasts.
pub(super) fn held<F>(mut wait: Pin<Box<F>>) -> impl Future<Output = F::Output>
where
    F: Future + ?Sized,
{
    let mut hold = None;
    poll_fn(move |cx| {
        let polled = wait.as_mut().poll(cx);
        if polled.is_pending() && hold.is_none() && is_paused() {
            hold = Some(hold_clock());
        }
        polled
    })
}

/// Whether tokio's clock is detached from the system's.
fn is_paused() -> bool {
    let before = time::Instant::now();
    let now = Instant::now().into_std();
    !(before..=time::Instant::now()).contains(&now)
}

/// Holds the clock until it is dropped. Its task does so even while it is queued.
fn hold_clock() -> Sender<()> {
    let (hold, held) = channel();
    spawn_blocking(move || held.recv());
    hold
}

impl Store for Unhurried {
    fn waits(&self) -> Duration {
        self.0.waits()
    }

    fn now(&self) -> StoreFuture<'_, SystemTime> {
        Box::pin(held(self.0.now()))
    }

    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        Box::pin(held(self.0.head(run)))
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        Box::pin(held(self.0.load(run)))
    }

    fn runs<'a>(
        &'a self,
        filter: &'a RunFilter,
        page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>> {
        Box::pin(held(self.0.runs(filter, page)))
    }

    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>> {
        Box::pin(held(self.0.steps(run, from, to, page)))
    }

    fn digests<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>> {
        Box::pin(held(self.0.digests(run, page)))
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>> {
        Box::pin(held(self.0.effects(run, from, to, page)))
    }

    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>> {
        Box::pin(held(self.0.questions(run)))
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        Box::pin(held(self.0.snapshot(run, step)))
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        Box::pin(held(self.0.graph(fingerprint)))
    }

    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>> {
        Box::pin(held(self.0.graphs(run)))
    }

    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>> {
        Box::pin(held(self.0.turns(run, page)))
    }

    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>> {
        Box::pin(held(self.0.turn(run, token)))
    }

    fn acquire<'a>(&'a self, run: &'a str, claim: Claim) -> StoreFuture<'a, Lease> {
        Box::pin(held(self.0.acquire(run, claim)))
    }

    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease> {
        Box::pin(held(self.0.renew(run, epoch, term)))
    }

    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()> {
        Box::pin(held(self.0.release(run, epoch)))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        Box::pin(held(self.0.commit(commit)))
    }

    fn journal(&self, recording: Recording) -> StoreFuture<'_, ()> {
        Box::pin(held(self.0.journal(recording)))
    }

    fn register(&self, registration: Registration) -> StoreFuture<'_, Mail> {
        Box::pin(held(self.0.register(registration)))
    }

    fn mail<'a>(&'a self, run: &'a str, known: u64) -> StoreFuture<'a, Mail> {
        Box::pin(held(self.0.mail(run, known)))
    }

    fn signal(&self, signal: NewSignal) -> StoreFuture<'_, ()> {
        Box::pin(held(self.0.signal(signal)))
    }

    fn park(&self, park: Park) -> StoreFuture<'_, Parked> {
        Box::pin(held(self.0.park(park)))
    }

    fn answer(&self, answer: Answer) -> StoreFuture<'_, ()> {
        Box::pin(held(self.0.answer(answer)))
    }

    fn put_snapshot<'a>(
        &'a self,
        run: &'a str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> StoreFuture<'a, ()> {
        Box::pin(held(self.0.put_snapshot(run, epoch, snapshot)))
    }

    fn label<'a>(&'a self, run: &'a str, step: u64, label: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(held(self.0.label(run, step, label)))
    }

    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>> {
        Box::pin(held(self.0.labels(run)))
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> StoreFuture<'a, Pruned> {
        Box::pin(held(self.0.prune(prune)))
    }

    fn outbox(&self, limit: usize) -> StoreFuture<'_, Vec<Event>> {
        Box::pin(held(self.0.outbox(limit)))
    }

    fn mark_delivered<'a>(&'a self, ids: &'a [u64]) -> StoreFuture<'a, ()> {
        Box::pin(held(self.0.mark_delivered(ids)))
    }

    fn stuck(&self, page: Page<String>) -> StoreFuture<'_, Listed<String, String>> {
        Box::pin(held(self.0.stuck(page)))
    }
}

//! How a check speaks to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::hash::Digest;
use crate::store::{
    Answer, Claim, Commit, Committed, EffectKey, EffectRecord, Event, GraphChange, Head, Lease,
    Listed, Loaded, Mail, NewSignal, Page, Park, Parked, Prune, Pruned, Question, Recording,
    Registration, RunFilter, Snapshot, StepRecord, Store, StoreFuture, TurnRecord,
};

/// In which way the checks speak to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Through one handle.
    Alone,
    /// Through two handles in turn: each call by another one than the call before.
    InTurn,
    /// In turn, and every write that succeeded is made again, as by a caller that has not
    /// heard of it. The second answer must be the same as the first.
    Twice,
}

/// A store made of its two handles, used in some manner.
pub(super) struct Client {
    handles: [Arc<dyn Store>; 2],
    manner: Manner,
    calls: AtomicUsize,
}

impl Client {
    pub(super) fn new(handles: [Arc<dyn Store>; 2], manner: Manner) -> Self {
        Self {
            handles,
            manner,
            calls: AtomicUsize::new(0),
        }
    }

    /// The handle for the next call.
    fn next(&self) -> &dyn Store {
        let [first, second] = &self.handles;
        match self.manner {
            Manner::Alone => &**first,
            _ if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => &**first,
            _ => &**second,
        }
    }

    /// A write, and what its caller is told if it is made twice.
    fn write<'a, T: Send + 'a>(
        &'a self,
        call: impl Fn(&'a dyn Store) -> StoreFuture<'a, T> + Send + 'a,
        told: fn(T, T) -> T,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let first = call(self.next()).await?;
            if self.manner != Manner::Twice {
                return Ok(first);
            }
            match call(self.next()).await {
                Ok(again) => Ok(told(first, again)),
                Err(error) => {
                    panic!("a call that succeeded is refused when it is repeated: {error}")
                }
            }
        })
    }
}

fn same_lease(first: Lease, again: Lease) -> Lease {
    assert_eq!(
        (&first.owner, first.epoch),
        (&again.owner, again.epoch),
        "a repeated call gives the same lease"
    );
    again
}

fn same_commit(first: Committed, again: Committed) -> Committed {
    let is_told = match &again {
        Committed::Already(None) => true, // it was given back, or was another's before
        Committed::Already(Some(held)) => match &first {
            Committed::Now(lease) => lease == held,
            _ => first == again,
        },
        _ => first == again,
    };
    assert!(is_told, "a repeated commit is {again:?}, and was {first:?}");
    first
}

fn same_mail(first: Mail, again: Mail) -> Mail {
    assert_eq!(first.signals, again.signals);
    assert_eq!(first.over, again.over, "what is over, asked again");
    // The deadline of what is over, and is registered again, is of no interest.
    let [told, told_again] = [&first, &again].map(|mail| {
        let waits = mail.waits.iter();
        waits.filter(|wait| !mail.over.contains(&wait.key()))
    });
    assert!(told.eq(told_again), "a repeated call registers the same");
    first
}

fn same_park(first: Parked, again: Parked) -> Parked {
    match (first, again) {
        (Parked::Left, Parked::Left) => Parked::Left,
        (Parked::Mail(first), Parked::Mail(again)) => Parked::Mail(same_mail(first, again)),
        (first, again) => panic!("a repeated park is {again:?}, and was {first:?}"),
    }
}

fn first<T>(first: T, _again: T) -> T {
    first
}

impl Store for Client {
    fn now(&self) -> StoreFuture<'_, SystemTime> {
        self.next().now()
    }

    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        self.next().head(run)
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        self.next().load(run)
    }

    fn runs<'a>(
        &'a self,
        filter: &'a RunFilter,
        page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>> {
        self.next().runs(filter, page)
    }

    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>> {
        self.next().steps(run, from, to, page)
    }

    fn digests<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>> {
        self.next().digests(run, page)
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>> {
        self.next().effects(run, from, to, page)
    }

    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>> {
        self.next().questions(run)
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        self.next().snapshot(run, step)
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        self.next().graph(fingerprint)
    }

    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>> {
        self.next().graphs(run)
    }

    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>> {
        self.next().turns(run, page)
    }

    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>> {
        self.next().turn(run, token)
    }

    fn acquire<'a>(&'a self, run: &'a str, claim: Claim) -> StoreFuture<'a, Lease> {
        self.write(move |store| store.acquire(run, claim.clone()), same_lease)
    }

    fn renew<'a>(&'a self, run: &'a str, epoch: u64, term: Duration) -> StoreFuture<'a, Lease> {
        self.write(move |store| store.renew(run, epoch, term), same_lease)
    }

    fn release<'a>(&'a self, run: &'a str, epoch: u64) -> StoreFuture<'a, ()> {
        self.write(move |store| store.release(run, epoch), first)
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        self.write(move |store| store.commit(commit.clone()), same_commit)
    }

    fn journal(&self, recording: Recording) -> StoreFuture<'_, ()> {
        self.write(move |store| store.journal(recording.clone()), first)
    }

    fn register(&self, registration: Registration) -> StoreFuture<'_, Mail> {
        self.write(move |store| store.register(registration.clone()), same_mail)
    }

    fn mail<'a>(&'a self, run: &'a str, known: u64) -> StoreFuture<'a, Mail> {
        self.next().mail(run, known)
    }

    fn signal(&self, signal: NewSignal) -> StoreFuture<'_, ()> {
        self.write(move |store| store.signal(signal.clone()), first)
    }

    fn park(&self, park: Park) -> StoreFuture<'_, Parked> {
        self.write(move |store| store.park(park.clone()), same_park)
    }

    fn answer(&self, answer: Answer) -> StoreFuture<'_, ()> {
        self.write(move |store| store.answer(answer.clone()), first)
    }

    fn put_snapshot<'a>(
        &'a self,
        run: &'a str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> StoreFuture<'a, ()> {
        self.write(
            move |store| store.put_snapshot(run, epoch, snapshot.clone()),
            first,
        )
    }

    fn label<'a>(&'a self, run: &'a str, step: u64, label: &'a str) -> StoreFuture<'a, ()> {
        self.write(move |store| store.label(run, step, label), first)
    }

    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>> {
        self.next().labels(run)
    }

    /// The first call's answer does not include what the second still finds to do.
    fn prune<'a>(&'a self, prune: &'a Prune) -> StoreFuture<'a, Pruned> {
        self.write(move |store| store.prune(prune), first)
    }

    fn outbox(&self, limit: usize) -> StoreFuture<'_, Vec<Event>> {
        self.next().outbox(limit)
    }

    fn mark_delivered<'a>(&'a self, ids: &'a [u64]) -> StoreFuture<'a, ()> {
        self.write(move |store| store.mark_delivered(ids), first)
    }

    fn stuck(&self, page: Page<String>) -> StoreFuture<'_, Listed<String, String>> {
        self.next().stuck(page)
    }
}

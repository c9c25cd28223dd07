//! A run in a store: what the engine's calls to the store are about, and their errors.
//!
//! Nothing here depends on the types of a graph, and every call is [boxed](Asked), so that it is
//! compiled here, and not again for each graph.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use super::away::Away;
use super::core::EngineIdentity;
use super::keeper;
use super::patience::{GoodUntil, Patience, commit_bytes, effects_bytes, park_bytes, within};
use crate::error::Error;
use crate::hash::Digest;
use crate::session::load::check_head;
use crate::store::{
    Answer, Claim, Commit, Committed, EffectKey, EffectRecord, GraphChange, Head, LONGEST_RUN_ID,
    Lease, Listed, Loaded, Mail, NewSignal, Page, Pages, Park, Parked, Question, Recording,
    Registration, Snapshot, StepRecord, Store, StoreError, StoreFuture, TurnRecord,
};

/// What a call to the store comes to. An `async fn` would be compiled again in each crate that
/// has a graph, in every future that awaits it.
pub(super) type Asked<'a, T, E = Error> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// What became of a commit that takes the run's lease.
pub(super) enum Taken {
    /// It is made, by this call, and the lease taken with it.
    Held(Lease),
    /// It is made, by this call as far as anybody can know, and nothing is left to do.
    Done,
    /// The step is there, and another call has made it.
    ByAnother,
    /// An earlier turn had its token.
    TokenSpent,
}

/// A run in the store of an engine.
#[derive(Clone)]
pub(super) struct Stored {
    store: Arc<dyn Store>,
    id: String,
    patience: Patience,
    engine: Arc<EngineIdentity>,
}

impl Stored {
    pub(super) fn new(store: &Arc<dyn Store>, id: &str, engine: &Arc<EngineIdentity>) -> Self {
        Self {
            store: Arc::clone(store),
            id: id.to_owned(),
            patience: Patience::once(),
            engine: Arc::clone(engine),
        }
    }

    /// Another run in the same store.
    pub(super) fn beside(&self, id: &str) -> Self {
        let id = id.to_owned();
        Self { id, ..self.clone() }
    }

    /// Whose calls these are.
    pub(super) fn engine(&self) -> &EngineIdentity {
        &self.engine
    }

    pub(super) fn with(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same as long as its lease is good.
    pub(super) fn held(&self, good: &Arc<GoodUntil>) -> Self {
        self.clone().with(self.patience.held(good))
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// A call that reads a little.
    fn look<'a, T>(&'a self, call: impl Fn() -> StoreFuture<'a, T> + Send + 'a) -> Asked<'a, T>
    where
        T: Send + 'a,
    {
        Box::pin(async move {
            let answer = self.patience.ask(0, call).await;
            answer.map_err(|error| self.said(error))
        })
    }

    /// A call that reads as much as there is.
    fn read<'a, T>(&'a self, call: impl Fn() -> StoreFuture<'a, T> + Send + 'a) -> Asked<'a, T>
    where
        T: Send + 'a,
    {
        Box::pin(async move {
            let answer = self.patience.unhurried().ask(0, call).await;
            answer.map_err(|error| self.said(error))
        })
    }

    /// The engine's error for the store's.
    pub(super) fn said(&self, error: StoreError) -> Error {
        Error::from_store(&self.id, error)
    }

    fn found<T>(&self, found: Option<T>) -> Result<T, Error> {
        found.ok_or_else(|| Error::RunNotFound {
            run: self.id.clone(),
        })
    }

    /// The store's time.
    pub(super) fn now(&self) -> Asked<'_, SystemTime> {
        self.look(|| self.store.now())
    }

    /// The head of a run of whatever graph.
    pub(super) fn any_head(&self) -> Asked<'_, Head> {
        Box::pin(async {
            let head = self.found(self.look(|| self.store.head(&self.id)).await?)?;
            check_head(&head)?;
            Ok(head)
        })
    }

    /// The head of a run of this engine's graph, in whatever version: enough to read it.
    pub(super) fn head(&self) -> Asked<'_, Head> {
        Box::pin(async {
            let head = self.any_head().await?;
            self.check_name(&head)?;
            Ok(head)
        })
    }

    pub(super) fn load(&self) -> Asked<'_, Loaded> {
        Box::pin(async { self.found(self.read(|| self.store.load(&self.id)).await?) })
    }

    pub(super) fn steps(&self, from: u64, to: u64) -> Asked<'_, Vec<StepRecord>> {
        Box::pin(Pages::whole(move |page| self.steps_on(from, to, page)))
    }

    /// One page of them.
    pub(super) fn steps_on(
        &self,
        from: u64,
        to: u64,
        page: Page<u64>,
    ) -> Asked<'_, Listed<StepRecord, u64>> {
        self.read(move || self.store.steps(&self.id, from, to, page.clone()))
    }

    pub(super) fn effects(&self, from: u64, to: u64) -> Asked<'_, Vec<EffectRecord>> {
        let on = move |page: Page<EffectKey>| {
            self.read(move || self.store.effects(&self.id, from, to, page.clone()))
        };
        Box::pin(Pages::whole(on))
    }

    pub(super) fn questions(&self) -> Asked<'_, Vec<Question>> {
        self.read(|| self.store.questions(&self.id))
    }

    pub(super) fn snapshot(&self, step: u64) -> Asked<'_, Option<Snapshot>> {
        self.read(move || self.store.snapshot(&self.id, step))
    }

    pub(super) fn labels(&self) -> Asked<'_, Vec<(String, u64)>> {
        self.read(|| self.store.labels(&self.id))
    }

    pub(super) fn graph(&self, fingerprint: Digest) -> Asked<'_, Option<String>> {
        self.look(move || self.store.graph(fingerprint))
    }

    pub(super) fn graphs(&self) -> Asked<'_, Vec<GraphChange>> {
        self.look(|| self.store.graphs(&self.id))
    }

    pub(super) fn turns(&self) -> Asked<'_, Vec<TurnRecord>> {
        let on = move |page: Page<u64>| self.read(move || self.store.turns(&self.id, page.clone()));
        Box::pin(Pages::whole(on))
    }

    /// The first of its further turns that began after `step`.
    pub(super) fn turn_after(&self, step: u64) -> Asked<'_, Option<TurnRecord>> {
        Box::pin(async move {
            let page = Page::first(1).after(step);
            let found = self.look(|| self.store.turns(&self.id, page.clone()));
            Ok(found.await?.items.into_iter().next())
        })
    }

    pub(super) fn turn<'a>(&'a self, token: &'a str) -> Asked<'a, Option<TurnRecord>> {
        self.look(move || self.store.turn(&self.id, token))
    }

    pub(super) fn answer(&self, answer: Answer) -> Asked<'_, ()> {
        self.look(move || self.store.answer(answer.clone()))
    }

    pub(super) fn acquire(&self, claim: Claim) -> Asked<'_, Lease, StoreError> {
        Box::pin(async move {
            let call = || self.store.acquire(&self.id, claim.clone());
            self.patience.ask(0, call).await
        })
    }

    /// Nobody waits for a store that is away: it is retried in the background, until the
    /// lease lapses.
    pub(super) async fn release(&self, epoch: u64) {
        let released = self.store.release(&self.id, epoch);
        let released = self.patience.ask_once(released).await;
        if released.is_err_and(|error| error.is_transient()) {
            let at = self.clone();
            keeper::spawn(async move {
                let call = || at.store.release(&at.id, epoch);
                let _ = at.patience.ask(0, call).await;
            });
        }
    }

    /// Once, and for at most `patience`; the next beat tries again.
    pub(super) async fn renew(
        &self,
        epoch: u64,
        term: Duration,
        patience: Duration,
    ) -> Result<Lease, StoreError> {
        within(patience, self.store.renew(&self.id, epoch, term)).await
    }

    /// How long the store was away.
    pub(super) const fn away(&self) -> &Arc<Away> {
        self.patience.away()
    }

    /// The same for calls that are repeated only as long as `wanted` is set.
    pub(super) fn while_wanted(&self, wanted: &Arc<AtomicBool>) -> Self {
        let patience = self.patience.clone().while_wanted(wanted);
        self.clone().with(patience)
    }

    pub(super) fn commit<'a>(&'a self, commit: &'a Commit) -> Asked<'a, Committed, StoreError> {
        Box::pin(async {
            let call = || self.store.commit(commit.clone());
            self.patience.ask(commit_bytes(commit), call).await
        })
    }

    /// A commit that takes the run's lease.
    pub(super) async fn commit_taking(&self, commit: &Commit) -> Result<Taken, StoreError> {
        let call = || self.store.commit(commit.clone());
        let asked = self.patience.ask_again(commit_bytes(commit), call).await;
        asked.map(|(committed, may_be_done)| match committed {
            Committed::Now(lease) | Committed::Already(Some(lease)) => Taken::Held(lease),
            // Its lease went back with it, or is somebody else's by now.
            Committed::Already(None) if may_be_done => Taken::Done,
            Committed::Already(None) => Taken::ByAnother,
            Committed::TokenSpent => Taken::TokenSpent,
        })
    }

    pub(super) fn register(self, registration: Registration) -> Asked<'static, Mail, StoreError> {
        Box::pin(async move {
            let call = || self.store.register(registration.clone());
            self.patience
                .ask(effects_bytes(&registration.effects), call)
                .await
        })
    }

    /// What has come since the signal `known`; nobody waits for a store that is away.
    pub(super) fn mail(&self, known: u64) -> Asked<'_, Mail, StoreError> {
        Box::pin(async move {
            let mail = self.store.mail(&self.id, known);
            self.patience.ask_once(mail).await
        })
    }

    pub(super) fn signal(&self, signal: NewSignal) -> Asked<'_, ()> {
        self.look(move || self.store.signal(signal.clone()))
    }

    pub(super) fn journal(self, recording: Recording) -> Asked<'static, (), StoreError> {
        Box::pin(async move {
            let call = || self.store.journal(recording.clone());
            self.patience
                .ask(effects_bytes(&recording.effects), call)
                .await
        })
    }

    pub(super) fn park<'a>(&'a self, park: &'a Park) -> Asked<'a, Parked, StoreError> {
        Box::pin(async {
            let call = || self.store.park(park.clone());
            self.patience.ask(park_bytes(park), call).await
        })
    }

    pub(super) fn put_snapshot(&self, epoch: u64, snapshot: Snapshot) -> Asked<'_, ()> {
        Box::pin(async move {
            let call = || self.store.put_snapshot(&self.id, epoch, snapshot.clone());
            let written = self.patience.ask(snapshot.state.len(), call).await;
            written.map_err(|error| self.said(error))
        })
    }
}

pub(super) fn check_id(run: &str) -> Result<(), Error> {
    match run.len() {
        0 => refuse_id(
            run,
            "it is empty; name the run after what it is about, e.g. an order number",
        ),
        1..=LONGEST_RUN_ID if run.contains('\0') => {
            refuse_id(run, "it contains a NUL character; leave that out")
        }
        1..=LONGEST_RUN_ID => Ok(()),
        _ => refuse_id(run, "it is longer than 1,024 bytes; shorten it"),
    }
}

/// The id of a run that is to be created. A stored one is reachable whatever its id.
pub(super) fn check_new_id(run: &str) -> Result<(), Error> {
    check_id(run)?;
    match run.contains(char::is_control) {
        true => refuse_id(
            run,
            "it contains a control character, such as a line break; leave that out",
        ),
        false => Ok(()),
    }
}

/// The token of a turn that is to begin, or has begun. Messages without an id would all have
/// the empty one.
pub(super) fn check_token(run: &str, token: Option<&str>) -> Result<(), Error> {
    let reason = match token.map(str::len) {
        Some(0) => "it is empty; give the message's id, or no token",
        None | Some(..=LONGEST_RUN_ID) => return Ok(()),
        Some(_) => "it is longer than 1,024 bytes; give a hash of it",
    };
    let run = run.to_owned();
    Err(Error::InvalidToken { run, reason })
}

fn refuse_id(run: &str, reason: &'static str) -> Result<(), Error> {
    let run = run.chars().take(40).collect();
    Err(Error::InvalidRunId { run, reason })
}

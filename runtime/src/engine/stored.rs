//! A run in a store: whom the engine's calls of the store are about, and whose errors
//! theirs are.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::lease;
use crate::error::Error;
use crate::store::{
    Answer, Commit, Committed, EffectRecord, Head, Lease, Loaded, Park, Question, Snapshot,
    StepRecord, Store, StoreError,
};

/// A run in a store.
#[derive(Clone)]
pub(super) struct Stored {
    store: Arc<dyn Store>,
    id: String,
}

impl Stored {
    pub(super) fn new(store: &Arc<dyn Store>, id: &str) -> Self {
        Self {
            store: Arc::clone(store),
            id: id.to_owned(),
        }
    }

    /// Another run in the same store.
    pub(super) fn beside(&self, id: &str) -> Self {
        Self::new(&self.store, id)
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What the engine says of the store's error.
    pub(super) fn said(&self, error: StoreError) -> Error {
        Error::from_store(&self.id, error)
    }

    fn found<T>(&self, answer: Result<Option<T>, StoreError>) -> Result<T, Error> {
        let found = answer.map_err(|error| self.said(error))?;
        found.ok_or_else(|| Error::RunNotFound {
            run: self.id.clone(),
        })
    }

    /// The store's time.
    pub(super) async fn now(&self) -> Result<SystemTime, Error> {
        let now = self.store.now().await;
        now.map_err(|error| self.said(error))
    }

    pub(super) async fn head(&self) -> Result<Head, Error> {
        self.found(self.store.head(&self.id).await)
    }

    pub(super) async fn load(&self) -> Result<Loaded, Error> {
        self.found(self.store.load(&self.id).await)
    }

    pub(super) async fn steps(&self, from: u64, to: u64) -> Result<Vec<StepRecord>, Error> {
        let steps = self.store.steps(&self.id, from, to).await;
        steps.map_err(|error| self.said(error))
    }

    pub(super) async fn effects(&self, from: u64, to: u64) -> Result<Vec<EffectRecord>, Error> {
        let effects = self.store.effects(&self.id, from, to).await;
        effects.map_err(|error| self.said(error))
    }

    pub(super) async fn questions(&self) -> Result<Vec<Question>, Error> {
        let questions = self.store.questions(&self.id).await;
        questions.map_err(|error| self.said(error))
    }

    pub(super) async fn snapshot(&self, step: u64) -> Result<Option<Snapshot>, Error> {
        let snapshot = self.store.snapshot(&self.id, step).await;
        snapshot.map_err(|error| self.said(error))
    }

    pub(super) async fn labels(&self) -> Result<Vec<(String, u64)>, Error> {
        let labels = self.store.labels(&self.id).await;
        labels.map_err(|error| self.said(error))
    }

    pub(super) async fn answer(&self, answer: Answer) -> Result<(), Error> {
        let answered = self.store.answer(answer).await;
        answered.map_err(|error| self.said(error))
    }

    pub(super) async fn acquire(&self, owner: &str, term: Duration) -> Result<Lease, Error> {
        let lease = lease::acquire(&self.store, &self.id, owner, term).await;
        lease.map_err(|error| self.said(error))
    }

    pub(super) async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(commit).await
    }

    /// A commit that takes the run's lease.
    pub(super) async fn commit_taking(&self, commit: Commit) -> Result<Committed, StoreError> {
        lease::commit(&self.store, commit).await
    }

    pub(super) async fn park(&self, park: Park) -> Result<(), StoreError> {
        self.store.park(park).await
    }

    pub(super) async fn put_snapshot(&self, epoch: u64, snapshot: Snapshot) -> Result<(), Error> {
        let written = self.store.put_snapshot(&self.id, epoch, snapshot).await;
        written.map_err(|error| self.said(error))
    }
}

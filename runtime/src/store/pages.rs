use super::{
    EffectRecord, Head, LARGEST_PAGE, Listed, Page, RunFilter, StepRecord, Store, StoreFuture,
    TurnRecord,
};
use crate::hash::Digest;

/// The way through a list, page by page: it says which page is next, and is told what came.
///
/// ```
/// use superstep::store::{MemoryStore, Pages, RunFilter, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), superstep::store::StoreError> {
/// # let store = MemoryStore::new();
/// let failed = RunFilter::new().status(superstep::Status::Failed);
/// let mut pages = Pages::of(100);
/// while let Some(page) = pages.next() {
///     let listed = store.runs(&failed, page).await?;
///     for head in pages.turn(listed) {
///         println!("{}: {:?}", head.run, head.error);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A list may change meanwhile. What is there all the time comes exactly once.
#[derive(Clone, Debug)]
pub struct Pages<K> {
    limit: usize,
    next: Option<Page<K>>,
}

impl<K> Pages<K> {
    /// Pages of `limit` items, by the rule of [`Page::size`].
    pub const fn of(limit: usize) -> Self {
        Self {
            limit,
            next: Some(Page::first(limit)),
        }
    }

    /// Pages as large as they may be.
    pub const fn largest() -> Self {
        Self::of(LARGEST_PAGE)
    }

    /// The page to ask for next; `None` at the end.
    pub const fn next(&mut self) -> Option<Page<K>> {
        self.next.take()
    }

    /// Takes the page that came, and returns what is on it.
    pub fn turn<T>(&mut self, listed: Listed<T, K>) -> Vec<T> {
        self.next = listed.next.map(|key| Page::first(self.limit).after(key));
        listed.items
    }

    /// All pages in one, for lists that are short enough: `ask` is called for one page after the other.
    ///
    /// # Errors
    /// The first of `ask`.
    pub async fn whole<T, E, F>(mut ask: impl FnMut(Page<K>) -> F) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<Listed<T, K>, E>>,
    {
        let mut pages = Self::largest();
        let mut whole = Vec::new();
        while let Some(page) = pages.next() {
            whole.append(&mut pages.turn(ask(page).await?));
        }
        Ok(whole)
    }
}

/// Whole lists of a [`Store`], read page by page: for tests, and for lists known to be
/// short.
pub trait StoreExt: Store {
    /// The heads of all runs.
    fn all_runs(&self) -> StoreFuture<'_, Vec<Head>> {
        const ALL: &RunFilter = &RunFilter::new();
        Box::pin(Pages::whole(|page| self.runs(ALL, page)))
    }

    /// The records of steps `from..=to` of a run.
    fn all_steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
    ) -> StoreFuture<'a, Vec<StepRecord>> {
        Box::pin(Pages::whole(move |page| self.steps(run, from, to, page)))
    }

    /// The digests of a run.
    fn all_digests<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(u64, Digest)>> {
        Box::pin(Pages::whole(move |page| self.digests(run, page)))
    }

    /// The effect records of steps `from..=to` of a run.
    fn all_effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
    ) -> StoreFuture<'a, Vec<EffectRecord>> {
        Box::pin(Pages::whole(move |page| self.effects(run, from, to, page)))
    }

    /// The further turns of a run.
    fn all_turns<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<TurnRecord>> {
        Box::pin(Pages::whole(move |page| self.turns(run, page)))
    }

    /// All runs that nothing will ever move again.
    fn all_stuck(&self) -> StoreFuture<'_, Vec<String>> {
        Box::pin(Pages::whole(|page| self.stuck(page)))
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

use std::sync::Arc;

use super::Store;

/// What an engine's [`store`](crate::EngineBuilder::store) takes: a [`Store`], an
/// [`Arc`] of one, or an `Arc<dyn Store>`.
pub trait IntoStore {
    /// The store, as engines share it.
    fn into_store(self) -> Arc<dyn Store>;
}

impl<S: Store> IntoStore for S {
    fn into_store(self) -> Arc<dyn Store> {
        Arc::new(self)
    }
}

impl<S: Store> IntoStore for Arc<S> {
    fn into_store(self) -> Arc<dyn Store> {
        self
    }
}

impl IntoStore for Arc<dyn Store> {
    fn into_store(self) -> Arc<dyn Store> {
        self
    }
}

//! A store in another crate need not write the rules again: the memory store is compiled
//! once more out here, where it has nothing but what is public, and keeps every promise.

mod store;

/// Where the memory store looks for digests.
mod hash {
    pub use superstep::Digest;
}

use superstep::testing::store_contract;

use self::store::memory::MemoryStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_public_parts_keeps_every_promise() {
    store_contract::run(|| async {
        let store = MemoryStore::new();
        [store.clone(), store]
    })
    .await;
}

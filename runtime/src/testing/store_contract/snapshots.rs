use std::sync::Arc;

use super::make::{LONG, all, claim, done, next, now, refused, run_to, snapshot};
use crate::store::{Snapshot, Store, StoreError};

pub(super) async fn a_snapshot_is_put_at_the_head(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 2).await;
    for step in [2, 2, 3] {
        if step == 3 {
            now(&*store, next("run", 3, lease.epoch)).await;
        }
        done(
            store
                .put_snapshot("run", lease.epoch, snapshot("run", step))
                .await,
        );
        let loaded = done(store.load("run").await).expect("the run");
        assert_eq!(loaded.snapshot, Some(snapshot("run", step)));
        assert_eq!((loaded.head.step, loaded.steps.len()), (step, 1));
    }
    assert_eq!(
        done(store.snapshot("run", 2).await),
        None,
        "the older one is gone"
    );
    let again = Snapshot {
        state: "{}".to_owned(),
        ..snapshot("run", 3)
    };
    done(store.put_snapshot("run", lease.epoch, again.clone()).await);
    assert_eq!(
        done(store.snapshot("run", 3).await),
        Some(again),
        "the last one counts"
    );
}

pub(super) async fn a_snapshot_of_another_step_is_refused(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 2).await;
    let before = all(&*store, "run").await;
    for step in [1, 3] {
        refused!(
            store.put_snapshot("run", lease.epoch, snapshot("run", step)).await,
            StoreError::NotNext { step: s, head: 2, .. } if s == step,
            "a snapshot is of the head's state"
        );
    }
    refused!(
        store.put_snapshot("nobody", 1, snapshot("nobody", 0)).await,
        StoreError::NoSuchRun { run } if run == "nobody",
        "nothing is kept for a run that does not exist"
    );
    assert_eq!(all(&*store, "run").await, before);
    let taken = done(store.acquire("run", claim("anna", LONG)).await);
    let before = all(&*store, "run").await;
    refused!(
        store
            .put_snapshot("run", lease.epoch, snapshot("run", 2))
            .await,
        StoreError::LeaseLost { epoch: 1, .. },
        "only the holder writes snapshots"
    );
    assert_eq!(all(&*store, "run").await, before);
    done(
        store
            .put_snapshot("run", taken.epoch, snapshot("run", 2))
            .await,
    );
}

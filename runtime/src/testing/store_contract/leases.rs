use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::make::{LONG, SHORT, claim, done, first, next, now, park, refused, run_to, take};
use crate::store::{Commit, Lease, Status, Store, StoreError};

/// When a lease of [`SHORT`] is free even if its owner is known to be alive.
const LAPSED: Duration = SHORT.saturating_mul(4);

pub(super) async fn a_lease_is_for_one_owner(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    refused!(
        store.acquire("run", claim("berta", LONG)).await,
        StoreError::LeaseHeld { run, owner, expires }
            if run == "run" && owner == "anna" && expires == lease.expires,
        "a live lease is named with its owner and its end"
    );
    let commit = Commit {
        access: take("berta", LONG),
        ..next("run", 1, 0)
    };
    refused!(
        store.commit(commit).await,
        StoreError::LeaseHeld { owner, .. } if owner == "anna",
        "a commit takes no live lease"
    );
    done(store.release("run", lease.epoch).await);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(head.lease, None, "a lease that was given back is gone");
    let taken = done(store.acquire("run", claim("berta", LONG)).await);
    assert_eq!((taken.owner.as_str(), taken.epoch), ("berta", 2));
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(head.lease, Some(taken));
    assert_eq!(
        head.status,
        Status::Running,
        "a lease does not change the status"
    );
}

pub(super) async fn a_lapsed_lease_is_free(store: Arc<impl Store>) {
    let lease = now(
        &*store,
        Commit {
            access: take("anna", SHORT),
            ..first("run")
        },
    )
    .await;
    sleep(LAPSED).await;
    let shown = done(store.head("run").await).expect("the run").lease;
    assert_eq!(
        shown.as_ref(),
        Some(&lease),
        "a lapsed lease is shown until it is taken"
    );
    // Nobody took it, so nobody else can have written.
    now(&*store, next("run", 1, lease.epoch)).await;
    let taken = done(store.acquire("run", claim("berta", SHORT)).await);
    assert_eq!((taken.owner.as_str(), taken.epoch), ("berta", 2));
    sleep(LAPSED).await;
    let commit = Commit {
        access: take("carla", LONG),
        ..next("run", 2, 0)
    };
    let lease = now(&*store, commit).await;
    assert_eq!((lease.owner.as_str(), lease.epoch), ("carla", 3));
}

pub(super) async fn a_renewed_lease_does_not_lapse(store: Arc<impl Store>) {
    let commit = Commit {
        access: take("anna", SHORT),
        ..first("run")
    };
    let lease = now(&*store, commit).await;
    let before = done(store.now().await);
    let renewed = done(store.renew("run", lease.epoch, LONG).await);
    assert_eq!((&renewed.owner, renewed.epoch), (&lease.owner, lease.epoch));
    assert!(renewed.expires >= before + LONG);
    sleep(SHORT * 2).await;
    refused!(
        store.acquire("run", claim("berta", LONG)).await,
        StoreError::LeaseHeld { expires, .. } if expires == renewed.expires,
        "a renewed lease is alive"
    );
    refused!(
        store.renew("run", lease.epoch + 1, LONG).await,
        StoreError::LeaseLost { epoch: 2, .. },
        "only the holder renews"
    );
}

pub(super) async fn a_lost_lease_commits_nothing(store: Arc<impl Store>) {
    let commit = Commit {
        access: take("anna", SHORT),
        ..first("run")
    };
    let lost = now(&*store, commit).await;
    sleep(LAPSED).await;
    let taken = done(store.acquire("run", claim("berta", LONG)).await);
    let lost_to = "the one that lost its lease is told so";
    let is_lost = |error| matches!(error, StoreError::LeaseLost { epoch: 1, run } if run == "run");
    let commit = store.commit(next("run", 1, lost.epoch)).await;
    assert!(commit.is_err_and(is_lost), "{lost_to} when it commits");
    let renew = store.renew("run", lost.epoch, LONG).await;
    assert!(renew.is_err_and(is_lost), "{lost_to} when it renews");
    let parked = store.park(park("run", lost.epoch)).await;
    assert!(parked.is_err_and(is_lost), "{lost_to} when it parks");
    done(store.release("run", lost.epoch).await);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(
        head.lease.as_ref(),
        Some(&taken),
        "a late release is harmless"
    );
    assert_eq!(head.step, 0);
    now(&*store, next("run", 1, taken.epoch)).await;
}

pub(super) async fn the_same_owner_again_makes_the_old_epoch_void(store: Arc<impl Store>) {
    let old = run_to(&*store, "run", 0).await;
    let new = done(store.acquire("run", claim("anna", LONG)).await);
    assert_eq!(new.epoch, old.epoch + 1);
    refused!(
        store.commit(next("run", 1, old.epoch)).await,
        StoreError::LeaseLost { epoch: 1, .. },
        "whoever held the lease for that owner before has lost it"
    );
    let commit = Commit {
        access: take("anna", LONG),
        ..next("run", 1, 0)
    };
    assert_eq!(now(&*store, commit).await.epoch, new.epoch + 1);
}

pub(super) async fn a_lease_goes_back_with_the_commit(store: Arc<impl Store>) {
    let commit = Commit {
        release: true,
        status: Status::Completed,
        ..first("run")
    };
    let lease = now(&*store, commit).await;
    assert_eq!(
        lease.epoch, 1,
        "the answer is the lease it was committed under"
    );
    let head = done(store.head("run").await).expect("the run");
    assert_eq!((head.lease, head.status), (None, Status::Completed));
    refused!(
        store.commit(next("run", 1, lease.epoch)).await,
        StoreError::LeaseLost { epoch: 1, .. },
        "a lease that was given back commits nothing"
    );
    refused!(
        store.renew("run", lease.epoch, LONG).await,
        StoreError::LeaseLost { epoch: 1, .. },
        "a lease that was given back is not renewed"
    );
    let commit = Commit {
        access: take("berta", LONG),
        release: true,
        ..next("run", 1, 0)
    };
    assert_eq!(now(&*store, commit).await.epoch, 2);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(head.lease, None);
}

pub(super) async fn epochs_never_come_again(store: Arc<impl Store>) {
    let mut last = run_to(&*store, "run", 0).await;
    for round in 1..=5 {
        done(store.release("run", last.epoch).await);
        done(store.release("run", last.epoch).await);
        let owner = format!("owner {round}");
        let lease = done(store.acquire("run", claim(&owner, LONG)).await);
        assert_eq!(lease.epoch, last.epoch + 1);
        last = lease;
    }
}

pub(super) async fn of_no_run_there_is_no_lease(store: Arc<impl Store>) {
    let none = "of a run that is not there";
    let is_none = |error| matches!(error, StoreError::NoSuchRun { run } if run == "run");
    let acquired = store.acquire("run", claim("anna", LONG)).await;
    assert!(
        acquired.is_err_and(is_none),
        "{none} nobody takes the lease"
    );
    let renewed: Result<Lease, _> = store.renew("run", 1, LONG).await;
    assert!(
        renewed.is_err_and(is_none),
        "{none} nobody renews the lease"
    );
    let parked = store.park(park("run", 1)).await;
    assert!(parked.is_err_and(is_none), "{none} nothing is parked");
    done(store.release("run", 1).await);
}

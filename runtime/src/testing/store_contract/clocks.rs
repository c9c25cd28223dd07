use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::make::{LONG, claim, done, first, next, now, refused, run_to, take};
use crate::store::{Access, Commit, Prune, Store, StoreError, StoreExt};

pub(super) async fn all_times_are_by_the_stores_clock(store: Arc<impl Store>) {
    let before = done(store.now().await);
    let lease = run_to(&*store, "run", 1).await;
    let after = done(store.now().await);
    assert!(before <= after, "it does not go back by itself");
    for time in [before, after] {
        assert_eq!(
            time.duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .subsec_nanos()
                % 1_000_000,
            0,
            "times are kept to the millisecond"
        );
    }
    let within = |time: SystemTime| before <= time && time <= after;
    let head = done(store.head("run").await).expect("the run");
    let steps = done(store.all_steps("run", 0, 9).await);
    let committed = steps.iter().map(|step| step.committed);
    for time in committed.chain([head.created, head.updated, lease.expires - LONG]) {
        assert!(within(time), "what is written is dated by `now`");
    }
}

pub(super) async fn a_term_may_be_without_end(store: Arc<impl Store>) {
    let years = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let far = done(store.now().await) + years;
    let endless = |commit| Commit {
        access: take("anna", Duration::MAX),
        ..commit
    };
    let lease = now(&*store, endless(first("run"))).await;
    assert!(lease.expires > far, "of a commit that takes the lease");
    let lease = now(&*store, endless(next("run", 1, 0))).await;
    assert!(lease.expires > far, "of a commit to an existing run");
    let lease = done(store.acquire("run", claim("anna", Duration::MAX)).await);
    assert!(lease.expires > far, "of a lease that is taken");
    let lease = done(store.renew("run", lease.epoch, Duration::MAX).await);
    assert!(lease.expires > far, "of a lease that is renewed");
    refused!(
        store.acquire("run", claim("berta", Duration::MAX)).await,
        StoreError::LeaseHeld { expires, .. } if expires == lease.expires,
        "it is alive"
    );
    let held = Access::Held { epoch: lease.epoch };
    let commit = Commit {
        access: held,
        ..next("run", 2, 0)
    };
    now(&*store, commit).await;
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(head.lease, Some(lease), "what is shown is what was given");
    done(store.release("run", 3).await);
    let never = Prune::history().older_than(Duration::MAX);
    assert_eq!(
        done(store.prune(&never).await).runs,
        0,
        "nothing is that old"
    );
    assert!(done(store.all_stuck().await).is_empty());
}

use std::sync::Arc;

use super::make::{digest, done, fork, next, now, refused, run_to};
use crate::store::{Store, StoreError};

pub(super) async fn a_label_names_one_step(store: Arc<impl Store>) {
    run_to(&*store, "run", 3).await;
    run_to(&*store, "other", 1).await;
    done(store.label("run", 2, "review").await);
    done(store.label("run", 2, "before ü").await);
    done(store.label("run", 0, "start").await);
    done(store.label("run", 2, "review").await);
    done(store.label("other", 1, "review").await);
    refused!(
        store.label("run", 3, "review").await,
        StoreError::LabelTaken { run, label, step: 2 } if run == "run" && label == "review",
        "a label names one step"
    );
    refused!(
        store.label("run", 4, "late").await,
        StoreError::NoSuchStep { run, step: 4 } if run == "run",
        "only an existing step has a name"
    );
    refused!(
        store.label("nobody", 0, "start").await,
        StoreError::NoSuchRun { run } if run == "nobody",
        "nothing is named in a run that does not exist"
    );
    assert_eq!(labels(&*store, "run").await, "before ü=2 review=2 start=0");
    assert_eq!(labels(&*store, "other").await, "review=1");
    assert_eq!(labels(&*store, "nobody").await, "");
}

pub(super) async fn a_fork_has_the_labels_of_its_history(store: Arc<impl Store>) {
    run_to(&*store, "a", 4).await;
    done(store.label("a", 1, "early").await);
    done(store.label("a", 4, "late").await);
    let lease = now(&*store, fork("b", "a", 2)).await;
    now(&*store, next("b", 4, lease.epoch)).await;
    let mut grandchild = fork("c", "b", 1);
    grandchild.previous = digest("chain", "a", 1);
    now(&*store, grandchild).await;
    done(store.label("b", 4, "late").await);
    done(store.label("b", 2, "inherited").await);
    assert_eq!(labels(&*store, "a").await, "early=1 late=4");
    assert_eq!(labels(&*store, "b").await, "early=1 inherited=2 late=4");
    assert_eq!(
        labels(&*store, "c").await,
        "early=1",
        "up to where it branches off"
    );
    done(store.label("b", 1, "early").await);
    refused!(
        store.label("b", 3, "early").await,
        StoreError::LabelTaken { run, step: 1, .. } if run == "b",
        "a label of its history is taken"
    );
    done(store.label("a", 0, "inherited").await);
    assert_eq!(
        labels(&*store, "b").await,
        "early=1 inherited=2 late=4",
        "its own comes first"
    );
    assert_eq!(labels(&*store, "c").await, "early=1 inherited=0");
}

async fn labels(store: &impl Store, run: &str) -> String {
    let labels = done(store.labels(run).await);
    let told: Vec<_> = labels
        .iter()
        .map(|(label, step)| format!("{label}={step}"))
        .collect();
    told.join(" ")
}

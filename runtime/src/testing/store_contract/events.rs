use std::collections::BTreeSet;
use std::sync::Arc;

use super::make::{done, event, first, next, now, run_to};
use crate::store::{Commit, Event, Lease, Store};

pub(super) async fn events_come_in_order_until_they_are_marked(store: Arc<impl Store>) {
    let names = ["a", "b", "c"];
    let one = run_to(&*store, "one", 0).await;
    let two = run_to(&*store, "two", 0).await;
    for step in 1..=3 {
        for (run, lease) in [("one", &one), ("two", &two)] {
            let commit = Commit {
                events: names.map(event).into(),
                ..next(run, step, lease.epoch)
            };
            now(&*store, commit.clone()).await;
            done(store.commit(commit).await);
        }
    }
    let events = done(store.outbox(usize::MAX).await);
    let rising = events.windows(2).all(|pair| pair[0].id < pair[1].id);
    assert!(rising, "oldest first: {events:?}");
    for run in ["one", "two"] {
        let of_run: Vec<_> = events.iter().filter(|event| event.run == run).collect();
        let told: Vec<_> = of_run.iter().map(|e| (e.step, e.name.as_str())).collect();
        let wanted: Vec<_> = (1..=3)
            .flat_map(|step| names.map(|name| (step, name)))
            .collect();
        assert_eq!(told, wanted, "in order per run, each once");
        assert_eq!(of_run[0].payload, r#"{"name":"a"}"#);
    }
    assert_eq!(done(store.outbox(4).await), events[..4]);
    assert!(done(store.outbox(0).await).is_empty());

    let some: Vec<u64> = events[1..5].iter().map(|event| event.id).collect();
    done(store.mark_delivered(&some).await);
    done(store.mark_delivered(&some).await);
    done(store.mark_delivered(&[]).await);
    let left: Vec<Event> = [&events[..1], &events[5..]].concat();
    assert_eq!(
        done(store.outbox(usize::MAX).await),
        left,
        "the others keep their ids"
    );
}

pub(super) async fn event_ids_never_come_again(store: Arc<impl Store>) {
    let Lease { epoch, .. } = now(&*store, first("run")).await;
    let mut seen = BTreeSet::new();
    for step in 1..=5 {
        let commit = Commit {
            events: vec![event("a"), event("b")],
            ..next("run", step, epoch)
        };
        now(&*store, commit).await;
        let events = done(store.outbox(10).await);
        let ids: Vec<u64> = events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), 2);
        for id in &ids {
            assert!(seen.insert(*id), "id {id} came twice");
        }
        done(store.mark_delivered(&ids).await);
    }
}

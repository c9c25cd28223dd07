use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::make::{
    LONG, all, claim, done, first, fork, journal, mail, next, now, park, receive, received,
    refused, register, run_to, signal, take, waiting,
};
use crate::store::{
    Commit, EffectRecord, Mail, NewSignal, Park, Prune, Signal, Status, StepKind, Store,
    StoreError, StoreExt,
};

pub(super) async fn signals_come_in_the_order_in_which_they_were_sent(store: Arc<impl Store>) {
    run_to(&*store, "run", 0).await;
    run_to(&*store, "other", 0).await;
    let before = done(store.now().await);
    let sent = [("3", "paid"), ("1", "ü"), ("2", "paid"), ("0", "b")];
    for (id, name) in sent {
        done(store.signal(signal("run", id, name)).await);
    }
    let after = done(store.now().await);
    let all = mail(&*store, "run").await;
    let told: Vec<_> = (all.iter())
        .map(|one| (one.value.clone(), &*one.name))
        .collect();
    let wanted = sent.map(|(id, name)| (signal("run", id, name).value, name));
    assert_eq!(
        told, wanted,
        "in their order, names mixed, as they were sent"
    );
    let numbers: Vec<u64> = all.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "numbered from 1");
    for one in &all {
        assert!(before <= one.sent && one.sent <= after, "dated by `now`");
    }
    for (known, behind) in (0_u64..).zip(0..=sent.len()) {
        let Mail { now, signals, .. } = done(store.mail("run", known).await);
        assert_eq!(signals, all[behind..], "those behind the one that is known");
        assert!(now.expect("a store looks") >= after);
    }
    assert_eq!(done(store.mail("run", u64::MAX).await).signals, []);
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(loaded.signals, all, "what is loaded is what comes by mail");
    assert!(mail(&*store, "other").await.is_empty());
}

pub(super) async fn a_signal_comes_once(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    run_to(&*store, "other", 0).await;
    let one = signal("run", "1", "paid");
    done(store.signal(one.clone()).await);
    let different = NewSignal {
        name: "lost".to_owned(),
        value: "0".to_owned(),
        most: 1,
        ..one.clone()
    };
    let before = all(&*store, "run").await;
    for again in [one.clone(), different.clone()] {
        done(store.signal(again).await);
        assert_eq!(all(&*store, "run").await, before, "the first one stands");
    }
    done(store.signal(signal("other", "1", "paid")).await);
    assert_eq!(mail(&*store, "other").await.len(), 1, "ids are a run's own");

    let taken = received(&receive("run", 1, "paid"), 1);
    done(
        store
            .journal(journal("run", lease.epoch, vec![taken]))
            .await,
    );
    for again in [one.clone(), different.clone()] {
        done(store.signal(again).await);
        assert_eq!(mail(&*store, "run").await, [], "it was received");
    }
    let last = Commit {
        status: Status::Completed,
        release: true,
        ..next("run", 1, lease.epoch)
    };
    now(&*store, last).await;
    let before = all(&*store, "run").await;
    for again in [one, different] {
        done(store.signal(again).await);
        assert_eq!(all(&*store, "run").await, before, "it came before the end");
    }
}

pub(super) async fn a_mailbox_is_as_large_as_it_may_be(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let at_most = |id: &str, name: &str, most| NewSignal {
        most,
        ..signal("run", id, name)
    };
    let before = all(&*store, "run").await;
    refused!(
        store.signal(at_most("1", "a", 0)).await,
        StoreError::MailboxFull { run, most: 0 } if run == "run",
        "none is none"
    );
    assert_eq!(
        all(&*store, "run").await,
        before,
        "a refusal leaves no trace"
    );
    done(store.signal(at_most("1", "a", 2)).await);
    done(store.signal(at_most("2", "b", 2)).await);
    let full = all(&*store, "run").await;
    refused!(
        store.signal(at_most("3", "c", 2)).await,
        StoreError::MailboxFull { run, most: 2 } if run == "run",
        "all that the run has not received count, whatever their names"
    );
    done(store.signal(at_most("1", "c", 2)).await);
    assert_eq!(all(&*store, "run").await, full);

    let taken = received(&receive("run", 1, "a"), 1);
    done(
        store
            .journal(journal("run", lease.epoch, vec![taken]))
            .await,
    );
    done(store.signal(at_most("3", "c", 2)).await);
    let numbers = mail(&*store, "run").await.into_iter();
    assert_eq!(
        numbers.map(|one| one.number).collect::<Vec<_>>(),
        [2, 3],
        "a refused one has no number, and no number comes again"
    );
}

pub(super) async fn a_run_that_has_ended_takes_no_signals(store: Arc<impl Store>) {
    let ended = [Status::Completed, Status::Cancelled];
    let open = [
        Status::Running,
        Status::Failed,
        Status::Paused,
        Status::Interrupted,
        Status::Sleeping,
    ];
    for status in ended.into_iter().chain(open) {
        let run = status.as_str();
        let commit = Commit {
            status,
            release: true,
            ..first(run)
        };
        now(&*store, commit).await;
        let result = store.signal(signal(run, "1", "paid")).await;
        match ended.contains(&status) {
            false => done(result),
            true => refused!(
                result,
                StoreError::RunFinished { run: told } if told == run,
                "nobody will receive it"
            ),
        }
        let kept = mail(&*store, run).await.len();
        assert_eq!(kept, usize::from(open.contains(&status)), "{run}");
    }
    refused!(
        store.signal(signal("nobody", "1", "paid")).await,
        StoreError::NoSuchRun { run } if run == "nobody",
        "a run that does not exist gets no signals"
    );
    refused!(
        store.mail("nobody", 0).await,
        StoreError::NoSuchRun { run } if run == "nobody",
        "nor has it any"
    );
}

/// Whichever call writes the record of it.
pub(super) async fn a_record_takes_its_signal_out_of_the_queue(store: Arc<impl Store>) {
    let wait = receive("run", 1, "paid");
    let taken = |number: u64| EffectRecord {
        n: number,
        ..received(&wait, number)
    };
    let lease = run_to(&*store, "run", 0).await;
    for id in ["1", "2", "3", "4", "5"] {
        done(store.signal(signal("run", id, "paid")).await);
    }
    let left = async || -> Vec<u64> {
        let signals = mail(&*store, "run").await.into_iter();
        signals.map(|one| one.number).collect()
    };
    done(
        store
            .journal(journal("run", lease.epoch, vec![taken(2)]))
            .await,
    );
    assert_eq!(left().await, [1, 3, 4, 5], "wherever in the queue it is");
    let mut registration = register("run", lease.epoch);
    registration.effects = vec![taken(1)];
    let told = done(store.register(registration).await);
    let numbers: Vec<u64> = told.signals.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [3, 4, 5], "it is gone before the call looks");
    let parked = Park {
        effects: vec![taken(3)],
        ..park("run", lease.epoch)
    };
    done(store.park(parked).await);
    assert_eq!(left().await, [4, 5]);
    let commit = Commit {
        access: take("anna", LONG),
        effects: vec![taken(4)],
        ..next("run", 1, 0)
    };
    let lease = now(&*store, commit).await;
    assert_eq!(left().await, [5], "what nobody received outlives the step");
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(loaded.signals.len(), 1);
    let records = done(store.all_effects("run", 0, 9).await);
    let signals: Vec<_> = records.iter().map(|record| record.signal).collect();
    assert_eq!(signals, [Some(1), Some(2), Some(3), Some(4)]);

    // What is recorded stands, and what does not take its place takes nothing.
    let one = received(&receive("run", 2, "paid"), 5);
    let none = EffectRecord {
        signal: None,
        ..one.clone()
    };
    done(store.journal(journal("run", lease.epoch, vec![none])).await);
    let late = EffectRecord {
        response: Some("0".to_owned()),
        ..one
    };
    done(store.journal(journal("run", lease.epoch, vec![late])).await);
    assert_eq!(left().await, [5], "a record that is ignored takes nothing");
}

pub(super) async fn signals_outlive_steps_and_turns_but_not_their_run(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 1).await;
    done(store.signal(signal("run", "1", "paid")).await);
    let kept = mail(&*store, "run").await;
    let mut turn = Commit {
        turn: 1,
        turn_step: 2,
        counted_from: 2,
        ..next("run", 2, lease.epoch)
    };
    turn.record.kind = StepKind::Turn;
    now(&*store, turn).await;
    now(&*store, next("run", 3, lease.epoch)).await;
    assert_eq!(mail(&*store, "run").await, kept);

    now(&*store, fork("fork", "run", 3)).await;
    assert_eq!(
        mail(&*store, "fork").await,
        [],
        "a fork has a mailbox of its own"
    );
    done(store.signal(signal("fork", "1", "paid")).await);
    assert_eq!(
        mail(&*store, "fork").await.len(),
        1,
        "and has not heard of an id"
    );
    assert_eq!(mail(&*store, "run").await, kept);

    let snapshot = super::make::snapshot("run", 3);
    done(store.put_snapshot("run", lease.epoch, snapshot).await);
    done(store.park(park("run", lease.epoch)).await);
    done(store.prune(&Prune::history()).await);
    assert_eq!(mail(&*store, "run").await, kept, "they are of no step");
    done(store.signal(signal("run", "1", "paid")).await);
    assert_eq!(mail(&*store, "run").await, kept, "the id is remembered");

    let lease = run_to(&*store, "dropped", 0).await;
    done(store.signal(signal("dropped", "1", "paid")).await);
    let last = Commit {
        status: Status::Completed,
        release: true,
        ..next("dropped", 1, lease.epoch)
    };
    now(&*store, last).await;
    assert_eq!(done(store.prune(&Prune::runs()).await).runs, 1);
    run_to(&*store, "dropped", 0).await;
    assert_eq!(mail(&*store, "dropped").await, [], "nothing of it is left");
    done(store.signal(signal("dropped", "1", "paid")).await);
    assert_eq!(mail(&*store, "dropped").await.len(), 1, "its ids neither");
}

pub(super) async fn a_dropped_step_gives_no_signal_back(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    for id in ["1", "2"] {
        done(store.signal(signal("run", id, "paid")).await);
    }
    let wait = receive("run", 1, "paid");
    let parked = Park {
        status: Status::Failed,
        effects: vec![received(&wait, 1)],
        ..waiting("run", lease.epoch, vec![])
    };
    done(store.park(parked).await);
    done(store.acquire("run", claim("anna", LONG)).await);
    let mut turn = Commit {
        access: take("anna", LONG),
        turn: 1,
        turn_step: 1,
        counted_from: 1,
        ..next("run", 1, 0)
    };
    turn.record.kind = StepKind::Turn;
    now(&*store, turn).await;
    let left: Vec<Signal> = mail(&*store, "run").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].number, 2, "what it took stays taken");
    assert!(left[0].sent > UNIX_EPOCH);
}

use std::sync::Arc;
use std::time::SystemTime;

use super::make::{
    LONG, all, answer, claim, digest, done, effect, interrupt, journal, next, now, park, question,
    refused, run_to, take,
};
use crate::store::{
    Answer, Commit, EffectKind, EffectRecord, Lease, Park, StepKind, Store, StoreError, StoreExt,
};

pub(super) async fn effects_read_back_as_given(store: Arc<impl Store>) {
    let before = done(store.now().await);
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    run_to(&*store, "other", 0).await;
    let kinds = [
        EffectKind::Done,
        EffectKind::Failed,
        EffectKind::Intent,
        EffectKind::Answered,
        EffectKind::Clock,
    ];
    let mut given: Vec<EffectRecord> = (0..)
        .zip(kinds)
        .flat_map(|(n, kind)| ["fetch", "", "Fetch"].map(|name| (n, kind, name)))
        .map(|(n, kind, name)| EffectRecord {
            n,
            kind,
            task: digest("task", "run", n % 2),
            call: (n > 0).then_some(u32::MAX),
            attempt: 7,
            response: (n > 1).then(|| "null".to_owned()),
            error: (n <= 1).then(|| "no answer".to_owned()),
            ..effect("run", 1, name)
        })
        .collect();
    done(store.journal(journal("run", epoch, given.clone())).await);
    given.sort_by(|a, b| (a.task, &a.name, a.n).cmp(&(b.task, &b.name, b.n)));

    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(loaded.head.step, 0, "the journal does not move the head");
    let stored = loaded.effects;
    for effect in &stored {
        assert!(
            effect.recorded >= before,
            "the store says when it was journaled"
        );
    }
    assert_eq!(
        untimed(stored.clone()),
        given,
        "ordered by task, name and `n`"
    );
    assert_eq!(done(store.all_effects("run", 1, 1).await), stored);
    assert!(done(store.all_effects("run", 0, 0).await).is_empty());
    assert!(done(store.all_effects("run", 2, u64::MAX).await).is_empty());
    assert!(done(store.all_effects("run", 9, 1).await).is_empty());
    assert!(done(store.all_effects("other", 0, u64::MAX).await).is_empty());
    assert!(done(store.all_effects("nobody", 0, u64::MAX).await).is_empty());

    now(&*store, next("run", 1, epoch)).await;
    let later = effect("run", 2, "fetch");
    done(
        store
            .journal(journal("run", epoch, vec![later.clone()]))
            .await,
    );
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(
        untimed(loaded.effects),
        std::slice::from_ref(&later),
        "those of the open step"
    );
    given.push(later);
    let history = done(store.all_effects("run", 0, u64::MAX).await);
    assert_eq!(untimed(history), given, "those of committed steps stay");
}

pub(super) async fn the_last_record_of_a_call_counts(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let mut record = EffectRecord {
        kind: EffectKind::Intent,
        response: None,
        call: None,
        ..effect("run", 1, "pay")
    };
    done(
        store
            .journal(journal("run", epoch, vec![record.clone()]))
            .await,
    );
    record.attempt = 2;
    record.kind = EffectKind::Done;
    record.response = Some("1".to_owned());
    done(
        store
            .journal(journal("run", epoch, vec![record.clone()]))
            .await,
    );
    let stored = done(store.all_effects("run", 1, 1).await);
    assert_eq!(untimed(stored), [record.clone()]);
    record.call = Some(0);
    let commit = Commit {
        effects: vec![record.clone()],
        ..next("run", 1, epoch)
    };
    now(&*store, commit).await;
    let stored = done(store.all_effects("run", 1, 1).await);
    assert_eq!(untimed(stored), [record]);
}

pub(super) async fn what_is_recorded_stands(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let seen = effect("run", 1, "fetch");
    let begun = EffectRecord {
        kind: EffectKind::Intent,
        response: None,
        attempt: 2,
        ..effect("run", 1, "pay")
    };
    let records = vec![seen.clone(), begun.clone()];
    done(store.journal(journal("run", epoch, records.clone())).await);
    // What earlier attempts left behind comes late, together with something new.
    let failed = |record: &EffectRecord| EffectRecord {
        kind: EffectKind::Failed,
        response: None,
        attempt: 1,
        ..record.clone()
    };
    let late = vec![
        failed(&seen),
        failed(&begun),
        EffectRecord {
            response: Some("2".to_owned()),
            ..seen.clone()
        },
        effect("run", 1, "tell"),
    ];
    done(store.journal(journal("run", epoch, late)).await);
    let mut stored = untimed(done(store.all_effects("run", 1, 1).await));
    let news = stored.pop().map(|record| record.name);
    assert_eq!(news.as_deref(), Some("tell"));
    assert_eq!(stored, records);
    // Its own attempt knows best.
    let not_sent = EffectRecord {
        attempt: 2,
        ..failed(&begun)
    };
    done(
        store
            .journal(journal("run", epoch, vec![not_sent.clone()]))
            .await,
    );
    let stored = untimed(done(store.all_effects("run", 1, 1).await));
    assert_eq!(stored[1], not_sent);
}

pub(super) async fn without_the_lease_nothing_is_journaled(store: Arc<impl Store>) {
    let lost = run_to(&*store, "run", 1).await;
    let effects = vec![effect("run", 2, "pay")];
    let taken = done(store.acquire("run", claim("anna", LONG)).await);
    let before = all(&*store, "run").await;
    refused!(
        store.journal(journal("run", lost.epoch, effects.clone())).await,
        StoreError::LeaseLost { run, epoch: 1 } if run == "run",
        "only the holder journals"
    );
    assert_eq!(all(&*store, "run").await, before);
    done(
        store
            .journal(journal("run", taken.epoch, effects.clone()))
            .await,
    );
    done(store.release("run", taken.epoch).await);
    refused!(
        store
            .journal(journal("run", taken.epoch, effects.clone()))
            .await,
        StoreError::LeaseLost { epoch: 2, .. },
        "a lease that was given back journals nothing"
    );
    refused!(
        store.journal(journal("nobody", 1, effects)).await,
        StoreError::NoSuchRun { run } if run == "nobody",
        "nothing is journaled for a run that does not exist"
    );
}

pub(super) async fn effects_of_another_step_are_refused(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    let lease = run_to(&*store, "asking", 1).await;
    let asked = vec![question("asking", 2, "q")];
    done(store.park(interrupt("asking", lease.epoch, asked)).await);
    let before = (all(&*store, "run").await, all(&*store, "asking").await);
    for step in [0, 1, 3] {
        let misplaced = vec![effect("run", 2, "fetch"), effect("run", step, "fetch")];
        let wanted =
            |error| matches!(error, StoreError::NotNext { step: s, head: 1, .. } if s == step);
        let journaled = store
            .journal(journal("run", epoch, misplaced.clone()))
            .await;
        assert!(
            journaled.is_err_and(wanted),
            "the journal belongs to the open step"
        );
        let commit = Commit {
            effects: misplaced.clone(),
            ..next("run", 2, epoch)
        };
        let committed = store.commit(commit).await;
        assert!(
            committed.is_err_and(wanted),
            "a commit's effects belong to its step"
        );
        let parked = Park {
            effects: misplaced.clone(),
            ..park("run", epoch)
        };
        let parked = store.park(parked).await;
        assert!(
            parked.is_err_and(wanted),
            "parked effects belong to the open step"
        );
        let parked = Park {
            questions: vec![question("run", step, "q")],
            ..park("run", epoch)
        };
        let parked = store.park(parked).await;
        assert!(
            parked.is_err_and(wanted),
            "questions belong to the open step"
        );
        let answered = Answer {
            effect: misplaced.last().cloned(),
            ..answer("asking", "q", "1")
        };
        let answered = store.answer(answered).await;
        assert!(
            answered.is_err_and(wanted),
            "an answer's effect belongs to the open step"
        );
    }
    let after = (all(&*store, "run").await, all(&*store, "asking").await);
    assert_eq!(after, before, "a refusal leaves no trace");
}

pub(super) async fn parking_keeps_effects(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    let first = effect("run", 2, "a");
    done(
        store
            .journal(journal("run", epoch, vec![first.clone()]))
            .await,
    );
    let parked = Park {
        effects: vec![effect("run", 2, "b")],
        ..park("run", epoch)
    };
    done(store.park(parked).await);
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(untimed(loaded.effects), [first, effect("run", 2, "b")]);
}

pub(super) async fn an_update_takes_the_open_step_along(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    now(
        &*store,
        Commit {
            effects: vec![effect("run", 2, "committed")],
            ..next("run", 2, epoch)
        },
    )
    .await;
    let open = |step| EffectRecord {
        step,
        ..effect("run", 3, "open")
    };
    let parked = Park {
        effects: vec![open(3)],
        ..interrupt("run", epoch, vec![question("run", 3, "q")])
    };
    done(store.park(parked).await);
    let mut update = Commit {
        access: take("anna", LONG),
        release: true,
        status: crate::store::Status::Interrupted,
        ..next("run", 3, 0)
    };
    update.record.kind = StepKind::Update;
    now(&*store, update).await;
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(
        untimed(loaded.effects),
        [open(4)],
        "the open step has the next number"
    );
    assert_eq!(loaded.questions[0].step, 4, "and still asks");
    assert!(done(store.all_stuck().await).is_empty());
    let history = done(store.all_effects("run", 0, u64::MAX).await);
    assert_eq!(
        untimed(history),
        [effect("run", 2, "committed"), open(4)],
        "those of committed steps stay where they are"
    );
    let answered = Answer {
        effect: Some(open(4)),
        ..answer("run", "q", "1")
    };
    done(store.answer(answered).await);
}

pub(super) fn untimed(effects: Vec<EffectRecord>) -> Vec<EffectRecord> {
    let untimed = |effect| EffectRecord {
        recorded: SystemTime::UNIX_EPOCH,
        ..effect
    };
    effects.into_iter().map(untimed).collect()
}

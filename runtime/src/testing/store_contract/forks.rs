use std::sync::Arc;

use super::effects::untimed;
use super::make::{
    LONG, all, claim, digest, done, effect, first, fork, journal, next, now, numbers, refused,
    run_to, snapshot, take,
};
use crate::store::{
    Commit, Committed, EffectRecord, Origin, StepKind, Store, StoreError, StoreExt,
};

/// Commits steps of `run` with an effect in each and a snapshot after every
/// third, under the lease of its first step.
async fn drive(store: &impl Store, first: Commit, last: u64) -> u64 {
    let run = first.run.clone();
    let full = |commit: Commit| {
        let step = commit.record.step;
        Commit {
            effects: vec![effect(&run, step, "fetch")],
            snapshot: step.is_multiple_of(3).then(|| snapshot(&run, step)),
            ..commit
        }
    };
    let begin = first.record.step;
    let lease = now(store, full(first)).await;
    for step in begin + 1..=last {
        now(store, full(next(&run, step, lease.epoch))).await;
    }
    lease.epoch
}

/// `a` is at step 8; `b` branches off after its step 5, `c` off `b` after its
/// step 7, and `d` off `b` after step 3, which is `a`'s.
async fn family(store: &impl Store) {
    drive(store, first("a"), 5).await;
    drive(store, fork("b", "a", 5), 9).await;
    let lease = done(store.acquire("a", claim("anna", LONG)).await);
    for step in 6..=8 {
        let commit = Commit {
            snapshot: Some(snapshot("a", step)),
            ..next("a", step, lease.epoch)
        };
        now(store, commit).await;
    }
    drive(store, fork("c", "b", 7), 8).await;
    let mut through = fork("d", "b", 3);
    through.previous = digest("chain", "a", 3);
    drive(store, through, 4).await;
}

/// Whose step each run has at each number.
const OWNERS: [(&str, &str); 4] = [
    ("a", "aaaaaaaaa"),
    ("b", "aaaaaabbbb"),
    ("c", "aaaaaabbc"),
    ("d", "aaaad"),
];

pub(super) async fn a_fork_has_its_origins_history(store: Arc<impl Store>) {
    family(&*store).await;
    for (run, owners) in OWNERS {
        let wanted: Vec<u64> = (0..owners.len() as u64).collect();
        assert_eq!(numbers(&*store, run).await, wanted, "the steps of `{run}`");
        let steps = done(store.all_steps(run, 0, u64::MAX).await);
        let effects = done(store.all_effects(run, 0, u64::MAX).await);
        for (step, owner) in (0..).zip(owners.chars().map(String::from)) {
            let stored = &steps[usize::try_from(step).expect("a small number")];
            assert_eq!(
                stored.chain,
                digest("chain", &owner, step),
                "step {step} of `{run}`"
            );
            let one = done(store.all_steps(run, step, step).await);
            assert_eq!(one.as_slice(), std::slice::from_ref(stored));
            let of_step: Vec<_> = effects.iter().filter(|e| e.step == step).cloned().collect();
            let wanted = match (owner.as_str(), step) {
                ("a", 6..) => Vec::new(),
                _ => vec![effect(&owner, step, "fetch")],
            };
            assert_eq!(
                untimed(of_step.clone()),
                wanted,
                "the effects of step {step} of `{run}`"
            );
            assert_eq!(done(store.all_effects(run, step, step).await), of_step);
        }
        let around = done(store.all_steps(run, 2, 4).await);
        assert_eq!(around, steps[2..=4]);
    }
    let newest = |run: &'static str, step| {
        let store = Arc::clone(&store);
        async move { done(store.snapshot(run, step).await).map(|found| (found.step, found.digest)) }
    };
    let of = |run: &str, step| Some((step, digest("state", run, step)));
    assert_eq!(
        newest("b", 5).await,
        of("a", 3),
        "the origin's up to the branch"
    );
    assert_eq!(newest("b", 8).await, of("a", 3), "and not the one after it");
    assert_eq!(newest("b", 9).await, of("b", 9), "its own");
    assert_eq!(newest("c", 9).await, of("a", 3), "through both");
    assert_eq!(newest("d", 9).await, of("a", 3));
    assert_eq!(
        newest("a", 7).await,
        of("a", 3),
        "what forks stand on stays"
    );
    assert_eq!(newest("a", 8).await, of("a", 8));
}

pub(super) async fn a_fork_loads_from_its_own_first_step(store: Arc<impl Store>) {
    family(&*store).await;
    for (run, origin, from, to) in [("c", "b", 8, 8), ("d", "b", 4, 4)] {
        let loaded = done(store.load(run).await).expect("the fork");
        let origin = Origin {
            run: origin.to_owned(),
            step: from - 1,
        };
        assert_eq!(loaded.head.origin, Some(origin.clone()));
        assert_eq!((loaded.head.step, loaded.head.pruned), (to, 0));
        assert_eq!(done(store.head(run).await), Some(loaded.head.clone()));
        assert!(loaded.snapshot.is_none(), "a snapshot of its own");
        let told: Vec<_> = loaded.steps.iter().map(|step| step.step).collect();
        assert_eq!(told, (from..=to).collect::<Vec<_>>(), "steps of its own");
        assert_eq!(loaded.steps[0].kind, StepKind::Fork);
        assert!(loaded.effects.is_empty(), "the open step is its own");
    }
    let loaded = done(store.load("b").await).expect("the fork");
    assert_eq!(loaded.snapshot.map(|snapshot| snapshot.step), Some(9));
    assert_eq!(loaded.steps.len(), 1);
    let heads = done(store.all_runs().await);
    let origins: Vec<_> = heads
        .iter()
        .map(|head| head.origin.as_ref().map(|o| o.step))
        .collect();
    assert_eq!(origins, [None, Some(5), Some(7), Some(3)]);
}

pub(super) async fn a_fork_begins_at_a_step_that_is_there(store: Arc<impl Store>) {
    run_to(&*store, "a", 3).await;
    let before = all(&*store, "a").await;
    let mut other_past = fork("b", "a", 2);
    other_past.previous = digest("chain", "a", 1);
    let missing = [
        (fork("b", "a", 4), "a", 4),
        (fork("b", "nobody", 0), "nobody", 0),
        (fork("b", "b", 0), "b", 0),
        (other_past, "a", 2),
    ];
    for (commit, origin, at) in missing {
        refused!(
            store.commit(commit).await,
            StoreError::NoSuchStep { run, step } if run == origin && step == at,
            "a fork stands on an existing step"
        );
    }
    let mut elsewhere = fork("b", "a", 2);
    elsewhere.record.step = 7;
    refused!(
        store.commit(elsewhere).await,
        StoreError::NotNext { run, step: 7, head: 2 } if run == "b",
        "a fork's first step follows the one it branches off at"
    );
    assert!(done(store.head("b").await).is_none());
    assert!(done(store.all_steps("b", 0, 9).await).is_empty());
    assert_eq!(all(&*store, "a").await, before);
}

pub(super) async fn a_fork_is_made_once(store: Arc<impl Store>) {
    run_to(&*store, "a", 3).await;
    let lease = now(&*store, fork("b", "a", 2)).await;
    now(&*store, next("b", 4, lease.epoch)).await;
    let before = all(&*store, "b").await;
    let again = done(store.commit(fork("b", "a", 2)).await);
    assert!(
        matches!(again, Committed::Already(_)),
        "the same fork again is harmless"
    );
    let mut edited = fork("b", "a", 2);
    edited.record.key = digest("another edit", "b", 3);
    refused!(
        store.commit(edited).await,
        StoreError::IdempotencyViolation { step: 3, .. },
        "another edit is another fork"
    );
    // A commit that continues a run begins none, even if it would follow the head.
    let lease = done(store.acquire("b", claim("anna", LONG)).await);
    done(store.release("b", lease.epoch).await);
    let mut onto = fork("b", "a", 3);
    onto.record.step = 5;
    onto.previous = digest("chain", "b", 4);
    if let Some(origin) = onto
        .create
        .as_mut()
        .and_then(|create| create.origin.as_mut())
    {
        "b".clone_into(&mut origin.run);
        origin.step = 4;
    }
    refused!(
        store.commit(onto).await,
        StoreError::NotNext {
            step: 5,
            head: 4,
            ..
        },
        "a fork does not continue the run whose id it wants"
    );
    let unleased = |text: String| text.split_once("lease:").map(|(head, _)| head.to_owned());
    assert_eq!(unleased(all(&*store, "b").await), unleased(before));
    assert_eq!(numbers(&*store, "b").await, [0, 1, 2, 3, 4]);
}

pub(super) async fn a_fork_goes_its_own_way(store: Arc<impl Store>) {
    let origin = run_to(&*store, "a", 2).await;
    let lease = now(&*store, fork("b", "a", 2)).await;
    assert_eq!(lease.epoch, 1, "it has a lease of its own");
    now(&*store, next("b", 4, lease.epoch)).await;
    now(&*store, next("a", 3, origin.epoch)).await;
    let own = done(store.head("b").await).expect("the fork");
    assert_eq!((own.step, own.chain), (4, digest("chain", "b", 4)));
    let other = done(store.head("a").await).expect("the origin");
    assert_eq!((other.step, other.chain), (3, digest("chain", "a", 3)));
    refused!(
        store
            .commit(Commit {
                access: take("anna", LONG),
                ..next("b", 2, 0)
            })
            .await,
        StoreError::NotNext {
            step: 2,
            head: 4,
            ..
        },
        "it cannot commit its origin's steps"
    );
}

/// A fork of `a` after its step 2, with these effects.
fn with_effects(effects: Vec<EffectRecord>) -> Commit {
    Commit {
        effects,
        ..fork("b", "a", 2)
    }
}

pub(super) async fn a_fork_begins_with_effects_of_its_open_step(store: Arc<impl Store>) {
    run_to(&*store, "a", 3).await;
    let origin = all(&*store, "a").await;
    let wrong = [2, 5].map(|step| with_effects(vec![effect("b", step, "fetch")]));
    let plain = Commit {
        effects: vec![effect("c", 1, "fetch")],
        ..first("c")
    };
    for commit in wrong.into_iter().chain([plain]) {
        refused!(
            store.commit(commit).await,
            StoreError::NotNext { .. },
            "a fork begins with effects of no other step, and no other run with any"
        );
    }
    assert!(done(store.head("b").await).is_none());
    assert!(done(store.all_effects("b", 3, u64::MAX).await).is_empty());

    let open = vec![effect("b", 4, "fetch"), effect("b", 4, "pay")];
    let lease = now(&*store, with_effects(open.clone())).await;
    let loaded = done(store.load("b").await).expect("the fork");
    assert_eq!(untimed(loaded.effects), open);
    assert_eq!(untimed(done(store.all_effects("b", 4, 4).await)), open);
    now(&*store, next("b", 4, lease.epoch)).await;
    let loaded = done(store.load("b").await).expect("the fork");
    assert!(loaded.effects.is_empty(), "their step is closed");
    let kept = done(store.all_effects("b", 3, u64::MAX).await);
    assert_eq!(untimed(kept), open, "and they stay");
    assert_eq!(all(&*store, "a").await, origin);
}

pub(super) async fn what_an_origin_left_behind_gives_way(store: Arc<impl Store>) {
    run_to(&*store, "a", 2).await;
    let of_attempt = |attempt, name: &str| EffectRecord {
        attempt,
        ..effect("b", 4, name)
    };
    let left = EffectRecord::LEFT_BEHIND;
    let begun = ["fetch", "pay"].map(|name| of_attempt(left, name));
    let lease = now(&*store, with_effects(begun.to_vec())).await;
    let made = EffectRecord {
        response: Some("2".to_owned()),
        ..of_attempt(1, "fetch")
    };
    let late = EffectRecord {
        response: Some("3".to_owned()),
        ..of_attempt(1, "fetch")
    };
    for record in [made.clone(), late] {
        done(store.journal(journal("b", lease.epoch, vec![record])).await);
    }
    let stored = untimed(done(store.all_effects("b", 4, 4).await));
    let expected = [made, of_attempt(left, "pay")];
    assert_eq!(stored, expected, "and what the fork itself did stands");
}

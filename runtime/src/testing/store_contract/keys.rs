use std::sync::Arc;

use super::make::{
    LONG, answer, claim, creation, done, effect, event, first, fork, interrupt, next, now,
    question, refused,
};
use crate::hash::Hasher;
use crate::store::{
    Access, Commit, Committed, Creation, LONGEST_LABEL, LONGEST_NAME, LONGEST_RUN_ID, Park, Store,
    StoreError, StoreExt,
};

/// A text of this many bytes in which nothing repeats: an index cannot make it shorter.
fn incompressible(word: &str, bytes: usize) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let blocks = (0..).map(|block| Hasher::new().part(word).number(block).finish());
    let random = blocks.flat_map(|digest| *digest.as_bytes());
    let letter = |byte: u8| char::from(letters[usize::from(byte % 64)]);
    random.map(letter).take(bytes).collect()
}

pub(super) async fn keys_are_as_long_as_they_may_be(store: Arc<impl Store>) {
    let name = |word| incompressible(word, LONGEST_NAME);
    let id = incompressible("run", LONGEST_RUN_ID - 1);
    let runs = ["a", "b"].map(|end| format!("{id}{end}"));
    let owner = name("owner");
    for run in &runs {
        let create = Creation {
            graph: name("graph"),
            ..creation()
        };
        let commit = Commit {
            create: Some(create),
            access: Access::Take(claim(&owner, LONG)),
            events: vec![event(&name("event"))],
            token: Some(name("token")),
            ..first(run)
        };
        let lease = now(&*store, commit).await;
        let spent = Commit {
            token: Some(name("token")),
            ..next(run, 1, lease.epoch)
        };
        assert_eq!(done(store.commit(spent).await), Committed::TokenSpent);
        now(&*store, next(run, 1, lease.epoch)).await;
        done(
            store
                .label(run, 1, &incompressible("label", LONGEST_LABEL))
                .await,
        );
        refused!(
            store.acquire(run, claim("berta", LONG)).await,
            StoreError::LeaseHeld { owner: held, .. } if held == owner,
            "an owner's name is kept whole"
        );
    }
    let [run, other] = &runs;
    let mut asked = question(run, 2, &name("question"));
    (asked.node, asked.name) = (name("node"), name("asked"));
    let parked = Park {
        effects: vec![
            effect(run, 2, &name("effect")),
            effect(run, 2, &name("other")),
        ],
        ..interrupt(run, 1, vec![asked.clone()])
    };
    done(store.park(parked).await);
    done(store.answer(answer(run, &asked.id, "1")).await);
    now(
        &*store,
        fork(&incompressible("fork", LONGEST_RUN_ID), run, 1),
    )
    .await;

    let heads = done(store.all_runs().await);
    let told: Vec<_> = heads.iter().map(|head| head.run.as_str()).collect();
    for run in &runs {
        assert!(
            told.contains(&run.as_str()),
            "ids that differ at their end are two"
        );
    }
    let kept = done(store.questions(run).await);
    assert_eq!(
        (&kept[0].id, &kept[0].node, &kept[0].name),
        (&asked.id, &asked.node, &asked.name)
    );
    let mut effects: Vec<_> = done(store.all_effects(run, 2, 2).await)
        .into_iter()
        .map(|effect| effect.name)
        .collect();
    effects.sort();
    let mut given = [name("effect"), name("other")];
    given.sort();
    assert_eq!(effects, given);
    assert!(done(store.all_effects(other, 0, 9).await).is_empty());
    let label = (incompressible("label", LONGEST_LABEL), 1);
    assert_eq!(done(store.labels(run).await), [label]);
    let events = done(store.outbox(9).await);
    let told: Vec<_> = events
        .iter()
        .map(|event| (&event.run, &event.name))
        .collect();
    let event = name("event");
    assert_eq!(told, [(run, &event), (other, &event)]);
    let head = done(store.head(run).await).expect("the run");
    assert_eq!(
        (head.graph, head.token),
        (name("graph"), Some(name("token")))
    );
}

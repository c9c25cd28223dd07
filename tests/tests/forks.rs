//! A fork continues from any step of a run with its state edited, shares the
//! history up to there, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use superstep::encode;
use superstep::prelude::*;
use superstep::store::{Origin, StepKind, StoreExt};
use superstep_tests::survey::{Survey, SurveyUpdate, Surveyor};
use superstep_tests::{Hooked, Journal, Moment, Place, only_nth, stores, trace};

fn surveying(place: &Place, surveyor: &Surveyor) -> Engine<Surveyor> {
    let builder = Engine::builder(surveyor.clone()).store(place.store.clone());
    builder.build().unwrap()
}

/// A finished survey, and how many steps it has.
async fn surveyed(place: &Place, run: &str) -> u64 {
    let engine = surveying(place, &Surveyor::new());
    engine.run(run, Survey::of(2, 3)).await.unwrap().steps()
}

#[tokio::test]
async fn a_fork_without_an_edit_does_what_its_origin_did() {
    for place in stores() {
        let last = surveyed(&place, "origin").await;
        let origin = trace(&surveying(&place, &Surveyor::new()), "origin")
            .await
            .unwrap();
        assert!(last > 8, "{last}");
        for step in 0..=last {
            let surveyor = Surveyor::new();
            let engine = surveying(&place, &surveyor);
            let id = format!("fork at {step}");
            let fork = engine.fork("origin", step, &id, |_| {}).await.unwrap();
            assert_eq!((fork.id(), fork.steps()), (id.as_str(), step + 1));
            let status = if step == last {
                Status::Completed
            } else {
                Status::Running
            };
            assert_eq!(fork.status(), status);
            assert_eq!(surveyor.world.journal.lines(), [""; 0], "nothing ran yet");

            // Another engine, so that nothing is left in memory.
            let done = surveying(&place, &surveyor).resume(&id).await.unwrap();
            assert_eq!(done.status(), Status::Completed);
            let own = trace(&engine, &id).await.unwrap();
            assert_eq!(own.state, origin.state);
            let (shared, rest) = own.history.split_at(step as usize + 1);
            assert_eq!(shared, &origin.history[..=step as usize]);
            assert_eq!((rest[0].kind, rest[0].tasks.len()), (StepKind::Fork, 0));
            let did = |steps: &[superstep::StepInfo]| -> Vec<_> {
                steps.iter().map(|step| step.digest).collect()
            };
            let after = &origin.history[step as usize + 1..];
            assert_eq!(did(&rest[1..]), did(after), "at {step} in {place:?}");
            let replayed = engine.replay(&id).await.unwrap();
            assert_eq!(replayed.fingerprint(), done.fingerprint());
        }
        let again = trace(&surveying(&place, &Surveyor::new()), "origin")
            .await
            .unwrap();
        assert_eq!(again, origin, "the origin is as it was");
    }
}

#[tokio::test]
async fn an_edit_is_a_step_and_the_states_around_it_can_be_looked_at() {
    for place in stores() {
        for snapshots in [None, Some(1), Some(3)] {
            let options = Options {
                snapshot_every: snapshots,
                ..Options::default()
            };
            let builder = Engine::builder(Surveyor::new()).options(options);
            let engine = builder.store(place.store.clone()).build().unwrap();
            let origin = format!("origin {snapshots:?}");
            let last = engine.run(&origin, Survey::of(2, 3)).await.unwrap().steps();
            for step in 0..=last {
                let id = format!("{origin}, fork {step}");
                let edit = |state: &mut Survey| {
                    state.total += 1_000_000;
                    state.lines.clear();
                };
                let fork = engine.fork(&origin, step, &id, edit).await.unwrap();
                let mut edited = engine.state_at(&origin, step).await.unwrap();
                edit(&mut edited);
                assert_eq!(fork.state(), &edited);

                let done = engine.resume(&id).await.unwrap();
                assert!(done.state().total > 1_000_000);
                for before in 0..=step {
                    assert_eq!(
                        engine.state_at(&id, before).await.unwrap(),
                        engine.state_at(&origin, before).await.unwrap()
                    );
                }
                assert_eq!(engine.state_at(&id, step + 1).await.unwrap(), edited);
                let state = engine.state_at(&id, done.steps()).await.unwrap();
                assert_eq!(&state, done.state());
            }
        }
    }
}

fn part(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// chain(n+1) = SHA-256(chain(n) || state || frontier), parts length-prefixed.
#[tokio::test]
async fn the_chain_goes_on_from_the_origin() {
    for place in stores() {
        let last = surveyed(&place, "origin").await;
        let engine = surveying(&place, &Surveyor::new());
        for step in 0..=last {
            let id = format!("fork {step}");
            let edit = |state: &mut Survey| state.last = "edited".into();
            let fork = engine.fork("origin", step, &id, edit).await.unwrap();
            let mut state = engine.state_at("origin", step).await.unwrap();
            edit(&mut state);
            let before = &place.store.all_steps("origin", step, step).await.unwrap()[0];
            let state = encode::to_string(&state).unwrap();
            let mut chain = Sha256::new();
            part(&mut chain, before.chain.as_bytes());
            part(&mut chain, state.as_bytes());
            part(&mut chain, before.frontier.as_bytes());
            let chain: [u8; 32] = chain.finalize().into();
            assert_eq!(fork.fingerprint().unwrap().as_bytes(), &chain);

            let own = &place
                .store
                .all_steps(&id, step + 1, step + 1)
                .await
                .unwrap()[0];
            assert_eq!((&own.updates, &own.frontier), (&state, &before.frontier));
            let (head, origin) = (
                place.store.head(&id).await.unwrap().unwrap(),
                place.store.head("origin").await.unwrap().unwrap(),
            );
            assert_eq!(head.seed, origin.seed);
            assert_eq!(head.fingerprint, origin.fingerprint);
            let expected = Origin::new("origin", step);
            assert_eq!(head.origin, Some(expected));
            assert_eq!(head.lease, None);
        }
    }
}

#[tokio::test]
async fn an_origin_goes_on_after_a_fork() {
    let undisturbed = Engine::builder(Surveyor::new()).build().unwrap();
    undisturbed.run("origin", Survey::of(2, 3)).await.unwrap();
    let undisturbed = trace(&undisturbed, "origin").await.unwrap();
    for place in stores() {
        let builder = Engine::builder(Surveyor::new()).max_steps(4);
        let halting = builder.store(place.store.clone()).build().unwrap();
        halting.run("origin", Survey::of(2, 3)).await.unwrap_err();
        let engine = surveying(&place, &Surveyor::new());
        let edit = |state: &mut Survey| state.rounds = 1;
        engine.fork("origin", 4, "fork", edit).await.unwrap();
        let fork = engine.resume("fork").await.unwrap();
        assert_eq!(fork.state().round, 2, "one round and the end of it");
        engine.resume("origin").await.unwrap();
        assert_eq!(trace(&engine, "origin").await.unwrap(), undisturbed);
    }
}

#[tokio::test]
async fn a_fork_can_be_forked() {
    for place in stores() {
        let last = surveyed(&place, "one").await;
        let engine = surveying(&place, &Surveyor::new());
        let say = |text: &'static str| move |state: &mut Survey| state.faults += text;
        engine.fork("one", 5, "two", say("two;")).await.unwrap();
        engine.resume("two").await.unwrap();
        // In the part it shares, at its edit, and after it.
        for (step, shared) in [(3, 0), (5, 0), (6, 1), (8, 1), (last + 1, 1)] {
            let id = format!("three at {step}");
            engine.fork("two", step, &id, say("three;")).await.unwrap();
            let done = engine.resume(&id).await.unwrap();
            assert_eq!(done.status(), Status::Completed);
            assert_eq!(done.state().faults.contains("two;"), shared == 1);
            assert!(done.state().faults.contains("three;"));
            let [one, two, three] = [
                engine.history("one").await.unwrap(),
                engine.history("two").await.unwrap(),
                engine.history(&id).await.unwrap(),
            ];
            let branch = step as usize + 1;
            assert_eq!(three[..branch], two[..branch]);
            assert_eq!(three[..branch.min(6)], one[..branch.min(6)]);
            assert!(three.iter().zip(0..).all(|(step, n)| step.step == n));
            let edits = three.iter().filter(|step| step.kind == StepKind::Fork);
            assert_eq!(edits.count(), 1 + shared);
            for step in 0..=done.steps() {
                engine.state_at(&id, step).await.unwrap();
            }
        }
    }
}

/// No two tasks of a fork share a key, those of its origin's steps among them.
#[tokio::test]
async fn order_keys_are_unique_in_a_fork() {
    let keys = |surveyor: &Surveyor| -> BTreeSet<String> {
        let key = |line: String| line.rsplit_once(' ').unwrap().1.to_owned();
        let lines = surveyor.world.journal.lines();
        lines.into_iter().map(key).collect()
    };
    for place in stores() {
        let (own, shared) = (Surveyor::new(), Surveyor::new());
        let builder = Engine::builder(shared.clone()).max_steps(4);
        let halting = builder.store(place.store.clone()).build().unwrap();
        let engine = surveying(&place, &shared);
        engine.run("origin", Survey::of(2, 3)).await.unwrap();
        for _ in 0..3 {
            let turn = Survey::update().round(0);
            engine.turn("origin", turn).await.unwrap();
        }
        let again = Survey::update().round(0);
        halting.turn("origin", again).await.unwrap_err();
        let head = place.store.head("origin").await.unwrap().unwrap();
        assert_eq!((head.turn, head.step - head.turn_step), (4, 4));

        let before = keys(&shared);
        let engine = surveying(&place, &own);
        engine
            .fork("origin", head.step, "fork", |_| {})
            .await
            .unwrap();
        engine.resume("fork").await.unwrap();
        let first = keys(&own);
        engine
            .turn("fork", Survey::update().round(0))
            .await
            .unwrap();
        let second = keys(&own);
        assert!(first.is_disjoint(&before));
        assert!(second.is_superset(&first));
        // A round has plan, 3 pages, sort, aside, detour, risk, mend and combine.
        assert_eq!(second.len() - first.len(), 2 * 10 + 3);
        assert!(second.is_disjoint(&before));
    }
}

#[tokio::test]
async fn a_fork_knows_its_turn() {
    for place in stores() {
        let engine = surveying(&place, &Surveyor::new());
        engine.run("origin", Survey::of(1, 2)).await.unwrap();
        let mut turns = vec![];
        // Longer than what is read of a history at once.
        for turn in 0..40 {
            let head = place.store.head("origin").await.unwrap().unwrap();
            turns.resize(head.step as usize + 1, (turn, head.turn_step));
            let next = Survey::update().round(0);
            engine.turn("origin", next).await.unwrap();
        }
        assert!(turns.len() > 300, "{}", turns.len());
        for step in (0..turns.len()).step_by(7) {
            let id = format!("fork {step}");
            let fork = engine.fork("origin", step as u64, &id, |_| {});
            fork.await.unwrap();
            let head = place.store.head(&id).await.unwrap().unwrap();
            assert_eq!((head.turn, head.turn_step), turns[step], "step {step}");
        }
    }
}

#[tokio::test]
async fn a_finished_run_is_forked_as_finished() {
    for place in stores() {
        let last = surveyed(&place, "origin").await;
        let surveyor = Surveyor::new();
        let engine = surveying(&place, &surveyor);
        let edit = |state: &mut Survey| state.rounds = 3;
        let fork = engine.fork("origin", last, "fork", edit).await.unwrap();
        assert_eq!(fork.status(), Status::Completed);
        assert_eq!(engine.resume("fork").await.unwrap().steps(), last + 1);
        assert_eq!(surveyor.world.journal.lines(), [""; 0]);

        let update: SurveyUpdate = Survey::update().round(2);
        let done = engine.turn("fork", update).await.unwrap();
        assert_eq!(done.state().round, 4);
        assert_eq!(engine.get("origin").await.unwrap().state().round, 3);
    }
}

#[tokio::test]
async fn the_same_fork_again_is_harmless() {
    for place in stores() {
        surveyed(&place, "origin").await;
        // It can be made in a task of its own.
        let spawned = surveying(&place, &Surveyor::new());
        let task = async move { spawned.fork("origin", 2, "spawned", |_| {}).await };
        assert_eq!(tokio::spawn(task).await.unwrap().unwrap().steps(), 3);

        let engine = || surveying(&place, &Surveyor::new());
        let edit = |state: &mut Survey| state.rounds = 1;
        // At once.
        let (one, other) = (engine(), engine());
        let (first, second) = tokio::join!(
            one.fork("origin", 3, "fork", edit),
            other.fork("origin", 3, "fork", edit)
        );
        assert_eq!(first.unwrap().fingerprint(), second.unwrap().fingerprint());
        // And when it has continued since.
        let done = engine().resume("fork").await.unwrap();
        let again = engine().fork("origin", 3, "fork", edit).await.unwrap();
        assert_eq!(again.status(), Status::Completed);
        assert_eq!(again.fingerprint(), done.fingerprint());
        assert_eq!(again.state(), done.state());

        // Committed, but the answer was lost.
        let hook = only_nth(1, Moment::After, "commit");
        let store = Hooked::new(Arc::clone(&place.store), hook);
        let builder = Engine::builder(Surveyor::new()).store(store);
        let unlucky = builder.build().unwrap();
        let fork = || unlucky.fork("origin", 4, "late", edit);
        let error = fork().await.unwrap_err();
        assert!(matches!(error, Error::Store { .. }), "{error}");
        assert_eq!(fork().await.unwrap().steps(), 5);
    }
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused() {
    for place in stores() {
        let last = surveyed(&place, "origin").await;
        surveyed(&place, "other").await;
        let engine = surveying(&place, &Surveyor::new());
        engine.fork("origin", 3, "fork", |_| {}).await.unwrap();
        let before = place.store.all_runs().await.unwrap();
        let another = |state: &mut Survey| state.rounds = 7;
        for (at, id) in [
            (3, "origin"),
            (last, "origin"),
            (3, "other"),
            (last, "other"),
            (3, "fork"),
            (2, "fork"),
            (4, "fork"),
        ] {
            let error = engine.fork("origin", at, id, another).await.unwrap_err();
            let Error::RunExists { run } = &error else {
                panic!("{error}")
            };
            assert_eq!(run, id);
            let said = error.to_string();
            assert!(said.contains("another id for the fork"), "{said}");
        }
        assert_eq!(place.store.all_runs().await.unwrap(), before);
    }
}

#[tokio::test]
async fn a_fork_is_not_started_like_a_run() {
    for place in stores() {
        surveyed(&place, "origin").await;
        let engine = surveying(&place, &Surveyor::new());
        for step in [0, 3] {
            let id = format!("fork {step}");
            engine.fork("origin", step, &id, |_| {}).await.unwrap();
            let seed = place.store.head(&id).await.unwrap().unwrap().seed;
            let error = engine.run(&id, Survey::of(2, 3)).seed(seed);
            let error = error.await.unwrap_err();
            let Error::InputMismatch { what: "origin", .. } = error else {
                panic!("{error}")
            };
            assert_eq!(engine.get(&id).await.unwrap().steps(), step + 1);
            engine.resume(&id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_written_by_a_fork_that_cannot_be() {
    for place in stores() {
        let last = surveyed(&place, "origin").await;
        let engine = surveying(&place, &Surveyor::new());
        let before = place.store.all_runs().await.unwrap();
        let fork = async |id: &str, at: superstep::At, new: &str| {
            engine.fork(id, at, new, |_| {}).await.unwrap_err()
        };
        let error = fork("origin", (last + 1).into(), "fork").await;
        let Error::StepNotFound {
            step, last: end, ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((step, end), (last + 1, last));
        let error = fork("origin", "before".into(), "fork").await;
        let Error::LabelNotFound { label, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(label, "before");
        let error = fork("nobody", 0.into(), "fork").await;
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
        let long = "x".repeat(1_025);
        for id in ["", "a\0b", "a\nb", &long] {
            let error = fork("origin", 0.into(), id).await;
            assert!(matches!(error, Error::InvalidRunId { .. }), "{error}");
        }

        let edit = |_: &mut Survey| panic!("the edit is wrong");
        let error = engine.fork("origin", 2, "fork", edit).await.unwrap_err();
        let Error::EditPanicked { run, message } = &error else {
            panic!("{error}")
        };
        assert_eq!(
            (run.as_str(), message.as_str()),
            ("origin", "the edit is wrong")
        );
        let edit = |state: &mut Survey| {
            state.by_page.insert("odd".into(), f64::NAN);
        };
        let error = engine.fork("origin", 2, "fork", edit).await.unwrap_err();
        let Error::NotRoundTrip {
            step: 3,
            what,
            source,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(&**what, "the edited state");
        assert_eq!(source.path, "by_page[\"odd\"]");
        assert_eq!(place.store.all_runs().await.unwrap(), before);

        let unkept = Engine::builder(Surveyor::new()).no_store().build().unwrap();
        let error = unkept.fork("origin", 2, "fork", |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::NoStore { call: "fork" }), "{error}");
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    #[reduce(append)]
    done: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Shop {
    closed: Arc<AtomicBool>,
    journal: Journal,
}

#[node]
async fn pay(_: &Order, shop: &Shop, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let effect = cx.effect("pay", &7);
    let key = effect.key();
    let paid = effect.run(|| async {
        shop.journal.note(format_args!("paid {key}"));
        superstep::ok(true)
    });
    assert!(paid.await?);
    if shop.closed.load(Ordering::Relaxed) {
        return Err(NodeError::permanent("the shop is closed"));
    }
    Ok(Order::update().done(["paid".to_owned()]))
}

#[node]
fn pack(_: &Order, shop: &Shop) -> OrderUpdate {
    shop.journal.note("packed");
    Order::update().done(["packed".to_owned()])
}

#[graph(state = Order, start -> [pay, pack], pay -> end, pack -> end)]
struct Shopping {
    shop: Shop,
}

#[tokio::test]
async fn what_an_open_step_left_is_not_the_forks() {
    for place in stores() {
        let shop = Shop::default();
        let graph = Shopping { shop: shop.clone() };
        let builder = Engine::builder(graph).store(place.store.clone());
        let engine = builder.build().unwrap();
        shop.closed.store(true, Ordering::Relaxed);
        engine.run("origin", Order::default()).await.unwrap_err();
        shop.closed.store(false, Ordering::Relaxed);
        let ran = |shop: &Shop| -> BTreeSet<String> {
            let mut ran = shop.journal.lines();
            ran.sort();
            let count = ran.len();
            let ran: BTreeSet<String> = ran.into_iter().collect();
            assert_eq!(ran.len() + usize::from(count > 2), count, "packed twice");
            ran
        };
        let first = ran(&shop);
        assert_eq!(first.len(), 2);

        engine.fork("origin", 0, "fork", |_| {}).await.unwrap();
        let fork = engine.resume("fork").await.unwrap();
        assert_eq!(fork.state().done, ["paid", "packed"]);
        // Its payment is another one, under a key of its own.
        let second = ran(&shop);
        assert_eq!(second.len(), 3, "{second:?}");

        let origin = engine.resume("origin").await.unwrap();
        assert_eq!(origin.state(), fork.state());
        assert_eq!(ran(&shop), second, "what the origin kept is still its own");
    }
}

/// A payment of which nobody knows whether it happened is the origin's alone.
#[tokio::test]
async fn a_question_of_the_origin_is_not_the_forks() {
    #[node(timeout = "50ms")]
    async fn pay_once(_: &Order, shop: &Shop, cx: &Cx) -> Result<OrderUpdate, NodeError> {
        let paid = cx.effect("pay", &7).at_most_once().run(|| async {
            shop.journal.note("paid");
            if shop.closed.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            superstep::ok(true)
        });
        assert!(paid.await?);
        Ok(Order::update().done(["paid".to_owned()]))
    }

    #[graph(state = Order, start -> pay_once -> end)]
    struct PayingOnce {
        shop: Shop,
    }

    for place in stores() {
        let shop = Shop::default();
        shop.closed.store(true, Ordering::Relaxed);
        let graph = PayingOnce { shop: shop.clone() };
        let builder = Engine::builder(graph).store(place.store.clone());
        let engine = builder.build().unwrap();
        let origin = engine.run("origin", Order::default()).await.unwrap();
        assert_eq!(origin.status(), Status::Interrupted);
        assert_eq!(origin.interrupts().len(), 1);

        shop.closed.store(false, Ordering::Relaxed);
        let fork = engine.fork("origin", 0, "fork", |_| {}).await.unwrap();
        assert_eq!(fork.status(), Status::Running);
        assert_eq!(fork.interrupts(), []);
        let fork = engine.resume("fork").await.unwrap();
        assert_eq!(fork.state().done, ["paid"]);
        assert_eq!(shop.journal.lines().len(), 2);
        let origin = engine.resume("origin").await.unwrap();
        assert_eq!(origin.status(), Status::Interrupted);
    }
}

#[tokio::test]
async fn a_fork_without_progress_says_so() {
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    struct Way {
        left: bool,
    }

    #[node]
    fn choose(way: &Way) -> bool {
        way.left
    }

    #[node]
    fn left(_: &Way) {}

    #[node]
    fn right(_: &Way) {}

    #[node]
    fn meet(_: &Way) {}

    #[graph(
        state = Way,
        other = choose,
        start -> [choose, other],
        choose -> match { true => left, false => end },
        other -> match { true => right, false => right },
        [left, right] -> meet,
        meet -> end,
    )]
    struct Meeting;

    for place in stores() {
        let builder = Engine::builder(Meeting).store(place.store.clone());
        let engine = builder.build().unwrap();
        let error = engine.run("origin", Way::default()).await.unwrap_err();
        let Error::NoProgress { step, .. } = error else {
            panic!("{error}")
        };
        let fork = engine.fork("origin", step, "fork", |_| {}).await.unwrap();
        assert_eq!(fork.status(), Status::Running);
        let error = engine.resume("fork").await.unwrap_err();
        assert!(matches!(error, Error::NoProgress { .. }), "{error}");
        // At the beginning the edit puts it right.
        let edit = |way: &mut Way| way.left = true;
        engine.fork("origin", 0, "mended", edit).await.unwrap();
        let mended = engine.resume("mended").await.unwrap();
        assert_eq!(mended.status(), Status::Completed);
    }
}

/// Nothing that the state's own encoding skips is left in a fork, whether
/// it continues at once or is loaded.
#[tokio::test]
async fn a_fork_sees_what_is_stored() {
    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    struct Flash {
        #[reduce(ephemeral)]
        shown: u32,
        #[serde(skip)]
        #[reduce(ephemeral)]
        hidden: u32,
        #[reduce(append)]
        seen: Vec<(u32, u32)>,
    }

    #[node]
    fn show(_: &Flash) -> FlashUpdate {
        Flash::update().shown(1).hidden(2)
    }

    #[node]
    fn look(state: &Flash) -> FlashUpdate {
        Flash::update().seen([(state.shown, state.hidden)])
    }

    #[graph(state = Flash, again = look, start -> show -> look -> again -> end)]
    struct Flashing;

    for place in stores() {
        let engine = || {
            let builder = Engine::builder(Flashing).store(place.store.clone());
            builder.build().unwrap()
        };
        let run = engine().run("origin", Flash::default()).await.unwrap();
        assert_eq!(run.state().seen, [(1, 2), (0, 0)]);
        let edit = |state: &mut Flash| state.shown += 10;
        let fork = engine().fork("origin", 1, "fork", edit).await.unwrap();
        assert_eq!((fork.state().shown, fork.state().hidden), (11, 0));
        let done = engine().resume("fork").await.unwrap();
        assert_eq!(done.state().seen, [(11, 0), (0, 0)]);
        // A snapshot of the step that made it a fork.
        engine().fork("origin", 1, "kept", |_| {}).await.unwrap();
        engine().snapshot("kept").await.unwrap();
        let done = engine().resume("kept").await.unwrap();
        assert_eq!(done.state().seen, [(1, 0), (0, 0)]);
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn an_altered_fork_is_named() {
    for (sql, place) in [
        (
            "UPDATE steps SET updates = replace(updates, 'was edited', 'was altered') WHERE kind = 'fork'",
            "step 5",
        ),
        (
            "UPDATE steps SET frontier = replace(frontier, 'plan', 'plot') WHERE kind = 'fork'",
            "step 5",
        ),
        ("DELETE FROM steps WHERE kind = 'fork'", ""),
        ("UPDATE steps SET chain = digest WHERE kind = 'fork'", ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let engine = || {
            let builder = Engine::builder(Surveyor::new());
            let builder = builder.store(superstep_tests::sqlite_at(&path));
            builder.build().unwrap()
        };
        engine().run("origin", Survey::of(1, 2)).await.unwrap();
        let edit = |state: &mut Survey| state.last = "was edited".into();
        engine().fork("origin", 4, "fork", edit).await.unwrap();
        let database = rusqlite::Connection::open(&path).unwrap();
        assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
        drop(database);
        for error in [
            engine().get("fork").await.unwrap_err(),
            engine().resume("fork").await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Corrupt { .. }), "{sql}: {error}");
            assert!(error.to_string().contains(place), "{sql}: {error}");
        }
        let origin = engine().get("origin").await.unwrap();
        assert_eq!(origin.status(), Status::Completed);
    }
}

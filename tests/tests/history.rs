//! History is append-only, and the state of every step can be read.

use serde::{Deserialize, Serialize};
use superstep::encode;
use superstep::prelude::*;
use superstep::store::StepKind;
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Dice, stores, trace};

#[tokio::test]
async fn history_only_grows() {
    for place in stores() {
        let engine = Engine::builder(Surveyor::new())
            .store(place.store.clone())
            .snapshot_every(2)
            .max_steps(5)
            .build()
            .unwrap();
        let mut before = Vec::new();
        engine.run("run", Survey::of(2, 3)).await.unwrap_err();
        let go_on = Engine::builder(Surveyor::new())
            .store(place.store.clone())
            .build()
            .unwrap();
        for round in 0..6 {
            match round {
                0 => {}
                1 => drop(
                    engine
                        .update("run", Survey::update().total(1))
                        .await
                        .unwrap(),
                ),
                2 => drop(go_on.resume("run").await.unwrap()),
                4 => drop(
                    go_on
                        .update("run", Survey::update().round(0))
                        .await
                        .unwrap(),
                ),
                _ => drop(go_on.turn("run", Survey::update().rounds(1)).await.unwrap()),
            }
            let now = go_on.history("run").await.unwrap();
            assert!(round == 0 || now.len() > before.len());
            assert_eq!(now[..before.len()], before);
            assert!(
                now.iter()
                    .zip(0..)
                    .all(|(step, number)| step.step == number)
            );
            assert!(now.is_sorted_by_key(|step| step.committed));
            before = now;
        }
        let kinds = |kind| before.iter().filter(|step| step.kind == kind).count();
        assert_eq!(
            (
                kinds(StepKind::Input),
                kinds(StepKind::Update),
                kinds(StepKind::Turn)
            ),
            (1, 2, 2)
        );
    }
}

#[tokio::test]
async fn the_state_of_every_step_is_what_it_was() {
    let dice = Dice::from_env();
    for place in stores() {
        for snapshots in [None, Some(1), Some(3)] {
            let engine = |steps: u64| {
                let options = Options {
                    max_steps: Some(steps),
                    snapshot_every: snapshots,
                    ..Options::default()
                };
                let builder = Engine::builder(Surveyor::new()).options(options);
                builder.store(place.store.clone()).build().unwrap()
            };
            let id = format!("run {snapshots:?}");
            // Step by step, noting each state as it is committed.
            let mut states = Vec::new();
            let _ = engine(1).run(&id, Survey::of(2, 3)).await;
            for steps in 2.. {
                states.push(engine(1).get(&id).await.unwrap().into_state());
                match engine(steps).resume(&id).await {
                    Err(Error::MaxStepsExceeded { .. }) => {}
                    Err(other) => panic!("{other}"),
                    Ok(run) => {
                        states.push(run.into_state());
                        break;
                    }
                }
            }
            assert!(states.len() > 8, "{}", states.len());
            let reader = engine(1);
            let mut order: Vec<u64> = (1..=states.len() as u64).collect();
            dice.shuffle(&mut order);
            for step in order {
                let state = reader.state_at(&id, step).await.unwrap();
                assert_eq!(state, states[step as usize - 1], "step {step}");
            }
            assert_eq!(reader.state_at(&id, 0).await.unwrap(), Survey::of(2, 3));

            let last = states.len() as u64;
            let error = reader.state_at(&id, last + 1).await.unwrap_err();
            assert!(matches!(error, Error::StepNotFound { .. }), "{error}");
            let said = format!(
                "run `{id}`, step {}: there is no such step; ask for one up to step {last}",
                last + 1
            );
            assert!(error.to_string().contains(&said), "{error}");
        }
    }
}

#[tokio::test]
async fn a_step_says_what_its_tasks_did() {
    for place in stores() {
        let engine = Engine::builder(Surveyor::new())
            .store(place.store.clone())
            .build()
            .unwrap();
        engine.run("run", Survey::of(1, 2)).await.unwrap();
        let history = engine.history("run").await.unwrap();
        let nodes = |step: usize| -> Vec<&str> {
            (history[step]
                .tasks
                .iter()
                .filter_map(|task| task.node.as_deref()))
            .collect()
        };
        assert!(history[0].tasks.is_empty());
        assert_eq!(nodes(1), ["plan"]);
        assert_eq!(nodes(2), ["read", "read", "aside", "risk"]);
        assert_eq!(nodes(3), ["sort", "detour", "mend"]);

        let plan = &history[1].tasks[0];
        assert_eq!(plan.update.as_deref(), Some(r#"{"round":1}"#));
        let to = [("read", 2), ("aside", 1), ("risk", 1), ("report", 1)]
            .map(|(node, tasks)| (node.to_owned(), tasks));
        assert_eq!(plan.to.as_deref(), Some(&to[..]));
        let risk = &history[2].tasks[3];
        assert_eq!(risk.update, None);
        let failure = risk.failed.as_ref().unwrap();
        assert_eq!((failure.node.as_str(), failure.attempts), ("risk", 1));
        assert_eq!(failure.message, "it had to go wrong");
    }
}

#[tokio::test]
async fn looking_changes_nothing() {
    for place in stores() {
        let engine = Engine::builder(Surveyor::new())
            .store(place.store.clone())
            .build()
            .unwrap();
        engine.run("run", Survey::of(1, 2)).await.unwrap();
        let before = (
            trace(&engine, "run").await.unwrap(),
            place.store.head("run").await.unwrap(),
        );
        for step in 0..3 {
            engine.get("run").await.unwrap();
            engine.history("run").await.unwrap();
            engine.state_at("run", step).await.unwrap();
            engine.resume("run").await.unwrap();
            engine.run("run", Survey::of(1, 2)).await.unwrap();
        }
        let after = (
            trace(&engine, "run").await.unwrap(),
            place.store.head("run").await.unwrap(),
        );
        assert_eq!(after, before);
    }
}

/// Reads what is stored only through its own encoding.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Flash {
    #[reduce(ephemeral)]
    shown: u32,
    #[serde(skip)]
    #[reduce(ephemeral)]
    hidden: u32,
    #[reduce(append)]
    seen: Vec<u32>,
}

#[node]
fn show(state: &Flash) -> (FlashUpdate, bool) {
    let round = state.seen.len() as u32;
    let update = Flash::update().seen([state.shown + state.hidden]);
    let update = match round % 3 {
        0 => update.shown(round + 1),
        1 => update.hidden(10 * (round + 1)),
        _ => update,
    };
    (update, round < 9)
}

#[graph(state = Flash, start -> show, show -> match { true => show, false => end })]
struct Flashing;

#[tokio::test]
async fn ephemeral_fields_are_seen_in_the_next_step_only_also_after_a_restart() {
    let undisturbed = Engine::builder(Flashing).build().unwrap();
    let undisturbed = undisturbed.run("run", Flash::default()).await.unwrap();
    let expected = [0, 1, 20, 0, 4, 50, 0, 7, 80, 0];
    assert_eq!(undisturbed.state().seen, expected);
    for place in stores() {
        for snapshots in [1, 2, 100] {
            let id = format!("run {snapshots}");
            let mut steps = 1;
            loop {
                let engine = Engine::builder(Flashing)
                    .store(place.store.clone())
                    .snapshot_every(snapshots)
                    .max_steps(steps)
                    .build()
                    .unwrap();
                match engine.run(&id, Flash::default()).await {
                    Ok(run) => {
                        assert_eq!(run.state().seen, expected);
                        let encoded = encode::to_string(run.state()).unwrap();
                        assert!(!encoded.contains("hidden"), "{encoded}");
                        break;
                    }
                    Err(Error::MaxStepsExceeded { .. }) => steps += 1,
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

//! A run that can never continue says so: a join that starves, a loop that
//! provably never ends; other loops reach `max_steps`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Loop {
    mode: u32,
    rounds: u64,
    limit: u64,
    same: String,
}

#[derive(Route)]
enum Way {
    Left,
    Right,
    Both,
}

#[node]
fn choose(state: &Loop) -> Way {
    match state.mode {
        0 => Way::Left,
        1 => Way::Right,
        _ => Way::Both,
    }
}

#[node]
fn pass(_: &Loop) {}

// `left` can come with `right` or without it.
#[graph(
    state = Loop,
    left = pass, right = pass, meet = pass,
    start -> choose,
    choose -> match {
        Way::Left => left,
        Way::Right => right,
        Way::Both => [left, right],
    },
    [left, right] -> meet -> end,
)]
struct Starving;

fn mode(mode: u32) -> Loop {
    Loop {
        mode,
        ..Loop::default()
    }
}

fn reason(error: &Error) -> (u64, &str) {
    match error {
        Error::NoProgress { step, reason, .. } => (*step, reason),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_starved_join_names_itself_and_who_is_missing() {
    for place in stores() {
        let engine = Engine::builder(Starving)
            .store(place.store.clone())
            .build()
            .unwrap();
        for (input, here, missing) in [(0, "`left`", "`right`"), (1, "`right`", "`left`")] {
            let id = format!("run-{input}");
            for attempt in 0..3 {
                let result = match attempt {
                    0 => engine.run(&id, mode(input)).await,
                    _ => engine.resume(&id).await,
                };
                let error = result.unwrap_err();
                let (step, reason) = reason(&error);
                assert_eq!(step, 2);
                let expected =
                    format!("the join into `meet` has {here} and still waits for {missing}");
                assert!(reason.starts_with(&expected), "{reason}");
            }
            let run = engine.get(&id).await.unwrap();
            assert_eq!((run.status(), run.steps()), (Status::Failed, 2));
        }
        let run = engine.run("both", mode(2)).await.unwrap();
        assert_eq!(run.status(), Status::Completed);
    }
    let engine = Engine::builder(Starving).no_store().build().unwrap();
    let error = engine.run("run", mode(0)).await.unwrap_err();
    assert_eq!(reason(&error).0, 2);
}

/// A turn clears the arrivals, so that a conversation is not lost.
#[tokio::test]
async fn a_further_turn_is_possible_after_no_progress() {
    for place in stores() {
        let engine = Engine::builder(Starving)
            .store(place.store.clone())
            .build()
            .unwrap();
        engine.run("run", mode(0)).await.unwrap_err();
        let error = engine
            .turn("run", Loop::update().mode(1))
            .await
            .unwrap_err();
        assert!(
            reason(&error).1.contains("still waits for `left`"),
            "{error}"
        );
        let run = engine.turn("run", Loop::update().mode(2)).await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        let error = engine
            .turn("run", Loop::update().mode(0))
            .await
            .unwrap_err();
        reason(&error);
        // An operator's correction does not change that.
        engine
            .update("run", Loop::update().rounds(1))
            .await
            .unwrap();
        let run = engine.turn("run", Loop::update().mode(2)).await.unwrap();
        assert_eq!(run.status(), Status::Completed);
    }
}

// Loops

#[node]
fn still(_: &Loop) -> (LoopUpdate, bool) {
    (Loop::update().same("same"), true)
}

#[node]
fn counting(state: &Loop) -> (LoopUpdate, bool) {
    let rounds = state.rounds + 1;
    (Loop::update().rounds(rounds), rounds < state.limit)
}

/// Its state recurs only after three rounds.
#[node]
fn turning(state: &Loop) -> (LoopUpdate, bool) {
    (Loop::update().rounds((state.rounds + 1) % 3), true)
}

/// Something outside decides when it ends.
#[derive(Debug, Default)]
struct Outside(AtomicU64);

#[node]
fn asking(_: &Loop, outside: &Outside) -> bool {
    outside.0.fetch_add(1, Ordering::Relaxed) < 200
}

#[node]
fn watching(_: &Loop, cx: &Cx) -> bool {
    cx.step() < 200
}

macro_rules! loops {
    ($($graph:ident: $node:ident),*) => {$(
        #[graph(state = Loop, start -> $node, $node -> match { true => pass, false => end }, pass -> $node)]
        struct $graph;
    )*};
}

loops!(Still: still, Counting: counting, Turning: turning, Watching: watching);

#[graph(
    state = Loop,
    start -> asking,
    asking -> match { true => pass, false => end },
    pass -> asking,
)]
struct Asking {
    outside: Outside,
}

async fn run<G: Graph<State = Loop>>(graph: G, input: Loop) -> Result<Run<Loop>, Error> {
    let engine = Engine::builder(graph)
        .build()
        .expect("the settings make sense");
    engine.run("run", input).await
}

#[tokio::test]
async fn a_provable_endless_loop_ends_as_soon_as_its_frontier_recurs() {
    let error = run(Still, mode(0)).await.unwrap_err();
    let (step, why) = reason(&error);
    // `pass` is next after steps 1 and 3, with the same state.
    assert_eq!(step, 3, "{why}");
    assert!(
        why.contains("`pass`") && why.contains("the state unchanged"),
        "{why}"
    );

    let error = run(Turning, mode(0)).await.unwrap_err();
    assert!(reason(&error).0 <= 8, "{error}");
}

#[tokio::test]
async fn loops_that_change_the_state_or_ask_outside_go_on() {
    let input = Loop {
        limit: 400,
        ..mode(0)
    };
    assert_eq!(run(Counting, input).await.unwrap().state().rounds, 400);
    run(Watching, mode(0)).await.unwrap();
    let outside = Outside::default();
    run(Asking { outside }, mode(0)).await.unwrap();
}

#[tokio::test]
async fn other_loops_meet_max_steps_and_go_on_if_there_are_more() {
    for place in stores() {
        let engine = |steps: Option<u64>| {
            let builder = Engine::builder(Counting).store(place.store.clone());
            match steps {
                Some(steps) => builder.max_steps(steps),
                None => builder,
            }
            .build()
            .unwrap()
        };
        let input = Loop {
            limit: u64::MAX,
            ..mode(0)
        };
        for (steps, expected) in [(Some(7), 7), (None, 1_000)] {
            let id = format!("run-{expected}");
            let error = engine(steps).run(&id, input.clone()).await.unwrap_err();
            let Error::MaxStepsExceeded {
                step, max_steps, ..
            } = &error
            else {
                panic!("{error}")
            };
            assert_eq!((*step, *max_steps), (expected, expected));
            assert!(error.to_string().contains("raise `max_steps`"), "{error}");
            let run = engine(steps).get(&id).await.unwrap();
            assert_eq!((run.status(), run.steps()), (Status::Failed, expected));
        }
        let error = engine(Some(9)).resume("run-7").await.unwrap_err();
        assert!(
            matches!(error, Error::MaxStepsExceeded { step: 9, .. }),
            "{error}"
        );
    }
}

/// The limit is for one turn.
#[tokio::test]
async fn max_steps_counts_each_turn_anew() {
    let engine = Engine::builder(Counting).max_steps(10).build().unwrap();
    let input = Loop {
        limit: 5,
        ..mode(0)
    };
    engine.run("run", input).await.unwrap();
    for _ in 0..10 {
        let run = engine.turn("run", Loop::update().rounds(0)).await.unwrap();
        assert_eq!(run.state().rounds, 5);
    }
}

// A field that lapses is a change, too.

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Blink {
    lit: bool,
    #[reduce(ephemeral)]
    flash: bool,
    #[serde(skip)]
    #[reduce(ephemeral)]
    hidden: u32,
}

#[node]
fn blink(state: &Blink) -> (BlinkUpdate, bool) {
    match (state.lit, state.flash) {
        (false, _) => (Blink::update().lit(true).flash(true), true),
        (true, true) => (Blink::update(), true),
        (true, false) => (Blink::update(), false),
    }
}

#[graph(state = Blink, start -> blink, blink -> match { true => blink, false => end })]
struct Blinking;

#[node]
fn light(_: &Blink) -> BlinkUpdate {
    Blink::update().flash(true)
}

#[node]
fn until_dark(state: &Blink) -> bool {
    state.flash
}

/// The step that lets the flash lapse writes nothing.
#[graph(
    state = Blink,
    start -> light -> until_dark,
    until_dark -> match { true => until_dark, false => end },
)]
struct Lapsing;

/// Counts down in a field that no encoding shows.
#[node]
fn hide(state: &Blink) -> (BlinkUpdate, bool) {
    match state.hidden {
        0 if state.lit => (Blink::update(), false),
        0 => (Blink::update().lit(true).hidden(5), true),
        1 => (Blink::update(), true),
        left => (Blink::update().hidden(left - 1), true),
    }
}

#[graph(state = Blink, start -> hide, hide -> match { true => hide, false => end })]
struct Hiding;

#[tokio::test]
async fn a_loop_whose_ephemeral_field_lapses_is_no_endless_loop() {
    let engine = Engine::builder(Blinking).build().unwrap();
    let run = engine.run("run", Blink::default()).await.unwrap();
    assert_eq!(run.steps(), 3);

    let engine = Engine::builder(Lapsing).build().unwrap();
    let run = engine.run("run", Blink::default()).await.unwrap();
    assert_eq!(run.steps(), 3);

    let engine = Engine::builder(Hiding).build().unwrap();
    let run = engine.run("run", Blink::default()).await.unwrap();
    assert_eq!(run.steps(), 7);
}

#[derive(Debug, Clone)]
struct Never(Arc<()>);

#[node]
fn idle(_: &Loop, never: &Never) -> bool {
    Arc::strong_count(&never.0) > 0
}

#[graph(state = Loop, max_steps = 25, start -> idle, idle -> match { true => idle, false => end })]
struct Limited {
    never: Never,
}

#[tokio::test]
async fn the_graphs_own_limit_stands_unless_the_engine_sets_one() {
    let graph = || Limited {
        never: Never(Arc::new(())),
    };
    let error = run(graph(), mode(0)).await.unwrap_err();
    assert!(
        matches!(error, Error::MaxStepsExceeded { max_steps: 25, .. }),
        "{error}"
    );
    let engine = Engine::builder(graph()).max_steps(12).build().unwrap();
    let error = engine.run("run", mode(0)).await.unwrap_err();
    assert!(
        matches!(error, Error::MaxStepsExceeded { max_steps: 12, .. }),
        "{error}"
    );
}

mod into_end {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Walk {
        pub both: bool,
    }

    #[derive(Route)]
    pub enum Ways {
        Left,
        Both,
    }

    #[node]
    pub fn fork(state: &Walk) -> Ways {
        if state.both { Ways::Both } else { Ways::Left }
    }

    #[node]
    pub fn left(_: &Walk) {}

    #[node]
    pub fn right(_: &Walk) {}

    #[graph(
        state = Walk,
        start -> fork,
        fork -> match { Ways::Left => left, Ways::Both => [left, right] },
        [left, right] -> end,
    )]
    pub struct Walking;
}

#[tokio::test]
async fn a_join_into_end_waits_for_nobody() {
    let engine = Engine::builder(into_end::Walking).build().unwrap();
    for (id, both) in [("left", false), ("both", true)] {
        let run = engine.run(id, into_end::Walk { both }).await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Completed, 2));
    }
}

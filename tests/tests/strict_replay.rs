//! Strict replay of a finished run makes no external call, writes nothing, and
//! ends in the same fingerprint; of any other run it replays what is committed.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep::{Graph, Outcome, ok};
use superstep_tests::lab::{Findings, Lab, one, take_over};
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Journal, Moment, Place, sqlite, stores, well};

/// Replays `id` with a program that never ran before; returns the result.
async fn replayed<G: Graph<State: Debug>>(graph: G, place: &Place, id: &str) -> Run<G::State> {
    let asked = Journal::new();
    let notes = asked.clone();
    let store = place.hooked(move |moment, call| {
        if moment == Moment::Before {
            notes.note(call);
        }
        well()
    });
    let engine = Engine::builder(graph).store(store).build().unwrap();
    let stands = engine.get(id).await.unwrap();
    let before = contents(place).await;
    asked.take();
    let run = engine.replay(id).await.unwrap();
    let reads = ["now", "head", "steps", "effects", "questions", "graph"];
    for call in asked.lines() {
        assert!(reads.contains(&call.as_str()), "a replay called `{call}`");
    }
    assert!(contents(place).await == before, "a replay wrote");
    assert_eq!(run.fingerprint(), stands.fingerprint());
    assert_eq!(described(&run), described(&stands));
    run
}

fn described<S: Debug>(run: &Run<S>) -> String {
    let (state, status, interrupts) = (run.state(), run.status(), run.interrupts());
    format!("{} {status:?} {interrupts:?} {state:?}", run.steps())
}

/// All that a store has.
async fn contents(place: &Place) -> String {
    let mut all = String::new();
    for head in place.store.all_runs().await.unwrap() {
        let run = &head.run;
        let steps = place.store.all_steps(run, 0, head.step).await.unwrap();
        let effects = place
            .store
            .all_effects(run, 0, head.step + 1)
            .await
            .unwrap();
        let questions = place.store.questions(run).await.unwrap();
        let loaded = place.store.load(run).await.unwrap();
        all += &format!("{head:?} {steps:?} {effects:?} {questions:?} {loaded:?}");
    }
    all
}

#[tokio::test]
async fn a_survey_with_everything_replays_to_its_fingerprint() {
    for place in stores() {
        let engine = Engine::builder(Surveyor::new())
            .store(Arc::clone(&place.store))
            .build()
            .unwrap();
        let survey = engine.run("run", Survey::of(2, 3)).await.unwrap();
        let correction = Survey::update().last("corrected");
        engine.update("run", correction).await.unwrap();
        let again = || Survey::update().round(0);
        engine.turn("run", again()).await.unwrap();
        let edit = |survey: &mut Survey| survey.pages += 1;
        let at = survey.steps() / 2;
        engine.fork("run", at, "fork", edit).await.unwrap();
        let fork = engine.resume("fork").await.unwrap();
        // One that branches off after the fork did, and one before.
        engine.fork("fork", at + 2, "late", edit).await.unwrap();
        engine.fork("fork", at - 1, "early", edit).await.unwrap();
        for id in ["late", "early"] {
            engine.resume(id).await.unwrap();
            engine.turn(id, again()).await.unwrap();
        }
        engine
            .fork("late", fork.steps(), "open", edit)
            .await
            .unwrap();
        for id in ["run", "fork", "late", "early", "open"] {
            let surveyor = Surveyor::new();
            let calls = surveyor.world.calls.clone();
            let run = replayed(surveyor, &place, id).await;
            assert_eq!(run.status() == Status::Completed, id != "open");
            let lines = calls.lines();
            let called = lines.iter().filter(|line| line.starts_with("called"));
            assert_eq!(called.count(), 0, "{id}: {lines:?}");
            assert!(lines.iter().any(|line| line.starts_with("seen")));
        }
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Party {
    guests: u64,
    theme: String,
    #[reduce(append)]
    log: Vec<String>,
    #[reduce(ephemeral)]
    #[serde(skip)]
    whisper: String,
}

/// Whether the second of its tasks fails, and how often it has done so.
#[derive(Clone, Default)]
struct Caterer {
    fails: Journal,
}

#[derive(Route)]
enum Invite {
    Guests(Vec<u64>),
}

#[node]
fn invite(state: &Party) -> (PartyUpdate, Invite) {
    let guests = Invite::Guests((0..state.guests).collect());
    (Party::update().whisper("psst"), guests)
}

/// What each guest sees: the theme, the attempt, and the number of the step.
#[node(retry(attempts = 2, base = "0ms"))]
async fn seat(
    state: &Party,
    guest: u64,
    caterer: &Caterer,
    cx: &Cx,
) -> Result<PartyUpdate, NodeError> {
    if guest == 1
        && caterer
            .fails
            .lines()
            .iter()
            .any(|line| line == "out of soup")
    {
        return Err(NodeError::transient("out of soup"));
    }
    if guest == 2 && cx.attempt() == 1 {
        return Err(NodeError::transient("late"));
    }
    let tastes = cx.effect("taste", &guest);
    let tastes = tastes.run(|| async { Err::<u64, _>(NodeError::transient("cold")) });
    let tastes = tastes.await.map_err(|error| error.to_string());
    let (theme, whisper) = (&state.theme, &state.whisper);
    let (step, attempt) = (cx.step(), cx.attempt());
    let seen = format!("{guest}: {theme} {whisper} {step}.{attempt} {tastes:?}");
    Ok(Party::update().log([seen]))
}

#[graph(
    state = Party,
    start -> invite,
    invite -> match { Invite::Guests(guests) => each seat(guests) else end },
    seat -> end,
)]
#[derive(Clone, Default)]
struct Host {
    caterer: Caterer,
}

fn hosting(place: &Place, host: &Host) -> Engine<Host> {
    let builder = Engine::builder(host.clone());
    let builder = builder.store(Arc::clone(&place.store));
    builder.build().unwrap()
}

/// A party whose second guest sits down after two corrections: results that
/// were kept saw other states and step numbers than those of later tasks.
async fn party(place: &Place, id: &str) {
    let host = Host::default();
    let engine = hosting(place, &host);
    let party = Party {
        guests: 4,
        theme: "pirates".into(),
        ..Party::default()
    };
    host.caterer.fails.note("out of soup");
    engine.run(id, party).await.unwrap_err();
    for theme in ["robots", "ghosts"] {
        let update = Party::update().theme(theme);
        engine.update(id, update).await.unwrap();
    }
    host.caterer.fails.take();
    let run = engine.resume(id).await.unwrap();
    let seen = [
        "0: pirates psst 2.1 Err(\"cold\")",
        "1: ghosts  4.1 Err(\"cold\")",
        "2: pirates psst 2.2 Err(\"cold\")",
        "3: pirates psst 2.1 Err(\"cold\")",
    ];
    assert_eq!(run.state().log, seen);
}

#[tokio::test]
async fn kept_results_are_replayed_with_the_state_they_saw() {
    for place in stores() {
        party(&place, "run").await;
        let run = replayed(Host::default(), &place, "run").await;
        assert_eq!(run.state().theme, "ghosts");
    }
}

#[tokio::test]
async fn of_an_unfinished_run_the_committed_steps_are_replayed() {
    for place in stores() {
        let host = Host::default();
        let engine = hosting(&place, &host);
        let two = || Party {
            guests: 2,
            ..Party::default()
        };
        host.caterer.fails.note("out of soup");
        engine.run("failed", two()).await.unwrap_err();
        let run = replayed(Host::default(), &place, "failed").await;
        assert_eq!((run.steps(), run.status()), (1, Status::Failed));
        let theme = Party::update().theme("robots");
        engine.update("failed", theme).await.unwrap();
        let run = replayed(Host::default(), &place, "failed").await;
        assert_eq!((run.steps(), run.state().theme.as_str()), (2, "robots"));
    }
}

/// Pays once, and keeps quiet about it while the world is broken.
fn paying() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let pay = cx.effect("pay", &item).at_most_once();
            let receipt = pay.run(|| async {
                let receipt = outside.call("pay").await?;
                match outside.is_broken() {
                    true => Err(NodeError::permanent("the line went dead")),
                    false => Ok(receipt),
                }
            });
            Ok(format!("receipt {}", receipt.await?))
        })
    })
}

#[tokio::test]
async fn answers_about_payments_are_replayed() {
    for place in stores() {
        let lab = paying();
        let engine = lab.engine(&place);
        for (id, outcome) in [
            ("happened", Outcome::Happened(7)),
            ("not", Outcome::DidNotHappen),
        ] {
            lab.outside.set_broken(true);
            let asked = engine.run(id, one()).await.unwrap();
            let asks = replayed(lab.elsewhere(), &place, id).await;
            assert_eq!(asks.interrupts().len(), 1, "an open question is shown");
            lab.outside.set_broken(false);
            let question = &asked.interrupts()[0].id;
            engine.answer(id, question, outcome).await.unwrap();
            take_over(&engine, id).await.unwrap();
            let elsewhere = lab.elsewhere();
            let outside = elsewhere.outside.clone();
            let run = replayed(elsewhere, &place, id).await;
            assert_eq!(run.status(), Status::Completed);
            assert_eq!(outside.calls(), 0);
        }
    }
}

/// What a node may do besides its effects.
fn versatile() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let slow = cx.effect("slow", &item);
            let slow = slow.run(|| async {
                let call = outside.call("slow").await?;
                std::future::pending::<()>().await;
                ok(call)
            });
            let quick = cx.effect("quick", &item).run(|| outside.call("quick"));
            let first = tokio::select! {
                biased;
                never = slow => format!("slow {}", never?),
                quick = quick => format!("quick {}", quick?),
            };
            tokio::task::yield_now().await;
            let nap = cx.untracked(|| tokio::time::sleep(Duration::from_millis(2)));
            nap.await;
            let spawned = cx.untracked(|| tokio::spawn(async { 5 })).await?;
            let after = cx.effect("after", &spawned).run(|| outside.call("after"));
            Ok(format!("{first} {}", after.await? > 0))
        })
    })
}

#[tokio::test]
async fn losers_of_a_select_and_untracked_futures_are_no_mismatch() {
    for place in stores() {
        let lab = versatile();
        let engine = lab.engine(&place);
        engine.run("run", Findings::of(2, 3)).await.unwrap();
        let elsewhere = lab.elsewhere();
        let outside = elsewhere.outside.clone();
        replayed(elsewhere, &place, "run").await;
        assert_eq!(outside.calls(), 0);
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    #[reduce(append)]
    sums: Vec<u64>,
}

#[derive(Clone, Default)]
struct Stalls(Arc<std::sync::atomic::AtomicBool>);

/// Works on a thread, or stalls there until nobody waits any more.
#[node(blocking)]
fn add_up(_: &Sums, stalls: &Stalls, cx: &Cx) -> SumsUpdate {
    while stalls.0.load(std::sync::atomic::Ordering::Relaxed) && !cx.cancelled() {
        std::thread::yield_now();
    }
    let at = cx.now().duration_since(std::time::UNIX_EPOCH);
    Sums::update().sums([at.map_or(0, |at| at.as_millis() as u64)])
}

#[graph(state = Sums, start -> add_up -> end)]
#[derive(Clone, Default)]
struct Adder {
    stalls: Stalls,
}

#[tokio::test]
async fn blocking_nodes_are_replayed_and_told_when_nobody_waits() {
    for place in stores() {
        let adder = Adder::default();
        let builder = Engine::builder(adder.clone()).store(Arc::clone(&place.store));
        let short = builder.default_timeout(Duration::from_millis(50));
        let engine = short.build().unwrap();
        engine.run("run", Sums::default()).await.unwrap();
        replayed(adder.clone(), &place, "run").await;
        // If the node were not told, the runtime could not go down.
        adder
            .stalls
            .0
            .store(true, std::sync::atomic::Ordering::Relaxed);
        let error = engine.replay("run").await.unwrap_err();
        assert!(error.to_string().contains("not done after 50ms"), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_replayed_is_an_error_that_says_so() {
    for place in stores() {
        let lab = paying();
        let engine = lab.engine(&place);
        let error = engine.replay("run").await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
        let error = engine.replay("").await.unwrap_err();
        assert!(matches!(error, Error::InvalidRunId { .. }), "{error}");

        engine.run("run", Findings::of(3, 1)).await.unwrap();
        let other = hosting(&place, &Host::default());
        let error = other.replay("run").await.unwrap_err();
        assert!(matches!(error, Error::WrongGraph { .. }), "{error}");

        let minute = Duration::from_secs(60);
        let lease = place
            .store
            .acquire("run", superstep::store::Claim::new("somebody", minute))
            .await
            .unwrap();
        let error = engine.replay("run").await.unwrap_err();
        assert!(
            matches!(&error, Error::LeaseHeld { owner, .. } if owner == "somebody"),
            "{error}"
        );
        place.store.release("run", lease.epoch).await.unwrap();
        replayed(lab.elsewhere(), &place, "run").await;

        engine.fork("run", 5, "fork", |_| {}).await.unwrap();
        engine.snapshot("run").await.unwrap();
        engine
            .prune(superstep::store::Prune::history())
            .await
            .unwrap();
        let error = engine.replay("run").await.unwrap_err();
        assert!(matches!(error, Error::Pruned { .. }), "{error}");
    }
    let builder = Engine::builder(paying());
    let error = builder.no_store().build().unwrap().replay("run").await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, Error::NoStore { call: "replay" }),
        "{error}"
    );
}

/// The same graph, later.
mod later {
    use superstep::prelude::*;

    use super::{Caterer, Invite, Party, invite, seat};

    #[node]
    fn sweep(_: &Party) {}

    #[graph(
        state = Party,
        start -> invite,
        invite -> match { Invite::Guests(guests) => each seat(guests) else end },
        seat -> sweep -> end,
    )]
    pub(super) struct Host {
        pub(super) caterer: Caterer,
    }
}

#[tokio::test]
async fn another_graph_is_told_what_differs_and_where_to_look() {
    let place = sqlite();
    hosting(&place, &Host::default())
        .run("run", Party::default())
        .await
        .unwrap();
    let caterer = Caterer::default();
    let builder = Engine::builder(later::Host { caterer }).store(Arc::clone(&place.store));
    let error = builder.build().unwrap().replay("run").await.unwrap_err();
    assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
    assert!(error.to_string().contains("node `sweep` is new"), "{error}");
}

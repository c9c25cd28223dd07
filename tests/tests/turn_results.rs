//! The answer that belongs to the message: a repeated turn token returns the run as it
//! was at the end of that turn.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use superstep::prelude::*;
use superstep::store::Prune;
use superstep_tests::{Hooked, Moment, Place, stores, well};
use tokio::task::JoinHandle;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Chat {
    message: String,
    #[reduce(append)]
    replies: Vec<String>,
}

#[derive(Clone, Default)]
struct Model {
    is_down: Arc<AtomicBool>,
    is_slow: Arc<AtomicBool>,
}

#[node]
async fn reply(chat: &Chat, model: &Model) -> Result<ChatUpdate, String> {
    while model.is_slow.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    match model.is_down.load(Ordering::Relaxed) {
        true => Err("the model is down".into()),
        false => Ok(Chat::update().replies([format!("{}?", chat.message)])),
    }
}

#[node]
fn sign(_: &Chat) -> ChatUpdate {
    Chat::update().replies(["yours"])
}

#[graph(state = Chat, start -> reply -> sign -> end)]
struct Agent {
    model: Model,
}

fn agent(place: &Place, model: &Model) -> Engine<Agent> {
    let model = model.clone();
    let builder = Engine::builder(Agent { model }).store(place.store.clone());
    builder.build().unwrap()
}

fn say(message: &str) -> ChatUpdate {
    Chat::update().message(message)
}

/// A conversation of three turns, the second of which was corrected after its end.
async fn conversation(engine: &Engine<Agent>) {
    engine.run("chat", Chat::default()).await.unwrap();
    engine
        .turn("chat", say("one"))
        .token("msg-1")
        .await
        .unwrap();
    engine
        .turn("chat", say("two"))
        .token("msg-2")
        .await
        .unwrap();
    engine
        .update("chat", Chat::update().replies(["(corrected)"]))
        .await
        .unwrap();
    engine
        .turn("chat", say("three"))
        .token("msg-3")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_repeated_token_gives_the_end_of_its_turn() {
    for place in stores() {
        let engine = agent(&place, &Model::default());
        conversation(&engine).await;
        let now = engine.get("chat").await.unwrap();
        assert_eq!((now.turn(), now.token()), (3, Some("msg-3")));
        for (token, turn, steps, last) in [
            ("msg-1", 1, 5, "yours"),
            ("msg-2", 2, 9, "(corrected)"),
            ("msg-3", 3, 12, "yours"),
        ] {
            let again = engine
                .turn("chat", say("ignored"))
                .token(token)
                .await
                .unwrap();
            let looked_up = engine.turn_result("chat", token).await.unwrap();
            for run in [again, looked_up] {
                assert_eq!((run.turn(), run.token()), (turn, Some(token)));
                assert_eq!((run.status(), run.steps()), (Status::Completed, steps));
                assert_eq!(run.state().replies.last().unwrap(), last);
                let history = engine.history("chat").await.unwrap();
                let step = &history[steps as usize];
                assert_eq!(run.fingerprint(), Some(step.chain));
                assert_eq!((step.turn, step.token.as_deref()), (turn, Some(token)));
            }
        }
        assert_eq!(
            engine.get("chat").await.unwrap().steps(),
            12,
            "nothing moved"
        );
    }
}

#[tokio::test]
async fn a_turn_that_failed_and_was_dropped_is_told_as_failed() {
    for place in stores() {
        let model = Model::default();
        let engine = agent(&place, &model);
        engine.run("chat", Chat::default()).await.unwrap();
        model.is_down.store(true, Ordering::Relaxed);
        engine
            .turn("chat", say("bad"))
            .token("bad")
            .await
            .unwrap_err();
        // As long as it is the current turn, a repetition tries again.
        let run = engine.turn_result("chat", "bad").await.unwrap();
        assert_eq!(run.status(), Status::Failed);
        engine
            .turn("chat", say("bad"))
            .token("bad")
            .await
            .unwrap_err();
        model.is_down.store(false, Ordering::Relaxed);
        engine
            .turn("chat", say("good"))
            .token("good")
            .await
            .unwrap();

        let again = engine.turn("chat", say("bad")).token("bad").await.unwrap();
        let looked_up = agent(&place, &model)
            .turn_result("chat", "bad")
            .await
            .unwrap();
        for run in [again, looked_up] {
            assert_eq!(
                (run.status(), run.steps(), run.turn()),
                (Status::Failed, 3, 1)
            );
            let error = run.error().expect("why it failed");
            assert_eq!(error.code, "node_failed");
            assert!(error.message.contains("the model is down"), "{error:?}");
            assert_eq!(run.state().message, "bad");
        }
        let good = engine.turn_result("chat", "good").await.unwrap();
        assert_eq!((good.status(), good.error()), (Status::Completed, None));
    }
}

#[tokio::test]
async fn an_open_turn_goes_on_and_an_earlier_one_is_told_meanwhile() {
    for place in stores() {
        let model = Model::default();
        let engine = agent(&place, &model);
        conversation(&engine).await;
        model.is_down.store(true, Ordering::Relaxed);
        engine
            .turn("chat", say("four"))
            .token("msg-4")
            .await
            .unwrap_err();
        // It has failed, and is open; what came before is known.
        let one = engine
            .turn("chat", say("one"))
            .token("msg-1")
            .await
            .unwrap();
        assert_eq!((one.turn(), one.status()), (1, Status::Completed));
        model.is_down.store(false, Ordering::Relaxed);
        let four = engine
            .turn("chat", say("four"))
            .token("msg-4")
            .await
            .unwrap();
        assert_eq!((four.turn(), four.status()), (4, Status::Completed));
    }
}

#[tokio::test]
async fn who_asks_while_the_run_is_driven_is_told() {
    for place in stores() {
        let model = Model::default();
        let engine = agent(&place, &model);
        conversation(&engine).await;
        model.is_slow.store(true, Ordering::Relaxed);
        let driving = tokio::spawn({
            let engine = engine.clone();
            async move { engine.turn("chat", say("four")).token("msg-4").await }
        });
        while engine.get("chat").await.unwrap().turn() < 4 {
            tokio::task::yield_now().await;
        }
        for other in [engine.clone(), agent(&place, &model)] {
            let one = other.turn("chat", say("one")).token("msg-1").await.unwrap();
            assert_eq!((one.turn(), one.steps()), (1, 5));
            // A new one meets a driven run, and the message is the same whoever drives it.
            let error = other.turn("chat", say("five")).token("msg-5").await;
            let error = error.unwrap_err();
            assert!(matches!(error, Error::LeaseHeld { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("is being driven by"), "{text}");
            assert!(
                !text.contains("interrupts") && !text.contains("stop that"),
                "{text}"
            );
        }
        model.is_slow.store(false, Ordering::Relaxed);
        assert_eq!(driving.await.unwrap().unwrap().turn(), 4);
    }
}

#[tokio::test]
async fn what_is_not_there_or_gone_is_a_typed_error() {
    for place in stores() {
        let engine = agent(&place, &Model::default());
        conversation(&engine).await;
        let error = engine.turn_result("chat", "msg-9").await.unwrap_err();
        let Error::TurnNotFound { run, token } = &error else {
            panic!("{error}")
        };
        assert_eq!((run.as_str(), token.as_str()), ("chat", "msg-9"));
        let error = engine.turn_result("nobody", "msg-1").await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");

        // A fork does not inherit tokens, so that its turns are its own.
        engine.fork("chat", 5, "fork", |_| {}).await.unwrap();
        let error = engine.turn_result("fork", "msg-1").await.unwrap_err();
        assert!(matches!(error, Error::TurnNotFound { .. }), "{error}");
        let run = engine
            .turn("fork", say("other"))
            .token("msg-1")
            .await
            .unwrap();
        assert_eq!((run.turn(), run.state().message.as_str()), (2, "other"));
        engine
            .prune(Prune::runs().statuses([Status::Running]))
            .await
            .unwrap();

        engine.snapshot("chat").await.unwrap();
        let forked = engine.fork("chat", 12, "late", |_| {}).await.unwrap();
        assert_eq!(forked.turn(), 3);
        // The fork stands on the steps, which keeps them.
        assert_eq!(engine.prune(Prune::history()).await.unwrap().runs, 0);
    }
}

#[tokio::test]
async fn a_pruned_turn_is_told_as_pruned() {
    for place in stores() {
        let engine = agent(&place, &Model::default());
        conversation(&engine).await;
        engine.snapshot("chat").await.unwrap();
        assert!(engine.prune(Prune::history()).await.unwrap().steps > 0);
        for asked in [
            engine.turn_result("chat", "msg-1").await,
            engine.turn("chat", say("one")).token("msg-1").await,
        ] {
            let error = asked.unwrap_err();
            assert!(matches!(error, Error::Pruned { step: 5, .. }), "{error}");
        }
        assert_eq!(engine.turn_result("chat", "msg-3").await.unwrap().turn(), 3);
    }
}

/// The answer of the commit that began the turn is lost, and the call is made again.
#[tokio::test]
async fn a_token_whose_answer_was_lost_is_one_turn() {
    for place in stores() {
        let engine = agent(&place, &Model::default());
        engine.run("chat", Chat::default()).await.unwrap();
        let lost = Arc::new(AtomicBool::new(true));
        let once = Arc::clone(&lost);
        let hooked = Hooked::new(place.store.clone(), move |moment, call| {
            let loses =
                moment == Moment::After && call == "commit" && once.swap(false, Ordering::Relaxed);
            Box::pin(async move {
                match loses {
                    true => Err(superstep::store::StoreError::Unavailable {
                        reason: "the line is dead".into(),
                        outcome: superstep::store::CallOutcome::Unknown,
                    }),
                    false => Ok(()),
                }
            })
        });
        let model = Model::default();
        let other = Engine::builder(Agent { model }).store(Arc::new(hooked) as Arc<dyn Store>);
        let other = other.build().unwrap();
        let run = other.turn("chat", say("one")).token("msg-1").await.unwrap();
        assert!(!lost.load(Ordering::Relaxed));
        assert_eq!(
            (run.turn(), run.token(), run.steps()),
            (1, Some("msg-1"), 5)
        );
        let run = engine
            .turn("chat", say("one"))
            .token("msg-1")
            .await
            .unwrap();
        assert_eq!((run.turn(), run.steps()), (1, 5));
    }
}

/// Between some call of the store and its answer another engine takes the turn `msg-2`,
/// which says `second`.
async fn while_another_begins(call: &'static str, moment: Moment, nth: u32, second: &'static str) {
    for place in stores() {
        let other = agent(&place, &Model::default());
        other.run("chat", Chat::default()).await.unwrap();
        let end = other.turn("chat", say("one")).token("msg-1").await;
        let end = end.unwrap();
        let failing = Model::default();
        let next = agent(&place, &failing);
        let calls = AtomicU32::new(0);
        let store = place.hooked(move |at, name| {
            let is_it = at == moment && name == call;
            if !is_it || calls.fetch_add(1, Ordering::Relaxed) + 1 != nth {
                return well();
            }
            failing.is_down.store(second == "fails", Ordering::Relaxed);
            let next = next.clone();
            Box::pin(async move {
                // Whether it fails is what the test is about.
                drop(next.turn("chat", say(second)).token("msg-2").await);
                Ok(())
            })
        });
        let model = Model::default();
        let engine = Engine::builder(Agent {
            model: model.clone(),
        });
        let engine = engine.store(store).build().unwrap();
        let case = format!("{call} {moment:?} {nth} {second} {}", place.kind);
        for run in [
            engine.turn("chat", say("never")).token("msg-1").await,
            engine.turn_result("chat", "msg-1").await,
        ] {
            let run = run.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((run.turn(), run.token()), (1, Some("msg-1")), "{case}");
            assert_eq!(run.fingerprint(), end.fingerprint(), "{case}");
        }
    }
}

#[tokio::test]
async fn a_turn_that_begins_meanwhile_is_not_taken_for_it() {
    for call in ["head", "load", "turn", "turns", "questions", "acquire"] {
        for moment in [Moment::Before, Moment::After] {
            for nth in 1..4 {
                for second in ["two", "fails"] {
                    while_another_begins(call, moment, nth, second).await;
                }
            }
        }
    }
}

type Call = JoinHandle<Result<Run<Chat>, Error>>;

/// The turn `msg-1`, which an engine drives until the moment comes.
#[derive(Clone, Default)]
struct Underway {
    model: Model,
    call: Arc<Mutex<Option<Call>>>,
}

impl Underway {
    async fn begin(&self, place: &Place, engine: &Engine<Agent>) {
        let elsewhere = agent(place, &Model::default());
        elsewhere.run("chat", Chat::default()).await.unwrap();
        self.model.is_slow.store(true, Ordering::Relaxed);
        let engine = engine.clone();
        let call = async move { engine.turn("chat", say("one")).token("msg-1").await };
        let call = tokio::spawn(call);
        while elsewhere.get("chat").await.unwrap().turn() == 0 {
            tokio::task::yield_now().await;
        }
        *self.call.lock().unwrap() = Some(call);
    }

    async fn end(&self, call: Call) {
        self.model.is_slow.store(false, Ordering::Relaxed);
        let run = call.await.unwrap().unwrap();
        assert_eq!((run.turn(), run.token()), (1, Some("msg-1")));
    }

    /// A store that lets it end at that moment, and another engine take the turn `msg-2`.
    fn until(&self, place: &Place, at: (Moment, &'static str)) -> Arc<dyn Store> {
        let (this, next) = (self.clone(), agent(place, &Model::default()));
        place.hooked(move |moment, name| {
            let call = match (moment, name) == at {
                true => this.call.lock().unwrap().take(),
                false => None,
            };
            let Some(call) = call else { return well() };
            let (this, next) = (this.clone(), next.clone());
            Box::pin(async move {
                this.end(call).await;
                let two = next.turn("chat", say("two")).token("msg-2").await;
                assert_eq!(two.unwrap().turn(), 2);
                Ok(())
            })
        })
    }
}

#[tokio::test]
async fn a_turn_that_begins_elsewhere_is_not_the_one_that_ends_here() {
    for moment in [Moment::Before, Moment::After] {
        for place in stores() {
            let underway = Underway::default();
            let model = underway.model.clone();
            let here =
                Engine::builder(Agent { model }).store(underway.until(&place, (moment, "turn")));
            let here = here.build().unwrap();
            underway.begin(&place, &here).await;
            let run = here.turn("chat", say("two")).token("msg-2").await.unwrap();
            assert_eq!(
                (run.turn(), run.token()),
                (2, Some("msg-2")),
                "{moment:?} {place:?}"
            );
            assert_eq!(run.state().message, "two");
        }
    }
}

/// A turn that ends while it is asked for is told like any other, however many follow it.
#[tokio::test]
async fn a_turn_that_ends_meanwhile_is_told() {
    for call in ["head", "load", "turn", "turns", "questions", "acquire"] {
        for moment in [Moment::Before, Moment::After] {
            for again in [false, true] {
                for place in stores() {
                    let underway = Underway::default();
                    let model = underway.model.clone();
                    underway.begin(&place, &agent(&place, &model)).await;
                    let here = Engine::builder(Agent {
                        model: Model::default(),
                    });
                    let here = here
                        .store(underway.until(&place, (moment, call)))
                        .build()
                        .unwrap();
                    let told = match again {
                        true => here.turn("chat", say("never")).token("msg-1").await,
                        false => here.turn_result("chat", "msg-1").await,
                    };
                    let case = format!("{call} {moment:?} {again} {place:?}");
                    let left = underway.call.lock().unwrap().take();
                    match (told, left) {
                        // The moment did not come, and it is driven.
                        (Err(Error::LeaseHeld { .. }), Some(left)) => underway.end(left).await,
                        (told, left) => {
                            let run = told.unwrap_or_else(|error| panic!("{case}: {error}"));
                            assert_eq!((run.turn(), run.token()), (1, Some("msg-1")), "{case}");
                            if let Some(left) = left {
                                underway.end(left).await;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Messages without an id would all be one.
#[tokio::test]
async fn an_empty_token_is_refused() {
    for place in stores() {
        let engine = agent(&place, &Model::default());
        engine.run("chat", Chat::default()).await.unwrap();
        for token in [String::new(), "x".repeat(1_025)] {
            let error = engine
                .turn("chat", say("one"))
                .token(token.as_str())
                .await
                .unwrap_err();
            assert!(matches!(error, Error::InvalidToken { .. }), "{error}");
            let error = engine.turn_result("chat", &token).await.unwrap_err();
            assert!(matches!(error, Error::InvalidToken { .. }), "{error}");
        }
        assert_eq!(engine.get("chat").await.unwrap().turn(), 0);
        let longest = "é".repeat(512);
        engine
            .turn("chat", say("one"))
            .token(longest)
            .await
            .unwrap();
    }
}

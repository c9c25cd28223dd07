//! A conversation lives under one id for thousands of turns; an operator's
//! correction is a step of its own.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{StepKind, StoreExt};
use superstep_tests::{Place, stores};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Chat {
    message: String,
    #[reduce(append)]
    replies: Vec<String>,
    limit: u64,
}

#[node]
fn reply(state: &Chat) -> Result<(ChatUpdate, bool), String> {
    match state.message.as_str() {
        "fail" => Err("no answer to that".to_owned()),
        message => {
            let reply = format!("{message}, you say?");
            Ok((Chat::update().replies([reply]), state.limit > 0))
        }
    }
}

#[node]
fn thank(state: &Chat) -> ChatUpdate {
    Chat::update().replies(["thanks"]).limit(state.limit - 1)
}

#[graph(
    state = Chat,
    start -> reply,
    reply -> match { true => thank, false => end },
    thank -> end,
)]
struct Chatting;

fn chatting(place: &Place) -> Engine<Chatting> {
    let builder = Engine::builder(Chatting).store(place.store.clone());
    builder.build().expect("the settings make sense")
}

fn say(message: &str) -> ChatUpdate {
    Chat::update().message(message)
}

fn hello() -> Chat {
    Chat {
        message: "hello".into(),
        ..Chat::default()
    }
}

#[tokio::test]
async fn thousands_of_turns_live_under_one_id() {
    for place in stores() {
        let turns = if place.kind == "memory" { 5_000 } else { 1_000 };
        let mut engine = chatting(&place);
        engine.run("chat", hello()).await.unwrap();
        for turn in 1..=turns {
            if turn % 500 == 0 {
                engine = chatting(&place);
            }
            let run = engine
                .turn("chat", say(&format!("message {turn}")))
                .await
                .unwrap();
            assert_eq!(run.status(), Status::Completed);
            assert_eq!(run.steps(), 1 + 2 * turn);
            assert_eq!(run.state().replies.len() as u64, 1 + turn);
        }
        let history = engine.history("chat").await.unwrap();
        let begun = history
            .iter()
            .filter(|step| step.kind == StepKind::Turn)
            .count();
        assert_eq!(begun as u64, turns);
        let first = engine.state_at("chat", 1).await.unwrap();
        assert_eq!(first.replies, ["hello, you say?"]);
    }
}

/// The bytes that a turn writes do not grow with the conversation.
#[tokio::test]
async fn a_late_turn_writes_no_more_than_an_early_one() {
    for place in stores() {
        let engine = chatting(&place);
        engine.run("chat", hello()).await.unwrap();
        for turn in 0..1_000 {
            engine
                .turn("chat", say(&format!("message {turn:04}")))
                .await
                .unwrap();
        }
        let sizes = async |step| {
            let steps = place.store.all_steps("chat", step, step + 1).await.unwrap();
            steps
                .iter()
                .map(|step| step.updates.len() + step.frontier.len())
                .sum::<usize>()
        };
        assert_eq!(sizes(1_990).await, sizes(20).await);
    }
}

#[tokio::test]
async fn a_turn_is_for_runs_that_have_ended_or_failed() {
    for place in stores() {
        let engine = chatting(&place);
        let error = engine.turn("chat", say("too early")).await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");

        engine.run("chat", hello()).await.unwrap();
        let error = engine.turn("chat", say("fail")).await.unwrap_err();
        assert!(
            matches!(error, Error::NodeFailed { step: 3, .. }),
            "{error}"
        );
        let run = engine.turn("chat", say("next")).await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Completed, 4));
        assert_eq!(run.state().replies, ["hello, you say?", "next, you say?"]);

        // Corrected and resumed it is finished, and takes a further turn.
        engine.turn("chat", say("fail")).await.unwrap_err();
        engine.update("chat", say("better")).await.unwrap();
        engine.resume("chat").await.unwrap();
        let run = engine.turn("chat", say("more")).await.unwrap();
        let replies = ["better, you say?", "more, you say?"];
        assert_eq!(run.state().replies[2..], replies);

        // One that is under way must be resumed.
        engine.fork("chat", 0, "fork", |_| {}).await.unwrap();
        let error = engine.turn("fork", say("next")).await.unwrap_err();
        let Error::RunNotFinished { run, status, asks } = &error else {
            panic!("{error}")
        };
        assert_eq!(
            (run.as_str(), *status, *asks),
            ("fork", Status::Running, false)
        );
        assert!(error.to_string().contains("resume it first"), "{error}");
        assert_eq!(
            engine.get("fork").await.unwrap().steps(),
            1,
            "nothing was written"
        );
    }
}

#[tokio::test]
async fn a_token_is_remembered_over_failures_and_restarts() {
    for place in stores() {
        chatting(&place).run("chat", hello()).await.unwrap();
        let turn = || async {
            let engine = chatting(&place);
            engine.turn("chat", say("fail")).token("msg-1").await
        };
        for _ in 0..3 {
            // The turn has begun; the same call continues it.
            let error = turn().await.unwrap_err();
            assert!(
                matches!(error, Error::NodeFailed { step: 3, .. }),
                "{error}"
            );
        }
        chatting(&place)
            .update("chat", say("mended"))
            .await
            .unwrap();
        for _ in 0..3 {
            let run = turn().await.unwrap();
            assert_eq!(run.state().replies, ["hello, you say?", "mended, you say?"]);
            assert_eq!(run.steps(), 4);
        }
        let run = chatting(&place)
            .turn("chat", say("fail not"))
            .token("msg-2")
            .await
            .unwrap();
        assert_eq!(run.state().replies.len(), 3);
    }
}

#[tokio::test]
async fn an_update_is_a_step_of_its_own() {
    for place in stores() {
        let engine = chatting(&place);
        let done = engine.run("chat", hello()).await.unwrap();
        let run = engine
            .update("chat", Chat::update().limit(2))
            .await
            .unwrap();
        assert_eq!((run.steps(), run.status()), (2, Status::Completed));
        assert_eq!(run.state().limit, 2);
        assert_ne!(run.fingerprint(), done.fingerprint());

        let history = engine.history("chat").await.unwrap();
        assert_eq!(history[2].kind, StepKind::Update);
        let task = &history[2].tasks[0];
        assert_eq!(
            (&task.node, task.update.as_deref()),
            (&None, Some(r#"{"limit":2}"#))
        );

        let error = engine.update("nobody", Chat::update()).await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
        // What is finished stays finished.
        let again = engine.resume("chat").await.unwrap();
        assert_eq!(again.steps(), 2);
        let run = engine.turn("chat", say("more")).await.unwrap();
        assert_eq!(run.state().replies[1..], ["more, you say?", "thanks"]);
        assert_eq!(run.state().limit, 1);
    }
}

/// A state that the caller holds is a snapshot of its time.
#[tokio::test]
async fn a_held_state_does_not_change() {
    let engine = Engine::builder(Chatting).build().unwrap();
    let held = engine.run("chat", hello()).await.unwrap();
    for _ in 0..10 {
        engine.turn("chat", say("on")).await.unwrap();
    }
    assert_eq!(held.state().replies, ["hello, you say?"]);
}

#[tokio::test]
async fn a_token_of_an_earlier_turn_is_remembered_too() {
    for place in stores() {
        let engine = chatting(&place);
        engine.run("chat", hello()).await.unwrap();
        for token in ["msg-1", "msg-2", "msg-1"] {
            engine.turn("chat", say(token)).token(token).await.unwrap();
        }
        let run = engine.get("chat").await.unwrap();
        assert_eq!(run.state().replies.len(), 3);
    }
}

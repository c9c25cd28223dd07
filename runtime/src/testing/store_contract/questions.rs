use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinSet;

use super::effects::untimed;
use super::make::{
    LONG, all, answer, claim, done, effect, interrupt, next, now, park, question, refused, run_to,
    take,
};
use crate::store::{
    Answer, Commit, EffectKind, EffectRecord, Lease, Park, Question, QuestionKind, Status, Store,
    StoreError, StoreExt,
};

pub(super) async fn a_run_asks_until_it_is_answered(store: Arc<impl Store>) {
    let before = done(store.now().await);
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    run_to(&*store, "other", 1).await;
    let plain = Question {
        kind: QuestionKind::Outcome,
        n: 3,
        schema: None,
        ..question("run", 2, "b")
    };
    let asked = vec![plain.clone(), question("run", 2, "a")];
    done(store.park(interrupt("run", epoch, asked)).await);
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(
        (loaded.head.status, loaded.head.lease),
        (Status::Interrupted, None)
    );
    assert!(
        loaded
            .questions
            .iter()
            .all(|question| question.asked >= before)
    );
    let open = loaded.questions;
    assert_eq!(
        unasked(open.clone()),
        [question("run", 2, "a"), plain],
        "by id"
    );
    assert_eq!(done(store.questions("run").await), open);
    assert!(done(store.questions("other").await).is_empty());
    assert!(done(store.questions("nobody").await).is_empty());

    let given = answer("run", "a", r#"{"ü":1}"#);
    done(store.answer(given.clone()).await);
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(loaded.questions, open[1..], "the others are still open");
    let answered = Question {
        answer: Some(given.answer),
        token: Some(given.token),
        ..open[0].clone()
    };
    let all = done(store.questions("run").await);
    assert_eq!(all, [answered.clone(), open[1].clone()]);

    let commit = Commit {
        access: take("anna", LONG),
        ..next("run", 2, 0)
    };
    now(&*store, commit).await;
    let loaded = done(store.load("run").await).expect("the run");
    assert!(loaded.questions.is_empty(), "the step that asked is over");
    assert_eq!(
        done(store.questions("run").await)[0],
        answered,
        "history stays"
    );
    refused!(
        store.answer(answer("run", "b", "1")).await,
        StoreError::NoSuchQuestion { question, .. } if question == "b",
        "a step that is over asks nothing"
    );
}

pub(super) async fn a_question_is_answered_once(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let asked = vec![question("run", 1, "q")];
    done(store.park(interrupt("run", epoch, asked)).await);
    let mut crowd = JoinSet::new();
    for number in 0..50 {
        let store = Arc::clone(&store);
        crowd.spawn(async move {
            let given = number.to_string();
            (store.answer(answer("run", "q", &given)).await, given)
        });
    }
    let mut taken = Vec::new();
    for (result, given) in crowd.join_all().await {
        match result {
            Ok(()) => taken.push(given),
            Err(StoreError::Answered { run, question }) => {
                assert_eq!((run.as_str(), question.as_str()), ("run", "q"));
            }
            Err(error) => panic!("a second answer is refused as a second one: {error:?}"),
        }
    }
    assert_eq!(taken.len(), 1, "one answer is taken");
    let stored = done(store.questions("run").await);
    assert_eq!(stored[0].answer.as_ref(), taken.first());
    refused!(
        store.answer(answer("run", "?", "1")).await,
        StoreError::NoSuchQuestion { run, question } if run == "run" && question == "?",
        "only what was asked is answered"
    );
    refused!(
        store.answer(answer("nobody", "q", "1")).await,
        StoreError::NoSuchRun { run } if run == "nobody",
        "a run that does not exist asks nothing"
    );
}

pub(super) async fn an_answer_writes_its_effect_or_nothing(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let intent = EffectRecord {
        kind: EffectKind::Intent,
        response: None,
        ..effect("run", 1, "pay")
    };
    let parked = Park {
        effects: vec![intent],
        ..interrupt("run", epoch, vec![question("run", 1, "q")])
    };
    done(store.park(parked).await);
    let before = all(&*store, "run").await;
    let happened = Answer {
        effect: Some(EffectRecord {
            kind: EffectKind::Answered,
            ..effect("run", 1, "pay")
        }),
        ..answer("run", "q", "1")
    };
    let misplaced = Answer {
        effect: Some(effect("run", 2, "pay")),
        ..happened.clone()
    };
    assert!(store.answer(misplaced).await.is_err());
    assert_eq!(
        all(&*store, "run").await,
        before,
        "a refusal leaves no trace"
    );
    done(store.answer(happened.clone()).await);
    let effects = done(store.all_effects("run", 0, 9).await);
    assert_eq!(
        untimed(effects),
        [happened.effect.clone().expect("its effect")]
    );
    let other = Answer {
        effect: Some(effect("run", 1, "other")),
        ..answer("run", "q", "1")
    };
    let before = all(&*store, "run").await;
    assert!(store.answer(other).await.is_err());
    assert_eq!(
        all(&*store, "run").await,
        before,
        "a refusal leaves no trace"
    );
}

pub(super) async fn an_answer_contradicts_no_record(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let parked = Park {
        effects: vec![effect("run", 1, "pay")],
        ..interrupt("run", epoch, vec![question("run", 1, "q")])
    };
    done(store.park(parked).await);
    let before = all(&*store, "run").await;
    let did_not_happen = Answer {
        effect: Some(EffectRecord {
            kind: EffectKind::Failed,
            response: None,
            ..effect("run", 1, "pay")
        }),
        ..answer("run", "q", "1")
    };
    refused!(
        store.answer(did_not_happen).await,
        StoreError::OutcomeKnown { question, .. } if question == "q",
        "the record says that it happened"
    );
    assert_eq!(
        all(&*store, "run").await,
        before,
        "a refusal leaves no trace"
    );
}

pub(super) async fn asking_again_does_not_undo_an_answer(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let asked = vec![question("run", 1, "q")];
    done(store.park(interrupt("run", epoch, asked)).await);
    let lease = done(store.acquire("run", claim("anna", LONG)).await);
    done(store.answer(answer("run", "q", "7")).await);
    let before = done(store.questions("run").await);
    let again = Question {
        question: "1".to_owned(),
        ..question("run", 1, "q")
    };
    let new = Question {
        answer: Some("1".to_owned()),
        ..question("run", 1, "r")
    };
    done(
        store
            .park(interrupt("run", lease.epoch, vec![again, new]))
            .await,
    );
    let after = done(store.questions("run").await);
    assert_eq!(after[..1], before, "it came while the run was driven");
    assert_eq!(after[1].answer, None, "what is asked is open");
}

pub(super) async fn who_waits_without_a_question_is_stuck(store: Arc<impl Store>) {
    for run in ["asks", "was answered", "asks nothing", "asked before"] {
        let Lease { epoch, .. } = run_to(&*store, run, 0).await;
        let asked = match run {
            "asks nothing" => Vec::new(),
            _ => vec![question(run, 1, "q")],
        };
        done(store.park(interrupt(run, epoch, asked)).await);
    }
    done(store.answer(answer("was answered", "q", "1")).await);
    assert_eq!(
        done(store.head("was answered").await)
            .expect("the run")
            .status,
        Status::Interrupted,
        "an answer does not move a run"
    );
    let commit = Commit {
        access: take("anna", LONG),
        ..next("asked before", 1, 0)
    };
    let lease = now(&*store, commit).await;
    let parked = Park {
        status: Status::Interrupted,
        ..park("asked before", lease.epoch)
    };
    done(store.park(parked).await);
    assert_eq!(
        done(store.all_stuck().await),
        ["asked before", "asks nothing"]
    );
    let lease = done(store.acquire("asks nothing", claim("anna", LONG)).await);
    assert_eq!(
        done(store.all_stuck().await),
        ["asked before"],
        "its holder will say"
    );
    done(store.park(park("asks nothing", lease.epoch)).await);
    assert_eq!(
        done(store.all_stuck().await),
        ["asked before"],
        "a failed run waits for nobody"
    );
}

fn unasked(questions: Vec<Question>) -> Vec<Question> {
    let unasked = |question| Question {
        asked: SystemTime::UNIX_EPOCH,
        ..question
    };
    questions.into_iter().map(unasked).collect()
}

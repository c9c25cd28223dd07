//! A node asks somebody: one question or several at once, answered in any order, in part, and from
//! any process, with a value of the right type and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use superstep::prelude::*;
use superstep::schemars::JsonSchema;
use superstep::store::{EffectClass, EffectKind, StoreExt};
use superstep::{Interrupt, InterruptKind, WaitKind};
use superstep_tests::{Journal, Place, stores};
use tokio::sync::Notify;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    sum: u32,
    #[reduce(append)]
    said: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "superstep::schemars")]
struct Approval {
    granted: bool,
    limit: Option<u32>,
}

fn granted(granted: bool) -> Approval {
    Approval {
        granted,
        limit: None,
    }
}

/// A text that its schema takes for any text, and that is `even` or `odd`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "superstep::schemars")]
#[serde(try_from = "String")]
#[schemars(with = "String")]
struct Parity(String);

impl TryFrom<String> for Parity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "even" | "odd" => Ok(Self(text)),
            other => Err(format!("{other} is neither even nor odd")),
        }
    }
}

/// What a node does, by the name of its run: one graph for all tests.
#[derive(Clone, Debug, Default)]
struct World {
    journal: Journal,
    /// Somebody has answered.
    answered: Arc<Notify>,
    /// What a newer program does otherwise.
    is_newer: bool,
}

#[node]
async fn ask(order: &Order, cx: &Cx, world: &World) -> Result<OrderUpdate, NodeError> {
    let says = |text: String| Ok(Order::update().said([text]));
    match cx.run_id() {
        "one" => {
            let price = cx.effect("price", &order.sum);
            let price = price
                .run(|| async {
                    world.journal.note("price");
                    superstep::ok(order.sum * 2)
                })
                .await?;
            let began = cx.now();
            let question = json!({ "pay": price, "since": format!("{began:?}") });
            let approval: Approval = cx.interrupt("approve", &question).await;
            says(format!("{approval:?}"))
        }
        "several" => {
            let (a, b, c) = tokio::join!(
                cx.interrupt::<bool>("a", "a?"),
                cx.interrupt::<u32>("b", "b?"),
                cx.interrupt::<String>("c", "c?"),
            );
            says(format!("{a} {b} {c}"))
        }
        "default" => {
            let question = cx.interrupt("approve", "now?");
            let hour = Duration::from_secs(3_600);
            let answer: Approval = question.within(hour).or(granted(true)).await;
            says(format!("{answer:?}"))
        }
        "none" => {
            let question = cx.interrupt::<bool>("approve", "now?");
            let answer = question.within(Duration::from_secs(3_600)).await;
            says(format!("{answer:?}"))
        }
        "at once" => {
            let question = cx.interrupt("approve", "now?");
            let answer = question.within(Duration::ZERO).or(false).await;
            says(format!("{answer}"))
        }
        "changed" => {
            let question = if world.is_newer { "really?" } else { "sure?" };
            says(cx.interrupt::<String>("approve", question).await)
        }
        "parity" => {
            let question = cx.interrupt::<Parity>("parity", "even or odd?");
            says(
                question
                    .within(Duration::from_secs(3_600))
                    .or(Parity("odd".into()))
                    .await
                    .0,
            )
        }
        "raced" => {
            let (question, signal) = (cx.interrupt::<bool>("approve", "?"), cx.receive("enough"));
            let said: String = tokio::select! {
                biased;
                answer = question => format!("answered {answer}"),
                enough = signal => enough,
            };
            let more: bool = cx.interrupt("more", "more?").await;
            says(format!("{said}, {more}"))
        }
        "twice" => {
            let _: bool = cx.interrupt("approve", "?").await;
            let _: bool = cx.interrupt("approve", "?").await;
            says(String::new())
        }
        "driven" => {
            let work = cx.effect("work", "something");
            let work = work.run(|| async {
                world.answered.notified().await;
                superstep::ok(1_u32)
            });
            let (answer, work) = tokio::join!(
                async {
                    let answer: String = cx.interrupt("approve", "?").await;
                    world.answered.notify_one();
                    answer
                },
                work
            );
            says(format!("{answer} {}", work?))
        }
        "state" => says(cx.interrupt::<String>("approve", &order.sum).await),
        other => {
            let answer: String = cx.interrupt("approve", "?").await;
            says(format!("{other}: {answer}"))
        }
    }
}

#[graph(state = Order, start -> ask -> end)]
#[derive(Clone, Debug, Default)]
struct Desk {
    world: World,
}

/// An engine over that store, each time as another process would have it.
fn engine(desk: &Desk, store: &Arc<dyn Store>) -> Engine<Desk> {
    let builder = Engine::builder(desk.clone());
    builder.store(Arc::clone(store)).build().unwrap()
}

fn order(sum: u32) -> Order {
    Order {
        sum,
        ..Order::default()
    }
}

fn named<'a>(run: &'a Run<Order>, name: &str) -> &'a Interrupt {
    let mut asked = run.interrupts().iter();
    asked.find(|asked| asked.name == name).unwrap()
}

/// A store in memory with a clock that a test moves.
fn on_a_clock() -> (Arc<dyn Store>, impl Fn(u64)) {
    let seconds = Arc::new(AtomicU64::new(1_000));
    let read = Arc::clone(&seconds);
    let clock = move || SystemTime::UNIX_EPOCH + Duration::from_secs(read.load(Ordering::Relaxed));
    let pass = move |time| {
        seconds.fetch_add(time, Ordering::Relaxed);
    };
    (Arc::new(MemoryStore::with_clock(clock)), pass)
}

#[tokio::test]
async fn one_question_is_answered_by_another_process_with_the_right_type_and_once() {
    for Place { store, .. } in &stores() {
        let desk = Desk::default();
        let run = engine(&desk, store).run("one", order(45)).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        let [asked] = run.interrupts() else {
            panic!("one question, not {:?}", run.interrupts());
        };
        assert_eq!(
            (asked.kind, &*asked.name),
            (InterruptKind::Question, "approve")
        );
        let question: Value = serde_json::from_str(asked.question.get()).unwrap();
        assert_eq!(question["pay"], 90);
        let [wait] = run.waits() else {
            panic!("one wait, not {:?}", run.waits());
        };
        assert_eq!((wait.kind, &*wait.name), (WaitKind::Question, "approve"));

        // In another process it is the same question, however often the run is resumed.
        let other = engine(&desk, store);
        assert_eq!(&other.get("one").await.unwrap().interrupts()[0], asked);
        assert_eq!(&other.resume("one").await.unwrap().interrupts()[0], asked);

        let refused = other
            .answer("one", &asked.id, json!({ "granted": 7 }))
            .await;
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("`$.granted`"), "{message}");
        let refused = other.answer("one", &asked.id, json!({})).await;
        assert!(
            matches!(refused, Err(Error::AnswerRefused { .. })),
            "{refused:?}"
        );
        let unknown = other.answer("one", "?", granted(true)).await;
        assert!(matches!(unknown, Err(Error::QuestionNotFound { .. })));
        let nobody = other
            .answer("one", &asked.id, granted(true))
            .by("deadline")
            .await;
        assert!(matches!(nobody, Err(Error::AnswerRefused { .. })));

        let answer = || other.answer("one", &asked.id, granted(true));
        answer().by("ada").await.unwrap();
        answer().await.unwrap(); // the same again
        let second = other.answer("one", &asked.id, granted(false)).await;
        assert!(matches!(second, Err(Error::AlreadyAnswered { .. })));
        let kept = store.questions("one").await.unwrap();
        assert_eq!(kept[0].answered_by.as_deref(), Some("ada"));
        let run = other.get("one").await.unwrap();
        assert!(run.wakes().is_some());
        assert!(run.interrupts().is_empty());

        let run = engine(&desk, store).resume("one").await.unwrap();
        assert_eq!(run.state().said, [format!("{:?}", granted(true))]);
        assert_eq!(desk.world.journal.take(), ["price"]);
        let second = other.answer("one", &asked.id, granted(false)).await;
        assert!(matches!(second, Err(Error::AlreadyAnswered { .. })));
        engine(&desk, store).replay("one").await.unwrap();
        assert_eq!(desk.world.journal.take(), [""; 0]);
    }
}

#[tokio::test]
async fn several_are_asked_at_once_and_answered_in_any_order() {
    for Place { store, .. } in &stores() {
        let desk = Desk::default();
        let run = engine(&desk, store).run("several", order(1)).await.unwrap();
        assert_eq!(run.interrupts().len(), 3);
        let engine = engine(&desk, store);
        let id = |name| named(&run, name).id.clone();
        engine.answer("several", &id("c"), "see").await.unwrap();
        let later = engine.resume("several").await.unwrap();
        assert_eq!(
            (later.status(), later.interrupts().len()),
            (Status::Interrupted, 2)
        );
        assert_eq!(named(&later, "a"), named(&run, "a"));

        let refused = engine.answer("several", &id("b"), -1).await;
        assert!(matches!(refused, Err(Error::AnswerRefused { .. })));
        engine.answer("several", &id("b"), 2).await.unwrap();
        engine.answer("several", &id("a"), true).await.unwrap();
        let run = engine.resume("several").await.unwrap();
        assert_eq!(run.state().said, ["true 2 see"]);
        engine.replay("several").await.unwrap();
    }
}

#[tokio::test]
async fn what_nobody_answers_in_time_has_its_default() {
    let (store, pass) = on_a_clock();
    let desk = Desk::default();
    let engine = engine(&desk, &store);
    let mut asked = Vec::new();
    for run in ["default", "none"] {
        let run = engine.run(run, order(1)).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        let one = run.interrupts()[0].clone();
        assert_eq!(
            one.deadline,
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(4_600))
        );
        assert_eq!(run.wakes(), one.deadline);
        assert_eq!(run.waits()[0].due, one.deadline);
        asked.push(one);
    }
    let default = asked[0].default.as_ref().unwrap().get();
    assert_eq!(default, r#"{"granted":true,"limit":null}"#);
    pass(3_600);
    for (asked, said) in asked
        .iter()
        .zip([format!("{:?}", granted(true)), "None".into()])
    {
        // Whether or not anybody has noticed.
        for _ in 0..2 {
            let late = match asked.run.as_str() {
                "none" => engine.answer("none", &asked.id, true).await,
                run => engine.answer(run, &asked.id, granted(false)).await,
            };
            assert!(
                matches!(late, Err(Error::QuestionExpired { .. })),
                "{late:?}"
            );
            let run = engine.resume(&asked.run).await.unwrap();
            assert_eq!(&run.state().said[0], &said);
        }
        engine.replay(&asked.run).await.unwrap();
        let kept = store.questions(&asked.run).await.unwrap();
        assert_eq!(kept[0].answered_by.as_deref(), Some("deadline"));
        assert_eq!(
            kept[0].answer.as_deref(),
            asked.default.as_ref().map(|json| json.get())
        );
    }
}

#[tokio::test]
async fn an_answer_in_time_counts_although_the_run_is_resumed_later() {
    let (store, pass) = on_a_clock();
    let desk = Desk::default();
    let engine = engine(&desk, &store);
    let run = engine.run("default", order(1)).await.unwrap();
    pass(3_599);
    let id = &run.interrupts()[0].id;
    engine.answer("default", id, granted(false)).await.unwrap();
    pass(10);
    let run = engine.resume("default").await.unwrap();
    assert_eq!(run.state().said, [format!("{:?}", granted(false))]);
    let late = engine.answer("default", id, granted(true)).await;
    assert!(
        matches!(late, Err(Error::AlreadyAnswered { .. })),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_question_without_any_time_is_asked_and_expires_at_once() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("at once", order(1)).await.unwrap();
        assert_eq!(
            (run.status(), &*run.state().said[0]),
            (Status::Completed, "false")
        );
        let kept = store.questions("at once").await.unwrap();
        assert!(kept[0].is_expired());
        engine.replay("at once").await.unwrap();
    }
}

#[tokio::test]
async fn a_changed_question_is_another_one_and_nobodys_answer_to_the_old_one_is_taken() {
    for is_answered in [false, true] {
        for Place { store, .. } in &stores() {
            let mut desk = Desk::default();
            let before = engine(&desk, store).run("changed", order(1)).await.unwrap();
            let old = before.interrupts()[0].clone();
            if is_answered {
                let answered = engine(&desk, store).answer("changed", &old.id, "yes").await;
                answered.unwrap();
            }
            desk.world.is_newer = true;
            let engine = engine(&desk, store);
            // A run whose waits are all open is not started for nothing.
            let correction = Order::update().sum(1);
            engine.update("changed", correction).await.unwrap();
            let run = engine.resume("changed").await.unwrap();
            let [new] = run.interrupts() else {
                panic!("one question, not {:?}", run.interrupts());
            };
            assert_eq!(new.question.get(), "\"really?\"");
            assert_ne!(new.id, old.id);
            let late = engine.answer("changed", &old.id, "no").await;
            assert!(
                matches!(late, Err(Error::QuestionNotFound { .. })),
                "{late:?}"
            );
            engine.answer("changed", &new.id, "really").await.unwrap();
            let run = engine.resume("changed").await.unwrap();
            assert_eq!(run.state().said, ["really"]);

            desk.world.is_newer = false;
            let before = Engine::builder(desk.clone())
                .store(Arc::clone(store))
                .build()
                .unwrap();
            let replayed = before.replay("changed").await;
            let message = replayed.unwrap_err().to_string();
            assert!(message.contains("question `approve`"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_correction_may_change_what_is_asked_and_not_what_was_answered() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("state", order(1)).await.unwrap();
        let old = run.interrupts()[0].clone();
        engine
            .update("state", Order::update().sum(2))
            .await
            .unwrap();
        let run = engine.resume("state").await.unwrap();
        let new = &run.interrupts()[0];
        assert_eq!((new.question.get(), new.id == old.id), ("2", false));
        // The same again: as before.
        engine
            .update("state", Order::update().sum(2))
            .await
            .unwrap();
        assert_eq!(engine.resume("state").await.unwrap().interrupts()[0], *new);
        engine.answer("state", &new.id, "yes").await.unwrap();
        let run = engine.resume("state").await.unwrap();
        assert_eq!(run.state().said, ["yes"]);
        engine.replay("state").await.unwrap();
    }
}

#[tokio::test]
async fn what_fits_the_schema_and_does_not_decode_is_asked_again() {
    let (store, pass) = on_a_clock();
    let engine = engine(&Desk::default(), &store);
    let run = engine.run("parity", order(1)).await.unwrap();
    let first = run.interrupts()[0].clone();
    assert_eq!(first.reason, None);
    pass(60);
    engine.answer("parity", &first.id, "seven").await.unwrap();
    let run = engine.resume("parity").await.unwrap();
    let again = &run.interrupts()[0];
    assert_ne!(again.id, first.id);
    assert_eq!(
        (&again.question.get(), again.deadline),
        (&first.question.get(), first.deadline)
    );
    let reason = again.reason.as_deref().unwrap();
    assert!(reason.contains("seven is neither even nor odd"), "{reason}");
    let late = engine.answer("parity", &first.id, "even").await;
    assert!(matches!(late, Err(Error::QuestionNotFound { .. })));
    engine.answer("parity", &again.id, "even").await.unwrap();
    assert_eq!(
        engine.resume("parity").await.unwrap().state().said,
        ["even"]
    );
}

#[tokio::test]
async fn a_question_is_withdrawn_when_its_task_goes_on_without_it() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("raced", order(1)).await.unwrap();
        let old = run.interrupts()[0].clone();
        engine.signal("raced", "enough", "enough").await.unwrap();
        let run = engine.resume("raced").await.unwrap();
        let [more] = run.interrupts() else {
            panic!("one question, not {:?}", run.interrupts());
        };
        assert_eq!(more.name, "more");
        let late = engine.answer("raced", &old.id, true).await;
        assert!(
            matches!(late, Err(Error::QuestionNotFound { .. })),
            "{late:?}"
        );
        engine.answer("raced", &more.id, true).await.unwrap();
        let run = engine.resume("raced").await.unwrap();
        assert_eq!(run.state().said, ["enough, true"]);
        engine.replay("raced").await.unwrap();
    }
}

#[tokio::test]
async fn a_name_is_asked_once() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("twice", order(1)).await.unwrap();
        engine
            .answer("twice", &run.interrupts()[0].id, true)
            .await
            .unwrap();
        let twice = engine.resume("twice").await;
        assert!(matches!(twice, Err(Error::AskedTwice { .. })), "{twice:?}");
        assert_eq!(engine.get("twice").await.unwrap().status(), Status::Failed);
    }
}

#[tokio::test]
async fn a_fork_asks_anew() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("other", order(1)).await.unwrap();
        let old = run.interrupts()[0].clone();
        engine.answer("other", &old.id, "yes").await.unwrap();
        engine.resume("other").await.unwrap();
        engine.fork("other", 0, "fork", |_| {}).await.unwrap();
        let fork = engine.resume("fork").await.unwrap();
        assert_eq!(fork.status(), Status::Interrupted);
        let new = fork.interrupts()[0].clone();
        assert_ne!(new.id, old.id);
        engine.answer("fork", &new.id, "no").await.unwrap();
        let fork = engine.resume("fork").await.unwrap();
        assert_eq!(fork.state().said, ["fork: no"]);
    }
}

#[tokio::test]
async fn an_answer_while_the_run_is_driven_is_taken_where_it_stands() {
    for by_another in [false, true] {
        for Place { store, .. } in &stores() {
            let desk = Desk::default();
            let driver = engine(&desk, store);
            let drives = driver.run("driven", order(1));
            let other = engine(&desk, store);
            let answers = async {
                let asked = loop {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    match other.get("driven").await {
                        Ok(run) if !run.interrupts().is_empty() => break run,
                        Ok(_) | Err(Error::RunNotFound { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                };
                assert_eq!(asked.status(), Status::Running);
                let id = &asked.interrupts()[0].id;
                let who = if by_another { &other } else { &driver };
                who.answer("driven", id, "yes").await.unwrap();
            };
            let (run, ()) = tokio::join!(drives, answers);
            assert_eq!(run.unwrap().state().said, ["yes 1"]);
            other.replay("driven").await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_answer_is_on_record_once_its_task_has_got_it() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("other", order(1)).await.unwrap();
        let recorded = async || {
            let records = store.all_effects("other", 0, 9).await.unwrap();
            let of_question = |kind: (EffectClass, _)| kind.0 == EffectClass::Question;
            let mut kinds = records.iter().map(|record| (record.class, record.kind));
            kinds.find(|kind| of_question(*kind))
        };
        let id = &run.interrupts()[0].id;
        engine.answer("other", id, "yes").await.unwrap();
        assert_eq!(recorded().await, None);
        engine.resume("other").await.unwrap();
        let answer = Some((EffectClass::Question, EffectKind::Done));
        assert_eq!(recorded().await, answer);
    }
}

#[tokio::test]
async fn a_run_that_has_ended_takes_no_answer() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("other", order(1)).await.unwrap();
        let id = run.interrupts()[0].id.clone();
        engine.answer("other", &id, "yes").await.unwrap();
        engine.resume("other").await.unwrap();
        engine.answer("other", &id, "yes").await.unwrap();
        let other = engine.answer("other", &id, "no").await;
        assert!(matches!(other, Err(Error::AlreadyAnswered { .. })));
    }
}

#[tokio::test]
async fn a_question_is_json_for_whoever_shows_it() {
    let (store, _) = on_a_clock();
    let engine = engine(&Desk::default(), &store);
    let run = engine.run("default", order(1)).await.unwrap();
    let shown = serde_json::to_value(&run.interrupts()[0]).unwrap();
    let keys: Vec<&str> = shown
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let all = "id kind run name node question schema asked deadline default";
    assert_eq!(keys, all.split(' ').collect::<Vec<_>>());
    assert_eq!(shown["kind"], "question");
    assert_eq!(shown["schema"]["required"], json!(["granted"]));
    assert_eq!(shown["deadline"], "1970-01-01T01:16:40.000Z");
}

#[tokio::test]
async fn an_answer_on_record_makes_its_step_open_and_an_open_question_does_not() {
    for Place { store, .. } in &stores() {
        let engine = engine(&Desk::default(), store);
        let run = engine.run("several", order(1)).await.unwrap();
        let id = |name| named(&run, name).id.clone();
        let correct = || engine.update("several", Order::update().sum(2));
        correct().await.unwrap();
        engine.answer("several", &id("a"), true).await.unwrap();
        correct().await.unwrap();
        engine.resume("several").await.unwrap();
        let open = correct().await;
        assert!(matches!(open, Err(Error::StepOpen { .. })), "{open:?}");
        engine.answer("several", &id("b"), 2).await.unwrap();
        engine.answer("several", &id("c"), "c").await.unwrap();
        let run = engine.resume("several").await.unwrap();
        assert_eq!(run.state().said, ["true 2 c"]);
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn an_altered_answer_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = || superstep_tests::sqlite_at(&path);
    {
        let engine = engine(&Desk::default(), &store());
        let run = engine.run("other", order(1)).await.unwrap();
        let id = &run.interrupts()[0].id;
        engine.answer("other", id, "yes").await.unwrap();
        engine.resume("other").await.unwrap();
        engine.replay("other").await.unwrap();
    }
    let alter = r#"UPDATE effects SET response = '"no"' WHERE class = 'question'"#;
    let conn = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(conn.execute(alter, []).unwrap(), 1);
    drop(conn);
    let replayed = engine(&Desk::default(), &store()).replay("other").await;
    assert!(
        matches!(replayed, Err(Error::Corrupt { .. })),
        "{replayed:?}"
    );
}

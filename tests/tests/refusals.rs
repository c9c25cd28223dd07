//! A clear no is an answer: the call is not made again, the node is not retried, and its
//! error row takes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::EffectKind;
use superstep::testing::crash_everywhere;
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    receipt: String,
    note: String,
    kind: FailureKind,
}

/// What the bank says, and how often it was asked.
#[derive(Clone)]
struct Bank {
    says: fn() -> Result<String, NodeError>,
    asked: Arc<AtomicU32>,
}

impl Bank {
    fn that(says: fn() -> Result<String, NodeError>) -> Self {
        let asked = Arc::default();
        Self { says, asked }
    }

    fn charge(&self) -> Result<String, NodeError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        (self.says)()
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

fn declines() -> Result<String, NodeError> {
    Err(NodeError::refused("the card was declined"))
}

#[node(retry(attempts = 5, base = "1ms"))]
async fn charge(_: &Order, bank: &Bank, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let receipt = cx.effect("charge", &5).at_most_once();
    let receipt = receipt.run(|| async { bank.charge() }).await?;
    Ok(Order::update().receipt(receipt))
}

/// The same, not at most once.
#[node(retry(attempts = 5, base = "1ms"))]
async fn book(_: &Order, bank: &Bank, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let receipt = cx.effect("book", &5).run(|| async { bank.charge() });
    Ok(Order::update().receipt(receipt.await?))
}

/// Treats no as an error that may pass.
#[node(retry(attempts = 3, base = "1ms"))]
async fn insist(_: &Order, bank: &Bank, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let receipt = cx.effect("charge", &5).at_most_once();
    let receipt = receipt.run(|| async { bank.charge() }).await;
    let receipt = receipt.map_err(|error| NodeError::transient(error.to_string()))?;
    Ok(Order::update().receipt(receipt))
}

#[node]
fn declined(_: &Order, failure: Failure) -> OrderUpdate {
    let note = format!("{} ({})", failure.message, failure.attempts);
    Order::update().note(note).kind(failure.kind)
}

#[rustfmt::skip]
macro_rules! shop {
    ($shop:ident: $charge:ident) => {
        #[graph(
            state = Order,
            start -> $charge -> end,
            $charge on error -> declined,
            declined -> end,
        )]
        struct $shop {
            bank: Bank,
        }
    };
}

shop!(Charges: charge);
shop!(Books: book);
shop!(Insists: insist);

#[graph(state = Order, start -> charge -> end)]
struct Stubborn {
    bank: Bank,
}

fn right(run: &Run<Order>, kind: FailureKind, note: &str) {
    let right = Order {
        receipt: String::new(),
        note: note.into(),
        kind,
    };
    assert_eq!((run.status(), run.state()), (Status::Completed, &right));
}

#[tokio::test]
async fn it_takes_the_error_row_at_once() {
    for place in stores() {
        let bank = Bank::that(declines);
        let engine = Engine::builder(Charges { bank: bank.clone() });
        let engine = engine.store(place.store.clone()).build().unwrap();
        let run = engine.run("order", Order::default()).await.unwrap();
        right(&run, FailureKind::Refused, "the card was declined (1)");
        assert_eq!(bank.asked(), 1);
        let replayed = engine.replay("order").await.unwrap();
        assert_eq!(replayed.state(), run.state());
        assert_eq!(bank.asked(), 1);
    }
}

#[tokio::test]
async fn of_a_call_that_may_be_repeated_too() {
    for place in stores() {
        let bank = Bank::that(declines);
        let engine = Engine::builder(Books { bank: bank.clone() });
        let engine = engine.store(place.store.clone()).build().unwrap();
        let run = engine.run("order", Order::default()).await.unwrap();
        right(&run, FailureKind::Refused, "the card was declined (1)");
        assert_eq!(bank.asked(), 1);
    }
}

#[tokio::test]
async fn nobody_is_asked_again_who_has_said_no() {
    for place in stores() {
        let bank = Bank::that(declines);
        let engine = Engine::builder(Insists { bank: bank.clone() });
        let engine = engine.store(place.store.clone()).build().unwrap();
        let run = engine.run("order", Order::default()).await.unwrap();
        right(&run, FailureKind::Error, "the card was declined (3)");
        assert_eq!(bank.asked(), 1);
        let effects = superstep_tests::effects(&place, "order").await;
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].kind, EffectKind::Failed);
        assert_eq!(*engine.replay("order").await.unwrap().state(), *run.state());
    }
}

#[tokio::test]
async fn without_an_error_row_the_run_fails_and_the_no_stands() {
    for place in stores() {
        let bank = Bank::that(declines);
        let engine = Engine::builder(Stubborn { bank: bank.clone() });
        let engine = engine.store(place.store.clone()).build().unwrap();
        for call in 0..3 {
            let failed = match call {
                0 => engine.run("order", Order::default()).await,
                _ => engine.resume("order").await,
            };
            let failed = failed.unwrap_err();
            assert!(matches!(failed, Error::NodeRefused { .. }), "{failed}");
            let said = "was refused: the card was declined; a refusal stands";
            assert!(failed.to_string().contains(said), "{failed}");
            // What a service can tell a customer.
            let stored = engine.get("order").await.unwrap();
            let error = stored.error().unwrap();
            assert_eq!(error.code, "node_refused");
            assert_eq!(error.cause.as_deref(), Some("the card was declined"));
        }
        assert_eq!(bank.asked(), 1);
    }
}

#[tokio::test]
async fn as_an_answer_it_leads_where_the_call_would_have_led() {
    for place in stores() {
        let bank = Bank::that(|| Err(NodeError::transient("the line went dead")));
        let engine = Engine::builder(Charges { bank: bank.clone() });
        let engine = engine.store(place.store.clone()).build().unwrap();
        let run = engine.run("order", Order::default()).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        let question = run.interrupts()[0].id.clone();
        // What a service would show, with the question as JSON and not as text.
        let shown = serde_json::to_value(&run).unwrap();
        assert_eq!(shown["interrupts"][0]["question"]["effect"], "charge");
        let refused = Outcome::refused("the card was declined");
        engine.answer("order", &question, refused).await.unwrap();
        let run = engine.resume("order").await.unwrap();
        right(&run, FailureKind::Refused, "the card was declined (1)");
        assert_eq!(bank.asked(), 1);
        let replayed = engine.replay("order").await.unwrap();
        assert_eq!(replayed.state(), run.state());
    }
}

#[tokio::test]
async fn wherever_the_process_dies() {
    let bank = Bank::that(declines);
    let engine = |store| {
        let engine = Engine::builder(Charges { bank: bank.clone() });
        engine.store(store).build().unwrap()
    };
    let report = crash_everywhere(engine, Order::default).await.unwrap();
    assert_eq!((report.status, report.steps), (Status::Completed, 2));
    assert_eq!(bank.asked(), 1);
}

#[derive(Clone, Copy)]
struct Way(&'static str);

#[node(timeout = "20ms")]
async fn fails(_: &Order, way: &Way) -> Result<(), NodeError> {
    match way.0 {
        "error" => Err(NodeError::permanent("it is broken")),
        "refused" => Err(NodeError::refused("it will not")),
        "timeout" => {
            std::future::pending::<()>().await;
            Ok(())
        }
        _ => panic!("it fell over"),
    }
}

#[graph(state = Order, start -> fails -> end, fails on error -> declined, declined -> end)]
struct Fails {
    way: Way,
}

/// Whatever made a node fail, its error row is told.
#[tokio::test]
async fn a_failure_says_how() {
    let ways = [
        ("error", FailureKind::Error),
        ("refused", FailureKind::Refused),
        ("timeout", FailureKind::Timeout),
        ("panic", FailureKind::Panic),
    ];
    for (way, kind) in ways {
        for place in stores() {
            let engine = Engine::builder(Fails { way: Way(way) });
            let engine = engine.store(place.store.clone()).build().unwrap();
            let run = engine.run("order", Order::default()).await.unwrap();
            assert_eq!(run.state().kind, kind);
            let replayed = engine.replay("order").await.unwrap();
            assert_eq!(replayed.state(), run.state());
        }
    }
}

/// A record from before failures said how reads as one of an error, and is written as it was.
#[test]
fn an_older_record_reads_as_an_error() {
    let old = r#"{"node":"charge","attempts":2,"message":"no"}"#;
    let failure: Failure = serde_json::from_str(old).unwrap();
    assert_eq!(failure.kind, FailureKind::Error);
    assert_eq!(serde_json::to_string(&failure).unwrap(), old);
}

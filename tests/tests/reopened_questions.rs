//! What somebody gives as the response of a call counts only if the node can read it: if not, the
//! question is asked again under a new id, and says what was wrong and what is expected. The
//! call is not made because of that.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use superstep::Interrupt;
use superstep::prelude::*;
use superstep::store::{EffectKind, StoreExt};
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    cents: u64,
    receipt: String,
}

/// What the bank returns.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Receipt {
    number: String,
    cents: u64,
}

const RECEIPT: &str = "reopened_questions::Receipt";

/// Counts its calls; the first one never comes back, or its line goes dead.
#[derive(Clone, Default)]
struct Bank {
    calls: Arc<AtomicU32>,
    hangs: bool,
}

impl Bank {
    async fn charge(&self, cents: u64) -> Result<Receipt, std::io::Error> {
        match self.calls.fetch_add(1, Ordering::SeqCst) {
            0 if self.hangs => pending().await,
            0 => Err(std::io::Error::other("the line went dead")),
            call => Ok(Receipt {
                number: format!("call {}", call + 1),
                cents,
            }),
        }
    }
}

#[node(timeout = "50ms")]
async fn charge(order: &Order, bank: &Bank, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let charge = cx.effect("charge", &order.cents).at_most_once();
    let receipt = charge.run(|| bank.charge(order.cents)).await?;
    Ok(Order::update().receipt(receipt.number))
}

#[graph(state = Order, start -> charge -> end)]
struct Shop {
    bank: Bank,
}

fn order() -> Order {
    Order {
        cents: 42,
        ..Default::default()
    }
}

/// The only question, and what it says.
fn asked(run: &Run<Order>) -> (Interrupt, Value) {
    assert_eq!(run.status(), Status::Interrupted);
    let [asked] = run.interrupts() else {
        panic!("{:?}", run.interrupts())
    };
    let said = serde_json::from_str(asked.question.get()).unwrap();
    (asked.clone(), said)
}

#[tokio::test]
async fn an_answer_that_does_not_decode_is_asked_for_again() {
    for place in stores() {
        let bank = Bank::default();
        // Every call comes from another process.
        let engine = || {
            let builder = Engine::builder(Shop { bank: bank.clone() });
            builder.store(place.store.clone()).build().unwrap()
        };
        let run = engine().run("order", order()).await.unwrap();
        let (mut last, said) = asked(&run);
        let first = json!({
            "effect": "charge", "request": "42", "reason": "the line went dead", "expects": RECEIPT,
        });
        assert_eq!(said, first);

        let wrong = [
            (json!("paid"), r#""paid""#, "expected struct Receipt"),
            (
                json!({"number": "7"}),
                r#"{"number":"7"}"#,
                "missing field `cents`",
            ),
        ];
        for (answer, shown, why) in wrong {
            let engine = engine();
            let outcome = Outcome::Happened(answer);
            engine.answer("order", &last.id, outcome).await.unwrap();
            let run = engine.resume("order").await.unwrap();
            let (again, said) = asked(&run);
            assert_ne!(again.id, last.id);
            assert_eq!(said["expects"], RECEIPT);
            let reason = said["reason"].as_str().unwrap();
            let begins = format!("the last answer does not decode: {shown} is not a `{RECEIPT}`: ");
            assert!(
                reason.starts_with(&begins) && reason.contains(why),
                "{reason}"
            );
            // The old one is closed, and the new one stays until it is answered.
            let old = engine.answer("order", &last.id, Outcome::did_not_happen());
            let old = old.await;
            assert!(matches!(old, Err(Error::AlreadyAnswered { .. })), "{old:?}");
            assert_eq!(asked(&engine.resume("order").await.unwrap()).0, again);
            assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0]);
            last = again;
        }
        let right = Outcome::Happened(Receipt {
            number: "7".into(),
            cents: 42,
        });
        let engine = engine();
        engine.answer("order", &last.id, right).await.unwrap();
        let run = engine.resume("order").await.unwrap();
        assert_eq!(
            (run.status(), run.state().receipt.as_str()),
            (Status::Completed, "7")
        );
        assert_eq!(bank.calls.load(Ordering::SeqCst), 1, "nobody called again");
        let effects = place.store.all_effects("order", 0, 9).await.unwrap();
        let kinds: Vec<_> = effects.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [EffectKind::Answered]);
        let replayed = engine.replay("order").await.unwrap();
        assert_eq!(replayed.fingerprint(), run.fingerprint());
    }
}

/// A timeout is seen from outside the node, and a long answer is cut.
#[tokio::test]
async fn whoever_asks_says_what_is_expected() {
    for place in stores() {
        let bank = Bank {
            hangs: true,
            ..Bank::default()
        };
        let engine = Engine::builder(Shop { bank: bank.clone() }).store(place.store.clone());
        let engine = engine.build().unwrap();
        let (first, said) = asked(&engine.run("order", order()).await.unwrap());
        assert_eq!(said["expects"], RECEIPT);
        assert!(
            said["reason"].as_str().unwrap().contains("longer than"),
            "{said}"
        );

        let long = Outcome::Happened("é".repeat(10_000));
        engine.answer("order", &first.id, long).await.unwrap();
        let (second, said) = asked(&engine.resume("order").await.unwrap());
        assert!(said["reason"].as_str().unwrap().len() < 1_000, "{said}");

        // All three answers are open as before.
        let id = &second.id;
        engine
            .answer("order", id, Outcome::did_not_happen())
            .await
            .unwrap();
        let run = engine.resume("order").await.unwrap();
        assert_eq!(run.state().receipt, "call 2");
    }
}

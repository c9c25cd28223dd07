//! What people look at is JSON that a browser can show: times are RFC 3339 in UTC with
//! milliseconds, kinds and statuses snake-case words, what is stored as JSON is JSON to the
//! last digit, and keys without a value are absent.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json, to_value};
use superstep::prelude::*;
use superstep::store::{Claim, EffectKind, Prune, StepKind, StoreExt};
use superstep::testing::replay_all;
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    paid: u128,
    note: String,
}

/// More than any number of JavaScript, or a `u64`, holds.
const MUCH: u128 = u128::MAX - 1;

#[derive(Route)]
enum Next {
    Ship(Vec<u32>),
}

#[node]
async fn pay(order: &Order, cx: &Cx) -> Result<(OrderUpdate, Next), NodeError> {
    let pay = cx
        .effect("pay", &"pay")
        .run(|| async { superstep::ok(MUCH) });
    let paid = pay.await?;
    match order.note.as_str() {
        "fails" => Err(NodeError::permanent("no such account")),
        _ => Ok((Order::update().paid(paid), Next::Ship(vec![1, 2, 3]))),
    }
}

#[node]
fn ship(_: &Order, item: u32) -> Result<(), NodeError> {
    match item {
        1 => Err(NodeError::refused("sold out")),
        _ => Ok(()),
    }
}

#[node]
async fn order_anew(_: &Order, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let order = cx.effect("order", "one").at_most_once();
    let ordered = order.run(|| async { Err::<String, _>(NodeError::transient("no line")) });
    Ok(Order::update().note(ordered.await?))
}

#[graph(
    state = Order,
    start -> pay,
    pay -> match { Next::Ship(items) => each ship(items) else end },
    ship -> end,
    ship on error -> order_anew,
    order_anew -> end,
)]
struct Shop;

/// Whether it is such a time as `2026-11-30T16:05:51.250Z`, and a little while ago.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    let digits = text.replace(|c: char| c.is_ascii_digit(), "0");
    digits == "0000-00-00T00:00:00.000Z" && text > "2026" && text < "2100"
}

/// The keys of an object, in any order.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn a_run_and_its_history() {
    for place in stores() {
        let engine = Engine::builder(Shop)
            .store(place.store.clone())
            .build()
            .unwrap();
        let run = engine.run("order", Order::default()).await.unwrap();
        let shown = to_value(&run).unwrap();
        assert_eq!(
            keys(&shown),
            [
                "fingerprint",
                "id",
                "interrupts",
                "state",
                "status",
                "steps",
                "turn",
                "waits"
            ]
        );
        assert_eq!(
            (&shown["status"], &shown["steps"]),
            (&json!("interrupted"), &json!(2))
        );
        let asked = &shown["interrupts"][0];
        assert_eq!(
            keys(asked),
            ["asked", "id", "kind", "name", "node", "question", "run"]
        );
        assert_eq!(
            (&asked["kind"], &asked["run"]),
            (&json!("outcome"), &json!("order"))
        );
        let question = json!({
            "effect": "order", "request": r#""one""#, "reason": "no line", "expects": "alloc::string::String",
        });
        assert_eq!(asked["question"], question);

        let id = &run.interrupts()[0].id;
        let answer = Outcome::Happened("ordered".to_owned());
        engine.answer("order", id, answer).await.unwrap();
        let run = engine.resume("order").await.unwrap();
        assert_eq!(
            keys(&to_value(&run).unwrap()),
            ["fingerprint", "id", "state", "status", "steps", "turn"]
        );

        let history = engine.history("order").await.unwrap();
        let shown = to_value(&history).unwrap();
        for step in shown.as_array().unwrap() {
            assert_eq!(
                keys(step),
                [
                    "chain",
                    "committed",
                    "digest",
                    "kind",
                    "step",
                    "tasks",
                    "turn"
                ]
            );
            assert!(is_time(&step["committed"]), "{step}");
        }
        assert_eq!(shown[0]["kind"], "input");
        assert_eq!(shown[0]["tasks"], json!([]));
        let text = serde_json::to_string(&history[1].tasks).unwrap();
        let paid = format!(
            r#"[{{"node":"pay","update":{{"paid":{MUCH}}},"to":[{{"node":"ship","tasks":3}}]}}]"#
        );
        assert_eq!(text, paid, "to the last digit");
        let refused =
            json!({"node": "ship", "attempts": 1, "message": "sold out", "kind": "refused"});
        let ship = &shown[2]["tasks"];
        for (key, part) in refused.as_object().unwrap() {
            assert_eq!(&ship[0]["failed"][key], part, "{ship}");
        }
        assert_eq!(ship[1], json!({"node": "ship"}));
    }
}

#[tokio::test]
async fn what_a_failed_turn_left() {
    for place in stores() {
        let engine = Engine::builder(Shop)
            .store(place.store.clone())
            .build()
            .unwrap();
        let fails = Order {
            note: "fails".into(),
            ..Default::default()
        };
        let failed = engine.run("order", fails).await.unwrap_err();
        let parts = json!({
            "code": "node_failed", "message": failed.to_string(),
            "run": "order", "step": 1, "node": "pay", "transient": false,
            "cause": "no such account",
        });
        assert_eq!(to_value(&failed).unwrap(), parts);
        let unknown = engine.get("nowhere").await.unwrap_err();
        assert_eq!(
            keys(&to_value(&unknown).unwrap()),
            ["code", "message", "run", "transient"]
        );

        let head = place.store.head("order").await.unwrap().unwrap();
        let shown = to_value(&head).unwrap();
        let always = [
            "chain",
            "counted_from",
            "created",
            "error",
            "fingerprint",
            "graph",
            "pruned",
            "run",
            "seed",
            "status",
            "step",
            "turn",
            "turn_step",
            "updated",
            "version",
        ];
        assert_eq!(keys(&shown), always);
        assert_eq!(shown["error"]["code"], "node_failed");
        assert!(
            is_time(&shown["created"]) && is_time(&shown["updated"]),
            "{shown}"
        );
        let claim = Claim::new("somebody", Duration::from_secs(30));
        let lease = place.store.acquire("order", claim).await.unwrap();
        place.store.release("order", lease.epoch).await.unwrap();
        assert_eq!(
            keys(&to_value(&lease).unwrap()),
            ["epoch", "expires", "owner"]
        );
        assert!(is_time(&to_value(&lease).unwrap()["expires"]));

        let again = Order::update().note("again");
        engine.turn("order", again).await.unwrap();
        let history = engine.history("order").await.unwrap();
        let text = serde_json::to_string(&history[1]).unwrap();
        assert!(text.contains(&format!(r#""response":{MUCH}"#)), "{text}");
        let dropped = &to_value(&history[1]).unwrap()["dropped"][0];
        assert_eq!(
            (&dropped["kind"], &dropped["name"]),
            (&json!("done"), &json!("pay"))
        );
        assert!(
            is_time(&dropped["recorded"]) && dropped.get("error").is_none(),
            "{dropped}"
        );
    }
}

#[tokio::test]
async fn labels_forks_and_reports() {
    for place in stores() {
        let engine = Engine::builder(Shop)
            .store(place.store.clone())
            .build()
            .unwrap();
        engine.run("order", Order::default()).await.unwrap();
        engine.label("order", 1, "paid").await.unwrap();
        let labels = engine.labels("order").await.unwrap();
        assert_eq!(to_value(labels).unwrap(), json!([["paid", 1]]));
        engine.fork("order", "paid", "fork", |_| {}).await.unwrap();
        let fork = place.store.head("fork").await.unwrap().unwrap();
        let origin = json!({"run": "order", "step": 1});
        assert_eq!(to_value(&fork).unwrap()["origin"], origin);

        let report = replay_all(Shop, &*place.store).await.unwrap();
        assert_eq!(
            to_value(&report).unwrap(),
            json!({"runs": 2, "ended": 0, "broken": [], "refused": []})
        );
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!(keys(&to_value(pruned).unwrap()), ["runs", "steps"]);
        let effects = place.store.all_effects("order", 0, 9).await.unwrap();
        assert!(!effects.is_empty());
        assert!(effects.iter().all(|record| to_value(record).is_ok()));
    }
}

#[test]
fn kinds_are_the_words_in_which_they_are_stored() {
    for kind in [StepKind::Input, StepKind::Turn, StepKind::Fork] {
        assert_eq!(to_value(kind).unwrap(), kind.as_str());
    }
    for kind in [EffectKind::Done, EffectKind::Intent, EffectKind::Answered] {
        assert_eq!(to_value(kind).unwrap(), kind.as_str());
    }
}

#[tokio::test]
async fn an_error_tells_its_cause_once() {
    let engine = Engine::builder(Shop).build().unwrap();
    let fails = Order {
        note: "fails".into(),
        ..Default::default()
    };
    let error = engine.run("order", fails).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("run `order`, step 1, node `pay`: failed"),
        "{said}"
    );
    assert_eq!(said.matches("no such account").count(), 1, "{said}");
    // What reports print that walk the sources.
    assert!(
        std::error::Error::source(&error).is_none(),
        "the message has said it"
    );
    // The error itself is there all the same.
    let Error::NodeFailed { source, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(source.to_string(), "no such account");
}

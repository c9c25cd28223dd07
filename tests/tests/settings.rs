//! Settings: nonsense is named by `build()`, the same ones can be read with
//! serde, extreme ones are safe.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Moment, well};
use tokio::sync::Notify;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    #[reduce(sum)]
    total: u64,
}

#[node]
async fn add(_: &Sum, number: u64) -> SumUpdate {
    tokio::task::yield_now().await;
    Sum::update().total(number)
}

#[graph(state = Sum, start -> each add(0..10) else end, add -> end)]
struct Summing;

fn refused(builder: superstep::EngineBuilder<Summing>) -> (&'static str, String) {
    match builder.build() {
        Err(Error::InvalidOption {
            option,
            value,
            reason,
        }) => {
            let error = Error::InvalidOption {
                option,
                value: value.clone(),
                reason,
            };
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("option `{option}`: cannot be {value}; "))
            );
            (option, value)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn nonsensical_values_are_named_by_build() {
    let builder = || Engine::builder(Summing);
    let zero = Duration::ZERO;
    let cases = [
        (
            refused(builder().max_concurrency(0)),
            "max_concurrency",
            "0",
        ),
        (refused(builder().max_per_node(0)), "max_per_node", "0"),
        (refused(builder().queue_depth(0)), "queue_depth", "0"),
        (
            refused(builder().backpressure_timeout(zero)),
            "backpressure_timeout",
            "0s",
        ),
        (
            refused(builder().default_timeout(zero)),
            "default_timeout",
            "0s",
        ),
        (refused(builder().run_budget(zero)), "run_budget", "0s"),
        (refused(builder().max_steps(0)), "max_steps", "0"),
        (refused(builder().snapshot_every(0)), "snapshot_every", "0"),
        (refused(builder().lease(zero)), "lease", "0ns"),
        (
            refused(builder().lease(Duration::from_millis(999))),
            "lease",
            "999ms",
        ),
    ];
    for ((option, value), expected, shown) in cases {
        assert_eq!((option, value.as_str()), (expected, shown));
    }
    let options = Options {
        max_concurrency: Some(0),
        ..Options::default()
    };
    assert_eq!(refused(builder().options(options)).0, "max_concurrency");
}

#[test]
fn later_calls_win() {
    let options = || Options {
        max_concurrency: Some(0),
        ..Options::default()
    };
    let builder = Engine::builder(Summing)
        .options(options())
        .max_concurrency(2);
    assert!(builder.build().is_ok());
    let builder = Engine::builder(Summing)
        .max_concurrency(2)
        .options(options());
    assert!(builder.build().is_err());
    // What an `Options` leaves out stays as it was.
    let builder = Engine::builder(Summing)
        .max_concurrency(0)
        .options(Options::default());
    assert!(builder.build().is_err());
}

#[test]
fn options_are_read_with_serde() {
    let text = r#"{
        "max_concurrency": 3, "max_per_node": 2, "queue_depth": 4, "backpressure_timeout": "1m", "default_timeout": "250ms", "run_budget": "2m",
        "max_steps": 50, "conflict": "last_writer_wins", "lease": "1h", "snapshot_every": 10,
        "store_timeout": "20s", "check_round_trip": true, "pause_before": ["add"], "pause_after": [],
        "max_signals": 5
    }"#;
    let options: Options = serde_json::from_str(text).unwrap();
    let expected = Options {
        max_concurrency: Some(3),
        max_per_node: Some(2),
        queue_depth: Some(4),
        backpressure_timeout: Some(Duration::from_secs(60)),
        default_timeout: Some(Duration::from_millis(250)),
        run_budget: Some(Duration::from_secs(120)),
        max_steps: Some(50),
        conflict: Some(ConflictPolicy::LastWriterWins),
        lease: Some(Duration::from_secs(3_600)),
        store_timeout: Some(Duration::from_secs(20)),
        snapshot_every: Some(10),
        check_round_trip: Some(true),
        pause_before: Some(vec!["add".into()]),
        pause_after: Some(Vec::new()),
        max_signals: Some(5),
    };
    assert_eq!(options, expected);
    let again: Options = serde_json::from_str(&serde_json::to_string(&options).unwrap()).unwrap();
    assert_eq!(again, options);
    assert_eq!(
        serde_json::from_str::<Options>("{}").unwrap(),
        Options::default()
    );

    let error = serde_json::from_str::<Options>(r#"{"max_concurency": 3}"#).unwrap_err();
    assert!(error.to_string().contains("max_concurency"), "{error}");
    for bad in ["5", "5 s", "s", "-1s", "99999999999999999999s", ""] {
        let text = format!(r#"{{"lease": "{bad}"}}"#);
        let error = serde_json::from_str::<Options>(&text).unwrap_err();
        assert!(
            error.to_string().contains("is not a duration; write e.g."),
            "{error}"
        );
    }
}

#[tokio::test]
async fn extreme_settings_are_safe() {
    let largest = Options {
        max_concurrency: Some(usize::MAX),
        max_per_node: Some(usize::MAX),
        queue_depth: Some(usize::MAX),
        backpressure_timeout: Some(Duration::MAX),
        default_timeout: Some(Duration::MAX),
        run_budget: Some(Duration::MAX),
        max_steps: Some(u64::MAX),
        lease: Some(Duration::MAX),
        snapshot_every: Some(u64::MAX),
        ..Options::default()
    };
    let smallest = Options {
        max_concurrency: Some(1),
        max_per_node: Some(1),
        queue_depth: Some(1),
        max_steps: Some(1),
        lease: Some(Duration::from_secs(1)),
        snapshot_every: Some(1),
        ..Options::default()
    };
    for options in [largest, smallest] {
        for place in superstep_tests::stores() {
            let engine = Engine::builder(Summing)
                .options(options.clone())
                .store(place.store.clone())
                .build()
                .unwrap();
            let run = engine.run("run", Sum::default()).await.unwrap();
            assert_eq!(run.state().total, 45);
            let run = engine.turn("run", Sum::update().total(5)).await.unwrap();
            assert_eq!(run.state().total, 95);
        }
    }
    let engine = Engine::builder(Summing)
        .default_timeout(Duration::from_nanos(1))
        .run_budget(Duration::from_nanos(1))
        .build()
        .unwrap();
    let error = engine.run("run", Sum::default()).await.unwrap_err();
    assert!(matches!(error, Error::BudgetExceeded { .. }), "{error}");
}

/// Whoever comes while the lease is being taken is told when it lapses at the latest.
#[tokio::test]
async fn a_lease_without_end_is_told_to_others() {
    for place in superstep_tests::stores() {
        let driving = Arc::new(Notify::new());
        let (told, commits) = (Arc::clone(&driving), AtomicU32::new(0));
        let store = place.hooked(move |moment, call| {
            let is_commit = (moment, call) == (Moment::Before, "commit");
            // After the input, under the lease.
            if !is_commit || commits.fetch_add(1, Ordering::SeqCst) == 0 {
                return well();
            }
            told.notify_one();
            Box::pin(pending())
        });
        let engine = Engine::builder(Summing)
            .lease(Duration::MAX)
            .store(store)
            .build()
            .unwrap();
        let run = tokio::spawn(engine.run("run", Sum::default()).into_future());
        driving.notified().await;
        let error = engine.update("run", Sum::update()).await.unwrap_err();
        assert!(matches!(error, Error::LeaseHeld { .. }), "{error}");
        run.abort();
    }
}

#[tokio::test]
async fn without_a_store_nothing_is_kept_and_everything_says_so() {
    let engine = Engine::builder(Summing).no_store().build().unwrap();
    for _ in 0..3 {
        let run = engine.run("run", Sum::default()).await.unwrap();
        assert_eq!((run.state().total, run.fingerprint()), (45, None));
    }
    let errors = [
        ("resume", engine.resume("run").await.unwrap_err()),
        ("get", engine.get("run").await.unwrap_err()),
        ("turn", engine.turn("run", Sum::update()).await.unwrap_err()),
        (
            "update",
            engine.update("run", Sum::update()).await.unwrap_err(),
        ),
        ("history", engine.history("run").await.unwrap_err()),
        ("state_at", engine.state_at("run", 0).await.unwrap_err()),
    ];
    for (called, error) in errors {
        let Error::NoStore { call } = &error else {
            panic!("{error}")
        };
        assert_eq!(*call, called);
        assert!(
            error.to_string().contains("without `.no_store()`"),
            "{error}"
        );
    }
}

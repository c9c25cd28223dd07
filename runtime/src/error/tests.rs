use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::store::{CallOutcome, EffectClass};

/// One of every variant.
fn every() -> Vec<Error> {
    let run = || "r".to_owned();
    let (step, node) = (2, "pay");
    let message = || "what happened".to_owned();
    let text = || "what happened".into();
    let reason = "it is empty; give it a name";
    vec![
        Error::NodeFailed {
            run: run(),
            step,
            node,
            attempts: 3,
            item: Some(1),
            input: Some("7".into()),
            further: 2,
            source: Arc::new(Outer(Inner)),
        },
        Error::NodeRefused {
            run: run(),
            step,
            node,
            item: None,
            input: None,
            further: 0,
            source: Arc::new(Outer(Inner)),
        },
        Error::NodeTimeout {
            run: run(),
            step,
            node,
            timeout: Duration::from_secs(1),
            attempts: 1,
            item: None,
            input: None,
            further: 1,
        },
        Error::NodeIdle {
            run: run(),
            step,
            node,
            idle: Duration::from_secs(1),
            attempts: 1,
            item: None,
            input: None,
            further: 0,
        },
        Error::NodePanicked {
            run: run(),
            step,
            node,
            message: message(),
            item: None,
            input: None,
            further: 0,
        },
        Error::Panicked {
            run: run(),
            message: message(),
        },
        Error::MergeConflict {
            run: run(),
            step,
            field: "total",
            nodes: vec!["pay", "ship"],
        },
        Error::MergeFailed {
            run: run(),
            step,
            field: "total",
            message: message(),
        },
        Error::UndeclaredWrite {
            run: run(),
            step,
            node,
            field: "total",
        },
        Error::NoProgress {
            run: run(),
            step,
            reason: "a join waits for `pay`; let it run".into(),
        },
        Error::MaxStepsExceeded {
            run: run(),
            step,
            max_steps: 1,
        },
        Error::BudgetExceeded {
            run: run(),
            step,
            budget: Duration::from_secs(1),
        },
        Error::RunNotFound { run: run() },
        Error::InvalidRunId { run: run(), reason },
        Error::InvalidToken { run: run(), reason },
        Error::InputMismatch {
            run: run(),
            what: "input",
        },
        Error::RunExists { run: run() },
        Error::RunNotFinished {
            run: run(),
            status: Status::Failed,
            asks: true,
        },
        Error::TurnNotFound {
            run: run(),
            token: "msg-1".into(),
        },
        Error::StepNotFound {
            run: run(),
            step,
            last: 1,
        },
        Error::Pruned {
            run: run(),
            step,
            first: 3,
        },
        Error::LabelNotFound {
            run: run(),
            label: "label".into(),
        },
        Error::LabelTaken {
            run: run(),
            label: "label".into(),
            step,
        },
        Error::InvalidLabel {
            label: "label".into(),
            reason,
        },
        Error::EditPanicked {
            run: run(),
            message: message(),
        },
        Error::EffectNotFound {
            run: run(),
            step,
            node: node.into(),
            item: 0,
            effect: text(),
            n: 1,
            recorded: "on record there: (\"pay\", 0, \"charge\", 0)".into(),
        },
        Error::ResponseRefused {
            run: run(),
            step,
            node: node.into(),
            call: "effect `charge` (call 0)".into(),
            recorded: "7".into(),
            given: "\"seven\"".into(),
            reason: "it is no number".into(),
        },
        Error::WrongGraph {
            run: run(),
            stored: "Shop".into(),
            graph: "Chat",
        },
        Error::GraphChanged {
            run: run(),
            graph: "Shop",
            stored: Digest::default(),
            differences: vec![message()],
            help: "raise its `version`".into(),
        },
        Error::EffectChanged {
            run: run(),
            step,
            node,
            class: EffectClass::Effect,
            effect: text(),
            n: 0,
            recorded: text(),
            requested: text(),
        },
        Error::EffectPassedOver {
            run: run(),
            step,
            node,
            effect: "charge-card".into(),
            n: 0,
            passed_over: "charge".into(),
            of_that: 0,
        },
        Error::WaitRefused {
            run: run(),
            step,
            node,
            wait: text(),
            reason: reason.into(),
        },
        Error::AskedTwice {
            run: run(),
            step,
            node,
            name: "approve".into(),
        },
        Error::RunFinished { run: run() },
        Error::MailboxFull {
            run: run(),
            most: 10_000,
        },
        Error::SignalRefused {
            run: run(),
            what: "name",
            reason,
        },
        Error::OtherThread {
            run: run(),
            step,
            node,
            call: "`now()`".into(),
        },
        Error::ReplayMismatch {
            run: run(),
            step,
            node: node.into(),
            what: "the update".into(),
            expected: "1".into(),
            found: "2".into(),
        },
        Error::StepOpen { run: run(), step },
        Error::QuestionNotFound {
            run: run(),
            question: "q".into(),
        },
        Error::AlreadyAnswered {
            run: run(),
            question: "q".into(),
        },
        Error::QuestionExpired {
            run: run(),
            question: "q".into(),
        },
        Error::AnswerRefused {
            run: run(),
            question: "q".into(),
            reason: reason.into(),
        },
        Error::Undecodable {
            run: run(),
            place: "step 2".into(),
            reason: message(),
            help: "let `migrate` say".into(),
        },
        Error::Corrupt {
            run: run(),
            place: "step 2".into(),
            reason: message(),
        },
        Error::NotRoundTrip {
            run: run(),
            step,
            what: "the update of node `pay`".into(),
            source: EncodeError {
                ty: "f64",
                path: ".".into(),
                reason: "NaN has no encoding; use an `Option`".into(),
            },
        },
        Error::TooLarge {
            run: run(),
            what: "step 2".into(),
            bytes: 2,
            limit: 1,
        },
        Error::LeaseHeld {
            run: run(),
            owner: "somebody".into(),
            expires: SystemTime::UNIX_EPOCH,
            node: Some(node),
        },
        Error::LeaseLost {
            run: run(),
            epoch: 1,
        },
        Error::IdempotencyViolation { run: run(), step },
        Error::NoRuntime { call: "resume" },
        Error::NoTimeDriver { call: "resume" },
        Error::RuntimeLost { run: run(), step },
        Error::Draining {
            run: run(),
            step: Some(step),
        },
        Error::Backpressure {
            run: run(),
            step,
            node,
            depth: 1_024,
            wait: Duration::from_secs(30),
        },
        Error::NoStore { call: "resume" },
        Error::DuplicateNode {
            graph: "Shop",
            node,
        },
        Error::InvalidOption {
            option: "max_steps",
            value: "0".into(),
            reason: "give at least 1".into(),
        },
        Error::PruneFailed { source: away() },
        Error::Store {
            run: run(),
            source: away(),
        },
    ]
}

fn away() -> StoreError {
    StoreError::Unavailable {
        reason: "connection reset".into(),
        outcome: CallOutcome::Unknown,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the bank did not answer")]
struct Outer(#[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("connection reset")]
struct Inner;

#[test]
fn every_variant_has_a_word_of_its_own() {
    let every = every();
    let words: BTreeSet<_> = every.iter().map(Error::code).collect();
    assert_eq!(words.len(), every.len(), "one of each variant");
    assert_eq!(words, Error::CODES.iter().copied().collect());
    let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    assert!(words.iter().all(is_word) && !words.contains("other"));
}

/// Where it is, what happened, what to do.
#[test]
fn every_message_has_one_shape() {
    for error in every() {
        let said = error.to_string();
        let place = match (error.run(), error.step(), error.node()) {
            _ if matches!(error, Error::MergeConflict { .. }) => {
                "run `r`, step 2, nodes `pay` and `ship`: ".into()
            }
            _ if matches!(error, Error::NodeFailed { .. }) => {
                "run `r`, step 2, node `pay`, item 1 with input 7: ".into()
            }
            // In which the call was made.
            _ if matches!(error, Error::LeaseHeld { .. }) => "run `r`: ".into(),
            (Some(run), None, None) => format!("run `{run}`: "),
            (Some(run), Some(step), None) => format!("run `{run}`, step {step}: "),
            (Some(run), Some(step), Some(node)) => {
                format!("run `{run}`, step {step}, node `{node}`: ")
            }
            (None, None, Some(node)) => format!("graph `Shop`, node `{node}`: "),
            (None, None, None) => {
                let subject = said.split('`').nth(1).unwrap_or_default();
                let kind = said.split('`').next().unwrap_or_default();
                format!("{kind}`{subject}`: ")
            }
            other => panic!("{other:?}: {said}"),
        };
        let what = said.strip_prefix(&place);
        let what = what.unwrap_or_else(|| panic!("not at `{place}`: {said}"));
        assert!(what.contains("; "), "it says what to do: {said}");
        assert!(!said.ends_with('.') && !said.contains("  "), "{said}");
        assert_eq!(format!("{error:?}"), said);
    }
}

/// As `anyhow` and others show an error: with everything that its sources say.
fn with_sources(error: &dyn StdError) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        said = format!("{said}: {next}");
        source = next.source();
    }
    said
}

#[test]
fn nothing_is_said_twice() {
    for error in every() {
        let (alone, whole) = (error.to_string(), with_sources(&error));
        assert_eq!(alone, whole, "the message alone says all");
        for cause in ["the bank did not answer", "connection reset", "NaN has no"] {
            assert!(whole.matches(cause).count() <= 1, "{whole}");
        }
    }
    let failed = every().remove(0).to_string();
    let cause = "after 3 attempts: the bank did not answer: connection reset; fix";
    assert!(failed.contains(cause), "{failed}");
    let backend = StoreError::Backend {
        message: "disk I/O error".into(),
        source: Some(Arc::new(Outer(Inner))),
    };
    assert_eq!(with_sources(&backend), "the database said: disk I/O error");
}

#[test]
fn as_json_an_error_is_its_parts() {
    for error in every() {
        let mut parts = json!({
            "code": error.code(),
            "message": error.to_string(),
            "transient": error.is_transient(),
        });
        let parts_there_are = [
            ("run", error.run().map(Value::from)),
            ("step", error.step().map(Value::from)),
            ("node", error.node().map(Value::from)),
            ("cause", error.cause().map(Value::from)),
        ];
        for (key, part) in parts_there_are {
            if let Some(part) = part {
                parts[key] = part;
            }
        }
        assert_eq!(serde_json::to_value(&error).unwrap(), parts);
    }
}

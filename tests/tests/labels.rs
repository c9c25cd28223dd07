//! A label names one step of a run for good.

use superstep::prelude::*;
use superstep::store::Prune;
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Place, stores};

async fn surveying(place: &Place) -> Engine<Surveyor> {
    let builder = Engine::builder(Surveyor::new()).store(place.store.clone());
    let engine = builder.build().unwrap();
    engine.run("run", Survey::of(2, 3)).await.unwrap();
    engine
}

fn named(labels: &[(&str, u64)]) -> Vec<(String, u64)> {
    let owned = labels.iter();
    owned
        .map(|(label, step)| ((*label).to_owned(), *step))
        .collect()
}

#[tokio::test]
async fn a_label_leads_to_its_step() {
    for place in stores() {
        let engine = surveying(&place).await;
        assert_eq!(engine.labels("run").await.unwrap(), []);
        engine.label("run", 3, "before-review").await.unwrap();
        engine.label("run", 0, "input").await.unwrap();
        engine.label("run", 3, "a second name").await.unwrap();
        let labels = named(&[("a second name", 3), ("before-review", 3), ("input", 0)]);
        assert_eq!(engine.labels("run").await.unwrap(), labels);
        // Somebody else sees them, too.
        assert_eq!(surveying(&place).await.labels("run").await.unwrap(), labels);

        let state = engine.state_at("run", 3).await.unwrap();
        let fork = engine.fork("run", "before-review", "fork", |_| {});
        let fork = fork.await.unwrap();
        assert_eq!((fork.steps(), fork.state()), (4, &state));
    }
}

#[tokio::test]
async fn a_label_is_used_once() {
    for place in stores() {
        let engine = surveying(&place).await;
        engine.label("run", 3, "here").await.unwrap();
        engine.label("run", 3, "here").await.unwrap();
        let error = engine.label("run", 4, "here").await.unwrap_err();
        let Error::LabelTaken { run, label, step } = &error else {
            panic!("{error}")
        };
        assert_eq!((run.as_str(), label.as_str(), *step), ("run", "here", 3));
        assert!(error.to_string().contains("choose another"), "{error}");
        assert_eq!(engine.labels("run").await.unwrap(), named(&[("here", 3)]));
    }
}

#[tokio::test]
async fn a_fork_has_the_labels_of_what_it_shares() {
    for place in stores() {
        let engine = surveying(&place).await;
        engine.label("run", 2, "early").await.unwrap();
        engine.label("run", 6, "late").await.unwrap();
        engine.fork("run", 4, "fork", |_| {}).await.unwrap();
        assert_eq!(engine.labels("fork").await.unwrap(), named(&[("early", 2)]));
        // What is named later in the part they share is named in both.
        engine.label("run", 3, "afterwards").await.unwrap();
        engine.label("fork", 5, "own").await.unwrap();
        let labels = named(&[("afterwards", 3), ("early", 2), ("own", 5)]);
        assert_eq!(engine.labels("fork").await.unwrap(), labels);
        let labels = named(&[("afterwards", 3), ("early", 2), ("late", 6)]);
        assert_eq!(engine.labels("run").await.unwrap(), labels);

        let error = engine.label("fork", 5, "early").await.unwrap_err();
        assert!(
            matches!(error, Error::LabelTaken { step: 2, .. }),
            "{error}"
        );
        // Free here, since the step that it names is not the fork's.
        engine.label("fork", 5, "late").await.unwrap();
        let again = engine.fork("fork", "late", "again", |_| {}).await.unwrap();
        assert_eq!(again.steps(), 6);
    }
}

#[tokio::test]
async fn what_cannot_be_labelled_is_refused() {
    for place in stores() {
        let engine = surveying(&place).await;
        let last = engine.get("run").await.unwrap().steps();
        let error = engine.label("run", last + 1, "next").await.unwrap_err();
        let Error::StepNotFound { step, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(step, last + 1);
        let error = engine.label("nobody", 0, "here").await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
        let error = engine.labels("nobody").await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
        let long = "x".repeat(257);
        for label in ["", "a\0b", &long] {
            let error = engine.label("run", 1, label).await.unwrap_err();
            assert!(matches!(error, Error::InvalidLabel { .. }), "{error}");
        }

        engine.label("run", 2, "gone").await.unwrap();
        engine.snapshot("run").await.unwrap();
        engine.prune(Prune::history()).await.unwrap();
        let error = engine.label("run", 3, "here").await.unwrap_err();
        let Error::Pruned { step: 3, first, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(first, last);
        // Labels of what was pruned go with it.
        assert_eq!(engine.labels("run").await.unwrap(), []);
        engine.label("run", last, "gone").await.unwrap();
    }
}

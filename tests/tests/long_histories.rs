//! A history that is longer than a page is read to its end: by `history`, by `replay` and by
//! `diff`.

use serde::{Deserialize, Serialize};
use superstep::diff;
use superstep::prelude::*;
use superstep::store::LARGEST_PAGE;
use superstep_tests::{Place, stores};

/// Steps 0 to this one, which is excluded, are the first page.
const PAGE: u64 = LARGEST_PAGE as u64;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    done: u64,
    rounds: u64,
    marks: u64,
}

/// The round after which a mark is made.
struct Marked(u64);

#[node]
fn count(state: &Count, marked: &Marked) -> (CountUpdate, bool) {
    let done = state.done + 1;
    let update = Count::update().done(done);
    let update = if done == marked.0 {
        update.marks(1)
    } else {
        update
    };
    (update, done < state.rounds)
}

#[graph(state = Count, max_steps = 10_000, start -> count, count -> match { true => count, false => end })]
struct Counting {
    marked: Marked,
}

fn counting(place: &Place, marked: u64) -> Engine<Counting> {
    let marked = Marked(marked);
    let builder = Engine::builder(Counting { marked }).store(place.store.clone());
    builder.build().expect("the settings make sense")
}

fn rounds(rounds: u64) -> Count {
    Count {
        rounds,
        ..Count::default()
    }
}

#[tokio::test]
async fn histories_of_any_length_are_whole() {
    for place in stores() {
        let engine = counting(&place, 0);
        for last in [PAGE - 2, PAGE - 1, PAGE, 2 * PAGE + 3] {
            let id = last.to_string();
            let run = engine.run(&id, rounds(last)).await.unwrap();
            let history = engine.history(&id).await.unwrap();
            let steps = history.iter().map(|step| step.step);
            assert!(steps.eq(0..=last), "{place:?}: {last}");
            let again = engine.replay(&id).await.unwrap();
            assert_eq!(again.fingerprint(), run.fingerprint(), "{place:?}: {last}");
        }
    }
}

#[tokio::test]
async fn runs_part_on_any_page() {
    for place in stores() {
        let whole = rounds(2 * PAGE + 3);
        counting(&place, 0)
            .run("plain", whole.clone())
            .await
            .unwrap();
        counting(&place, 0)
            .run("same", whole.clone())
            .await
            .unwrap();
        let same = diff((&place.store, "plain"), (&place.store, "same")).await;
        assert!(same.unwrap().is_none(), "{place:?}");
        for at in [1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 3] {
            let id = at.to_string();
            counting(&place, at).run(&id, whole.clone()).await.unwrap();
            let parted = diff((&place.store, "plain"), (&place.store, id.as_str())).await;
            assert_eq!(
                parted.unwrap().map(|found| found.step()),
                Some(at),
                "{place:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_run_that_ends_with_a_page_ends_there() {
    for place in stores() {
        let engine = counting(&place, 0);
        let full = rounds(PAGE - 1);
        engine.run("short", full.clone()).await.unwrap();
        engine.run("long", full).await.unwrap();
        engine
            .update("long", Count::update().marks(1))
            .await
            .unwrap();
        for [one, other] in [["short", "long"], ["long", "short"]] {
            let parted = diff((&place.store, one), (&place.store, other)).await;
            assert_eq!(
                parted.unwrap().map(|found| found.step()),
                Some(PAGE),
                "{place:?}"
            );
        }
    }
}

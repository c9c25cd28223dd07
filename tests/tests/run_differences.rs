//! `diff` finds the steps in which two runs differ, and says what differs; `diff_states` does
//! so for two states.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{Prune, StepKind};
use superstep::{At, Divergence, diff, encode};
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Hooked, Moment, Place, memory, stores, well};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Report {
    topics: Vec<String>,
    #[reduce(append)]
    notes: Vec<Note>,
    #[reduce(sum)]
    tokens: u64,
    text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    topic: String,
    text: String,
}

/// What the world says today.
#[derive(Clone, Debug, Default)]
struct World {
    /// The topic that is answered differently, or fails.
    odd: &'static str,
    failing: bool,
}

#[derive(Route)]
enum Plan {
    Read(Vec<String>),
    Write,
}

#[node]
fn plan(state: &Report, world: &World) -> Plan {
    match world.odd {
        "plan" => Plan::Write,
        _ => Plan::Read(state.topics.clone()),
    }
}

#[node]
fn read(_: &Report, topic: String, world: &World) -> Result<ReportUpdate, NodeError> {
    let odd = topic == world.odd;
    if odd && world.failing {
        return Err(NodeError::permanent("no such page"));
    }
    let text = if odd { "another" } else { "as ever" }.to_owned();
    Ok(Report::update().notes([Note { topic, text }]).tokens(1))
}

#[node]
fn mend(_: &Report) {}

#[node]
fn write(state: &Report, world: &World) -> ReportUpdate {
    let odd = if world.odd == "write" { "!" } else { "." };
    Report::update().text(format!("{} notes{odd}", state.notes.len()))
}

#[graph(
    state = Report,
    start -> plan,
    plan -> match { Plan::Read(topics) => each read(topics) else end, Plan::Write => write },
    read -> write,
    read on error -> mend,
    mend -> end,
    write -> end,
)]
struct Reporter {
    world: World,
}

fn reporter(place: &Place, odd: &'static str) -> Engine<Reporter> {
    failing(place, odd, false)
}

fn failing(place: &Place, odd: &'static str, failing: bool) -> Engine<Reporter> {
    let world = World { odd, failing };
    let builder = Engine::builder(Reporter { world }).store(place.store.clone());
    builder.build().unwrap()
}

fn topics(topics: [&str; 3]) -> Report {
    Report {
        topics: topics.map(str::to_owned).to_vec(),
        ..Report::default()
    }
}

const ABC: [&str; 3] = ["a", "b", "c"];

/// The difference between a usual run and one in which something is odd.
async fn between(place: &Place, odd: &'static str, fail: bool) -> Divergence {
    let as_ever = reporter(place, "").run("as ever", topics(ABC)).await;
    as_ever.unwrap();
    let engine = failing(place, odd, fail);
    engine.run("odd", topics(ABC)).await.unwrap();
    let divergence = diff((&place.store, "as ever"), (&place.store, "odd")).await;
    divergence.unwrap().unwrap()
}

fn told(differences: &[superstep::Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn equal_runs_do_not_differ() {
    for (here, there) in stores().into_iter().zip(stores().into_iter().rev()) {
        for place in [&here, &there] {
            let surveyor = Engine::builder(Surveyor::new()).store(place.store.clone());
            let surveyor = surveyor.build().unwrap();
            for run in ["one", "other"] {
                surveyor.run(run, Survey::of(2, 3)).seed(7).await.unwrap();
            }
        }
        for (a, b) in [
            ((&here.store, "one"), (&here.store, "one")),
            ((&here.store, "one"), (&here.store, "other")),
            ((&here.store, "one"), (&there.store, "other")),
        ] {
            assert_eq!(diff(a, b).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn another_input_is_told_by_its_fields() {
    for place in stores() {
        let engine = reporter(&place, "");
        engine.run("one", topics(ABC)).await.unwrap();
        engine.run("other", topics(["a", "x", "c"])).await.unwrap();
        let divergence = diff((&place.store, "one"), (&place.store, "other")).await;
        let divergence = divergence.unwrap().unwrap();
        assert_eq!((divergence.step(), &divergence.tasks[..]), (0, &[][..]));
        assert_eq!(told(&divergence.state), [r#"`topics[1]`: "b" against "x""#]);
        assert_eq!(told(&divergence.next), [""; 0]);
        let said = divergence.to_string();
        assert!(said.contains("differ from the start"), "{said}");
    }
}

#[tokio::test]
async fn another_update_is_told_by_task_and_field() {
    for place in stores() {
        let divergence = between(&place, "b", false).await;
        assert_eq!(divergence.step(), 2);
        assert_eq!(divergence.kinds, [Some(StepKind::Step); 2]);
        let [task] = &divergence.tasks[..] else {
            panic!("{divergence}")
        };
        assert_eq!((task.position, task.node.as_deref()), (1, Some("read")));
        let expected = [r#"`update.notes[0].text`: "as ever" against "another""#];
        assert_eq!(told(&task.differences), expected);
        assert_eq!(
            divergence.to_string(),
            "runs `as ever` and `odd` differ in step 2\n  \
             task 1, `read`\n    \
             `update.notes[0].text`: \"as ever\" against \"another\""
        );
    }
}

#[tokio::test]
async fn another_route_is_told_by_where_it_leads() {
    for place in stores() {
        let divergence = between(&place, "plan", false).await;
        assert_eq!(divergence.step(), 1);
        let [task] = &divergence.tasks[..] else {
            panic!("{divergence}")
        };
        let expected = [r#"`to[0]`: "edge 1 to read x 3" against "edge 3 to write""#];
        assert_eq!(told(&task.differences), expected);
        let next = told(&divergence.next);
        assert_eq!(next[0], r#"`tasks[0].node`: "read" against "write""#);
        assert!(next.iter().any(|line| line.contains("inputs")), "{next:?}");
    }
}

#[tokio::test]
async fn another_failure_is_told() {
    for place in stores() {
        let divergence = between(&place, "c", true).await;
        let [task] = &divergence.tasks[..] else {
            panic!("{divergence}")
        };
        let told = told(&task.differences);
        assert!(told[0].starts_with("`update`: {"), "{told:?}");
        assert!(told[0].ends_with(" against nothing"), "{told:?}");
        assert!(told[2].starts_with("`failed`: nothing against"), "{told:?}");
        assert!(told[2].contains("no such page"), "{told:?}");
    }
}

#[tokio::test]
async fn a_run_that_ends_earlier_differs_there() {
    for place in stores() {
        let engine = reporter(&place, "");
        engine.run("short", topics(ABC)).await.unwrap();
        let run = engine.run("long", topics(ABC)).await.unwrap();
        let more = Report::update().tokens(9);
        engine.update("long", more).await.unwrap();
        let divergence = diff((&place.store, "short"), (&place.store, "long")).await;
        let divergence = divergence.unwrap().unwrap();
        assert_eq!(divergence.step(), run.steps() + 1);
        assert_eq!(divergence.kinds, [None, Some(StepKind::Update)]);
        let expected = [r#"`.`: nothing against {"update":{"tokens":9}}"#];
        assert_eq!(told(&divergence.tasks[0].differences), expected);
        let said = divergence.to_string();
        let in_both = "in `short` it is not there, in `long` somebody corrected the state";
        assert!(said.contains(in_both), "{said}");
        let turned = diff((&place.store, "long"), (&place.store, "short")).await;
        let turned = turned.unwrap().unwrap();
        assert_eq!(turned.kinds, [Some(StepKind::Update), None]);
    }
}

/// All the steps of two runs that differ, as their numbers.
async fn walk(place: &Place, a: &str, b: &str) -> Vec<Divergence> {
    collect(diff((&place.store, a), (&place.store, b)).all()).await
}

async fn collect(mut differences: superstep::Divergences<'_>) -> Vec<Divergence> {
    let mut found = Vec::new();
    while let Some(divergence) = differences.next().await.unwrap() {
        found.push(divergence);
    }
    assert_eq!(
        differences.next().await.unwrap(),
        None,
        "the end is the end"
    );
    found
}

fn numbers(found: &[Divergence]) -> Vec<[Option<u64>; 2]> {
    found.iter().map(|divergence| divergence.steps).collect()
}

#[tokio::test]
async fn all_steps_that_differ_are_walked_through() {
    for place in stores() {
        let first = between(&place, "b", false).await;
        let all = walk(&place, "as ever", "odd").await;
        assert_eq!(all, [first], "what is written is the same");

        reporter(&place, "write")
            .run("end", topics(ABC))
            .await
            .unwrap();
        let more = Report::update().tokens(9);
        reporter(&place, "").update("end", more).await.unwrap();
        let all = walk(&place, "odd", "end").await;
        let expected = [[Some(2); 2], [Some(3); 2], [None, Some(4)]];
        assert_eq!(numbers(&all), expected);
        let runs = [(&place.store, "odd"), (&place.store, "end")];
        for (after, left) in [(0, 3), (1, 3), (2, 2), (3, 1), (4, 0), (u64::MAX, 0)] {
            let after = diff(runs[0], runs[1]).after(after);
            let found = collect(after.clone().all()).await;
            assert_eq!(found, all[3 - left..]);
            assert_eq!(after.await.unwrap().as_ref(), found.first());
        }
    }
}

#[tokio::test]
async fn a_forks_edit_is_named_once_and_the_walk_goes_on() {
    for place in stores() {
        let engine = reporter(&place, "");
        engine.run("origin", topics(ABC)).await.unwrap();
        engine.fork("origin", 0, "same", |_| {}).await.unwrap();
        let edit = |report: &mut Report| report.topics[1] = "x".into();
        engine.fork("origin", 0, "fork", edit).await.unwrap();
        for fork in ["same", "fork"] {
            engine.resume(fork).await.unwrap();
        }
        let [edit] = &walk(&place, "origin", "same").await[..] else {
            panic!("it did nothing else")
        };
        assert!(edit.is_edit() && edit.state.is_empty(), "{edit}");

        let found = walk(&place, "origin", "fork").await;
        let expected = [[None, Some(1)], [Some(1), Some(2)], [Some(2), Some(3)]];
        assert_eq!(numbers(&found), expected);
        let kinds: Vec<_> = found.iter().map(|found| found.kinds).collect();
        assert_eq!(kinds[0], [None, Some(StepKind::Fork)]);
        assert_eq!(kinds[1..], [[Some(StepKind::Step); 2]; 2]);
        assert_eq!(told(&found[0].state), [r#"`topics[1]`: "b" against "x""#]);
        assert_eq!(
            found[0].to_string(),
            "step 1 of run `fork` is its edit, as a fork\n  the state\n    \
             `topics[1]`: \"b\" against \"x\""
        );
        let said = found[2].to_string();
        let steps = "step 2 of run `origin` and step 3 of run `fork` differ\n  task 1, `read`";
        assert!(said.starts_with(steps), "{said}");
        assert!(!found[2].is_edit());

        // From the other side.
        let turned = walk(&place, "fork", "origin").await;
        let expected = [[Some(1), None], [Some(2), Some(1)], [Some(3), Some(2)]];
        assert_eq!(numbers(&turned), expected);
        assert_eq!(told(&turned[0].state), [r#"`topics[1]`: "x" against "b""#]);

        // What comes after the edit, whichever is named first.
        for [a, b] in [["origin", "fork"], ["fork", "origin"]] {
            let after = diff((&place.store, a), (&place.store, b)).after(1);
            let first = after.await.unwrap().unwrap();
            assert_eq!(first.kinds, [Some(StepKind::Step); 2], "{first}");
        }
    }
}

/// Computing the state before an edit from what tasks did needs the graph.
#[tokio::test]
async fn an_edit_of_a_state_that_is_not_on_record_is_told_as_it_is() {
    for place in stores() {
        let engine = reporter(&place, "");
        engine.run("origin", topics(ABC)).await.unwrap();
        let edit = |report: &mut Report| report.text = "draft".into();
        engine.fork("origin", 1, "fork", edit).await.unwrap();
        let divergence = diff((&place.store, "origin"), (&place.store, "fork")).await;
        let divergence = divergence.unwrap().unwrap();
        assert_eq!(divergence.steps, [None, Some(2)]);
        let state = told(&divergence.state);
        assert!(state[0].starts_with("`.`: nothing against {"), "{state:?}");
        let differ = engine.diff_states(("fork", 1), ("fork", 2)).await.unwrap();
        assert_eq!(told(&differ), [r#"`text`: "" against "draft""#]);

        // For a fork of a fork, the state before is that fork's edit.
        let edit = |report: &mut Report| report.text = "sketch".into();
        engine.fork("fork", 2, "next", edit).await.unwrap();
        let divergence = diff((&place.store, "next"), (&place.store, "fork")).await;
        let divergence = divergence.unwrap().unwrap();
        assert_eq!(divergence.steps, [Some(3), None]);
        let expected = [r#"`text`: "sketch" against "draft""#];
        assert_eq!(told(&divergence.state), expected);

        // A snapshot is on record.
        engine.snapshot("origin").await.unwrap();
        let edit = |report: &mut Report| report.tokens = 0;
        engine.fork("origin", At::Last, "late", edit).await.unwrap();
        let divergence = diff((&place.store, "origin"), (&place.store, "late")).await;
        let state = told(&divergence.unwrap().unwrap().state);
        assert_eq!(state, ["`tokens`: 3 against 0"]);
    }
}

#[tokio::test]
async fn forks_of_one_step_differ_by_their_edits_and_by_what_comes_of_them() {
    for place in stores() {
        let engine = reporter(&place, "");
        engine.run("origin", topics(ABC)).await.unwrap();
        for (fork, text) in [("one", "draft"), ("other", "sketch")] {
            let edit = |report: &mut Report| report.text = text.into();
            engine.fork("origin", 1, fork, edit).await.unwrap();
        }
        engine.resume("one").await.unwrap();
        reporter(&place, "c").resume("other").await.unwrap();
        let found = walk(&place, "one", "other").await;
        assert_eq!(numbers(&found), [[Some(2); 2], [Some(3); 2]]);
        assert_eq!(
            told(&found[0].state),
            [r#"`text`: "draft" against "sketch""#]
        );
        assert!(found[0].is_edit() && found[0].tasks.is_empty() && found[0].next.is_empty());
        let said = found[0].to_string();
        let edits = "runs `one` and `other` differ in their edits, step 2\n";
        assert!(said.starts_with(edits), "{said}");
        let after = diff((&place.store, "one"), (&place.store, "other")).after(2);
        assert_eq!(after.await.unwrap().as_ref(), Some(&found[1]));

        // Forks of two steps: each edit is named where it is.
        engine.fork("origin", 2, "later", |_| {}).await.unwrap();
        engine.resume("later").await.unwrap();
        let found = walk(&place, "one", "later").await;
        assert_eq!(numbers(&found), [[Some(2), None], [None, Some(3)]]);
        // A fork and what it stands on.
        engine.fork("one", 3, "further", |_| {}).await.unwrap();
        engine.resume("further").await.unwrap();
        assert_eq!(
            numbers(&walk(&place, "one", "further").await),
            [[None, Some(4)]]
        );
        let found = walk(&place, "origin", "further").await;
        assert_eq!(numbers(&found), [[None, Some(2)], [None, Some(4)]]);
        // A fork of a fork, at a step that the latter shares with its origin.
        engine.fork("one", 0, "through", |_| {}).await.unwrap();
        engine.resume("through").await.unwrap();
        let found = walk(&place, "through", "one").await;
        assert_eq!(numbers(&found), [[Some(1), None], [None, Some(2)]]);
    }
}

#[tokio::test]
async fn states_differ_by_their_fields() {
    for place in stores() {
        let engine = reporter(&place, "");
        engine.run("one", topics(ABC)).await.unwrap();
        reporter(&place, "b")
            .run("other", topics(ABC))
            .await
            .unwrap();
        engine.label("one", 2, "read").await.unwrap();
        let ends = engine
            .diff_states(("one", At::Last), ("other", At::Last))
            .await;
        let another = [r#"`notes[1].text`: "as ever" against "another""#];
        assert_eq!(told(&ends.unwrap()), another);
        let read = engine.diff_states(("one", "read"), ("other", 2)).await;
        assert_eq!(told(&read.unwrap()), another);
        let same = engine.diff_states(("one", 1), ("other", 1)).await;
        assert_eq!(same.unwrap(), []);
        let first = engine.diff_states(("one", 2), ("one", At::Last)).await;
        assert_eq!(told(&first.unwrap()), [r#"`text`: "" against "3 notes.""#]);

        let error = engine.diff_states(("one", 1), ("other", 9)).await;
        let Error::StepNotFound { run, step: 9, .. } = error.unwrap_err() else {
            panic!("it has no such step")
        };
        assert_eq!(run, "other");
        let error = engine.diff_states(("one", "written"), ("other", 1)).await;
        assert!(
            matches!(error, Err(Error::LabelNotFound { .. })),
            "{error:?}"
        );
        let error = engine.diff_states(("one", 1), ("nobody", 1)).await;
        assert!(matches!(error, Err(Error::RunNotFound { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn differences_can_be_shown_as_json() {
    for place in stores() {
        let engine = reporter(&place, "");
        engine.run("one", topics(ABC)).await.unwrap();
        reporter(&place, "b")
            .run("other", topics(ABC))
            .await
            .unwrap();
        engine
            .update("other", Report::update().tokens(9))
            .await
            .unwrap();
        let found = walk(&place, "one", "other").await;
        assert_eq!(
            encode::to_string(&found).unwrap(),
            r#"[{"runs":["one","other"],"steps":[2,2],"kinds":["step","step"],"tasks":[{"position":1,"node":"read","differences":[{"path":"update.notes[0].text","a":"\"as ever\"","b":"\"another\""}]}]},{"runs":["one","other"],"steps":[null,4],"kinds":[null,"update"],"tasks":[{"position":0,"differences":[{"path":".","b":"{\"update\":{\"tokens\":9}}"}]}],"next":[{"path":".","b":"{}"}]}]"#
        );
    }
}

#[tokio::test]
async fn what_cannot_be_compared_is_an_error() {
    for place in stores() {
        let engine = reporter(&place, "");
        for run in ["one", "other"] {
            engine.run(run, topics(ABC)).await.unwrap();
        }
        for (a, b) in [("one", "nobody"), ("nobody", "one")] {
            let error = diff((&place.store, a), (&place.store, b)).await;
            let Error::RunNotFound { run } = error.unwrap_err() else {
                panic!("it is not there")
            };
            assert_eq!(run, "nobody");
        }
        engine.snapshot("other").await.unwrap();
        let pruned = engine.prune(Prune::history()).await.unwrap();
        assert_eq!(pruned.runs, 1);
        for (a, b) in [("one", "other"), ("other", "one"), ("other", "other")] {
            let error = diff((&place.store, a), (&place.store, b)).await;
            let error = error.unwrap_err();
            let Error::Pruned { run, step: 1, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!(run, "other");
        }
        // What is left of both can be compared.
        let rest = diff((&place.store, "one"), (&place.store, "other")).after(2);
        assert_eq!(rest.await.unwrap(), None);
        // They differ before anything was pruned.
        engine.run("third", topics(["x", "b", "c"])).await.unwrap();
        let divergence = diff((&place.store, "other"), (&place.store, "third")).await;
        assert_eq!(divergence.unwrap().unwrap().step(), 0);
    }
}

/// Every type of store can be named.
#[tokio::test]
async fn a_store_is_given_as_it_is() {
    let place = memory();
    let engine = reporter(&place, "");
    engine.run("run", topics(ABC)).await.unwrap();
    let hooked = Hooked::new(Arc::clone(&place.store), |_, _| well());
    let plain: &dyn Store = &hooked;
    let differ = diff((&hooked, "run"), (plain, "run")).await.unwrap();
    assert_eq!(differ, None);
    let own = String::from("run");
    let differ = diff((&place.store, own.as_str()), (&hooked, &own[..])).await;
    assert_eq!(differ.unwrap(), None);
}

/// Two long runs are told apart without reading what they did.
#[tokio::test]
async fn only_the_step_that_differs_is_read() {
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    struct Count {
        to: u64,
        #[reduce(sum)]
        at: u64,
    }

    #[node]
    fn count(state: &Count) -> (CountUpdate, bool) {
        (Count::update().at(1), state.at + 1 < state.to)
    }

    #[graph(state = Count, start -> count, count -> match { true => count, false => end })]
    struct Counting;

    for place in stores() {
        let reads = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&reads);
        let hooked = Hooked::new(Arc::clone(&place.store), move |moment, call| {
            if moment == Moment::Before && !matches!(call, "digests" | "head" | "graph") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            well()
        });
        let builder = Engine::builder(Counting).store(place.store.clone());
        let engine = builder.build().unwrap();
        let count = |to| Count { to, at: 0 };
        engine.run("one", count(300)).await.unwrap();
        engine.run("other", count(300)).await.unwrap();
        assert_eq!(
            diff((&hooked, "one"), (&hooked, "other")).await.unwrap(),
            None
        );
        assert_eq!(reads.swap(0, Ordering::Relaxed), 0);
        engine.update("other", Count::update().at(5)).await.unwrap();
        let divergence = diff((&hooked, "one"), (&hooked, "other")).await.unwrap();
        assert_eq!(divergence.unwrap().step(), 301);
        assert_eq!(reads.load(Ordering::Relaxed), 1, "only one has that step");
    }
}

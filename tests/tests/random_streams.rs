//! Random numbers follow from the run's seed and the task's order key alone:
//! the same on a retry, a resume and in every store, different in each round of a
//! loop and for each task.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::lab::{Findings, Lab, take_over};
use superstep_tests::{Journal, stores};

/// Every kind of random number, two of each, drawn in one order.
fn draw(cx: &Cx) -> String {
    let (mut first, mut second) = (cx.rng(), cx.rng());
    let (one, other) = (cx.uuid(), cx.uuid());
    let numbers = [first.next_u64(), first.next_u64(), second.next_u64()];
    format!("{numbers:x?} {one} {other}")
}

/// What each task drew, by its order key, whatever the attempt.
#[derive(Default)]
struct Draws(BTreeMap<String, String>);

impl Draws {
    fn add(&mut self, lines: Vec<String>) {
        for line in lines.iter().filter(|line| !line.starts_with("called")) {
            let (task, drawn) = line.split_once(' ').unwrap();
            let known = self.0.entry(task.to_owned()).or_insert(drawn.to_owned());
            assert_eq!(known, drawn, "one task, two draws");
        }
    }

    /// How many tasks there were; no two of them drew anything alike.
    fn count(&self) -> usize {
        let words: Vec<_> = self.0.values().flat_map(|drawn| drawn.split(' ')).collect();
        let different: BTreeSet<_> = words.iter().collect();
        assert_eq!(different.len(), words.len());
        self.0.len()
    }
}

#[tokio::test]
async fn streams_are_the_same_on_retry_resume_and_in_every_store() {
    let mut draws = Draws::default();
    for place in stores() {
        for concurrency in [1, 8] {
            let lab = Lab::new(|cx, outside, item| {
                Box::pin(async move {
                    let key = cx.order_key();
                    outside.journal.note(format_args!("{key} {}", draw(cx)));
                    let page = cx.effect("fetch", &item).run(|| outside.call(item));
                    page.await?;
                    outside.pass().await;
                    match outside.is_broken() {
                        true => Err(NodeError::permanent("something is broken")),
                        false if cx.attempt() < 3 => Err(NodeError::transient("not yet")),
                        false => Ok(item.to_string()),
                    }
                })
            });
            let builder = lab.builder(&place.store).max_concurrency(concurrency);
            let engine = builder.build().unwrap();
            let id = format!("run {concurrency}");
            let run = engine.run(&id, Findings::of(3, 4)).seed(5);
            lab.outside.crash(run).await;
            lab.outside.set_broken(true);
            take_over(&engine, &id).await.unwrap_err();
            lab.outside.set_broken(false);
            engine.resume(&id).await.unwrap();
            let drawn = lab.outside.journal.lines();
            assert!(drawn.len() > 3 * 4 * 3, "rounds, tasks, attempts");
            draws.add(drawn);
        }
    }
    assert_eq!(draws.count(), 3 * 4, "rounds and tasks differ");
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Nothing {
    word: String,
}

#[node]
fn pick(_: &Nothing, journal: &Journal, cx: &Cx) {
    journal.note(format_args!("{} {}", cx.order_key(), draw(cx)));
}

#[graph(state = Nothing, left = pick, right = pick, start -> [left, right], left -> end, right -> end)]
struct Picks {
    journal: Journal,
}

/// The draws of a run of two nodes of other names.
async fn picks(id: &str, seed: Option<u64>) -> Vec<String> {
    let journal = Journal::new();
    let graph = Picks {
        journal: journal.clone(),
    };
    let engine = Engine::builder(graph).build().unwrap();
    let call = engine.run(id, Nothing::default());
    match seed {
        Some(seed) => call.seed(seed).await.unwrap(),
        None => call.await.unwrap(),
    };
    journal.lines()
}

#[tokio::test]
async fn seed_and_node_tell_streams_apart_and_the_runs_id_only_by_its_seed() {
    let drawn = |lines: &[String]| -> BTreeSet<String> {
        let words = lines.iter().flat_map(|line| line.split(' ').skip(1));
        words.map(str::to_owned).collect()
    };
    let one = picks("one", Some(1)).await;
    assert_eq!(drawn(&one).len(), 2 * 5, "two nodes, five numbers");
    assert_eq!(picks("other", Some(1)).await, one);
    let another_seed = picks("one", Some(2)).await;
    assert!(drawn(&another_seed).is_disjoint(&drawn(&one)));
    let by_id = [picks("one", None).await, picks("other", None).await];
    assert!(drawn(&by_id[0]).is_disjoint(&drawn(&by_id[1])));
}

/// A run that was stored today must draw the same tomorrow.
#[tokio::test]
async fn streams_never_change() {
    let drawn = picks("golden", Some(7)).await;
    assert_eq!(drawn, GOLDEN);
}

/// Order key; two numbers of the first stream, one of the second; two ids. ChaCha
/// with 12 rounds under `SHA-256("rng", seed, order key)`, `uuid` for the ids.
const GOLDEN: [&str; 2] = [
    "f4267fed3d609e1f23e214b6536228d9954aec7dc6ee100d8c452c5649a9652e \
     [136288e4ae3a4561, e9c0053cc59c5b54, 9c0c4bf9d05dc201] \
     1c024c21-d859-4788-96d5-fd5cc2e8cb0f f8f62584-3cdc-4b9a-9ded-2f91dfbed78e",
    "829be9a5b09a33b78f00ba36a1e425b2458828c94bab813222a9880495553e7a \
     [149ebba716205ca5, 527539aebe9836d4, dffb4e67d885ff9e] \
     8710d54c-0aaa-4363-accf-51c7e8253586 e584627d-da23-4031-b1b3-70acd6df1368",
];

#[tokio::test]
async fn ids_are_random_ones_of_version_4() {
    for (_, node) in [("left", 0), ("right", 1)] {
        let line = &picks("run", None).await[node];
        for id in line.split(' ').skip(4) {
            let digits = id.as_bytes();
            assert_eq!((digits.len(), digits[14]), (36, b'4'), "{id}");
            assert!(b"89ab".contains(&digits[19]), "{id}");
        }
    }
    assert_eq!(Cx::test().uuid().get_version_num(), 4);
}

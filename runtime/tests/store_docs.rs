//! The queries on the page about the store's guarantees work as written.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[test]
fn every_documented_query_works() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../docs/store-guarantees.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("runs.db");
    fs::copy(here.join("tests/golden/v2.sqlite"), &database).unwrap();
    drop(SqliteStore::open(&database).unwrap());
    let conn = Connection::open(database).unwrap();
    let rows: Vec<usize> = page
        .split("```sql\n")
        .skip(1)
        .map(|block| {
            let sql = block.split("```").next().unwrap();
            let mut query = conn
                .prepare(sql)
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
            query
                .query_map([], |_| Ok(()))
                .unwrap()
                .map(Result::unwrap)
                .count()
        })
        .collect();
    assert_eq!(
        rows,
        [5, 4, 0, 2, 1, 1, 1, 5, 0],
        "what they find in the golden database"
    );
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Research {
    #[reduce(append)]
    notes: Vec<String>,
}

#[node]
fn plan(_: &Research) {}

#[node]
fn search(_: &Research) -> ResearchUpdate {
    Research::update().notes(["one", "two"])
}

#[graph(state = Research, start -> plan -> search -> end)]
struct Researcher;

#[tokio::test]
async fn the_documented_query_finds_the_notes_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("runs.db");
    let store = SqliteStore::open(&database).unwrap();
    let engine = Engine::builder(Researcher).store(store).build().unwrap();
    let notes = vec!["from the input".to_owned()];
    engine.run("research-42", Research { notes }).await.unwrap();

    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../docs/store-guarantees.md")).unwrap();
    let (_, after) = page.split_once("Who writes the notes?").unwrap();
    let (_, sql) = after.split_once("```sql\n").unwrap();
    let sql = sql.split("```").next().unwrap();
    let conn = Connection::open(database).unwrap();
    let found: Vec<(i64, String, String)> = conn
        .prepare(sql)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let note = |text: &str| (2, "search".to_owned(), text.to_owned());
    assert_eq!(found, [note("one"), note("two")]);
}

#[test]
fn the_history_of_one_run_is_found_without_a_scan() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let conn = Connection::open_in_memory().unwrap();
    let schema = fs::read_to_string(here.join("../docs/schema.sql")).unwrap();
    conn.execute_batch(&schema).unwrap();
    for view in ["history", "journal"] {
        let plan: Vec<String> = conn
            .prepare(&format!(
                "EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE run = 'a'"
            ))
            .unwrap()
            .query_map([], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(
            plan.iter().all(|line| line.starts_with("SEARCH")),
            "{plan:?}"
        );
    }
}

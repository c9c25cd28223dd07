//! Bad input from outside is a typed error that names what is wrong, where, and
//! what to do about it, and nothing is written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep_tests::{Place, stores};

/// The same graph at several times of its life, one module each.
mod first {
    use super::*;

    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct Order {
        pub(super) item: String,
        #[reduce(append)]
        pub(super) log: Vec<String>,
        pub(super) paint: Option<Paint>,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    pub(super) enum Paint {
        Red,
        Blue,
    }

    #[node]
    fn pack(_: &Order) -> OrderUpdate {
        Order::update().log(["packed"]).paint(Some(Paint::Blue))
    }

    #[node]
    fn ship(state: &Order) -> Result<OrderUpdate, String> {
        match state.item.as_str() {
            "brick" => Err("too heavy".to_owned()),
            _ => Ok(Order::update().log(["shipped"])),
        }
    }

    #[graph(state = Order, start -> pack -> ship -> end)]
    pub(super) struct Shop;
}

mod other_rows {
    use super::*;
    use first::{Order, OrderUpdate};

    #[node]
    fn pack(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[node]
    fn wrap(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[node]
    fn ship(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[graph(state = Order, start -> pack -> wrap -> ship -> end)]
    pub(super) struct Shop;
}

mod added_field {
    use super::*;
    use first::Paint;

    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct Order {
        pub(super) item: String,
        #[reduce(append)]
        pub(super) log: Vec<String>,
        pub(super) paint: Option<Paint>,
        #[serde(default)]
        pub(super) gift: bool,
    }

    #[node]
    fn pack(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[node]
    fn ship(_: &Order) -> OrderUpdate {
        Order::update().log(["shipped after all"]).gift(true)
    }

    #[graph(state = Order, start -> pack -> ship -> end)]
    pub(super) struct Shop;
}

mod other_reducer {
    use super::*;
    use first::Paint;

    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct Order {
        pub(super) item: String,
        #[reduce(last)]
        pub(super) log: Vec<String>,
        pub(super) paint: Option<Paint>,
    }

    #[node]
    fn pack(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[node]
    fn ship(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[graph(state = Order, start -> pack -> ship -> end)]
    pub(super) struct Shop;
}

/// The same words, but a colour is gone.
mod lost_paint {
    use super::*;

    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct Order {
        pub(super) item: String,
        #[reduce(append)]
        pub(super) log: Vec<String>,
        pub(super) paint: Option<Paint>,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    pub(super) enum Paint {
        Red,
    }

    #[node]
    fn pack(_: &Order) -> OrderUpdate {
        Order::update().paint(Some(Paint::Red))
    }

    #[node]
    fn ship(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[graph(state = Order, start -> pack -> ship -> end)]
    pub(super) struct Shop;
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Nothing {}

#[node]
fn nothing(_: &Nothing) {}

#[graph(state = Nothing, start -> nothing -> end)]
struct Elsewhere;

fn engine<G: Graph>(place: &Place, graph: G) -> Engine<G> {
    let builder = Engine::builder(graph).store(Arc::clone(&place.store));
    builder.build().expect("the settings make sense")
}

fn item(item: &str) -> first::Order {
    first::Order {
        item: item.to_owned(),
        ..first::Order::default()
    }
}

/// Everything a store holds, as text.
async fn contents(place: &Place) -> String {
    let mut all = String::new();
    for head in place.store.all_runs().await.expect("the store works") {
        let loaded = place.store.load(&head.run).await.expect("the store works");
        all.push_str(&format!("{loaded:#?}"));
    }
    all
}

/// Every call that names run `id`, and what it said; nothing was written.
async fn every_call<G: Graph>(
    place: &Place,
    engine: &Engine<G>,
    id: &str,
    update: impl Fn() -> <G::State as superstep::State>::Update,
) -> Vec<Error> {
    let before = contents(place).await;
    let errors = [
        engine.resume(id).await.err(),
        engine.get(id).await.err(),
        engine.turn(id, update()).await.err(),
        engine.update(id, update()).await.err(),
        engine.history(id).await.err(),
        engine.state_at(id, 0).await.err(),
    ];
    assert_eq!(contents(place).await, before);
    errors.map(|error| error.expect("it is refused")).into()
}

fn says(error: &Error, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    }
}

#[tokio::test]
async fn an_unknown_run() {
    for place in stores() {
        let engine = engine(&place, first::Shop);
        for error in every_call(&place, &engine, "lost", first::Order::update).await {
            assert!(
                matches!(&error, Error::RunNotFound { run } if run == "lost"),
                "{error}"
            );
            says(
                &error,
                &[
                    "run `lost`: there is no such run",
                    "check the id",
                    "engine.run(id, state)",
                ],
            );
        }
    }
}

#[tokio::test]
async fn an_id_that_can_name_no_run() {
    for place in stores() {
        let engine = engine(&place, first::Shop);
        let long = "x".repeat(1_025);
        for (id, reason) in [("", "empty"), ("a\0b", "NUL"), (&long, "1,024")] {
            let mut errors = every_call(&place, &engine, id, first::Order::update).await;
            errors.push(engine.run(id, item("ball")).await.unwrap_err());
            for error in errors {
                assert!(matches!(error, Error::InvalidRunId { .. }), "{error}");
                says(&error, &[reason]);
                assert!(error.to_string().len() < 200);
            }
        }
        assert!(place.store.all_runs().await.unwrap().is_empty());
        for id in ["a\nb", "\u{1b}[31m", "a\u{85}"] {
            let error = engine.run(id, item("ball")).await.unwrap_err();
            assert!(matches!(error, Error::InvalidRunId { .. }), "{error}");
            says(&error, &["control character"]);
            // Whoever looks for one is told that there is none.
            let error = engine.get(id).await.unwrap_err();
            assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
        }
        // Anything else can.
        for id in ["ü/ 🦀", &"x".repeat(1_024), "'; drop table runs; --"] {
            let run = engine.run(id, item("ball")).await.unwrap();
            assert_eq!((run.id(), engine.get(id).await.unwrap().steps()), (id, 2));
        }
    }
}

#[tokio::test]
async fn another_input_or_seed() {
    for place in stores() {
        let engine = engine(&place, first::Shop);
        engine.run("run", item("ball")).await.unwrap();
        let before = contents(&place).await;
        let error = engine.run("run", item("brick")).await.unwrap_err();
        assert!(
            matches!(error, Error::InputMismatch { what: "input", .. }),
            "{error}"
        );
        says(
            &error,
            &["`run`", "another input", "`resume`", "`turn`", "another id"],
        );
        let error = engine.run("run", item("ball")).seed(3).await.unwrap_err();
        assert!(
            matches!(error, Error::InputMismatch { what: "seed", .. }),
            "{error}"
        );
        assert_eq!(contents(&place).await, before);
    }
}

#[tokio::test]
async fn a_run_of_another_graph() {
    for place in stores() {
        engine(&place, first::Shop)
            .run("run", item("ball"))
            .await
            .unwrap();
        let elsewhere = engine(&place, Elsewhere);
        let mut errors = every_call(&place, &elsewhere, "run", Nothing::update).await;
        errors.push(elsewhere.run("run", Nothing {}).await.unwrap_err());
        for error in errors {
            let Error::WrongGraph { stored, graph, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!((stored.as_str(), *graph), ("Shop", "Elsewhere"));
            says(&error, &["`run`", "`Shop`", "`Elsewhere`"]);
        }
    }
}

#[tokio::test]
async fn a_graph_that_has_changed() {
    for place in stores() {
        engine(&place, first::Shop)
            .run("run", item("brick"))
            .await
            .unwrap_err();
        let rows = engine(&place, other_rows::Shop);
        let reducer = engine(&place, other_reducer::Shop);
        let before = contents(&place).await;
        // It is open, and neither may continue it; a state is not recomputed by another reducer.
        let update = other_reducer::Order::update;
        for (error, what, help) in [
            (rows.resume("run").await.err(), "wrap", "compatible = ["),
            (
                rows.update("run", first::Order::update()).await.err(),
                "wrap",
                "compatible = [",
            ),
            (
                rows.fork("run", 1, "fork", |_| {}).await.err(),
                "wrap",
                "compatible = [",
            ),
            (reducer.resume("run").await.err(), "log", "compatible = ["),
            (
                reducer.update("run", update()).await.err(),
                "log",
                "compatible = [",
            ),
            (reducer.get("run").await.err(), "log", "engine.snapshot"),
            (
                reducer.state_at("run", 1).await.err(),
                "log",
                "engine.snapshot",
            ),
            (
                reducer.turn("run", update()).await.err(),
                "log",
                "engine.snapshot",
            ),
        ] {
            let error = error.expect("it is refused");
            let Error::GraphChanged { differences, .. } = &error else {
                panic!("{error}")
            };
            assert!(
                differences.iter().any(|line| line.contains(what)),
                "{differences:?}"
            );
            says(&error, &["`run`", "`Shop`", what, "the program that", help]);
        }
        // Reading does not get in its way.
        assert_eq!(rows.get("run").await.unwrap().status(), Status::Failed);
        assert_eq!(rows.history("run").await.unwrap().len(), 2);
        assert_eq!(rows.state_at("run", 1).await.unwrap().log, ["packed"]);
        assert_eq!(reducer.history("run").await.unwrap().len(), 2);
        assert_eq!(contents(&place).await, before);
        // The program that began it continues as before.
        let error = engine(&place, first::Shop).resume("run").await.unwrap_err();
        assert!(
            matches!(error, Error::NodeFailed { node: "ship", .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_field_added_with_a_default_is_no_change() {
    for place in stores() {
        engine(&place, first::Shop)
            .run("run", item("brick"))
            .await
            .unwrap_err();
        let now = engine(&place, added_field::Shop);
        let run = now.resume("run").await.unwrap();
        assert_eq!(run.state().log, ["packed", "shipped after all"]);
        assert!(run.state().gift);
        let input = added_field::Order {
            item: "brick".to_owned(),
            ..added_field::Order::default()
        };
        now.run("run", input).await.unwrap();
    }
}

#[tokio::test]
async fn a_state_that_no_longer_decodes() {
    for place in stores() {
        engine(&place, first::Shop)
            .run("run", item("brick"))
            .await
            .unwrap_err();
        let now = engine(&place, lost_paint::Shop);
        let before = contents(&place).await;
        let update = || lost_paint::Order::update().item("ball");
        for error in [
            now.get("run").await.unwrap_err(),
            now.update("run", update()).await.unwrap_err(),
            now.state_at("run", 1).await.unwrap_err(),
        ] {
            let Error::Undecodable {
                run, place, reason, ..
            } = &error
            else {
                panic!("{error}")
            };
            assert_eq!((run.as_str(), place.as_str()), ("run", "step 1"));
            assert!(reason.contains("Blue"), "{reason}");
            says(&error, &["nothing was changed", "#[serde(default)]"]);
        }
        assert_eq!(contents(&place).await, before);
        let error = now.resume("run").await.unwrap_err();
        assert!(matches!(error, Error::Undecodable { .. }), "{error}");
        let old = engine(&place, first::Shop);
        assert_eq!(old.get("run").await.unwrap().status(), Status::Failed);
        assert_eq!(old.state_at("run", 0).await.unwrap(), item("brick"));
        assert!(matches!(
            old.resume("run").await,
            Err(Error::NodeFailed { .. })
        ));
    }
}

#[cfg(feature = "sqlite")]
mod files {
    use std::fs;
    use std::path::Path;

    use rusqlite::Connection;
    use superstep::store::{SqliteStore, StoreError};
    use superstep_tests::sqlite_at;

    use super::*;

    fn open(path: &Path) -> StoreError {
        let error = SqliteStore::open(path).expect_err("it is refused");
        let message = error.to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        error
    }

    /// As an older version of this crate may have stored it.
    #[tokio::test]
    async fn a_stored_id_with_a_line_break_is_reachable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let engine = || {
            let engine = Engine::builder(first::Shop).store(sqlite_at(&path));
            engine.build().unwrap()
        };
        let stored = engine().run("a b", item("ball")).await;
        let state = stored.unwrap().into_state();
        let database = Connection::open(&path).unwrap();
        let renamed = database.execute("UPDATE runs SET id = 'a' || char(10) || 'b'", []);
        assert_eq!(renamed, Ok(1));
        drop(database);

        let engine = engine();
        assert_eq!(*engine.get("a\nb").await.unwrap().state(), state);
        assert_eq!(engine.history("a\nb").await.unwrap().len(), 3);
        let turn = engine.turn("a\nb", first::Order::update()).await.unwrap();
        assert_eq!(turn.steps(), 5);
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        let text = "Dear database, ".repeat(1_000);
        fs::write(&path, &text).unwrap();
        let error = open(&path);
        assert!(matches!(error, StoreError::NotADatabase { .. }), "{error}");
        assert!(error.to_string().contains("choose another path"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_database_of_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("songs.db");
        let songs = Connection::open(&path).unwrap();
        songs
            .execute_batch("create table songs (name text); insert into songs values ('x')")
            .unwrap();
        drop(songs);
        let before = fs::read(&path).unwrap();
        let error = open(&path);
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn a_newer_schema() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        drop(SqliteStore::open(&path).unwrap());
        let newer = Connection::open(&path).unwrap();
        newer.pragma_update(None, "user_version", 999).unwrap();
        drop(newer);
        let error = open(&path);
        assert!(
            matches!(error, StoreError::NewerSchema { found: 999, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("update superstep"), "{error}");
    }

    /// Root is refused nothing, so when run as root this test shows nothing.
    #[tokio::test]
    async fn a_file_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        engine_at(&path).run("run", item("ball")).await.unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        if fs::OpenOptions::new().append(true).open(&path).is_ok() {
            return;
        }
        let error = open(&path);
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("make the file"), "{error}");
    }

    #[tokio::test]
    async fn a_folder_and_a_path_that_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().to_owned(),
            folder.path().join("no/such/runs.db"),
        ] {
            let error = open(&path);
            assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
        }
    }

    /// Breaks the stored run with `sql`, and returns what `get` says then.
    async fn altered(sql: &str) -> Error {
        let folder = tempfile::tempdir().expect("it works");
        let path = folder.path().join("runs.db");
        let place = || engine_at(&path);
        place().run("run", item("ball")).await.expect("it works");
        let database = Connection::open(&path).expect("it works");
        let changed = database.execute(sql, []).expect("it works");
        assert!(changed > 0, "{sql} changed nothing");
        drop(database);
        let error = place().get("run").await.expect_err("it is refused");
        assert!(place().turn("run", first::Order::update()).await.is_err());
        error
    }

    fn engine_at(path: &Path) -> Engine<first::Shop> {
        let builder = Engine::builder(first::Shop).store(sqlite_at(path));
        builder.build().expect("the settings make sense")
    }

    #[tokio::test]
    async fn a_row_that_somebody_changed() {
        for (sql, place) in [
            (
                "update steps set updates = replace(updates, 'packed', 'pecked') where step = 1",
                "step 1",
            ),
            (
                "update steps set updates = replace(updates, 'ball', 'bell') where step = 0",
                "step 0",
            ),
            (
                "update steps set frontier = '{\"tasks\":[]}' where step = 2",
                "step 2",
            ),
            (
                "update steps set chain = zeroblob(32) where step = 2",
                "the chain",
            ),
            ("delete from steps where step = 1", "step 1"),
            ("delete from steps where step = 2", "step 2"),
            ("update runs set chain = zeroblob(32)", "the chain"),
            ("update runs set seed = seed + 1", "step 0"),
        ] {
            let error = altered(sql).await;
            let Error::Corrupt {
                run, place: found, ..
            } = &error
            else {
                panic!("{sql}: {error}")
            };
            assert_eq!(
                (run.as_str(), found.as_str()),
                ("run", place),
                "{sql}: {error}"
            );
            says(&error, &["`run`", "corrupt", "backup"]);
        }
    }
}

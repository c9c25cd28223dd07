//! A replay trusts no row: one that is altered, missing, cut or superfluous is
//! `Corrupt`, before any node runs.
#![cfg(feature = "sqlite")]

use std::path::Path;

use superstep::prelude::*;
use superstep_tests::sqlite_at;
use superstep_tests::survey::{Survey, Surveyor};

fn engine(path: &Path) -> (Engine<Surveyor>, Surveyor) {
    let surveyor = Surveyor::new();
    let builder = Engine::builder(surveyor.clone()).store(sqlite_at(path));
    (builder.build().unwrap(), surveyor)
}

const DAMAGES: &[&str] = &[
    "UPDATE steps SET updates = replace(updates, 'detour', 'detours') WHERE updates LIKE '%detour%'",
    "UPDATE steps SET updates = replace(updates, '\"pages\":3', '\"pages\":2') WHERE kind = 'input'",
    "UPDATE steps SET updates = substr(updates, 1, 20) WHERE step = 2",
    "UPDATE steps SET frontier = replace(frontier, 'sort', 'plan') WHERE frontier LIKE '%sort%'",
    "UPDATE steps SET frontier = '' WHERE step = 3",
    "UPDATE steps SET chain = zeroblob(32) WHERE step = 2",
    "UPDATE steps SET digest = zeroblob(32) WHERE step = 2",
    "UPDATE steps SET journal = zeroblob(32) WHERE step = 2",
    "UPDATE steps SET journal = NULL WHERE step = 2",
    "UPDATE steps SET journal = zeroblob(32) WHERE journal IS NULL",
    "UPDATE steps SET notes = NULL WHERE notes IS NOT NULL",
    "UPDATE steps SET notes = replace(notes, '2', '3') WHERE notes IS NOT NULL",
    "UPDATE steps SET notes = '[]' WHERE notes IS NULL",
    "DELETE FROM steps WHERE step = 0",
    "DELETE FROM steps WHERE step = 2",
    "DELETE FROM steps WHERE place = (SELECT max(place) FROM steps)",
    "UPDATE runs SET step = step - 1",
    "UPDATE runs SET step = step + 1",
    "UPDATE runs SET chain = zeroblob(32)",
    "UPDATE runs SET seed = seed + 1",
    "UPDATE effects SET response = replace(response, '1', '2') WHERE name = 'fetch'",
    "UPDATE effects SET response = substr(response, 1, 3) WHERE name = 'fetch'",
    "UPDATE effects SET response = response + 1 WHERE kind = 'clock'",
    "UPDATE effects SET request = zeroblob(32) WHERE name = 'fetch'",
    "UPDATE effects SET excerpt = 'nothing' WHERE name = 'fetch'",
    "UPDATE effects SET name = 'fetched' WHERE name = 'fetch'",
    "UPDATE effects SET class = 'time' WHERE name = 'fetch'",
    "UPDATE effects SET n = n + 1 WHERE name = 'fetch'",
    "UPDATE effects SET call = call + 1 WHERE name = 'fetch'",
    "UPDATE effects SET attempt = attempt + 1 WHERE name = 'fetch'",
    "UPDATE effects SET task = zeroblob(32) WHERE name = 'glance'",
    "UPDATE effects SET kind = 'done' WHERE kind = 'failed'",
    "UPDATE effects SET error = 'another' WHERE kind = 'failed'",
    "UPDATE effects SET place = place + 1 WHERE name = 'glance'",
    "DELETE FROM effects WHERE name = 'glance'",
    "DELETE FROM effects",
    "INSERT INTO effects (place, task, class, name, n, kind, call, attempt, request, excerpt, recorded)
     SELECT place, task, 'effect', 'more', 0, 'failed', 9, 1, request, '', 0 FROM effects LIMIT 1",
];

#[tokio::test]
async fn every_damaged_row_is_found_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    let (first, _) = engine(&whole);
    first.run("run", Survey::of(1, 3)).await.unwrap();
    drop(first);
    for (number, damage) in DAMAGES.iter().enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        let database = rusqlite::Connection::open(&whole).unwrap();
        let copy = format!("VACUUM INTO '{}'", path.display());
        database.execute(&copy, []).unwrap();
        let database = rusqlite::Connection::open(&path).unwrap();
        assert!(database.execute(damage, []).unwrap() > 0, "{damage}");
        drop(database);
        let (second, surveyor) = engine(&path);
        let error = second.replay("run").await.expect_err(damage);
        assert!(matches!(error, Error::Corrupt { .. }), "{damage}: {error}");
        let journal = surveyor.world.journal.lines();
        assert_eq!(journal, [""; 0], "{damage}");
    }
    let (whole, _) = engine(&whole);
    whole.replay("run").await.unwrap();
}

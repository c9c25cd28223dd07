//! Records that were altered behind everybody's back, with all hashes recomputed.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use superstep::Digest;
use superstep::prelude::*;
use superstep::store::{EffectRecord, StoreExt};
use superstep_tests::sqlite_at;

use crate::engine;
use crate::trip::Trip;

/// What a replay says after `sql` was done to the effects of step 2.
async fn after(sql: &str) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = sqlite_at(&path);
    let (before, _) = engine(&store, "");
    before.run("run", Trip::default()).await.unwrap();
    drop((before, store));
    alter(&path, sql).await;
    let (now, calls) = engine(&sqlite_at(&path), "");
    let error = now.replay("run").await.expect_err(sql);
    assert_eq!(calls.lines(), [""; 0]);
    error
}

async fn alter(path: &Path, sql: &str) {
    let database = Connection::open(path).unwrap();
    assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
    let store: Arc<dyn Store> = sqlite_at(path);
    let effects = store.all_effects("run", 2, 2).await.unwrap();
    let digest = journal_digest(&effects);
    let update = "UPDATE steps SET journal = ?1 WHERE step = 2";
    let updated = database.execute(update, params![digest.as_slice()]);
    assert_eq!(updated.unwrap(), 1);
}

/// The hash of a step's effects, as the engine has it.
fn journal_digest(effects: &[EffectRecord]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    part(&mut hasher, b"");
    for record in effects {
        part(&mut hasher, record.task.as_bytes());
        part(&mut hasher, record.name.as_bytes());
        number(&mut hasher, record.n);
        part(&mut hasher, record.kind.as_str().as_bytes());
        let call = record.call.map_or(0, |call| u64::from(call) + 1);
        number(&mut hasher, call);
        number(&mut hasher, record.attempt.into());
        part(&mut hasher, record.request.as_bytes());
        part(&mut hasher, record.excerpt.as_bytes());
        for text in [&record.response, &record.error] {
            number(&mut hasher, text.is_some().into());
            if let Some(text) = text {
                part(&mut hasher, text.as_bytes());
            }
        }
    }
    hasher.finalize().to_vec()
}

fn part(hasher: &mut Sha256, part: &[u8]) {
    hasher.update((part.len() as u64).to_le_bytes());
    hasher.update(part);
}

fn number(hasher: &mut Sha256, number: u64) {
    part(hasher, &number.to_le_bytes());
}

#[tokio::test]
async fn an_altered_answer_or_clock_shows_in_the_update() {
    for (sql, says) in [
        (
            "UPDATE effects SET response = '\"ask 9\"' WHERE name = 'ask' AND n = 0",
            "recorded \"ask 1\" at `notes[0].heard[0]`, now \"ask 9\"",
        ),
        (
            "UPDATE effects SET response = response + 1 WHERE kind = 'clock'",
            "at `notes[0].at`, now",
        ),
        (
            "UPDATE effects SET kind = 'failed', response = NULL, error = 'P:shut' WHERE name = 'buy'",
            "node `visit`: the replay differs in the result: recorded success, now an error: ",
        ),
        (
            "UPDATE effects SET call = call + 1 WHERE kind = 'clock'",
            "node `visit`: the replay differs in the order of the effects",
        ),
        (
            "DELETE FROM effects WHERE name = 'buy'",
            "node `visit`: the replay differs in the effects: recorded no such call, now effect `buy` (call 0) for",
        ),
        (
            "UPDATE effects SET call = NULL WHERE name = 'buy'",
            "node `visit`: the replay differs in the effects: recorded no such call, now effect `buy` (call 0) for",
        ),
    ] {
        let error = after(sql).await;
        let said = error.to_string();
        assert!(said.contains(says), "{sql}: {said}");
        let Error::ReplayMismatch { step, node, .. } = error else {
            panic!("{sql}: {error}")
        };
        assert_eq!((step, &*node), (2, "visit"), "{sql}");
    }
}

#[tokio::test]
async fn a_response_that_does_not_decode_is_named() {
    let error = after("UPDATE effects SET response = '7' WHERE name = 'buy'").await;
    assert!(matches!(error, Error::Undecodable { .. }), "{error}");
    let effect = "the response of effect `buy` (call 0) of node `visit` in step 2";
    assert!(error.to_string().contains(effect), "{error}");
}

#[tokio::test]
async fn without_the_right_hash_an_altered_record_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = sqlite_at(&path);
    let (before, _) = engine(&store, "");
    before.run("run", Trip::default()).await.unwrap();
    drop((before, store));
    // The hash of the test is that of the engine: nothing is altered by it.
    alter(&path, "UPDATE effects SET n = n WHERE name = 'buy'").await;
    let (now, _) = engine(&sqlite_at(&path), "");
    now.replay("run").await.unwrap();
    let other = Digest::default();
    let database = Connection::open(&path).unwrap();
    let update = "UPDATE steps SET journal = ?1 WHERE step = 2";
    let updated = database.execute(update, params![other.as_bytes()]);
    assert_eq!(updated.unwrap(), 1);
    let error = now.replay("run").await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

//! A database that is opened read-only is read completely, whoever has it open or left it
//! behind and whatever may be written, and no byte of it or of the files next to it changes.
#![cfg(all(unix, feature = "sqlite"))]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{StoreError, StoreExt};
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{child, child_folder, trace};
use tempfile::{TempDir, tempdir};

/// The user that systems give no rights.
const NOBODY: u32 = 65_534;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    n: u64,
}

#[node]
fn count(state: &Count) -> CountUpdate {
    Count::update().n(state.n + 1)
}

#[graph(state = Count, start -> count -> end)]
struct Counting;

fn counting(store: SqliteStore) -> Engine<Counting> {
    let builder = Engine::builder(Counting).store(store);
    builder.build().expect("the settings make sense")
}

fn database(folder: &Path) -> PathBuf {
    folder.join("runs.db")
}

/// All that is in a folder. Asked of another process: closing a file drops the locks
/// that SQLite has on it in this one.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let found = Command::new("find").arg(folder).output().unwrap().stdout;
    let content = |path: &str| Command::new("cat").arg(path).output().unwrap().stdout;
    let names = String::from_utf8(found).unwrap();
    names
        .lines()
        .map(|path| (path.to_owned(), content(path)))
        .collect()
}

/// What is on the disk does not change during `look`.
async fn unchanged<T>(folder: &Path, look: impl Future<Output = T>) -> T {
    let before = files(folder);
    let found = look.await;
    let after = files(folder);
    assert_eq!(names(&after), names(&before));
    for (path, content) in after {
        assert!(before[&path] == content, "{path} was changed");
    }
    found
}

fn names(files: &BTreeMap<String, Vec<u8>>) -> Vec<&String> {
    files.keys().collect()
}

/// The ids of all runs; each can be loaded, replayed and read at past steps.
async fn look(folder: &Path) -> Result<Vec<String>, StoreError> {
    let store = SqliteStore::open_read_only(database(folder))?;
    let heads = store.all_runs().await?;
    let engine = counting(store);
    let mut ids = Vec::new();
    for head in heads {
        let run = engine.get(&head.run).await.unwrap();
        assert_eq!(run.state().n, 1);
        let replayed = engine.replay(&head.run).await.unwrap();
        assert_eq!(replayed.fingerprint(), run.fingerprint());
        assert_eq!(engine.history(&head.run).await.unwrap().len(), 2);
        ids.push(head.run);
    }
    Ok(ids)
}

/// A process that commits, one run after another, as it is told to.
struct Owner {
    process: Child,
    said: Lines<BufReader<ChildStderr>>,
    runs: Vec<String>,
}

#[test]
fn the_owner() {
    let Some(folder) = child_folder() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = counting(SqliteStore::open(database(&folder)).unwrap());
    for id in std::io::stdin().lines() {
        let id = id.unwrap();
        let run = engine.run(&id, Count::default()).into_future();
        runtime.block_on(run).unwrap();
        eprintln!("done {id}");
    }
}

impl Owner {
    fn start(folder: &Path) -> Self {
        let mut process = child("the_owner", folder)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stderr.take().unwrap()).lines();
        Self {
            process,
            said,
            runs: Vec::new(),
        }
    }

    /// Runs `id` in the process; it is acknowledged after that.
    fn run(&mut self, id: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{id}").unwrap();
        let done = format!("done {id}");
        assert!(self.said.any(|line| line.unwrap() == done));
        self.runs.push(id.to_owned());
    }

    fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.runs
    }
}

/// Three runs of a process that was killed after that.
fn left_by_the_dead() -> (TempDir, Vec<String>) {
    let folder = tempdir().unwrap();
    let mut owner = Owner::start(folder.path());
    ["a", "b", "c"].into_iter().for_each(|id| owner.run(id));
    let runs = owner.kill();
    (folder, runs)
}

#[tokio::test]
async fn a_closed_database_with_one_of_everything() {
    let folder = tempdir().unwrap();
    let engine = |store: SqliteStore| {
        let builder = Engine::builder(Surveyor::new()).store(store);
        builder.build().expect("the settings make sense")
    };
    let owner = engine(SqliteStore::open(database(folder.path())).unwrap());
    owner.run("run", Survey::of(3, 4)).await.unwrap();
    owner.label("run", 1, "first").await.unwrap();
    owner.fork("run", 2, "fork", |_| {}).await.unwrap();
    let wanted = (
        trace(&owner, "run").await.unwrap(),
        trace(&owner, "fork").await.unwrap(),
    );
    drop(owner);
    unchanged(folder.path(), async {
        let store = SqliteStore::open_read_only(database(folder.path())).unwrap();
        let reader = engine(store);
        let found = (
            trace(&reader, "run").await.unwrap(),
            trace(&reader, "fork").await.unwrap(),
        );
        assert_eq!(found, wanted);
        reader.replay("run").await.unwrap();
        assert_eq!(reader.labels("run").await.unwrap().len(), 1);
        for error in [
            reader.run("new", Survey::of(1, 1)).await.unwrap_err(),
            reader.resume("fork").await.unwrap_err(),
            reader.turn("run", Survey::update()).await.unwrap_err(),
            reader.update("run", Survey::update()).await.unwrap_err(),
            reader.label("run", 2, "second").await.unwrap_err(),
            reader.fork("run", 1, "other", |_| {}).await.unwrap_err(),
        ] {
            let Error::Store { source, .. } = &error else {
                panic!("{error}")
            };
            let StoreError::ReadOnly { reason, .. } = source else {
                panic!("{source}")
            };
            assert!(reason.contains("`open_read_only`"), "{reason}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_living_owner_in_another_process_is_read_at_once() {
    let folder = tempdir().unwrap();
    let mut owner = Owner::start(folder.path());
    for id in ["a", "b", "c", "d"] {
        owner.run(id);
        let found = unchanged(folder.path(), look(folder.path())).await.unwrap();
        assert_eq!(found, owner.runs);
    }
    // One that is kept open does not keep the owner from cleaning up.
    let store = SqliteStore::open_read_only(database(folder.path())).unwrap();
    assert_eq!(store.all_runs().await.unwrap().len(), 4);
    drop(owner.process.stdin.take());
    assert!(owner.process.wait().unwrap().success());
    let left = files(folder.path());
    let beside = left.keys().filter(|name| name.contains("runs.db-")).count();
    assert_eq!(beside, 1, "the empty folder of owners: {:?}", names(&left));
    assert_eq!(store.all_runs().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_killed_owner_is_read_to_its_last_commit() {
    let (folder, runs) = left_by_the_dead();
    let found = unchanged(folder.path(), look(folder.path())).await.unwrap();
    assert_eq!(found, runs);
    let next = counting(SqliteStore::open(database(folder.path())).unwrap());
    next.run("d", Count::default()).await.unwrap();
    assert_eq!(look(folder.path()).await.unwrap(), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_log_without_its_index_is_an_error_and_no_older_state() {
    let (folder, _) = left_by_the_dead();
    fs::remove_file(folder.path().join("runs.db-shm")).unwrap();
    let error = unchanged(folder.path(), look(folder.path())).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::NeedsRecovery { .. }), "{error}");
    assert!(
        error.to_string().contains("as a user who may write"),
        "{error}"
    );
}

const CYCLES: usize = 60;

/// Opens, commits and closes, over and over.
#[test]
fn the_one_that_comes_and_goes() {
    let Some(folder) = child_folder() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for cycle in 1..=CYCLES {
        let engine = counting(SqliteStore::open(database(&folder)).unwrap());
        let run = engine
            .run(format!("run-{cycle:03}"), Count::default())
            .into_future();
        runtime.block_on(run).unwrap();
        drop(engine);
        eprintln!("done {cycle}");
    }
}

#[tokio::test]
async fn an_owner_that_comes_and_goes_is_never_seen_at_an_older_state() {
    let folder = tempdir().unwrap();
    drop(SqliteStore::open(database(folder.path())).unwrap());
    let store = SqliteStore::open_read_only(database(folder.path())).unwrap();
    let mut owner = child("the_one_that_comes_and_goes", folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(owner.stderr.take().unwrap()).lines();
    for line in said {
        let Some(done) = line.unwrap().strip_prefix("done ").map(str::to_owned) else {
            continue;
        };
        // The owner is in its next cycle meanwhile, wherever in it.
        let done: usize = done.parse().unwrap();
        for _ in 0..3 {
            let seen = store.all_runs().await.unwrap().len();
            assert!(seen >= done, "{seen} of {done}");
        }
    }
    assert!(owner.wait().unwrap().success());
    assert_eq!(store.all_runs().await.unwrap().len(), CYCLES);
}

/// What it may not write either.
#[test]
fn the_guest() {
    let Some(folder) = child_folder() else { return };
    let wanted = fs::read_to_string(folder.join("wanted")).unwrap();
    let probe = fs::File::create(database(&folder).with_extension("probe"));
    assert!(probe.is_err(), "this folder may be written");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = match runtime.block_on(look(&folder)) {
        Ok(ids) => ids.join(" "),
        Err(error) => error.to_string(),
    };
    assert!(found.contains(&wanted), "{found}, not {wanted}");
}

/// The guest finds `wanted` in a folder that it may not write; `None` if this system
/// has no way to be such a guest.
fn guest_finds(folder: &Path, wanted: &str) -> Option<bool> {
    fs::write(folder.join("wanted"), wanted).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
    // The test binary may lie where nobody else can reach it.
    let copied = tempdir().unwrap();
    let program = copied.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(copied.path(), Permissions::from_mode(0o755)).unwrap();
    let itself = child("the_guest", folder);
    let mut guest = Command::new(&program);
    guest.args(itself.get_args()).current_dir("/");
    guest.envs(
        itself
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    // Root may write everywhere.
    if fs::File::create(folder.join("probe")).is_ok() {
        fs::remove_file(folder.join("probe")).unwrap();
        guest.uid(NOBODY).gid(NOBODY);
    }
    let passed = match guest.status() {
        Ok(status) => Some(status.success()),
        Err(error) => {
            eprintln!("skipped: root writes everywhere and may be nobody else here: {error}");
            None
        }
    };
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(folder.join("wanted")).unwrap();
    passed
}

#[tokio::test]
async fn in_a_folder_that_may_not_be_written() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut owner = Owner::start(path);
    for id in ["a", "b"] {
        owner.run(id);
        let wanted = owner.runs.join(" ");
        unchanged(path, async {
            assert_ne!(guest_finds(path, &wanted), Some(false), "a living owner");
        })
        .await;
    }
    let runs = owner.kill();
    unchanged(path, async {
        assert_ne!(
            guest_finds(path, &runs.join(" ")),
            Some(false),
            "a dead one"
        );
        let (index, away) = (path.join("runs.db-shm"), path.join("away"));
        fs::rename(&index, &away).unwrap();
        let error = guest_finds(path, "as a user who may write");
        assert_ne!(error, Some(false), "a log without its index");
        fs::rename(&away, &index).unwrap();
    })
    .await;

    drop(SqliteStore::open(database(path)).unwrap());
    unchanged(path, async {
        assert_ne!(guest_finds(path, "a b"), Some(false), "nobody");
    })
    .await;
    fs::write(path.join("runs.db-wal"), "").unwrap();
    unchanged(path, async {
        assert_ne!(guest_finds(path, "a b"), Some(false), "an empty log");
    })
    .await;
}

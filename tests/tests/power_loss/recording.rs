//! Real runs, with all that they did to the disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use superstep::prelude::*;
use superstep::store::Synchronous;
use superstep_tests::survey::{Survey, Surveyor, World};
use superstep_tests::{Hooked, Moment, Trace, trace, well};
use superstep_vfs::{Disk, Log, Loss};
use tokio::task::JoinSet;

/// How many runs a session drives, and how many of them at once.
pub(crate) type Session = (usize, usize);

fn input() -> Survey {
    Survey::of(2, 2)
}

pub(crate) fn id(number: usize) -> String {
    format!("run-{number}")
}

/// A commit, and how long the log was before it and when it was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) run: String,
    pub(crate) step: u64,
    pub(crate) begun: usize,
    pub(crate) done: usize,
}

pub(crate) struct Recording {
    pub(crate) log: Log,
    pub(crate) commits: Vec<Commit>,
    /// The names of the files in `runs.db-owners`.
    pub(crate) owners: Vec<String>,
    /// How every run ends if nothing disturbs it.
    pub(crate) expected: BTreeMap<String, Trace>,
}

/// Drives runs on a disk that `prepare` may make worse. A failure
/// passes, and then everything is tried once more.
pub(crate) async fn record(
    synchronous: Synchronous,
    sessions: &[Session],
    prepare: impl FnOnce(&Disk),
    world: &World,
) -> Recording {
    superstep_vfs::install();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let disk = Arc::new(Disk::under(&path).unwrap());
    prepare(&disk);
    let commits = Arc::new(Mutex::new(Vec::new()));
    let mut owners = Vec::new();
    let mut log = Log::default();
    let mut ids = (0..).map(id);
    for (runs, at_once) in sessions.iter().copied() {
        let open = || SqliteStore::options().synchronous(synchronous).open(&path);
        let store = match open() {
            Err(_) if disk.failed() > 0 => open(),
            opened => opened,
        };
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        owners.extend(names(&folder.path().join("runs.db-owners")));
        let mut driven = JoinSet::new();
        for id in ids.by_ref().take(runs) {
            if driven.len() == at_once {
                driven.join_next().await.unwrap().unwrap();
            }
            let store = noting(&store, &disk, &commits, &id);
            let engine = engine(Arc::new(store), world);
            let disk = Arc::clone(&disk);
            driven.spawn(async move { drive(&engine, &id, &disk).await });
        }
        driven.join_all().await;
        // Aborted tasks of the engines still hold it for a moment; and it must be
        // closed before the next session opens it.
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
        // With the last store open: nobody has tidied up.
        log = disk.log();
    }
    // Nothing has bypassed the shim.
    let all = disk.log();
    let closed = all.image(all.len(), Loss::Nothing, |_| 0);
    for (name, bytes) in closed.files() {
        let file = std::fs::read(folder.path().join(name)).unwrap();
        assert!(file == bytes, "changes of {name} were missed");
    }
    let commits = commits.lock().unwrap().clone();
    let ids = commits.iter().map(|commit: &Commit| commit.run.clone());
    Recording {
        log,
        expected: undisturbed(ids.collect(), world).await,
        commits,
        owners,
    }
}

async fn drive(engine: &Engine<Surveyor>, id: &str, disk: &Disk) {
    let result = match engine.run(id, input()).await {
        // Running an existing one again would try its first commit again.
        Err(_) if disk.failed() > 0 => match engine.get(id).await {
            Ok(_) => engine.resume(id).await,
            Err(_) => engine.run(id, input()).await,
        },
        result => result,
    };
    assert_eq!(result.unwrap().status(), Status::Completed);
}

/// `store`, but every commit of the run `id` is noted when it is acknowledged.
fn noting(
    store: &Arc<dyn Store>,
    disk: &Arc<Disk>,
    commits: &Arc<Mutex<Vec<Commit>>>,
    id: &str,
) -> Hooked {
    let (disk, commits, id) = (Arc::clone(disk), Arc::clone(commits), id.to_owned());
    let next = Mutex::new((0, 0));
    Hooked::new(Arc::clone(store), move |moment, call| {
        if call == "commit" {
            let mut next = next.lock().unwrap();
            let (step, begun) = *next;
            let now = disk.position();
            *next = match moment {
                Moment::Before => (step, now),
                Moment::After => {
                    commits.lock().unwrap().push(Commit {
                        run: id.clone(),
                        step,
                        begun,
                        done: now,
                    });
                    (step + 1, now)
                }
            };
        }
        well()
    })
}

pub(crate) fn engine(store: Arc<dyn Store>, world: &World) -> Engine<Surveyor> {
    let world = world.clone();
    Engine::builder(Surveyor { world })
        .store(store)
        .snapshot_every(3)
        .build()
        .expect("the settings make sense")
}

async fn undisturbed(mut ids: Vec<String>, world: &World) -> BTreeMap<String, Trace> {
    ids.sort();
    ids.dedup();
    let engine = engine(Arc::new(MemoryStore::new()), world);
    let mut expected = BTreeMap::new();
    for id in ids {
        engine.run(&id, input()).await.unwrap();
        let trace = trace(&engine, &id).await.unwrap();
        expected.insert(id, trace);
    }
    expected
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

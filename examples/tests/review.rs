//! The review program from outside: what it says, and that a kill costs nothing
//! but the open step.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use superstep::SqliteStore;
use superstep::store::StoreExt;
use tempfile::TempDir;

const FILES: usize = 100;

/// A tree to review, and a place for the results.
struct Place {
    dir: TempDir,
}

impl Place {
    fn empty() -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("tree")).unwrap();
        Self { dir }
    }

    /// Files of all qualities, two of which cannot be reviewed.
    fn full() -> Self {
        let place = Self::empty();
        for n in 0..FILES {
            let body = "    x.unwrap();\n".repeat(n % 7);
            place.write(
                &format!("part{}/file{n:03}.rs", n % 3),
                format!("fn f() {{\n{body}}}\n"),
            );
        }
        place.write("broken.rs", "fn {");
        place.write("latin1.rs", b"// caf\xe9\n");
        place.write("target/generated.rs", "fn {");
        place
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.tree().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn tree(&self) -> PathBuf {
        self.dir.path().join("tree")
    }

    fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, out: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_review"));
        command.arg(self.tree()).arg("--out").arg(self.out(out));
        command
    }

    fn review(&self, out: &str) -> String {
        said(self.command(out).output().unwrap())
    }

    fn report(&self, out: &str) -> String {
        fs::read_to_string(self.out(out).join("report.md")).unwrap()
    }

    /// Starts a slow review and kills it when `steps` are committed.
    async fn kill_after(&self, out: &str, steps: u64) {
        let mut child = self.started(out, steps).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a slow review, of which `steps` are committed then.
    async fn started(&self, out: &str, steps: u64) -> Child {
        let mut command = self.command(out);
        let mut child = command
            .args(["--pause-ms", "150"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let database = self.out(out).join("review.db");
        let give_up = Instant::now() + Duration::from_secs(60);
        while last_step(&database).await < Some(steps) {
            assert!(
                Instant::now() < give_up,
                "the review did not get to step {steps}"
            );
            assert_eq!(
                child.try_wait().unwrap(),
                None,
                "the review ended by itself"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child
    }
}

fn said(output: Output) -> String {
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

async fn last_step(database: &Path) -> Option<u64> {
    if !database.exists() {
        return None;
    }
    let runs = SqliteStore::open(database).ok()?.all_runs().await.ok()?;
    Some(runs.first()?.step)
}

#[tokio::test]
async fn a_killed_review_goes_on_from_its_last_commit_to_the_same_report() {
    let place = Place::full();
    place.review("undisturbed");

    place.kill_after("killed", 3).await;
    let said = place.review("killed");
    assert!(said.contains("going on from step "), "{said}");
    let reviewed = said
        .split(", ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap();
    let reviewed: usize = reviewed.parse().unwrap();
    assert!((32..FILES).contains(&reviewed), "{said}");
    assert_eq!(place.report("killed"), place.report("undisturbed"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_review_that_is_told_to_stop_finishes_its_step_and_goes_on_when_it_is_started_again() {
    let place = Place::full();
    place.review("undisturbed");
    for signal in ["INT", "TERM"] {
        let child = place.started(signal, 2).await;
        let told = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(told.unwrap().success());
        let said = said(child.wait_with_output().unwrap());
        assert!(said.contains("the same command goes on"), "{said}");
        let said = place.review(signal);
        assert!(said.contains("going on from step "), "{said}");
        assert_eq!(place.report(signal), place.report("undisturbed"));
    }
}

#[test]
fn files_that_cannot_be_reviewed_are_reported_and_stop_nothing() {
    let place = Place::full();
    place.review("out");
    let report = place.report("out");
    assert!(
        report.contains(&format!("\n{FILES} Rust files, ")),
        "{report}"
    );
    let end = "## Not reviewed\n\n- broken.rs:1: does not parse: ";
    assert!(report.contains(end), "{report}");
    assert!(
        report.ends_with("- latin1.rs: not UTF-8 from byte 6\n"),
        "{report}"
    );
    assert!(!report.contains("generated.rs"), "{report}");
    let picture = fs::read_to_string(place.out("out").join("graph.svg")).unwrap();
    assert!(picture.contains("set_aside"), "{picture}");
}

#[test]
fn the_same_tree_gives_the_stored_report_and_a_changed_one_a_new_run() {
    let place = Place::full();
    place.review("out");
    let first = place.report("out");
    let again = place.review("out");
    assert!(again.contains("nothing has changed since"), "{again}");
    assert_eq!(place.report("out"), first);

    place.write("part0/file000.rs", "fn f() { todo!() }");
    let changed = place.review("out");
    assert!(changed.contains(" files to review"), "{changed}");
    assert!(place.report("out").contains("1 `todo!`"));
}

#[test]
fn a_tree_whose_files_all_fail_gets_a_report() {
    let place = Place::empty();
    place.write("a.rs", "fn {");
    place.review("out");
    assert!(place.report("out").contains("- a.rs:1: does not parse"));
}

#[test]
fn an_empty_tree_is_said_to_be_empty() {
    let place = Place::empty();
    assert!(place.review("out").contains("There are no Rust files here"));
}

#[test]
fn a_command_line_that_makes_no_sense_is_explained_with_code_2() {
    let place = Place::empty();
    place.write("file.rs", "");
    let (tree, file) = (place.tree(), place.tree().join("file.rs"));
    let (tree, file) = (tree.to_str().unwrap(), file.to_str().unwrap());
    let below_a_file = format!("{file}/out");
    for (args, message) in [
        (vec![], "which folder?"),
        (vec!["nowhere"], "`nowhere` does not exist"),
        (vec![file], "is not a folder"),
        (vec![tree, "--out", &below_a_file], "cannot write to"),
        (vec![tree, "--out"], "`--out` needs a folder"),
        (
            vec![tree, "--pause-ms", "long"],
            "`--pause-ms` needs a number",
        ),
        (vec![tree, "--fast"], "there is no `--fast`"),
        (vec![tree, tree], "one folder at a time"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_review"))
            .args(&args)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
    }
}

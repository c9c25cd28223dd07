//! The check before a deployment, as a CI job sees it.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn the_runs_that_would_break_are_told_and_fail_the_job() {
    let folder = tempfile::tempdir().unwrap();
    // Twice: the runs of the first time are there already.
    for _ in 0..2 {
        let check = Command::new(env!("CARGO_BIN_EXE_deploy_check"))
            .arg(folder.path().join("runs.db"))
            .output()
            .unwrap();
        let said = String::from_utf8(check.stdout).unwrap();
        let lines: Vec<_> = said.lines().collect();
        let [first, here, places @ ..] = &lines[..] else {
            panic!("{said}")
        };
        assert_eq!(*first, "this deploy would break 3 of 40 running workflows");
        assert_eq!(*here, "here is where:");
        let place = |claim| {
            format!(
                "- run `{claim}`, step 2, node `judge`: the replay differs in the route: recorded pay, now look_at"
            )
        };
        assert_eq!(places, ["claim-26", "claim-27", "claim-28"].map(place));
        assert_eq!(check.status.code(), Some(1));
        assert!(check.stderr.is_empty());
    }
}

//! The sessions in the README, each a `console` block, show what the programs print.
//! `UPDATE_EXPECT=1` regenerates them.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
const FENCE: &str = "```";
const CARGO: &str = "cargo run -q --release -p superstep-examples --bin ";

#[test]
fn the_sessions_in_the_readme_go_as_they_are_shown() {
    let shown = fs::read_to_string(README).unwrap();
    let opening = format!("{FENCE}console\n");
    let mut blocks = shown.split(&opening);
    let mut played = blocks.next().unwrap().to_owned();
    let mut sessions = 0;
    for block in blocks {
        let (session, rest) = block.split_once(FENCE).unwrap();
        played += &format!("{opening}{}{FENCE}{rest}", play(session));
        sessions += 1;
    }
    assert!(sessions > 0);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(README, &played).unwrap();
    }
    let shown = fs::read_to_string(README).unwrap();
    assert_eq!(played, shown, "run this test with UPDATE_EXPECT=1");
}

/// The commands of a session, each with its output.
fn play(session: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    copy_sample(folder.path());
    let commands = session.lines().filter_map(|line| line.strip_prefix("$ "));
    let play = |line| format!("$ {line}\n{}", run(line, folder.path()));
    commands.map(play).collect()
}

/// What a command prints in that folder, first to standard output, then as errors.
fn run(line: &str, folder: &Path) -> String {
    if let Some(file) = line.strip_prefix("cat ") {
        return fs::read_to_string(folder.join(file)).unwrap();
    }
    let call = line.strip_prefix(CARGO).unwrap();
    let (program, args) = call.split_once(" -- ").unwrap();
    let program = match program {
        "orders" => env!("CARGO_BIN_EXE_orders"),
        "review" => env!("CARGO_BIN_EXE_review"),
        _ => panic!("there is no program `{program}`"),
    };
    let mut command = Command::new(program);
    let command = command.args(args.split(' ')).current_dir(folder);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    without_hash(&String::from_utf8(said).unwrap())
}

/// The id of a review depends on where its tree stands.
fn without_hash(said: &str) -> String {
    match said.split_once("run sample-") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
            format!("{before}run sample-…{after}")
        }
        None => said.to_owned(),
    }
}

/// The sample, at the same place in `folder` as in the repository.
fn copy_sample(folder: &Path) {
    let sample = "examples/review/sample/src";
    let from = Path::new(README).parent().unwrap().join(sample);
    let to = folder.join(sample);
    fs::create_dir_all(&to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

//! What building costs: the crates of the lean core, its build from nothing,
//! and a graph and a state compared with the same functions and the same struct without macros.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::timing::{in_turns, median};
use crate::{Bench, Outcome, folder, table};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

pub fn crates(_: &Bench) -> Outcome {
    let arguments = [
        "tree",
        "--no-default-features",
        "-e",
        "normal",
        "--prefix",
        "none",
    ];
    let tree = cargo(&arguments, Path::new(PACKAGE)).output()?;
    let tree = String::from_utf8(tree.stdout)?;
    // A crate that was listed before ends in ` (*)`.
    let crates: BTreeSet<_> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .collect();
    let count = crates.len();
    let (count_text, met) = (count.to_string(), count > 0 && count < 30);
    table::row(
        "crates of the lean core, itself included",
        "",
        &count_text,
        "",
        "under 30",
        met,
    );
    Ok(())
}

pub fn core(bench: &Bench) -> Outcome {
    for (name, profile) in [("debug", "dev"), ("release", "release")] {
        let mut samples = Vec::new();
        for _ in 0..bench.rounds(3, 1) {
            let target = folder()?;
            let started = Instant::now();
            let mut build = cargo(
                &["build", "--no-default-features", "--profile", profile],
                Path::new(PACKAGE),
            );
            run(build.arg("--target-dir").arg(target.path()))?;
            samples.push(started.elapsed());
        }
        let what = format!("the lean core built from nothing, {name}");
        table::note(&what, "", &table::time(median(samples)), "");
    }
    Ok(())
}

pub fn graphs(bench: &Bench) -> Outcome {
    let krate = Crate::create()?;
    for (nodes, aim) in [(100, 150), (500, 1_000)] {
        let pair = in_turns(
            bench.rounds(5, 1),
            || krate.time("check", &program(nodes, false)),
            || krate.time("check", &program(nodes, true)),
        )?;
        let (above, aim) = (
            pair.ours.saturating_sub(pair.limit),
            Duration::from_millis(aim),
        );
        table::row(
            &format!(
                "`cargo check` of a graph of {nodes} nodes; limit: its functions without macros"
            ),
            &table::time(pair.limit),
            &table::time(pair.ours),
            &format!("+{}", table::time(above)),
            &format!("at most +{}", table::time(aim)),
            above <= aim,
        );
    }
    Ok(())
}

pub fn states(bench: &Bench) -> Outcome {
    let krate = Crate::create()?;
    for command in ["check", "build"] {
        let pair = in_turns(
            bench.rounds(5, 1),
            || krate.time(command, &state(64, false)),
            || krate.time(command, &state(64, true)),
        )?;
        let above = pair.ours.saturating_sub(pair.limit);
        table::note(
            &format!(
                "`cargo {command}` of a state of 64 fields; limit: the struct with its other derives"
            ),
            &table::time(pair.limit),
            &table::time(pair.ours),
            &format!("+{}", table::time(above)),
        );
    }
    Ok(())
}

/// What a program grows by that has two graphs in place of one.
pub fn second(_: &Bench) -> Outcome {
    let krate = Crate::create()?;
    let (one, two) = (krate.size(&with_graphs(1))?, krate.size(&with_graphs(2))?);
    let kilobytes = |bytes: u64| format!("{} kB", bytes / 1_000);
    table::row(
        "a second graph in a release build, stripped; limit: the program with one",
        &kilobytes(one),
        &kilobytes(two),
        &format!("+{}", kilobytes(two.saturating_sub(one))),
        "at most 120 kB",
        two.saturating_sub(one) <= 120_000,
    );
    Ok(())
}

/// A crate that depends on this one, whose dependencies are built already.
struct Crate {
    folder: tempfile::TempDir,
}

impl Crate {
    fn create() -> Outcome<Self> {
        let folder = folder()?;
        let manifest = format!(
            "[package]\nname = \"large\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
             serde = \"1\"\ntokio = {{ version = \"1\", features = [\"rt\"] }}\n\
             superstep = {{ path = {PACKAGE:?}, default-features = false }}\n\
             [profile.release]\nstrip = true\n"
        );
        fs::write(folder.path().join("Cargo.toml"), manifest)?;
        let lock = PathBuf::from(PACKAGE).join("../Cargo.lock");
        fs::copy(lock, folder.path().join("Cargo.lock"))?;
        fs::create_dir(folder.path().join("src"))?;
        Ok(Self { folder })
    }

    fn time(&self, command: &str, program: &str) -> Outcome<Duration> {
        fs::write(self.folder.path().join("src/lib.rs"), program)?;
        let mut command = cargo(&[command, "--offline"], self.folder.path());
        let command = command.env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        let command = command.env("CARGO_INCREMENTAL", "0");
        let started = Instant::now();
        run(command)?;
        Ok(started.elapsed())
    }

    /// The bytes of a program's release build.
    fn size(&self, program: &str) -> Outcome<u64> {
        fs::write(self.folder.path().join("src/main.rs"), program)?;
        let target = self.folder.path().join("target");
        let mut build = cargo(&["build", "--offline", "--release"], self.folder.path());
        run(build.env("CARGO_TARGET_DIR", &target))?;
        Ok(fs::metadata(target.join("release/large"))?.len())
    }
}

fn cargo(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(arguments).current_dir(folder);
    command
}

fn run(command: &mut Command) -> Outcome {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into())
}

/// A program that runs as many graphs, each with a state of its own.
fn with_graphs(graphs: usize) -> String {
    let one = |at: usize| {
        format!(
            "mod g{at} {{ use superstep::prelude::*; use serde::{{Deserialize, Serialize}};\n\
             #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]\n\
             pub struct Trip {{ left: u64, #[reduce(append)] log: Vec<String> }}\n\
             #[node] fn plan(trip: &Trip) -> bool {{ trip.left > {at} }}\n\
             #[node] async fn go(_: &Trip, day: u32) -> TripUpdate {{ Trip::update().log([day.to_string()]) }}\n\
             #[graph(state = Trip, start -> plan, plan -> match {{ true => each go([1, 2]) else end, false => end }}, go -> end)]\n\
             pub struct Journey; }}\n\
             async fn run{at}() -> Result<(), Error> {{\n\
             let engine = Engine::builder(g{at}::Journey).store(MemoryStore::new()).build()?;\n\
             println!(\"{{:?}}\", engine.run(\"trip\", g{at}::Trip::default()).await?.state()); Ok(()) }}\n"
        )
    };
    let all: String = (0..graphs).map(one).collect();
    let calls: String = (0..graphs).map(|at| format!("run{at}().await?;")).collect();
    format!(
        "use superstep::prelude::*;\n{all}\nfn main() -> Result<(), Box<dyn std::error::Error>> {{\n\
         tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {{ {calls} Ok(()) }}) }}\n"
    )
}

/// A struct of eight kinds of fields, again and again.
fn state(fields: usize, macros: bool) -> String {
    let kinds = [
        ("", "String"),
        ("append", "Vec<String>"),
        ("sum", "u64"),
        ("last", "Option<f64>"),
        ("", "Vec<u32>"),
        ("", "bool"),
        ("merge", "std::collections::BTreeMap<String, u64>"),
        ("", "u64"),
    ];
    let field =
        |(number, (reducer, ty)): (usize, &(&str, &str))| match reducer.is_empty() || !macros {
            true => format!("pub f{number}: {ty},\n"),
            false => format!("#[reduce({reducer})] pub f{number}: {ty},\n"),
        };
    let fields: String = kinds
        .iter()
        .cycle()
        .take(fields)
        .enumerate()
        .map(field)
        .collect();
    let derive = if macros { "State, " } else { "" };
    format!(
        "#![allow(unused_imports)]\nuse serde::{{Deserialize, Serialize}};\nuse superstep::prelude::*;\n\
         #[derive({derive}Debug, Clone, Default, Serialize, Deserialize)]\n\
         pub struct Large {{ {fields} }}\n"
    )
}

/// Blocks of five nodes: a fan-out, a join and a route, forward or back.
fn program(nodes: usize, macros: bool) -> String {
    let mut functions = String::new();
    let mut rows = String::new();
    for first in (0..nodes).step_by(5) {
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|at| format!("n{}", first + at));
        let next = if first + 5 < nodes {
            format!("n{}", first + 5)
        } else {
            "end".into()
        };
        rows += &format!(
            "{a} -> [{b}, {c}] -> {d}, {d} -> match {{ true => {e}, false => {a} }}, {e} -> {next},\n"
        );
        let attribute = if macros { "#[node] " } else { "" };
        for name in [a, b, c, e] {
            functions += &format!(
                "{attribute}pub async fn {name}(state: &Log) -> Result<LogUpdate, NodeError> \
                 {{ Ok(Log::update().lines([state.lines.len().to_string()])) }}\n"
            );
        }
        functions +=
            &format!("{attribute}pub fn {d}(state: &Log) -> bool {{ state.lines.len() > 3 }}\n");
    }
    let graph = if macros {
        format!("#[graph(state = Log, start -> n0, {rows})] pub struct Large;")
    } else {
        String::new()
    };
    format!(
        "#![allow(unused_imports)]\nuse serde::{{Deserialize, Serialize}};\nuse superstep::prelude::*;\n\
         #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]\n\
         pub struct Log {{ #[reduce(append)] lines: Vec<String> }}\n{functions}{graph}\n"
    )
}

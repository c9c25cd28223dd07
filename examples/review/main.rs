//! Reviews a tree of Rust files and writes a report. Killed and started again,
//! it goes on from its last commit.

mod graph;
mod measure;
mod report;
mod request;
mod reviewer;
mod tree;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use superstep::Graph;
use superstep::prelude::*;

use crate::graph::{Review, Reviewing};
use crate::request::{Request, USAGE};
use crate::reviewer::{Parser, Reviewer};
use crate::tree::{Files, Tree};

/// How much of the report goes to the screen.
const HEAD: usize = 18;

/// Deeply nested code is parsed by recursion.
const STACK: usize = 16 << 20;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let request = match Request::parse(args) {
        Ok(request) => request,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match start(request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn start(request: Request) -> Result<(), Failed> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().thread_stack_size(STACK).build()?;
    // On a worker, not on the main thread, whose stack the system sizes.
    runtime.block_on(async { tokio::spawn(review(request)).await? })
}

async fn review(request: Request) -> Result<(), Failed> {
    let tree = Tree::open(&request.folder)?;
    let reviewer = Parser { pause: request.pause };
    let files = tree.files();
    let id = tree.review_id(&files, &[reviewer.name(), &Reviewing::INFO.fingerprint().to_string()]);
    let name = tree.root().display().to_string();
    let progress = progress_bar();

    let (database, picture) = (request.out.join("review.db"), request.out.join("graph.svg"));
    let graph = Reviewing { tree, reviewer: Box::new(reviewer), progress: progress.clone() };
    let engine = Engine::builder(graph)
        .store(SqliteStore::open(&database)?)
        .run_budget(Duration::from_secs(24 * 3600))
        .build()?;
    std::fs::write(&picture, Reviewing::INFO.svg())?;

    say_where_it_stands(&engine, &id, &name, &files, &progress).await?;
    let run = engine.run(&id, Review { tree: name, ..Review::default() }).await?;
    progress.finish_and_clear();

    let report = request.out.join("report.md");
    std::fs::write(&report, &run.state().report)?;
    show(&run.state().report, &report, &picture, &database);
    Ok(())
}

async fn say_where_it_stands(
    engine: &Engine<Reviewing>,
    id: &str,
    name: &str,
    files: &Files,
    progress: &ProgressBar,
) -> Result<(), Error> {
    let files = files.paths.len();
    match engine.get(id).await {
        Err(Error::RunNotFound { .. }) => println!("reviewing {files} Rust files in {name}, run {id}"),
        Err(error) => return Err(error),
        Ok(run) if run.status().is_final() => {
            println!("nothing has changed since run {id} reviewed {name}: this is its report");
        }
        Ok(run) => {
            let done = run.state().surveyed.len() + run.state().skipped.len();
            progress.set_length(files as u64);
            progress.set_position(done as u64);
            let step = run.steps() + 1;
            println!("run {id} goes on from step {step}: {done} of {files} files were reviewed already");
        }
    }
    Ok(())
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} files, {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(text: &str, report: &Path, picture: &Path, database: &Path) {
    println!();
    for line in text.lines().take(HEAD) {
        println!("{line}");
    }
    if text.lines().count() > HEAD {
        println!("…");
    }
    println!("\nreport    {}", report.display());
    println!("picture   {}", picture.display());
    println!("database  {}", database.display());
}

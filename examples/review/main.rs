//! Reviews a tree of Rust files and writes a report. Stopped or killed, and started
//! again, it continues from its last commit.

mod graph;
mod measure;
mod report;
mod request;
mod reviewer;
mod stop;
mod tree;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use superstep::Graph;
use superstep::prelude::*;

use crate::graph::{Review, Reviewing};
use crate::request::{Request, USAGE};
use crate::reviewer::{Parser, Reviewer};
use crate::tree::Tree;

/// How much of the report goes to the screen.
const HEAD: usize = 18;

/// Deeply nested code is parsed by recursion.
const STACK: usize = 16 << 20;

/// How long the open step may take when the program is to end.
const GRACE: Duration = Duration::from_secs(10);

/// A large tree takes a while.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        say(USAGE);
        return ExitCode::SUCCESS;
    }
    let request = match Request::parse(args).and_then(draw) {
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

/// Draws the graph into the folder for the results, the first thing written there.
fn draw(request: Request) -> Result<Request, String> {
    match std::fs::write(request.picture(), Reviewing::INFO.svg()) {
        Ok(()) => Ok(request),
        Err(error) => Err(format!(
            "cannot write to `{}`: {error}",
            request.out.display()
        )),
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
    let reviewer = Parser {
        pause: request.pause,
    };
    let files = tree.files();
    let graph = Reviewing::INFO.fingerprint().to_string();
    let id = tree.review_id(&files, &[reviewer.name(), &graph]);
    let input = Review {
        tree: tree.name(),
        ..Review::default()
    };

    let progress = progress_bar();
    let graph = Reviewing {
        tree,
        reviewer: Box::new(reviewer),
        progress: progress.clone(),
    };
    let engine = Engine::builder(graph)
        .store(SqliteStore::open(request.database())?)
        .run_budget(A_DAY)
        .build()?;

    say_where_it_stands(&engine, &id, files.paths.len(), &progress).await?;
    let run = unless_stopped(&engine, &id, input).await?;
    progress.finish_and_clear();
    if !run.status().is_final() {
        say(format!(
            "run {id}: stopped after step {}; the same command goes on",
            run.steps()
        ));
        return Ok(());
    }

    std::fs::write(request.report(), &run.state().report)?;
    show(&run.state().report, &request);
    Ok(())
}

/// Drives the run to its end, or to the end of its open step.
async fn unless_stopped(
    engine: &Engine<Reviewing>,
    id: &str,
    input: Review,
) -> Result<Run<Review>, Failed> {
    let mut call = tokio::spawn(engine.run(id, input));
    tokio::select! {
        run = &mut call => return Ok(run??),
        () = stop::asked() => {}
    }
    engine.drain(GRACE).await;
    Ok(call.await??)
}

async fn say_where_it_stands(
    engine: &Engine<Reviewing>,
    id: &str,
    files: usize,
    progress: &ProgressBar,
) -> Result<(), Error> {
    match engine.get(id).await {
        Err(Error::RunNotFound { .. }) => say(format!("run {id}: {files} Rust files to review")),
        Err(error) => return Err(error),
        Ok(run) if run.status().is_final() => {
            say(format!(
                "run {id} is done and nothing has changed since; this is its report"
            ));
        }
        Ok(run) => {
            let done = run.state().surveyed.len() + run.state().skipped.len();
            progress.set_length(files as u64);
            progress.set_position(done as u64);
            let step = run.steps() + 1;
            say(format!(
                "run {id}: going on from step {step}, {done} of {files} files were reviewed already"
            ));
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

fn show(report: &str, request: &Request) {
    say("");
    report.lines().take(HEAD).for_each(say);
    if report.lines().count() > HEAD {
        say("…");
    }
    say(format!("\nreport    {}", request.report().display()));
    say(format!("picture   {}", request.picture().display()));
    say(format!("database  {}", request.database().display()));
}

/// Whoever closes standard output has seen enough; the review continues.
fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", line.as_ref());
}

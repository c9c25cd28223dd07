//! The review as a graph.

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;

use crate::report;
use crate::reviewer::{CloseLook, Reviewer, Survey};
use crate::tree::Tree;

/// Files per round. A round is a step, and a kill loses the open step only.
const ROUND: usize = 32;

/// How many files get a close look.
const WORST: usize = 10;

/// What a review knows.
#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Review {
    /// The tree's name in the report.
    pub tree: String,
    pub files: Vec<String>,
    /// How many of `files` the rounds so far have taken.
    pub taken: usize,
    #[reduce(append)]
    pub surveyed: Vec<Survey>,
    /// What could not be reviewed, and why.
    #[reduce(append)]
    pub skipped: Vec<String>,
    /// The worst files, the worst first.
    pub worst: Vec<String>,
    #[reduce(append)]
    pub looks: Vec<CloseLook>,
    pub report: String,
}

/// The files that come next.
#[derive(Route)]
pub enum Next {
    Files(Vec<String>),
}

fn round(files: &[String], taken: usize) -> Vec<String> {
    files[taken..].iter().take(ROUND).cloned().collect()
}

/// Walks the tree once; what it finds is committed with its step.
#[node]
pub fn list(_state: &Review, tree: &Tree, progress: &ProgressBar) -> (ReviewUpdate, Next) {
    let found = tree.files();
    progress.set_length(found.paths.len() as u64);
    let first = round(&found.paths, 0);
    let update = Review::update()
        .taken(first.len())
        .files(found.paths)
        .skipped(found.skipped);
    (update, Next::Files(first))
}

/// A quick look at one file; `path` is the task's own input.
#[node(timeout = "2m")]
pub async fn survey(
    _state: &Review,
    path: String,
    tree: &Tree,
    reviewer: &dyn Reviewer,
    progress: &ProgressBar,
) -> Result<ReviewUpdate, NodeError> {
    let survey = reviewer.survey(&tree.read(&path)?).await?;
    progress.inc(1);
    Ok(Review::update().surveyed([survey]))
}

/// A file that cannot be reviewed is part of the result, not the end of it.
#[node]
pub fn set_aside(_state: &Review, failure: Failure, progress: &ProgressBar) -> ReviewUpdate {
    progress.inc(1);
    Review::update().skipped([failure.message])
}

/// The next round, until there is none.
#[node]
pub fn next(state: &Review) -> (ReviewUpdate, Next) {
    let files = round(&state.files, state.taken);
    (
        Review::update().taken(state.taken + files.len()),
        Next::Files(files),
    )
}

/// Whoever has the most points gets a close look.
#[node]
pub fn rank(state: &Review) -> (ReviewUpdate, Next) {
    let worst: Vec<String> = report::ranked(&state.surveyed)
        .into_iter()
        .take(WORST)
        .map(|file| file.path.clone())
        .collect();
    (Review::update().worst(worst.clone()), Next::Files(worst))
}

/// A close look at one of the worst.
#[node(timeout = "2m")]
pub async fn look(
    _state: &Review,
    path: String,
    tree: &Tree,
    reviewer: &dyn Reviewer,
) -> Result<ReviewUpdate, NodeError> {
    let look = reviewer.look(&tree.read(&path)?).await?;
    Ok(Review::update().looks([look]))
}

/// The end of every review that has found something to look at.
#[node]
pub fn write(state: &Review) -> ReviewUpdate {
    Review::update().report(report::render(state))
}

/// The end of a review of a tree without Rust files.
#[node]
pub fn nothing(state: &Review) -> ReviewUpdate {
    Review::update().report(report::nothing(state))
}

/// Rounds of quick looks, a ranking, then close looks at the worst. `next` is
/// deferred, so that a round is over when its failures are set aside, too.
#[graph(
    state = Review,
    max_steps = 1_000_000,
    start -> list,
    list -> match { Next::Files(files) => each survey(files) else nothing },
    survey -> defer next,
    survey on error -> set_aside,
    set_aside -> defer next,
    next -> match { Next::Files(files) => each survey(files) else rank },
    rank -> match { Next::Files(files) => each look(files) else write },
    look -> write,
    look on error -> write,
    write -> end,
    nothing -> end,
)]
pub struct Reviewing {
    pub tree: Tree,
    pub reviewer: Box<dyn Reviewer>,
    pub progress: ProgressBar,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use superstep::testing::crash_everywhere;

    use super::*;
    use crate::reviewer::Parser;

    #[tokio::test]
    async fn a_crash_anywhere_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for file in 0..ROUND + 2 {
            let text = format!("fn f() {{\n{}}}\n", "    x.unwrap();\n".repeat(file % 7));
            std::fs::write(folder.path().join(format!("{file}.rs")), text).unwrap();
        }
        std::fs::write(folder.path().join("broken.rs"), "fn {").unwrap();
        let engine = |store| {
            let graph = Reviewing {
                tree: Tree::open(folder.path()).unwrap(),
                reviewer: Box::new(Parser {
                    pause: Duration::ZERO,
                }),
                progress: ProgressBar::hidden(),
            };
            Engine::builder(graph).store(store).build().unwrap()
        };
        let report = crash_everywhere(engine, Review::default).await.unwrap();
        assert_eq!(report.steps, 9);
    }
}

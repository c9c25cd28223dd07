//! The runs whose rows are damaged: one of everything that a database holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;
use superstep::store::Prune;

/// Every run of the database, in the order of their numbers there, from 1.
pub const RUNS: [&str; 8] = [
    "short",
    "done",
    "fork",
    "grandchild",
    "open",
    "failed",
    "asks",
    "mended",
];

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    id: String,
    words: Vec<String>,
}

/// What the desk knows.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Papers {
    /// What should go wrong.
    pub trouble: String,
    round: u64,
    note: Option<String>,
    #[reduce(append)]
    lines: Vec<String>,
    #[reduce(sum)]
    total: u64,
    #[reduce(last)]
    last: String,
    #[reduce(merge)]
    by_page: BTreeMap<String, f64>,
    #[reduce(upsert = id)]
    cards: Vec<Card>,
    #[reduce(ephemeral)]
    #[serde(skip)]
    flash: Option<String>,
}

impl Papers {
    pub fn with(trouble: &str) -> Self {
        Self {
            trouble: trouble.to_owned(),
            ..Self::default()
        }
    }

    /// The update of a further turn or a correction.
    pub fn corrected(number: u64) -> PapersUpdate {
        Self::update().total(number).lines(["corrected".to_owned()])
    }

    /// The update that makes a further turn short.
    fn ended() -> PapersUpdate {
        Self::update().round(1)
    }
}

#[derive(Route, Debug)]
enum Plan {
    Read(Vec<String>),
    Finish,
}

#[node]
async fn plan(papers: &Papers) -> (PapersUpdate, Plan) {
    let next = match papers.round {
        0 => Plan::Read(["0.5", "1.5"].map(str::to_owned).into()),
        _ => Plan::Finish,
    };
    (Papers::update().round(papers.round.saturating_add(1)), next)
}

#[node(retry(attempts = 2, base = "0ms"))]
async fn read(_: &Papers, page: String, cx: &Cx) -> Result<PapersUpdate, NodeError> {
    cx.now();
    let lens = cx.rng().next_u32();
    let text = cx.effect("fetch", &(&page, lens));
    let text = text
        .run(|| async { ok(format!("{page} through {lens}")) })
        .await?;
    if page.starts_with('1') && cx.attempt() == 1 {
        return Err(NodeError::transient("the page slipped"));
    }
    Ok(Papers::update()
        .by_page([(page.clone(), page.parse::<f64>()? / 7.0)])
        .cards([Card {
            id: page,
            words: vec![text],
        }])
        .total(1))
}

#[node]
async fn sort(papers: &Papers) -> PapersUpdate {
    let flash = papers.flash.clone().unwrap_or_default();
    Papers::update().lines([format!("sorted {} {flash}", papers.by_page.len())])
}

/// Fails, or leaves a payment of unknown outcome, if it is told to.
#[node]
async fn aside(papers: &Papers, cx: &Cx) -> Result<PapersUpdate, NodeError> {
    if papers.trouble == "fails" {
        return Err(NodeError::permanent("it was told to"));
    }
    let nobody = || async { Err::<(), _>(NodeError::transient("nobody there")) };
    let knocked = cx.effect("knock", &()).run(nobody).await;
    let seen = cx.effect("glance", &1).run(|| async { ok(7_u64) }).await?;
    if papers.trouble == "asks" {
        let pay = cx.effect("pay", &("the bill", seen)).at_most_once();
        let dead = || async { Err::<u64, _>(NodeError::permanent("the line went dead")) };
        pay.run(dead).await?;
    }
    Ok(Papers::update()
        .total(10)
        .flash(Some("aside".to_owned()))
        .note(Some(format!("{} {seen}", knocked.is_ok()))))
}

#[node]
async fn detour(_: &Papers) -> PapersUpdate {
    Papers::update().lines(["detour".to_owned()])
}

#[node]
async fn risk(_: &Papers, cx: &Cx) -> Result<PapersUpdate, NodeError> {
    let number = cx.uuid().to_string();
    cx.effect("dare", &number)
        .run(|| async { ok(number.clone()) })
        .await?;
    Err(NodeError::permanent("it had to go wrong"))
}

#[node]
async fn mend(_: &Papers, failure: Failure) -> PapersUpdate {
    Papers::update().lines([format!("{} {}", failure.node, failure.message)])
}

#[node]
async fn combine(papers: &Papers) -> PapersUpdate {
    Papers::update().last(format!("combined {}", papers.total))
}

#[node]
async fn report(papers: &Papers, cx: &Cx) -> PapersUpdate {
    Papers::update().last(format!("{} lines, {}", papers.lines.len(), cx.uuid()))
}

#[node]
async fn finish(_: &Papers) -> PapersUpdate {
    Papers::update().total(1_000)
}

#[graph(
    state = Papers,
    start -> plan,
    plan -> match {
        Plan::Read(pages) => [each read(pages) else sort, aside, risk, defer report],
        Plan::Finish => finish,
    },
    read -> sort,
    aside -> detour,
    risk -> end,
    risk on error -> mend,
    mend -> end,
    [sort, detour] -> combine,
    combine -> plan,
    finish -> end,
    report -> end,
)]
pub struct Desk;

pub fn engine(store: Arc<dyn Store>) -> Engine<Desk> {
    let builder = Engine::builder(Desk).store(store).snapshot_every(3);
    // What a damaged row leads to must end.
    let builder = builder.max_steps(40).run_budget(Duration::from_secs(60));
    builder.build().unwrap()
}

/// Fills an empty store.
pub async fn fill(store: Arc<dyn Store>) {
    let engine = engine(store);
    engine.run("short", Papers::default()).await.unwrap();
    engine.turn("short", Papers::ended()).await.unwrap();
    engine.snapshot("short").await.unwrap();
    let pruned = engine.prune(Prune::history()).await.unwrap();
    assert!(pruned.steps > 0);
    engine.turn("short", Papers::corrected(3)).await.unwrap();

    engine.run("done", Papers::default()).await.unwrap();
    engine.label("done", 2, "early").await.unwrap();
    engine.update("done", Papers::corrected(5)).await.unwrap();
    let turn = engine.turn("done", Papers::corrected(7)).token("second");
    let done = turn.await.unwrap();
    engine.label("done", done.steps(), "late").await.unwrap();

    let edit = |papers: &mut Papers| papers.trouble = "edited".to_owned();
    engine.fork("done", 2, "fork", edit).await.unwrap();
    engine.resume("fork").await.unwrap();
    engine.fork("fork", 4, "grandchild", edit).await.unwrap();
    engine.fork("done", "early", "open", edit).await.unwrap();

    engine
        .run("failed", Papers::with("fails"))
        .await
        .unwrap_err();
    let asks = engine.run("asks", Papers::with("asks")).await.unwrap();
    assert_eq!(asks.status(), Status::Interrupted);

    // Kept results that saw an older state.
    let mended = engine.run("mended", Papers::with("fails")).await;
    mended.unwrap_err();
    let mending = Papers::update().trouble("");
    engine.update("mended", mending).await.unwrap();
    engine.resume("mended").await.unwrap();
}

/// A database in `folder`, all of it in one file: its bytes.
pub async fn database(folder: &Path) -> Vec<u8> {
    let path = folder.join("runs.db");
    fill(superstep_tests::sqlite_at(&path)).await;
    let whole = folder.join("whole.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let into = whole.to_str().unwrap();
    database.execute("VACUUM INTO ?1", [into]).unwrap();
    std::fs::read(whole).unwrap()
}

//! A graph with one of everything: loop, `each`, fan-out, uneven join, `defer`,
//! error row, retries, effects, random numbers, readings of the clock, and
//! every kind of reducer.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::UNIX_EPOCH;

use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;

use crate::{Dice, Journal};

/// What a survey knows.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// How many rounds there will be.
    pub rounds: u64,
    /// How many pages a round reads.
    pub pages: u64,
    /// The round that is under way.
    pub round: u64,
    /// What was read, in merge order.
    #[reduce(append)]
    pub lines: Vec<String>,
    /// Grows with every task.
    #[reduce(sum)]
    pub total: u64,
    /// The last page in merge order.
    #[reduce(last)]
    pub last: String,
    /// A number for each page.
    #[reduce(merge)]
    pub by_page: BTreeMap<String, f64>,
    /// What went wrong, in merge order.
    #[reduce(append)]
    pub faults: String,
}

impl Survey {
    /// The input of a survey.
    pub fn of(rounds: u64, pages: u64) -> Self {
        Self {
            rounds,
            pages,
            ..Self::default()
        }
    }
}

/// What the nodes do besides their work: dawdle, and note that they ran.
#[derive(Clone, Debug)]
pub struct World {
    /// How long a task takes.
    pub dice: Dice,
    /// Gets `ran <run> <step> <node> <order key>` from every attempt.
    pub journal: Journal,
    /// Gets `called <run> <order key> <effect> <n>` from every call of an
    /// effect, `seen …` from every attempt that got its response, and
    /// `read <run> <order key> <milliseconds>` once a reading of the clock is
    /// recorded.
    pub calls: Journal,
}

impl World {
    /// A world in memory, with a different pace every time.
    pub fn new() -> Self {
        Self {
            dice: Dice::from_env(),
            journal: Journal::new(),
            calls: Journal::new(),
        }
    }

    async fn work(&self, cx: &Cx) {
        let (run, step, node, key) = (cx.run_id(), cx.step(), cx.node(), cx.order_key());
        self.journal
            .note(format_args!("ran {run} {step} {node} {key}"));
        self.dice.dawdle().await;
    }

    /// Asks the world outside, for the `n`th time under `name`; the same
    /// request always gets the same response.
    async fn ask(
        &self,
        cx: &Cx,
        name: &str,
        n: u64,
        request: impl Serialize + Debug,
    ) -> Result<String, NodeError> {
        let (run, key) = (cx.run_id(), cx.order_key());
        let effect = cx.effect(name, &request);
        let response = effect.run(|| async {
            self.calls
                .note(format_args!("called {run} {key} {name} {n}"));
            self.dice.dawdle().await;
            ok(format!("{request:?}"))
        });
        let response = response.await?;
        self.calls.note(format_args!("seen {run} {key} {name} {n}"));
        Ok(response)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Where `plan` can go.
#[derive(Route, Debug)]
pub enum Plan {
    /// One task per page.
    Read(Vec<String>),
    /// No round is left.
    Finish,
}

/// Begins a round.
#[node]
pub async fn plan(state: &Survey, world: &World, cx: &Cx) -> (SurveyUpdate, Plan) {
    world.work(cx).await;
    let round = state.round + 1;
    let next = if round > state.rounds {
        Plan::Finish
    } else {
        let pages = (0..state.pages).map(|page| format!("{round}.{page}"));
        let mut pages: Vec<_> = pages.collect();
        let first = cx.rng().next_u64().checked_rem(state.pages);
        pages.rotate_left(first.unwrap_or(0) as usize);
        Plan::Read(pages)
    };
    (Survey::update().round(round), next)
}

/// Reads a page, in the second attempt if its number is odd.
#[node(retry(attempts = 2, base = "1ms"))]
pub async fn read(
    state: &Survey,
    page: String,
    world: &World,
    cx: &Cx,
) -> Result<SurveyUpdate, NodeError> {
    world.work(cx).await;
    let now = cx.now().duration_since(UNIX_EPOCH)?.as_millis();
    let lens = cx.rng().next_u32();
    let text = world.ask(cx, "fetch", 0, (&page, lens)).await?;
    let (run, key) = (cx.run_id(), cx.order_key());
    world.calls.note(format_args!("read {run} {key} {now}"));
    if page.ends_with(['1', '3', '5', '7', '9']) && cx.attempt() == 1 {
        return Err(NodeError::transient("the page slipped"));
    }
    let number = page.parse::<f64>()? / 7.0;
    Ok(Survey::update()
        .lines([format!("{text} after {}", state.lines.len())])
        .total(1)
        .last(&page)
        .by_page([(page, number)]))
}

/// One branch of the join.
#[node]
pub async fn sort(state: &Survey, world: &World, cx: &Cx) -> SurveyUpdate {
    world.work(cx).await;
    Survey::update().lines([format!("sorted {}", state.lines.len())])
}

/// The other branch, which is longer.
#[node]
pub async fn aside(_: &Survey, world: &World, cx: &Cx) -> Result<SurveyUpdate, NodeError> {
    world.work(cx).await;
    let nobody = || async { Err::<(), _>(NodeError::transient("nobody there")) };
    let knocked = cx.effect("knock", &()).run(nobody).await;
    let (one, other) = (world.ask(cx, "glance", 0, 1), world.ask(cx, "peek", 0, 2));
    let (one, other) = tokio::join!(one, other);
    let heard = format!("{} {} {};", knocked.is_ok(), one?, other?);
    Ok(Survey::update().total(10).faults(heard))
}

/// The second node of the longer branch.
#[node]
pub async fn detour(_: &Survey, world: &World, cx: &Cx) -> SurveyUpdate {
    world.work(cx).await;
    Survey::update().lines(["detour".to_owned()]).total(100)
}

/// Always fails.
#[node]
pub async fn risk(_: &Survey, world: &World, cx: &Cx) -> Result<SurveyUpdate, NodeError> {
    world.work(cx).await;
    world.ask(cx, "dare", 0, cx.uuid().to_string()).await?;
    Err(NodeError::permanent("it had to go wrong"))
}

/// Handles what `risk` leaves.
#[node]
pub async fn mend(_: &Survey, failure: Failure, world: &World, cx: &Cx) -> SurveyUpdate {
    world.work(cx).await;
    Survey::update().faults(format!("{} {};", failure.node, failure.message))
}

/// Where the branches meet.
#[node]
pub async fn combine(state: &Survey, world: &World, cx: &Cx) -> SurveyUpdate {
    world.work(cx).await;
    Survey::update().lines([format!("combined {}", state.total)])
}

/// Runs when nothing else is left.
#[node]
pub async fn report(state: &Survey, world: &World, cx: &Cx) -> SurveyUpdate {
    world.work(cx).await;
    Survey::update().last(format!("{} lines, {}", state.lines.len(), cx.uuid()))
}

/// The last node before the report.
#[node]
pub async fn finish(_: &Survey, world: &World, cx: &Cx) -> SurveyUpdate {
    world.work(cx).await;
    Survey::update().total(1_000)
}

/// The graph.
#[graph(
    state = Survey,
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
#[derive(Clone, Debug)]
pub struct Surveyor {
    /// What the nodes do besides their work.
    pub world: World,
}

impl Surveyor {
    /// A surveyor in a world of its own.
    pub fn new() -> Self {
        Self {
            world: World::new(),
        }
    }
}

impl Default for Surveyor {
    fn default() -> Self {
        Self::new()
    }
}

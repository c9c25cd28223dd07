//! Whether a graph gives the same result wherever its process dies.

mod difference;
mod ending;
mod play;
mod point;
mod process;
mod report;
mod script;
mod stage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use difference::{CrashDifference, Deviation};
pub use point::{CallAt, CrashPoint};
pub use report::CrashReport;

use crate::engine::Engine;
use crate::graph::Graph;
use crate::store::Store;
use play::Play;

/// Runs a graph to its end, and then once more for every point at which its process can die
/// or lose an answer of its store; resumes it each time, and demands the same
/// result.
///
/// `engine` builds an engine over the store that it is given, each time as a new process
/// would; `input` returns the input, each time the same. The points are: before and after each
/// call to the store, each lost answer of the store, and after each poll of the driving call.
/// A process that dies is an engine that is dropped with its driving call and gives nothing
/// back; another engine takes over at once. The demands are
///
/// - the same status, error, open questions, state and fingerprint;
/// - that no task begins again whose step is committed or whose result is kept;
/// - that no effect that is on record is called again, and none
///   [at most once](crate::Effect::at_most_once) a second time;
/// - that no node makes a call that it did not make in the first run, leaves one out, or
///   asks for something else.
///
/// **The world outside** is asked in the first run only. After that effects return
/// what they returned there, by task, name, number and attempt, failures included, and `cx.now()`
/// returns what it did there: in the first run a second later at each reading. If a crash leaves
/// open what became of a call at most once, the run's question is answered truthfully: it
/// happened, with the first run's response, if the call was reached, and it did not if not. A
/// call without a response in the first run, e.g. the loser of a `select!`, or with one that
/// cannot be encoded, is made each time.
///
/// A run that stops for a look, as [`pause_before`](crate::EngineBuilder::pause_before) has it, is
/// driven on at once.
///
/// The first run may end in an error or wait for an answer: then all others have to, and
/// [`CrashReport::status`] says so.
///
/// **What is assumed.** Everything that a node does outside effects happens again. A node
/// that sleeps does so each time: run the test under a paused clock
/// (`#[tokio::test(start_paused = true)]`), which stands still only while a `blocking` node
/// works. At a crash the futures of async nodes are
/// dropped; the thread of a `blocking` node cannot be, and continues until it asks `cx` for
/// something. Which calls a node makes must not depend on chance: a `select!` must be
/// `biased`. Runs that a node drives itself are code like any other. Calls to the store
/// that only a resume makes are not disturbed.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use superstep::prelude::*;
/// use superstep::testing::crash_everywhere;
///
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Order { amount: u64, receipt: String }
/// # async fn charge(amount: u64) -> Result<String, NodeError> { Ok(format!("paid {amount}")) }
/// #[node]
/// async fn pay(order: &Order, cx: &Cx) -> Result<OrderUpdate, NodeError> {
///     let pay = cx.effect("pay", &order.amount).at_most_once();
///     Ok(Order::update().receipt(pay.run(|| charge(order.amount)).await?))
/// }
///
/// #[graph(state = Order, start -> pay -> end)]
/// struct Shop;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), superstep::testing::CrashDifference> {
/// let engine = |store| Engine::builder(Shop).store(store).build().unwrap();
/// let report = crash_everywhere(engine, || Order { amount: 5, ..Default::default() }).await?;
/// assert_eq!((report.steps, report.status), (1, superstep::Status::Completed));
/// assert!(report.tried() > 10);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The first difference, with its point, step, node and call.
pub async fn crash_everywhere<G: Graph>(
    engine: impl Fn(Arc<dyn Store>) -> Engine<G>,
    input: impl Fn() -> G::State,
) -> Result<CrashReport, CrashDifference> {
    let script = Arc::default();
    let play = Play {
        engine,
        input,
        script,
    };
    let first = play.run(CrashPoint::FirstRun).await?;
    if let Some(difference) = first.not_begun() {
        return Err(difference);
    }
    let mut report = CrashReport::of(first.ending.steps(), first.ending.status());
    let mut compare = async |point| {
        let played = play.run(point).await?;
        let (ending, stage) = (&played.ending, &played.stage);
        let difference = ending.difference(&first.ending, &first.stage, stage);
        if let Some(difference) = difference.await {
            return Err(difference);
        }
        report.count(point, played.is_reached);
        Ok(played)
    };
    let second = compare(CrashPoint::SecondRun).await?;
    for point in CrashPoint::all(&second.calls, second.polls) {
        compare(point).await?;
    }
    Ok(report)
}

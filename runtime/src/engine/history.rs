//! What the steps of a run did, for people.

use serde_json::value::RawValue;

use super::stored::{Asked, Stored};
use crate::encode::{self, DecodeError};
use crate::error::Error;
use crate::graph::StoredGraph;
use crate::hash::Digest;
use crate::machine::TaskText;
use crate::run::{StepInfo, TaskInfo};
use crate::session::load::{check_journal, check_step, corrupt, undecodable};
use crate::store::{EffectRecord, Head, Pages, StepKind, StepRecord, TurnRecord};

impl Stored {
    /// See [`Engine::history`](super::Engine::history).
    pub(super) fn history(&self) -> Asked<'_, Vec<StepInfo>> {
        Box::pin(async {
            let head = self.head().await?;
            let graphs = self.lived(&head).await?;
            let turns = self.turns().await?;
            let mut known: Option<(Digest, StoredGraph)> = None;
            let mut history = Vec::new();
            let mut pages = Pages::largest();
            while let Some(page) = pages.next() {
                let steps = self.steps_on(0, head.step, page).await?;
                for record in pages.turn(steps) {
                    let graph = graphs.at(record.step).fingerprint;
                    if known.as_ref().is_none_or(|(last, _)| *last != graph) {
                        known = Some((graph, self.described(&head, graph).await?));
                    }
                    let dropped = match record.journal {
                        Some(_) if record.kind == StepKind::Turn => {
                            self.effects(record.step, record.step).await?
                        }
                        _ => Vec::new(),
                    };
                    let turn = turn_of(&turns, record.step);
                    let graph = known.as_ref().map(|(_, graph)| graph);
                    history.push(step_info(&head, graph, turn, record, dropped)?);
                }
            }
            Ok(history)
        })
    }

    /// A graph that wrote steps of the run.
    async fn described(&self, head: &Head, graph: Digest) -> Result<StoredGraph, Error> {
        let engine = self.engine();
        if graph == engine.fingerprint() {
            return Ok(StoredGraph::of(engine.graph));
        }
        let text = self.graph_text(head, graph).await?;
        StoredGraph::read(&text)
            .map_err(|error| corrupt(head, "the graph".into(), error.to_string()))
    }
}

/// The further turn that `step` is of, if it is of one.
fn turn_of(turns: &[TurnRecord], step: u64) -> Option<&TurnRecord> {
    let begun = turns.partition_point(|turn| turn.step <= step);
    turns[..begun].last()
}

fn step_info(
    head: &Head,
    graph: Option<&StoredGraph>,
    turn: Option<&TurnRecord>,
    record: StepRecord,
    dropped: Vec<EffectRecord>,
) -> Result<StepInfo, Error> {
    check_step(head, &record)?;
    if record.kind == StepKind::Turn {
        check_journal(head, &record, &dropped)?;
    }
    let undecodable = |error| undecodable(head, format!("step {}", record.step), error);
    let tasks = match record.kind {
        StepKind::Input | StepKind::Fork => Vec::new(),
        StepKind::Step | StepKind::Turn | StepKind::Update => {
            let tasks: Vec<TaskText<Box<RawValue>>> =
                encode::from_str(&record.updates).map_err(undecodable)?;
            tasks
                .into_iter()
                .map(|task| task_info(graph, task))
                .collect::<Result<_, _>>()
                .map_err(undecodable)?
        }
    };
    let StepRecord {
        step,
        kind,
        chain,
        digest,
        committed,
        ..
    } = record;
    Ok(StepInfo {
        step,
        kind,
        turn: turn.map_or(0, |turn| turn.turn),
        token: turn.and_then(|turn| turn.token.clone()),
        tasks,
        dropped,
        chain,
        digest,
        committed,
    })
}

fn task_info(
    graph: Option<&StoredGraph>,
    task: TaskText<Box<RawValue>>,
) -> Result<TaskInfo, DecodeError> {
    let unknown = |edge| DecodeError {
        ty: "step",
        reason: format!("its graph has no edge {edge}"),
    };
    let name = |(edge, items): (u32, u64)| {
        let target = graph.and_then(|graph| graph.target(edge));
        let target = target.ok_or_else(|| unknown(edge))?;
        Ok((target.to_owned(), items))
    };
    let to = task
        .to
        .map(|edges| edges.into_iter().map(name).collect::<Result<_, _>>())
        .transpose()?;
    let update = task.update.map(|update| update.get().to_owned());
    Ok(TaskInfo {
        node: task.node,
        update,
        to,
        failed: task.failed,
    })
}

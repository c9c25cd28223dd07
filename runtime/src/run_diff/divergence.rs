use std::fmt;

use super::readable::{ReadStep, ReadTask};
use crate::json_diff::{Difference, differences, one_sided};
use crate::store::StepKind;

/// The first step in which two runs differ; `Display` shows it to people.
///
/// Every pair is the first run's and the second one's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// The ids of the runs.
    pub runs: [String; 2],
    /// The step. All before are equal.
    pub step: u64,
    /// What kind of step it is; `None` for a run that ended before.
    pub kinds: [Option<StepKind>; 2],
    /// Where the states differ, if the step is an input or begins a fork.
    pub state: Vec<Difference>,
    /// The tasks that did not do the same, in merge order.
    pub tasks: Vec<TaskDivergence>,
    /// Where what comes next differs: tasks, waiting joins, deferred tasks.
    pub next: Vec<Difference>,
}

/// A task that did not do the same in two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskDivergence {
    /// Its place in merge order, from 0.
    pub position: usize,
    /// Its node; `None` for an update that came from outside.
    pub node: Option<String>,
    /// Where its `update`, its route `to` or its failure differ.
    pub differences: Vec<Difference>,
}

impl Divergence {
    pub(super) fn between(runs: [&str; 2], step: u64, steps: [Option<ReadStep>; 2]) -> Self {
        let [a, b] = steps.each_ref().map(Option::as_ref);
        let state = |step: Option<&'_ ReadStep>| step.and_then(|step| step.state.clone());
        let next = |step: Option<&'_ ReadStep>| step.map(|step| step.next.clone());
        Self {
            runs: runs.map(str::to_owned),
            step,
            kinds: [a, b].map(|step| step.map(|step| step.kind)),
            state: compared(state(a).as_deref(), state(b).as_deref()),
            tasks: tasks_between(tasks(a), tasks(b)),
            next: compared(next(a).as_deref(), next(b).as_deref()),
        }
    }
}

fn tasks(step: Option<&ReadStep>) -> &[ReadTask] {
    step.map_or(&[], |step| &step.tasks)
}

fn tasks_between(a: &[ReadTask], b: &[ReadTask]) -> Vec<TaskDivergence> {
    let divergence = |position: usize| {
        let (a, b) = (a.get(position), b.get(position));
        let text = |task: Option<&'_ ReadTask>| task.map(|task| task.text.clone());
        TaskDivergence {
            position,
            node: a.or(b).and_then(|task| task.node.clone()),
            differences: compared(text(a).as_deref(), text(b).as_deref()),
        }
    };
    (0..a.len().max(b.len()))
        .map(divergence)
        .filter(|task| !task.differences.is_empty())
        .collect()
}

/// The differences between two texts, or the one that is there.
fn compared(a: Option<&str>, b: Option<&str>) -> Vec<Difference> {
    match (a, b) {
        (Some(a), Some(b)) => differences(a, b),
        (None, None) => Vec::new(),
        _ => vec![one_sided(a, b)],
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, step) = (&self.runs, self.step);
        write!(f, "runs `{}` and `{}` ", runs[0], runs[1])?;
        match step {
            0 => f.write_str("differ from the start")?,
            step => write!(
                f,
                "are equal up to step {} and differ in step {step}",
                step - 1
            )?,
        }
        if self.kinds[0] != self.kinds[1] {
            let [a, b] = self.kinds.map(kind_name);
            write!(f, ": in `{}` {a}, in `{}` {b}", runs[0], runs[1])?;
        }
        tell(f, "the state", &self.state)?;
        for task in &self.tasks {
            let node = task.node.as_deref().map(|node| format!(", `{node}`"));
            let task_name = format!("task {}{}", task.position, node.unwrap_or_default());
            tell(f, &task_name, &task.differences)?;
        }
        tell(f, "what comes next", &self.next)
    }
}

fn tell(f: &mut fmt::Formatter<'_>, title: &str, differences: &[Difference]) -> fmt::Result {
    if differences.is_empty() {
        return Ok(());
    }
    write!(f, "\n  {title}")?;
    (differences.iter()).try_for_each(|difference| write!(f, "\n    {difference}"))
}

const fn kind_name(kind: Option<StepKind>) -> &'static str {
    match kind {
        None => "it is not there",
        Some(StepKind::Input) => "it is the input",
        Some(StepKind::Step) => "tasks ran",
        Some(StepKind::Turn) => "a turn began",
        Some(StepKind::Update) => "somebody corrected the state",
        Some(StepKind::Fork) => "a fork began",
    }
}

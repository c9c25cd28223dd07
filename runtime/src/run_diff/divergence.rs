use std::fmt;

use serde::Serialize;

use super::readable::{ReadStep, ReadTask};
use crate::json_diff::{Difference, differences, one_sided};
use crate::store::StepKind;

/// A step in which two runs differ; `Display` shows it to people.
///
/// Every pair is the first run's and the second one's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Divergence {
    /// The ids of the runs.
    pub runs: [String; 2],
    /// The number of the step in each run; `None` in a run that does not have it, because it
    /// ended before, or because the step is the edit of a fork.
    pub steps: [Option<u64>; 2],
    /// What kind of step it is.
    pub kinds: [Option<StepKind>; 2],
    /// Where the states differ, if the step is an input or the edit of a fork. Of an edit that
    /// only one of the runs has, that is the state before it and the edited one; the state before
    /// is missing where computing it needs the graph:
    /// [`diff_states`](crate::Engine::diff_states) has the graph.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<Difference>,
    /// The tasks that did not do the same, in merge order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskDivergence>,
    /// Where what comes next differs: tasks, waiting joins, deferred tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Difference>,
}

/// A task that did not do the same in two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TaskDivergence {
    /// Its place in merge order, from 0.
    pub position: usize,
    /// Its node; `None` for an update that came from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where its `update`, its route `to` or its failure differ.
    pub differences: Vec<Difference>,
}

impl Divergence {
    /// Between two steps that are there or not. `before` is the state that an edit of one of the
    /// runs edited, if it is known.
    pub(super) fn between(
        runs: [&str; 2],
        numbers: [Option<u64>; 2],
        steps: [Option<ReadStep>; 2],
        before: Option<String>,
    ) -> Self {
        let [a, b] = steps.each_ref().map(Option::as_ref);
        let divergence = Self {
            runs: runs.map(str::to_owned),
            steps: numbers,
            kinds: [a, b].map(|step| step.map(|step| step.kind)),
            state: Vec::new(),
            tasks: tasks_between(tasks(a), tasks(b)),
            next: Vec::new(),
        };
        let state = |step: Option<&'_ ReadStep>| step.and_then(|step| step.state.clone());
        let (in_a, in_b) = (state(a), state(b));
        if divergence.is_edit_of_one() {
            // What comes next is what came next before.
            let [in_a, in_b] = [in_a, in_b].map(|state| state.or_else(|| before.clone()));
            let state = compared(in_a.as_deref(), in_b.as_deref());
            return Self {
                state,
                ..divergence
            };
        }
        let next = |step: Option<&'_ ReadStep>| step.map(|step| step.next.clone());
        Self {
            state: compared(in_a.as_deref(), in_b.as_deref()),
            next: compared(next(a).as_deref(), next(b).as_deref()),
            ..divergence
        }
    }

    /// The step's number in the first run, or in the second one if the first does not have it.
    pub fn step(&self) -> u64 {
        let [a, b] = self.steps;
        a.or(b).unwrap_or_default()
    }

    /// Whether it is what a fork's edit changed, and not a consequence of it.
    pub fn is_edit(&self) -> bool {
        self.kinds.contains(&Some(StepKind::Fork))
    }

    fn is_edit_of_one(&self) -> bool {
        self.is_edit() && self.kinds.contains(&None)
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

/// The differences between two texts, or that only one of them is there.
fn compared(a: Option<&str>, b: Option<&str>) -> Vec<Difference> {
    match (a, b) {
        (Some(a), Some(b)) => differences(a, b),
        (None, None) => Vec::new(),
        _ => vec![one_sided(a, b)],
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell_where(f)?;
        tell(f, "the state", &self.state)?;
        for task in &self.tasks {
            let node = task.node.as_deref().map(|node| format!(", `{node}`"));
            let task_name = format!("task {}{}", task.position, node.unwrap_or_default());
            tell(f, &task_name, &task.differences)?;
        }
        tell(f, "what comes next", &self.next)?;
        let is_nothing = self.state.is_empty() && self.tasks.is_empty() && self.next.is_empty();
        match is_nothing && !self.is_edit() && self.kinds[0] == self.kinds[1] {
            true => f.write_str(": only the graphs are not the same, which these steps say"),
            false => Ok(()),
        }
    }
}

impl Divergence {
    fn tell_where(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = &self.runs;
        match self.steps {
            [Some(step), None] if self.is_edit() => {
                return write!(f, "step {step} of run `{a}` is its edit, as a fork");
            }
            [None, Some(step)] if self.is_edit() => {
                return write!(f, "step {step} of run `{b}` is its edit, as a fork");
            }
            [Some(0), Some(0)] => write!(f, "runs `{a}` and `{b}` differ from the start")?,
            [Some(one), Some(other)] if one != other => {
                write!(
                    f,
                    "step {one} of run `{a}` and step {other} of run `{b}` differ"
                )?;
            }
            _ if self.is_edit() => {
                write!(
                    f,
                    "runs `{a}` and `{b}` differ in their edits, step {}",
                    self.step()
                )?;
            }
            _ => write!(f, "runs `{a}` and `{b}` differ in step {}", self.step())?,
        }
        if self.kinds[0] == self.kinds[1] {
            return Ok(());
        }
        let kinds = self.kinds.map(kind_name);
        write!(f, ": in `{a}` {}, in `{b}` {}", kinds[0], kinds[1])
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

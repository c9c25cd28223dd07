//! The frontier as text: what runs next, which joins wait, what is deferred.
//!
//! ```json
//! {"tasks":[{"node":"search","edge":2,"parent":"…","inputs":["a","b"]}],
//!  "joins":[{"join":0,"arrived":[{"node":"left","key":"…"}]}],
//!  "deferred":[{"node":"report","edge":7,"parent":"…"}]}
//! ```
//!
//! The items of one `each` stand together under one parent. Keys are not
//! stored: they follow from parent, node, edge and item. So a task keeps its edge's
//! number under a newer graph, too; where the edge that has it there is an `each` and
//! its own was none, or the other way round, it says so: `"each":true`.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cx::{KeyId, order_key};
use crate::encode::{self, DecodeError, Draft, EncodeError, quoted};
use crate::erased::Input;
use crate::graph::{EdgeKind, GraphInfo, NodeId, StoredGraph};
use crate::hash::{Digest, Hasher};
use crate::machine::joins::Joins;
use crate::machine::loops::Shape;
use crate::machine::{Arrow, Machine, Task};
use crate::node_error::excerpt;

/// A stored frontier, borrowed from its text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontierText<'a> {
    #[serde(default, borrow)]
    tasks: Vec<GroupText<'a>>,
    #[serde(default)]
    joins: Vec<JoinText>,
    #[serde(default, borrow)]
    deferred: Vec<GroupText<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupText<'a> {
    node: String,
    edge: u32,
    parent: Digest,
    #[serde(default)]
    each: Option<bool>,
    #[serde(default, borrow)]
    inputs: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinText {
    join: u32,
    arrived: Vec<ArrivalText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrivalText {
    node: String,
    key: Digest,
}

impl Machine {
    /// The frontier's canonical text.
    pub(crate) fn frontier_text(&self) -> Result<String, EncodeError> {
        self.frontier_draft()?.finish()
    }

    /// The same, to be stored.
    pub(super) fn stored_frontier(&mut self) -> Result<String, EncodeError> {
        let draft = self.frontier_draft()?;
        draft.checked(false, |_| self.read_inputs_back())
    }

    fn frontier_draft(&self) -> Result<Draft, EncodeError> {
        let mut text = Text::default();
        text.tasks(self, &self.frontier)?;
        text.joins(self);
        text.deferred(self);
        Ok(text.finish())
    }

    /// Replaces every task's input with what its text decodes into, as it
    /// would be after a resume; it must have the same encoding.
    pub(super) fn read_inputs_back(&mut self) -> Result<(), EncodeError> {
        self.read_each_input_back().map_err(|error| EncodeError {
            ty: "the input of a task",
            ..error
        })
    }

    fn read_each_input_back(&mut self) -> Result<(), EncodeError> {
        for task in &mut self.frontier {
            if let Some(input) = &mut task.input {
                *input = read_input_back(self.info, task.node, input)?;
            }
        }
        Ok(())
    }

    /// Of what a value is that keeps the frontier from being stored.
    pub(crate) fn lost_input(&self) -> String {
        let mut inputs = self.frontier.iter();
        let lost = inputs.find(|task| {
            let input = task.input.as_ref();
            input.is_some_and(|input| read_input_back(self.info, task.node, input).is_err())
        });
        match lost {
            Some(task) => format!("the input of node `{}`", self.info.node_name(task.node)),
            None => "the input of a node".to_owned(),
        }
    }

    pub(super) fn frontier_shape(&self) -> Result<Shape, EncodeError> {
        if let [task] = &*self.frontier
            && task.input.is_none()
            && self.deferred.is_empty()
            && self.joins.waiting().next().is_none()
        {
            return Ok(Shape::Lone(task.node));
        }
        let mut hasher = Hasher::new();
        for task in &self.frontier {
            hasher = hasher.number(u64::from(task.node));
            if let Some(input) = &task.input {
                hasher = hasher.part(input.to_text()?);
            }
        }
        for (join, arrivals) in self.joins.waiting() {
            hasher = hasher.part("join").number(u64::from(join));
            hasher = arrivals.iter().fold(hasher, |hasher, (source, _)| {
                hasher.number(u64::from(*source))
            });
        }
        for (node, _) in &self.deferred {
            hasher = hasher.part("defer").number(u64::from(*node));
        }
        Ok(Shape::Other(hasher.finish()))
    }

    /// Replaces this frontier with a stored one.
    pub(crate) fn restore_frontier(&mut self, json: &str) -> Result<(), DecodeError> {
        let text = read(json)?;
        self.frontier_bytes = json.len();
        let graph = self.info;
        for group in text.tasks.iter().chain(&text.deferred) {
            let edge = graph.edges.get(group.edge as usize);
            if edge.is_none_or(|edge| graph.node_name(edge.to) != group.node) {
                node_called(graph, &group.node)?;
                let (edge, node) = (group.edge, &group.node);
                let reason = format!("edge {edge} of this graph does not lead to `{node}`");
                let ty = "frontier";
                return Err(DecodeError { ty, reason });
            }
            if group.inputs.is_none() && edge.is_some_and(|edge| edge.kind.gives_input()) {
                return Err(no_input(group));
            }
        }
        self.restore_numbered(&text, None)
    }

    /// The same for a run that has lived under other graphs: there an edge's number is a part
    /// of its task's key, and today's table may have another edge under it. `older` is the
    /// graph that wrote the frontier, if it is not today's.
    pub(crate) fn restore_older_frontier(
        &mut self,
        json: &str,
        older: Option<&StoredGraph>,
    ) -> Result<(), DecodeError> {
        let text = read(json)?;
        self.frontier_bytes = json.len();
        let graph = self.info;
        for group in text.tasks.iter().chain(&text.deferred) {
            let node = node_called(graph, &group.node)?;
            let mut into = graph.edges.iter().filter(|edge| edge.to == node);
            if group.inputs.is_none() && into.all(|edge| edge.kind.gives_input()) {
                return Err(no_input(group));
            }
        }
        self.restore_numbered(&text, older)
    }

    /// The same for a frontier that was stored under another version of the
    /// graph: its numbers are those of `stored`.
    pub(crate) fn restore_by_name(
        &mut self,
        json: &str,
        stored: &StoredGraph,
    ) -> Result<(), DecodeError> {
        self.restore_numbered(&read(json)?, Some(stored))
    }

    /// The numbers are those of `older`, if it is given, else of today's graph.
    fn restore_numbered(
        &mut self,
        text: &FrontierText<'_>,
        older: Option<&StoredGraph>,
    ) -> Result<(), DecodeError> {
        let graph = self.info;
        self.frontier.clear();
        self.deferred.clear();
        self.joins = Joins::new(self.info);
        for group in &text.tasks {
            let by_number = || match older {
                Some(older) => older.is_each(group.edge),
                None => is_each(graph, group.edge),
            };
            self.restore_group(group, group.each.unwrap_or_else(by_number))?;
        }
        for group in &text.deferred {
            let (node, parent) = self.place(group)?;
            self.deferred.push((
                node,
                Arrow {
                    parent,
                    edge: group.edge,
                    item: 0,
                },
            ));
        }
        for join in &text.joins {
            let unknown = || DecodeError {
                ty: "frontier",
                reason: format!("this graph has no join row {}", join.join),
            };
            let row = match older {
                Some(older) => older.join_in(join.join, graph).ok_or_else(unknown)?,
                None => join.join,
            };
            self.restore_join(row, join)?;
        }
        Ok(())
    }

    fn restore_group(&mut self, group: &GroupText<'_>, of_each: bool) -> Result<(), DecodeError> {
        let graph = self.info;
        let (node, parent) = self.place(group)?;
        let edge = group.edge;
        let mut push = |item, input| {
            let key = self.keys.task(parent, node, edge, item);
            self.frontier.push(Task {
                node,
                key,
                arrow: Arrow { parent, edge, item },
                of_each,
                input,
            });
        };
        match &group.inputs {
            None => push(0, None),
            Some(inputs) => {
                for (item, input) in (0..).zip(inputs) {
                    push(item, Some(graph.read_input(node, input.get())?));
                }
            }
        }
        Ok(())
    }

    fn restore_join(&mut self, row: u32, text: &JoinText) -> Result<(), DecodeError> {
        let unknown = || DecodeError {
            ty: "frontier",
            reason: format!("this graph has no join row {row}"),
        };
        let sources = self
            .info
            .joins
            .get(row as usize)
            .ok_or_else(unknown)?
            .sources;
        for arrival in &text.arrived {
            let node = node_called(self.info, &arrival.node)?;
            if !sources.contains(&node) {
                return Err(unknown());
            }
            let key = self.keys.known(arrival.key);
            let complete = self.joins.arrive(row, node, key);
            if complete.is_some() {
                return Err(DecodeError {
                    ty: "frontier",
                    reason: format!("join row {row} is complete already"),
                });
            }
        }
        Ok(())
    }

    fn place(&mut self, group: &GroupText<'_>) -> Result<(NodeId, u32), DecodeError> {
        let node = node_called(self.info, &group.node)?;
        Ok((node, self.keys.known(group.parent)))
    }
}

/// The input of a task of `node` as it comes back from its text.
fn read_input_back(info: &GraphInfo, node: NodeId, input: &Input) -> Result<Input, EncodeError> {
    let json = input.to_text()?;
    let back = info
        .read_input(node, &json)
        .map_err(encode::lost::<Input>)?;
    encode::same_text::<Input>(&json, &back.to_text()?)?;
    Ok(back)
}

/// The tasks of a stored frontier: their keys and nodes, whatever graph has them.
pub(crate) fn stored_tasks(json: &str) -> Result<Vec<(Digest, String)>, DecodeError> {
    let text = read(json)?;
    let tasks = text.tasks.iter().flat_map(|group| {
        let items = group.inputs.as_ref().map_or(1, Vec::len);
        (0..).take(items).map(|item| {
            let key = order_key(group.parent, &group.node, group.edge, item);
            (key, group.node.clone())
        })
    });
    Ok(tasks.collect())
}

/// A node that a stored frontier names and `info` does not have.
pub(crate) fn node_gone(json: &str, info: &GraphInfo) -> Result<Option<String>, DecodeError> {
    let text = read(json)?;
    let groups = text.tasks.into_iter().chain(text.deferred);
    let arrived = text.joins.into_iter().flat_map(|join| join.arrived);
    let mut named = groups
        .map(|group| group.node)
        .chain(arrived.map(|arrival| arrival.node));
    Ok(named.find(|node| node_called(info, node).is_err()))
}

/// The beginning of the input of the task at `position` in a stored frontier, if it has one.
pub(crate) fn stored_input(json: &str, position: usize) -> Option<String> {
    let text: FrontierText<'_> = serde_json::from_str(json).ok()?;
    let mut before = 0;
    for group in &text.tasks {
        let tasks = group.inputs.as_ref().map_or(1, Vec::len);
        if position < before + tasks {
            let input = group.inputs.as_ref()?.get(position - before)?;
            return Some(excerpt(input.get()));
        }
        before += tasks;
    }
    None
}

impl Machine {
    /// Gives the tasks of the frontier, whose text is `json`, their inputs again; nothing if that is
    /// empty, since none has one.
    pub(crate) fn restore_inputs(&mut self, json: &str) -> Result<(), DecodeError> {
        let given_away = |task: &Task| task.input.is_none();
        if json.is_empty() || !self.frontier.iter().any(given_away) {
            return Ok(());
        }
        let text = read(json)?;
        for (task, input) in self.frontier.iter_mut().zip(inputs(&text)) {
            if let Some(input) = input.filter(|_| task.input.is_none()) {
                task.input = Some(self.info.read_input(task.node, input)?);
            }
        }
        Ok(())
    }

    /// The task at that place, which was started before, to be started once more.
    pub(crate) fn task_again(&self, place: usize, json: &str) -> Result<Option<Task>, DecodeError> {
        let Some(task) = self.frontier.get(place) else {
            return Ok(None);
        };
        let mut task = task.clone();
        if !json.is_empty() {
            let text = read(json)?;
            let input = inputs(&text).nth(place).flatten();
            let input = input.map(|input| self.info.read_input(task.node, input));
            task.input = input.transpose()?;
        }
        Ok(Some(task))
    }
}

/// The texts of the tasks' inputs, in frontier order.
fn inputs<'a>(text: &'a FrontierText<'_>) -> impl Iterator<Item = Option<&'a str>> {
    text.tasks.iter().flat_map(|group| {
        let inputs = group.inputs.iter().flatten().map(|input| Some(input.get()));
        let none = group.inputs.is_none().then_some(None);
        inputs.chain(none)
    })
}

/// The frontier of a run that has ended.
const END_TEXT: &str = "{}";

/// Whether nothing runs next, no join waits and nothing is deferred.
pub(crate) fn is_end(json: &str) -> bool {
    json == END_TEXT
}

fn no_input(group: &GroupText<'_>) -> DecodeError {
    DecodeError {
        ty: "frontier",
        reason: format!("a task of `{}` has no input", group.node),
    }
}

/// The key of the task from which the first difference between two stored
/// frontiers follows.
pub(crate) fn differing_parent(expected: &str, found: &str) -> Option<Digest> {
    let expected: FrontierText<'_> = serde_json::from_str(expected).ok()?;
    let found: FrontierText<'_> = serde_json::from_str(found).ok()?;
    let shape = |group: &GroupText<'_>| {
        let inputs = group
            .inputs
            .iter()
            .flatten()
            .map(|input| input.get().to_owned());
        (group.node.clone(), group.parent, inputs.collect::<Vec<_>>())
    };
    let mut pairs = (0..expected.tasks.len().max(found.tasks.len()))
        .map(|at| (expected.tasks.get(at), found.tasks.get(at)));
    let (one, other) = pairs.find(|(one, other)| one.map(shape) != other.map(shape))?;
    one.or(other).map(|group| group.parent)
}

/// A stored frontier without numbers and keys, which differ between versions of the
/// graph: what runs next with which inputs, who waits for
/// whom, what is deferred. `input` is given a node's name and what it gets.
pub(crate) fn frontier_by_name(
    json: &str,
    graph: &StoredGraph,
    input: impl Fn(&str, &str) -> Result<String, DecodeError>,
) -> Result<String, DecodeError> {
    let text: FrontierText<'_> = read(json)?;
    let name = |group: &GroupText<'_>| match &group.inputs {
        None => Ok(quoted(&group.node)),
        Some(inputs) => {
            let inputs = inputs.iter().map(|json| input(&group.node, json.get()));
            let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
            Ok(format!(
                "{{{}:[{}]}}",
                quoted(&group.node),
                inputs.join(",")
            ))
        }
    };
    let names = |groups: &[GroupText<'_>]| {
        let names = groups.iter().map(name).collect::<Result<Vec<_>, _>>();
        names.map(|names| names.join(","))
    };
    let joins = text.joins.iter().map(|join| {
        let arrived: Vec<String> = join.arrived.iter().map(|at| quoted(&at.node)).collect();
        let name = graph.join_name(join.join).unwrap_or_default();
        format!("{{{}:[{}]}}", quoted(&name), arrived.join(","))
    });
    // Where their rows stand in the table is no difference.
    let mut joins: Vec<String> = joins.collect();
    joins.sort_unstable();
    let joins = joins.join(",");
    Ok(format!(
        "{{\"tasks\":[{}],\"joins\":[{joins}],\"deferred\":[{}]}}",
        names(&text.tasks)?,
        names(&text.deferred)?
    ))
}

fn read(json: &str) -> Result<FrontierText<'_>, DecodeError> {
    serde_json::from_str(json).map_err(|error| DecodeError {
        ty: "frontier",
        reason: error.to_string(),
    })
}

fn is_each(info: &GraphInfo, edge: u32) -> bool {
    let edge = info.edges.get(edge as usize);
    edge.is_some_and(|edge| edge.kind == EdgeKind::Each)
}

fn node_called(info: &GraphInfo, name: &str) -> Result<NodeId, DecodeError> {
    info.nodes
        .iter()
        .position(|node| node.name == name)
        .and_then(|position| NodeId::try_from(position).ok())
        .ok_or_else(|| DecodeError {
            ty: "frontier",
            reason: format!("this graph has no node `{name}`"),
        })
}

/// The text while it is being written.
#[derive(Default)]
struct Text {
    out: Draft,
}

impl Text {
    /// Opens section `name`, or continues it.
    fn item(&mut self, name: &str, first: bool) {
        if first {
            self.out.raw(if self.out.is_empty() { "{" } else { "," });
            let _ = write!(self.out, "\"{name}\":[");
        } else {
            self.out.raw(",");
        }
    }

    fn group(&mut self, node: &str, edge: u32, parent: Digest) {
        let _ = write!(
            self.out,
            "{{\"node\":{},\"edge\":{edge},\"parent\":\"{parent}\"",
            quoted(node)
        );
    }

    fn tasks(&mut self, machine: &Machine, tasks: &[Task]) -> Result<(), EncodeError> {
        // One parent may have several ids, as after reading an open run.
        let siblings = |one: KeyId, next: KeyId| {
            one == next || machine.keys.get(one) == machine.keys.get(next)
        };
        let same = |one: &Task, next: &Task| {
            next.arrow.item > 0
                && one.arrow.edge == next.arrow.edge
                && siblings(one.arrow.parent, next.arrow.parent)
        };
        for (position, group) in tasks.chunk_by(same).enumerate() {
            let first = &group[0];
            self.item("tasks", position == 0);
            self.group(
                machine.info.node_name(first.node),
                first.arrow.edge,
                machine.keys.get(first.arrow.parent),
            );
            if first.of_each != is_each(machine.info, first.arrow.edge) {
                let _ = write!(self.out, ",\"each\":{}", first.of_each);
            }
            if first.input.is_some() {
                self.out.raw(",\"inputs\":[");
                for (item, input) in group
                    .iter()
                    .filter_map(|task| task.input.as_ref())
                    .enumerate()
                {
                    if item > 0 {
                        self.out.raw(",");
                    }
                    input.write(&mut self.out)?;
                }
                self.out.raw("]");
            }
            self.out.raw("}");
        }
        self.close(!tasks.is_empty());
        Ok(())
    }

    fn joins(&mut self, machine: &Machine) {
        let mut any = false;
        for (join, arrivals) in machine.joins.waiting() {
            self.item("joins", !any);
            any = true;
            let _ = write!(self.out, "{{\"join\":{join},\"arrived\":[");
            for (position, (source, key)) in arrivals.iter().enumerate() {
                let comma = if position > 0 { "," } else { "" };
                let (node, key) = (
                    quoted(machine.info.node_name(*source)),
                    machine.keys.get(*key),
                );
                let _ = write!(self.out, "{comma}{{\"node\":{node},\"key\":\"{key}\"}}");
            }
            self.out.raw("]}");
        }
        self.close(any);
    }

    fn deferred(&mut self, machine: &Machine) {
        for (position, (node, arrow)) in machine.deferred.iter().enumerate() {
            self.item("deferred", position == 0);
            self.group(
                machine.info.node_name(*node),
                arrow.edge,
                machine.keys.get(arrow.parent),
            );
            self.out.raw("}");
        }
        self.close(!machine.deferred.is_empty());
    }

    fn close(&mut self, opened: bool) {
        if opened {
            self.out.raw("]");
        }
    }

    fn finish(mut self) -> Draft {
        if self.out.is_empty() {
            self.out.raw("{");
        }
        self.out.raw("}");
        self.out
    }
}

use std::fmt;

use super::{Canonical, Edge, Field, Join, Kind};
use crate::encode;
use crate::graph::GraphInfo;

/// What is different between the graph a run was stored under and this one.
///
/// Shown as one line for each difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    lines: Vec<String>,
    reducers: Vec<String>,
    /// The names of the fields that are gone, …
    gone: Vec<String>,
    /// … of those that are new and have no default, …
    undefaulted: Vec<String>,
    /// … and of those with another type.
    retyped: Vec<String>,
    gone_nodes: Vec<String>,
    new_nodes: Vec<String>,
    /// How many of the lines keep a run from being continued as it is.
    breaking: usize,
}

impl Differences {
    /// One sentence for each difference, e.g. ``field `notes` is new``.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Those lines that say that a field has another reducer.
    pub(crate) fn reducers(&self) -> &[String] {
        &self.reducers
    }

    /// Those lines that say that a field is gone.
    pub(crate) fn gone_fields(&self) -> Vec<String> {
        self.gone.iter().map(|name| is_gone(name)).collect()
    }

    /// What to write for the fields that are gone, so that nothing of them is lost.
    pub(crate) fn keep_gone_fields(&self) -> Option<String> {
        let fields = names(&self.gone)?;
        Some(format!("say in `migrate` what became of {fields}"))
    }

    /// What to write so that new fields can be read from what is stored.
    pub(crate) fn give_defaults(&self) -> Option<String> {
        let fields = names(&self.undefaulted)?;
        Some(format!("give {fields} `#[serde(default)]`"))
    }

    /// Whether a run can continue as it is once [`give_defaults`](Self::give_defaults) is done.
    pub(crate) const fn lack_defaults_only(&self) -> bool {
        self.breaking == self.undefaulted.len()
    }

    /// What to write for fields of another type.
    pub(crate) fn convert_retyped(&self) -> Option<String> {
        let fields = names(&self.retyped)?;
        Some(format!(
            "convert {fields} in `migrate`, unless what is stored decodes as it is"
        ))
    }

    /// What to write for nodes that have another name only.
    pub(crate) fn keep_node_names(&self) -> Option<String> {
        let node = self.gone_nodes.first()?;
        let path = match (&self.gone_nodes[..], &self.new_nodes[..]) {
            ([_], [new]) => new,
            _ => "path",
        };
        let keep = keep_name(node, path);
        Some(format!("for a node that was only renamed, {keep}"))
    }

    /// Whether this graph reads a state that the other one left, and loses nothing of it.
    pub(crate) const fn state_is_readable(&self) -> bool {
        self.reducers.is_empty()
            && self.gone.is_empty()
            && self.undefaulted.is_empty()
            && self.retyped.is_empty()
    }

    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether runs of the stored graph can continue under this one as they are:
    /// nothing is different but state fields that are new and have a
    /// `#[serde(default)]`.
    pub fn are_compatible(&self) -> bool {
        self.breaking == 0
    }

    pub(super) fn between(stored: &str, graph: &GraphInfo) -> Self {
        let mut found = Self::default();
        match encode::from_str::<Canonical>(stored) {
            Ok(old) => found.compare(&old, &Canonical::of(graph), graph),
            Err(error) => found.breaking(format!("the stored graph cannot be read: {error}")),
        }
        found
    }

    fn compare(&mut self, old: &Canonical, new: &Canonical, graph: &GraphInfo) {
        self.nodes(&old.nodes, &new.nodes);
        self.edges(&old.edges, &new.edges);
        self.joins(&old.joins, &new.joins);
        self.fields(&old.fields, &new.fields, graph);
    }

    fn nodes(&mut self, old: &[String], new: &[String]) {
        let (removed, added) = unmatched(old, new);
        for name in &removed {
            self.gone_nodes.push((*name).clone());
            self.breaking(format!("node `{name}` is gone"));
        }
        for name in &added {
            self.new_nodes.push((*name).clone());
            self.breaking(format!("node `{name}` is new"));
        }
        if removed.is_empty() && added.is_empty() && old != new {
            self.breaking("the nodes are mentioned in another order".to_owned());
        }
    }

    fn edges(&mut self, old: &[Edge], new: &[Edge]) {
        let (removed, mut added) = unmatched(old, new);
        if removed.is_empty() && added.is_empty() && old != new {
            self.breaking("the edges are written in another order".to_owned());
        }
        for edge in removed {
            let same_ends = |other: &&Edge| other.from == edge.from && other.to == edge.to;
            match added.iter().position(same_ends) {
                Some(at) => {
                    let now = added.remove(at);
                    self.breaking(format!("edge `{edge}` is now `{now}`"));
                }
                None => self.breaking(format!("edge `{edge}` is gone")),
            }
        }
        for edge in added {
            self.breaking(format!("edge `{edge}` is new"));
        }
    }

    fn joins(&mut self, old: &[Join], new: &[Join]) {
        let (removed, added) = unmatched(old, new);
        if removed.is_empty() && added.is_empty() && old != new {
            self.breaking("the joins are written in another order".to_owned());
        }
        for join in removed {
            self.breaking(format!("join `{join}` is gone"));
        }
        for join in added {
            self.breaking(format!("join `{join}` is new"));
        }
    }

    fn fields(&mut self, old: &[Field], new: &[Field], graph: &GraphInfo) {
        for field in old {
            let name = &field.name;
            match new.iter().find(|other| other.name == *name) {
                None => {
                    self.gone.push(name.clone());
                    self.breaking(is_gone(name));
                }
                Some(now) => self.field(field, now),
            }
        }
        let is_old = |field: &&Field| old.iter().any(|other| other.name == field.name);
        for field in new.iter().filter(|field| !is_old(field)) {
            self.new_field(&field.name, graph);
        }
        let kept = new.iter().filter(is_old).map(|field| &field.name);
        let is_kept = |field: &&Field| new.iter().any(|other| other.name == field.name);
        if !kept.eq(old.iter().filter(is_kept).map(|field| &field.name)) {
            self.breaking("the fields are declared in another order".to_owned());
        }
    }

    fn field(&mut self, old: &Field, new: &Field) {
        let name = &old.name;
        if old.ty != new.ty {
            self.retyped.push(name.clone());
            let (old, new) = (&old.ty, &new.ty);
            self.breaking(format!("field `{name}` was a `{old}` and is a `{new}`"));
        }
        if old.reducer != new.reducer {
            let (old, new) = (&old.reducer, &new.reducer);
            let line = format!("field `{name}` had the reducer `{old}` and has `{new}`");
            self.reducers.push(line.clone());
            self.breaking(line);
        }
    }

    fn new_field(&mut self, name: &str, graph: &GraphInfo) {
        let mut fields = graph.state.fields.iter();
        match fields.any(|field| field.name == name && field.default) {
            true => self.lines.push(format!("field `{name}` is new")),
            false => {
                self.undefaulted.push(name.to_owned());
                self.breaking(format!(
                    "field `{name}` is new and has no `#[serde(default)]`"
                ));
            }
        }
    }

    fn breaking(&mut self, line: String) {
        self.lines.push(line);
        self.breaking += 1;
    }
}

fn is_gone(field: &str) -> String {
    format!("field `{field}` is gone")
}

/// How a graph calls a node by the name that is stored; `path` is the node's function today.
pub(crate) fn keep_name(node: &str, path: &str) -> String {
    format!("keep the stored name: `{node} = {path}` in the table, or `#[node(name = \"{node}\")]`")
}

/// `` `a` and `b` ``; nothing for no names.
fn names(names: &[String]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" and "))
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// The items of `old` without an equal in `new`, and vice versa. Equal items
/// count: two of them match two.
fn unmatched<'a, T: PartialEq>(old: &'a [T], new: &'a [T]) -> (Vec<&'a T>, Vec<&'a T>) {
    let mut added: Vec<&T> = new.iter().collect();
    let mut removed = Vec::new();
    for item in old {
        match added.iter().position(|other| *other == item) {
            Some(at) => drop(added.remove(at)),
            None => removed.push(item),
        }
    }
    (removed, added)
}

/// As the row would be written.
impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, kind, .. } = self;
        match kind {
            Kind::Direct | Kind::Join(_) => write!(f, "{from} -> {to}")?,
            Kind::Input => write!(f, "{from} -> {to}(…)")?,
            Kind::Each => write!(f, "{from} -> each {to}(…)")?,
            Kind::Else => write!(f, "{from} -> else {to}")?,
            Kind::Defer => write!(f, "{from} -> defer {to}")?,
            Kind::Error => write!(f, "{from} on error -> {to}")?,
        }
        match &self.label {
            Some(label) => write!(f, " for {label}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets = self.targets.iter().map(|target| match target.deferred {
            true => format!("defer {}", target.to),
            false => target.to.clone(),
        });
        let targets: Vec<String> = targets.collect();
        let sources = self.sources.join(", ");
        match &targets[..] {
            [target] => write!(f, "[{sources}] -> {target}"),
            targets => write!(f, "[{sources}] -> [{}]", targets.join(", ")),
        }
    }
}

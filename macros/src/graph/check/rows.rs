//! Faults that can be seen without following an arrow.

use proc_macro2::Span;

use crate::errors::Errors;
use crate::graph::model::{END, Edge, Model, NodeId, OwnRow, START};
use crate::suggest;
use crate::text;

pub(super) fn check(model: &Model, errors: &mut Errors) {
    start(model, errors);
    one_row_each(model, errors);
    every_node_goes_on(model, errors);
    joins_differ(model, errors);
}

/// A graph has a `start` row.
fn start(model: &Model, errors: &mut Errors) {
    if !model.has_start() {
        let names: Vec<&str> = model.nodes.iter().map(|node| &*node.name).collect();
        let slip = suggest::nearest("start", &names);
        let first = match slip {
            Some(slip) => model.nodes.iter().find(|node| node.name == slip),
            None => model.nodes.first(),
        };
        let at = first.map_or(Span::call_site(), |node| node.at.span());
        let help = match (slip, first) {
            (Some(slip), _) => {
                format!("did you mean `start` by `{slip}`? if not, add a row `start -> {slip}`")
            }
            (None, Some(first)) => format!("add a row `start -> {}`", first.name),
            (None, None) => "add a row `start -> node`".to_owned(),
        };
        let message = format!("no row says where the graph starts\nhelp: {help}");
        errors.at(at, message);
    }
}

/// A node stands alone as a source in at most one row.
fn one_row_each(model: &Model, errors: &mut Errors) {
    let mut first = vec![None; model.nodes.len() + 1];
    for row in &model.rows {
        let slot = match row.from {
            START => model.nodes.len(),
            node => node as usize,
        };
        match first[slot] {
            None => first[slot] = Some(row),
            Some(earlier) => errors.at(row.at, second_row(model, earlier, row)),
        }
    }
}

fn second_row(model: &Model, first: &OwnRow, second: &OwnRow) -> String {
    let name = model.name(first.from);
    if same(model.edges_of(first), model.edges_of(second)) {
        return format!("this row of `{name}` is written twice\nhelp: remove one of the two");
    }
    let mut targets: Vec<&str> = Vec::new();
    for edge in [first, second]
        .into_iter()
        .flat_map(|row| model.edges_of(row))
    {
        // If a row goes elsewhere too, `end` adds nothing.
        if edge.to != END && !targets.contains(&model.name(edge.to)) {
            targets.push(model.name(edge.to));
        }
    }
    let ends = |row| model.edges_of(row).iter().all(|edge| edge.to == END);
    let help = if first.matches() || second.matches() {
        format!("put all of its targets into one `match`: `{name} -> match {{ … }}`")
    } else if ends(first) || ends(second) {
        "remove the one into `end`, which adds nothing to the other".to_owned()
    } else {
        let targets = targets.join(", ");
        format!("to go to all of them, write one list: `{name} -> [{targets}]`")
    };
    format!("`{name}` has two rows\nhelp: {help}")
}

fn same(one: &[Edge], other: &[Edge]) -> bool {
    let key = |edge: &Edge| (edge.to, edge.kind, edge.label.clone());
    one.iter().map(key).eq(other.iter().map(key))
}

/// A node has a row, or is the source of a join.
fn every_node_goes_on(model: &Model, errors: &mut Errors) {
    for node in &model.nodes {
        if node.row.is_none() && node.joins.is_empty() {
            let name = &node.name;
            let message = format!(
                "no row says where `{name}` goes next\nhelp: add a row `{name} -> …`, or `{name} -> end`"
            );
            errors.at(node.at.span(), message);
        }
    }
}

/// Two joins of the same sources have different targets.
fn joins_differ(model: &Model, errors: &mut Errors) {
    let mut seen = std::collections::HashMap::new();
    for join in &model.joins {
        let mut sources: Vec<NodeId> = join.sources.iter().map(|(node, _)| *node).collect();
        sources.sort_unstable();
        for edge in &model.edges[join.edges.start as usize..join.edges.end as usize] {
            if seen.insert((sources.clone(), edge.to), ()).is_some() {
                let names: Vec<&str> = sources.iter().map(|node| model.name(*node)).collect();
                let message = format!(
                    "{} join twice on the way to `{}`\nhelp: remove one of the two rows",
                    text::listed(&names),
                    model.name(edge.to),
                );
                errors.at(join.at, message);
                break;
            }
        }
    }
}

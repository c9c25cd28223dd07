//! Faults that can be seen without following an arrow.

use proc_macro2::Span;

use crate::errors::Errors;
use crate::graph::model::{Model, NodeId};
use crate::suggest;
use crate::text;

pub(super) fn check(model: &Model, errors: &mut Errors) {
    start(model, errors);
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

/// A node has a row, or is the source of a join.
fn every_node_goes_on(model: &Model, errors: &mut Errors) {
    for node in &model.nodes {
        if node.row.is_none() && node.joins.is_empty() {
            let name = &node.name;
            let help = match name.eq_ignore_ascii_case("end") {
                true => format!("did you mean `end`? if not, add a row `{name} -> …`"),
                false => format!("add a row `{name} -> …`, or `{name} -> end`"),
            };
            let message = format!("no row says where `{name}` goes next\nhelp: {help}");
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
        for edge in model.edges_at(&join.edges) {
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

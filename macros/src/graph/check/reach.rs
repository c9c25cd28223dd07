//! Every node is reached, and every node leads to `end`.

use super::arcs::Arcs;
use crate::errors::Errors;
use crate::graph::model::{Model, OwnRow};
use crate::text;

pub(super) fn check(model: &Model, arcs: &Arcs, errors: &mut Errors) {
    let reached = arcs.reached(model, |_| false);
    // What follows from a fault that is reported is not a fault of its own.
    let mut excused = joins_can_open(model, arcs, &reached, errors);
    nodes_are_reached(model, arcs, &reached, &mut excused, errors);
    nodes_reach_end(model, arcs, errors);
}

/// No source of a join is reached only through that join.
fn joins_can_open(model: &Model, arcs: &Arcs, reached: &[bool], errors: &mut Errors) -> Vec<bool> {
    let mut excused = vec![false; reached.len()];
    for (at, join) in model.joins.iter().enumerate() {
        if join.sources.iter().all(|(node, _)| reached[*node as usize]) {
            continue;
        }
        let opened = arcs.reached(model, |join| join == at);
        for (node, span) in &join.sources {
            let source = *node as usize;
            if reached[source] || !opened[source] {
                continue;
            }
            let name = model.name(*node);
            let message = format!(
                "this join waits for `{name}`, which only this join leads to\n\
                 help: take `{name}` out of the join, or lead another row to `{name}`"
            );
            errors.at(*span, message);
            excused
                .iter_mut()
                .zip(&opened)
                .for_each(|(excused, opened)| *excused |= opened);
        }
    }
    excused
}

/// Some path leads from `start` to every node.
fn nodes_are_reached(
    model: &Model,
    arcs: &Arcs,
    reached: &[bool],
    excused: &mut [bool],
    errors: &mut Errors,
) {
    let lost: Vec<usize> = (0..model.nodes.len())
        .filter(|node| !reached[*node] && !excused[*node])
        .collect();
    // Nodes that no row names first; what is left then is cycles.
    let nameless = |node: &usize| arcs.into.of(*node).is_empty();
    let (roots, others): (Vec<usize>, Vec<usize>) = lost.into_iter().partition(nameless);
    for node in roots.into_iter().chain(others) {
        if excused[node] {
            continue;
        }
        let name = &model.nodes[node].name;
        let why = match nameless(&node) {
            true => "no row leads to",
            false => "no path from `start` leads to",
        };
        let behind = arcs.forward([node], |_| true);
        let example = example(model, reached, &behind, name);
        let message = format!(
            "{why} `{name}`\nhelp: name it as a target in some row, e.g. `{example}`, or remove its row"
        );
        errors.at(model.nodes[node].at.span(), message);
        excused
            .iter_mut()
            .zip(behind)
            .for_each(|(excused, behind)| *excused |= behind);
    }
}

/// A row that would lead to `name`. If what comes behind it, and is reached otherwise, decides
/// by a `match`, that may have lost an arm.
fn example(model: &Model, reached: &[bool], behind: &[bool], name: &str) -> String {
    let is = |nodes: &[bool], row: &OwnRow| nodes.get(row.from as usize) == Some(&true);
    let decides = |row: &&OwnRow| row.matches() && is(behind, row) && is(reached, row);
    match model.rows.iter().find(decides) {
        Some(row) => format!(
            "{} -> match {{ …, pattern => {name} }}",
            model.name(row.from)
        ),
        None => format!("start -> {name}"),
    }
}

/// Some path leads from every node to `end`.
fn nodes_reach_end(model: &Model, arcs: &Arcs, errors: &mut Errors) {
    // A node without a row is reported as that.
    let open_ends = (0..model.nodes.len())
        .filter(|node| model.nodes[*node].row.is_none() && model.nodes[*node].joins.is_empty());
    let mut leads = arcs.backward(open_ends.chain([arcs.end]));
    for node in 0..model.nodes.len() {
        if leads[node] {
            continue;
        }
        let circle = arcs.forward([node], |_| true);
        let back = arcs.backward([node]);
        let inside = |other: &usize| circle[*other];
        let others: Vec<usize> = (0..model.nodes.len()).filter(inside).collect();
        // Only the innermost cycle is at fault, not what leads into it.
        if others.iter().any(|other| !back[*other]) {
            continue;
        }
        let name = &model.nodes[node].name;
        let others: Vec<&str> = others
            .iter()
            .filter(|other| **other != node)
            .map(|other| model.nodes[*other].name.as_str())
            .collect();
        let round = match others.is_empty() {
            true => format!("`{name}` leads only to itself and never to `end`"),
            false => format!(
                "`{name}` leads only round and round through {} and never to `end`",
                text::listed(&others)
            ),
        };
        let message = format!(
            "{round}\nhelp: let one of the nodes on the way go to `end`, e.g. by a `match`"
        );
        errors.at(model.nodes[node].at.span(), message);
        leads
            .iter_mut()
            .zip(back)
            .for_each(|(leads, back)| *leads |= back);
    }
}

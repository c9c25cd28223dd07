//! A node has one row, and one `on error` row.

use proc_macro2::Span;

use crate::errors::Errors;
use crate::graph::model::{END, Edge, Kind, Model, NodeId, START};

/// A row of either kind, as far as two of them are compared.
struct Row<'a> {
    from: NodeId,
    at: Span,
    edges: &'a [Edge],
    matches: bool,
    /// What stands between the node and its targets.
    arrow: &'static str,
}

pub(super) fn check(model: &Model, errors: &mut Errors) {
    let own = model.rows.iter().map(|row| Row {
        from: row.from,
        at: row.at,
        edges: model.edges_at(&row.edges),
        matches: row.matches(),
        arrow: "->",
    });
    one_each(model, own, errors);
    let nodes = model.error_rows.iter().filter(|row| row.from != START);
    let failed = nodes.map(|row| Row {
        from: row.from,
        at: row.at,
        edges: model.edges_at(&row.edges),
        matches: false,
        arrow: "on error ->",
    });
    one_each(model, failed, errors);
}

fn one_each<'a>(model: &Model, rows: impl Iterator<Item = Row<'a>>, errors: &mut Errors) {
    let mut first = std::collections::HashMap::new();
    for row in rows {
        match first.get(&row.from) {
            Some(earlier) => errors.at(row.at, message(model, earlier, &row)),
            None => drop(first.insert(row.from, row)),
        }
    }
}

fn message(model: &Model, first: &Row<'_>, second: &Row<'_>) -> String {
    let name = model.name(first.from);
    if same(first.edges, second.edges) {
        return format!("this row of `{name}` is written twice\nhelp: remove one of the two");
    }
    let [one, other] = [first, second].map(|row| written(model, row));
    let help = help(model, first, second);
    format!("`{name}` has two rows: `{one}` and `{other}`\nhelp: {help}")
}

fn help(model: &Model, first: &Row<'_>, second: &Row<'_>) -> String {
    let name = model.name(first.from);
    if first.matches || second.matches {
        return format!("put all of its targets into one `match`: `{name} -> match {{ … }}`");
    }
    let edges = || first.edges.iter().chain(second.edges);
    let (mut one, mut why) = (row(model, first, edges()), "");
    // Where a row goes elsewhere too, `end` adds nothing.
    if edges().any(|edge| edge.to == END) && edges().any(|edge| edge.to != END) {
        one = row(model, first, edges().filter(|edge| edge.to != END));
        why = ", to which `end` adds nothing";
    }
    let both = format!("to go to both, write one row: `{one}`{why}");
    match first.from == START || first.arrow != "->" {
        true => both,
        false => format!(
            "{both}; to go to one of them, return a route and write `{name} -> match {{ … }}`"
        ),
    }
}

fn written(model: &Model, one: &Row<'_>) -> String {
    match one.matches {
        true => format!("{} -> match {{ … }}", model.name(one.from)),
        false => row(model, one, one.edges.iter()),
    }
}

/// A row like `like`, along these edges.
fn row<'a>(model: &Model, like: &Row<'_>, edges: impl Iterator<Item = &'a Edge>) -> String {
    let mut targets: Vec<String> = Vec::new();
    for target in edges.filter_map(|edge| target(model, edge)) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    let targets = match &targets[..] {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    format!("{} {} {targets}", model.name(like.from), like.arrow)
}

fn target(model: &Model, edge: &Edge) -> Option<String> {
    let name = model.name(edge.to);
    match edge.kind {
        Kind::Else => None,
        Kind::Input => Some(format!("{name}(…)")),
        Kind::Each => Some(format!("each {name}(…) else …")),
        Kind::Defer => Some(format!("defer {name}")),
        _ => Some(name.to_owned()),
    }
}

fn same(one: &[Edge], other: &[Edge]) -> bool {
    let key = |edge: &Edge| (edge.to, edge.kind, edge.label.clone());
    one.iter().map(key).eq(other.iter().map(key))
}

//! A name that lacks something and is nearly another one is a slip of the pen.

use super::arcs::Arcs;
use crate::errors::Errors;
use crate::graph::model::{Model, Node, NodeId};
use crate::suggest;

/// For shorter names every other name is near; of these only two letters that changed places
/// are a slip.
const LETTERS: usize = 4;

/// Reports each slip once, and takes it for what was meant, so that what
/// follows from it is not reported as well.
pub(super) fn repair(model: &mut Model, errors: &mut Errors) {
    while let Some(slip) = next(model) {
        errors.at(model.nodes[slip.at].at.span(), slip.message);
        model.merge(slip.other as NodeId, slip.kept as NodeId);
    }
}

/// Two paths under one name are reported where they are written. If one goes nowhere, or
/// nothing leads to it, they are most likely one function, and what each lacks is no error more.
pub(super) fn unite(model: &mut Model) {
    while let Some((other, kept)) = twins(model) {
        model.merge(other as NodeId, kept as NodeId);
    }
}

fn twins(model: &Model) -> Option<(usize, usize)> {
    let led = led(model);
    let nodes = &model.nodes;
    let lacks = |at: usize| !goes_on(&nodes[at]) || !led[at];
    let one_row = |one: usize, other: usize| nodes[one].row.is_none() || nodes[other].row.is_none();
    (0..nodes.len()).find_map(|other| {
        let twin = |kept: &usize| nodes[*kept].name == nodes[other].name;
        let kept = (0..other).find(twin)?;
        (one_row(kept, other) && (lacks(kept) || lacks(other))).then_some((other, kept))
    })
}

struct Slip {
    /// The node at whose first mention it is reported.
    at: usize,
    message: String,
    other: usize,
    kept: usize,
}

/// Whether some row leads to each node.
fn led(model: &Model) -> Vec<bool> {
    let mut led = vec![false; model.nodes.len()];
    for edge in &model.edges {
        if let Some(led) = led.get_mut(edge.to as usize) {
            *led = true;
        }
    }
    led
}

fn next(model: &Model) -> Option<Slip> {
    let (led, arcs) = (led(model), Arcs::new(model));
    let ends = arcs.backward([arcs.end]);
    let goes_on: Vec<bool> = model.nodes.iter().map(goes_on).collect();
    let all = 0..model.nodes.len();
    let pairs = all.clone().filter(|at| !goes_on[*at]).find_map(|open| {
        let lost = |other: usize| goes_on[other] && !led[other];
        Some(pair(model, open, near(model, open, lost)?))
    });
    pairs.or_else(|| {
        let slips = all.filter(|at| written_once(&model.nodes[*at]));
        let mut faulty = slips.filter(|at| !goes_on[*at] || !led[*at]);
        faulty.find_map(|slip| {
            let whole = |other: usize| {
                // Else the two together would lead round and round.
                if !ends[other] {
                    return false;
                }
                let one_row = model.nodes[slip].row.is_none() || model.nodes[other].row.is_none();
                goes_on[other] && led[other] && one_row && !side_by_side(model, slip, other)
            };
            Some(lone(model, slip, near(model, slip, whole)?, goes_on[slip]))
        })
    })
}

/// A node that goes nowhere and one that nothing leads to are the same node.
fn pair(model: &Model, open: usize, lost: usize) -> Slip {
    let [one, other] = [open, lost].map(|at| &model.nodes[at]);
    let (at, message) = match (written_once(one), written_once(other)) {
        (true, false) => (open, did_you_mean("no row for", one, other)),
        (false, true) => (lost, did_you_mean("no row leads to", other, one)),
        // There is no telling which of the two is wrong.
        _ => {
            let (name, meant) = (&one.name, &other.name);
            let message = format!(
                "no row for `{name}`\nhelp: did you mean `{meant}`, which no row leads to? write one name in both places"
            );
            (open, message)
        }
    };
    Slip {
        at,
        message,
        other: open,
        kept: lost,
    }
}

/// A node that lacks something, and is close to one that lacks nothing.
fn lone(model: &Model, slip: usize, meant: usize, goes_on: bool) -> Slip {
    let [one, other] = [slip, meant].map(|at| &model.nodes[at]);
    let name = &one.name;
    let (lacks, otherwise) = match goes_on {
        false => ("no row for", format!("add a row `{name} -> …`")),
        true => (
            "no row leads to",
            format!("name it as a target in some row, e.g. `start -> {name}`"),
        ),
    };
    let message = format!("{} if not, {otherwise}", did_you_mean(lacks, one, other));
    Slip {
        at: slip,
        message,
        other: slip,
        kept: meant,
    }
}

fn did_you_mean(lacks: &str, slip: &Node, meant: &Node) -> String {
    format!(
        "{lacks} `{}`\nhelp: did you mean `{}`?",
        slip.name, meant.name
    )
}

fn goes_on(node: &Node) -> bool {
    node.row.is_some() || !node.joins.is_empty()
}

/// Only what nothing else in the table confirms can be a slip.
fn written_once(node: &Node) -> bool {
    node.mentions == 1 && !node.named
}

/// The node with the nearest name, of those that `fits` accepts.
fn near(model: &Model, node: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let name = &model.nodes[node].name;
    let fitting = |other: &usize| {
        let written = &model.nodes[*other].name;
        let long = name.len().min(written.len()) >= LETTERS;
        name != written && (long || letters(name) == letters(written)) && fits(*other)
    };
    let others: Vec<usize> = (0..model.nodes.len()).filter(fitting).collect();
    let names: Vec<&str> = others.iter().map(|at| &*model.nodes[*at].name).collect();
    let nearest = suggest::nearest(name, &names)?;
    others
        .into_iter()
        .find(|at| model.nodes[*at].name == nearest)
}

fn letters(name: &str) -> Vec<char> {
    let mut letters: Vec<char> = name.chars().collect();
    letters.sort_unstable();
    letters
}

/// Whether one list names both as targets, or one join as sources: then they
/// are two nodes.
fn side_by_side(model: &Model, one: usize, other: usize) -> bool {
    let (one, other) = (one as NodeId, other as NodeId);
    let to = |node: NodeId| model.edges.iter().filter(move |edge| edge.to == node);
    let listed = to(one).any(|edge| {
        to(other)
            .any(|other| (other.from, other.arm, other.kind) == (edge.from, edge.arm, edge.kind))
    });
    let joined = model.joins.iter().any(|join| {
        let has = |node| join.sources.iter().any(|(source, _)| *source == node);
        has(one) && has(other)
    });
    listed || joined
}

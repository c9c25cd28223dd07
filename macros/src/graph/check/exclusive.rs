//! No join waits for two nodes of which a run reaches at most one.
//!
//! Only what is certain is refused: the `match` runs at most once in a run, and
//! each of the two nodes is reached through arms that the other is not.

use super::arcs::Arcs;
use crate::errors::Errors;
use crate::graph::model::{Kind, Model};

pub(super) fn check(model: &Model, arcs: &Arcs, errors: &mut Errors) {
    if model.joins.is_empty() {
        return;
    }
    let once = once(model, arcs);
    let mut reported = vec![false; model.joins.len()];
    let matches = model.rows.iter().filter(|row| row.matches());
    for row in matches.filter(|row| once.get(row.from as usize) == Some(&true)) {
        let ways = Ways::through(model, arcs, row.from as usize);
        for (at, join) in model.joins.iter().enumerate() {
            let clash = ways.exclusive(&join.sources);
            let Some(((one, _), (other, span))) = clash.filter(|_| !reported[at]) else {
                continue;
            };
            reported[at] = true;
            let (one, other, node) = (model.name(one), model.name(other), model.name(row.from));
            let message = format!(
                "this join waits for `{one}` and `{other}`, which are on different arms of the `match` of `{node}`\n\
                 help: only one of the two arms is taken, so the join never fires; give each node a row of its own"
            );
            errors.at(span, message);
        }
    }
}

/// The positions that at most one task of a run reaches.
fn once(model: &Model, arcs: &Arcs) -> Vec<bool> {
    let mut once = vec![false; arcs.end + 1];
    once[arcs.start] = true;
    let mut open = vec![arcs.start];
    // Each position is set at most once, and checked again only after one
    // that was just set.
    while let Some(position) = open.pop() {
        for edge in arcs.out.of(position) {
            let next = arcs.to[*edge as usize];
            if next < arcs.start && !once[next] && runs_once(model, arcs, &once, next) {
                once[next] = true;
                open.push(next);
            }
        }
    }
    once
}

/// Whether everything that leads to `node` gives it at most one task: one arrow
/// from a node that runs once, or one such arrow in each of several of its arms.
fn runs_once(model: &Model, arcs: &Arcs, once: &[bool], node: usize) -> bool {
    let into = arcs.into.of(node);
    let edge = |at: u32| &model.edges[at as usize];
    if into.iter().any(|at| matches!(edge(*at).kind, Kind::Each)) {
        return false;
    }
    if let Some(Kind::Join(join)) = into.first().map(|at| edge(*at).kind) {
        let one_join = into.iter().all(|at| edge(*at).kind == Kind::Join(join));
        return one_join && into.iter().any(|at| once[arcs.from[*at as usize]]);
    }
    let mut ways: Vec<(bool, Option<u32>)> = Vec::new();
    let source = into.first().map(|at| arcs.from[*at as usize]);
    into.iter().all(|at| {
        let way = (edge(*at).kind == Kind::Error, edge(*at).arm);
        let apart = ways.iter().all(|other| {
            other.0 != way.0 || (other.1.is_some() && way.1.is_some() && other.1 != way.1)
        });
        ways.push(way);
        let from = arcs.from[*at as usize];
        apart && once[from] && Some(from) == source && !matches!(edge(*at).kind, Kind::Join(_))
    })
}

/// Which nodes are reached through one node's row only, and by which arms.
struct Ways {
    /// Positions that can be reached without the row.
    past: Vec<bool>,
    /// For each way out, what it can reach.
    through: Vec<Vec<bool>>,
}

type Source = (u32, proc_macro2::Span);

impl Ways {
    fn through(model: &Model, arcs: &Arcs, node: usize) -> Self {
        let out = arcs.out.of(node);
        let way = |at: u32| (model.edges[at as usize].kind, model.edges[at as usize].arm);
        let past = arcs.forward([arcs.start], |edge| {
            // Joins of the node itself, and what its row does in every arm, are not a choice.
            arcs.from[edge as usize] != node || is_always(way(edge))
        });
        let arms = out
            .iter()
            .filter_map(|at| way(*at).1)
            .max()
            .map_or(0, |arm| arm + 1);
        let behind = |taken: &dyn Fn((Kind, Option<u32>)) -> bool| {
            let first = out.iter().filter(|at| taken(way(**at)));
            arcs.forward(first.map(|at| arcs.to[*at as usize]), |_| true)
        };
        let mut through: Vec<Vec<bool>> = (0..arms)
            .map(|arm| behind(&|(_, other)| other == Some(arm)))
            .collect();
        through.push(behind(&|(kind, _)| kind == Kind::Error));
        Self { past, through }
    }

    fn exclusive(&self, sources: &[Source]) -> Option<(Source, Source)> {
        let chosen = |source: &&Source| {
            let node = source.0 as usize;
            !self.past[node] && self.through.iter().any(|way| way[node])
        };
        let sources: Vec<&Source> = sources.iter().filter(chosen).collect();
        sources.iter().enumerate().find_map(|(at, other)| {
            let apart = sources[..at]
                .iter()
                .find(|one| self.apart(one.0, other.0))?;
            Some((**apart, **other))
        })
    }

    fn apart(&self, one: u32, other: u32) -> bool {
        let mut ways = self.through.iter();
        !ways.any(|way| way[one as usize] && way[other as usize])
    }
}

fn is_always((kind, arm): (Kind, Option<u32>)) -> bool {
    arm.is_none() && kind != Kind::Error
}

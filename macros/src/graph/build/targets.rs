//! From what follows an arrow to edges and steps.

use std::collections::HashSet;

use syn::Ident;

use super::Builder;
use crate::graph::ast::{self, Place, Target, Word};
use crate::graph::model::{Arm, END, Edge, Kind, NodeId, Step};
use crate::text;

/// Where a target is written.
#[derive(Clone)]
pub(super) struct Context<'a> {
    from: NodeId,
    /// The kind of a plain target.
    kind: Kind,
    arm: Option<u32>,
    label: Option<String>,
    /// `None` where a `match` is allowed, else why it is not.
    no_match: Option<&'a str>,
}

pub(super) const MATCH_AT_START: &str = "`start` returns no route to `match` on\n\
    help: go to a node that returns one: `start -> node, node -> match { … }`";
pub(super) const MATCH_AT_JOIN: &str = "a join has no single route to `match` on\n\
    help: join into a node that returns a route: `[a, b] -> node, node -> match { … }`";
const MATCH_IN_ARM: &str = "a `match` inside an arm\n\
    help: the node's one route is taken apart by one `match`; nest the patterns instead";
const MATCH_TWICE: &str = "a second `match` in one row\n\
    help: the node's one route is taken apart by one `match`; put all targets into its arms";

/// Why there is no `match` in the `on error` row of `node`.
pub(super) fn match_at_error(node: &Ident) -> String {
    format!(
        "a failed node returned no route to `match` on\n\
        help: go to a node that takes `Failure`, `Failed<T>` or no input and returns a route: `{node} on error -> other, other -> match {{ … }}`"
    )
}

impl<'a> Context<'a> {
    pub(super) fn new(from: NodeId, kind: Kind, no_match: Option<&'a str>) -> Self {
        Self {
            from,
            kind,
            arm: None,
            label: None,
            no_match,
        }
    }
}

impl Builder<'_> {
    /// One row's, arm's or `else`'s targets, lists flattened.
    pub(super) fn targets(&mut self, target: Target, context: &Context<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        self.target(target, context, &mut steps);
        self.check_duplicates(&steps);
        steps
    }

    fn target(&mut self, target: Target, context: &Context<'_>, steps: &mut Vec<Step>) {
        match target {
            Target::List(targets, _) => {
                for target in targets {
                    self.target(target, context, steps);
                }
            }
            Target::To(place) => {
                let edge = self.edge(&place, context.kind, context);
                steps.push(Step::To { edge });
            }
            Target::Defer(place) => {
                let edge = self.defer(&place, context);
                steps.push(Step::To { edge });
            }
            Target::Input(place, expr) => {
                let edge = self.input(&place, Kind::Input, context);
                steps.push(Step::Input { edge, expr });
            }
            Target::Each(each) => {
                let edge = self.input(&each.place, Kind::Each, context);
                let inside = Context {
                    kind: Kind::Else,
                    no_match: Some(MATCH_IN_ARM),
                    ..context.clone()
                };
                let otherwise = match each.otherwise {
                    Some(target) => target,
                    None => self.missing_else(&each, context),
                };
                steps.push(Step::Each {
                    edge,
                    otherwise: self.targets(otherwise, &inside),
                    items: each.items,
                });
            }
            Target::Match(found) => self.matching(found, context, steps),
        }
    }

    fn matching(&mut self, found: ast::Match, context: &Context<'_>, steps: &mut Vec<Step>) {
        let second = steps.iter().any(|step| matches!(step, Step::Match(..)));
        if let Some(why) = context.no_match.or(second.then_some(MATCH_TWICE)) {
            self.errors.at(found.span, why);
        }
        let arms = found.arms.into_iter().enumerate().map(|(at, arm)| {
            let mut label = text::joined(arm.pattern.clone());
            if let Some(guard) = &arm.guard {
                label.push_str("if");
                label.push_str(&text::joined(guard.clone()));
            }
            let context = Context {
                arm: Some(at as u32),
                label: Some(label),
                // Reported at the outer `match`, if that is wrong.
                no_match: Some(MATCH_IN_ARM),
                ..context.clone()
            };
            Arm {
                steps: self.targets(arm.target, &context),
                pattern: arm.pattern,
                guard: arm.guard,
                end: arm.end,
            }
        });
        let arms = arms.collect();
        steps.push(Step::Match(found.span, arms));
    }

    /// Without items an `each` has to go somewhere, too. Returns what the help says, so that
    /// nothing else is reported because it is missing.
    fn missing_else(&mut self, each: &ast::Each, context: &Context<'_>) -> Target {
        let span = each.place.span();
        // Where no `each` is allowed, that is the fault.
        let misplaced = matches!(context.kind, Kind::Join(_) | Kind::Error)
            || each.place.word() == Some(Word::End);
        if !misplaced {
            let node = text::written(&each.place.path);
            let items = text::as_written(each.paren).unwrap_or_else(|| "(…)".to_owned());
            let message = format!(
                "`each {node}` has no `else`\nhelp: say where to go when there are no items: `each {node}{items} else end`"
            );
            self.errors.at(span, message);
        }
        Target::To(Place::end(span))
    }

    /// A target with an input, which joins and error rows cannot give.
    fn input(&mut self, place: &Place, kind: Kind, context: &Context<'_>) -> u32 {
        let name = place.ident();
        match context.kind {
            Kind::Join(_) => {
                let given = match kind {
                    Kind::Each => format!("each {name}(…) else end"),
                    _ => format!("{name}(…)"),
                };
                let message = format!(
                    "a join gives its target no input\nhelp: write `{name}` alone and let it read the state, or put a node between: `[a, b] -> node, node -> {given}`"
                );
                self.errors.at(place.span(), message);
            }
            Kind::Error => {
                let message = format!(
                    "an `on error` row gives what failed, and no other input\nhelp: write `{name}` alone; it takes `Failure`, `Failed<T>` with the failed node's own input type, or no input"
                );
                self.errors.at(place.span(), message);
            }
            _ => {}
        }
        self.edge(place, kind, context)
    }

    fn defer(&mut self, place: &Place, context: &Context<'_>) -> u32 {
        if place.word().is_some() {
            let message = format!(
                "`{}` cannot be deferred\nhelp: only nodes wait; leave `defer` out",
                place.ident()
            );
            self.errors.at(place.span(), message);
        }
        if context.kind == Kind::Error {
            let message = "a deferred node behind `on error`\n\
                help: leave `defer` out, or go to a node whose own row defers";
            self.errors.at(place.span(), message);
        }
        self.edge(place, Kind::Defer, context)
    }

    fn edge(&mut self, place: &Place, kind: Kind, context: &Context<'_>) -> u32 {
        let to = match place.word() {
            Some(Word::End) => END,
            // As if it were `end`, so that this is the only error.
            Some(Word::Start) => {
                let message = "nothing goes back to `start`\n\
                    help: name the first node instead, or `end`";
                self.errors.at(place.span(), message);
                END
            }
            None => self.names.node(place, self.errors),
        };
        if to == END && matches!(kind, Kind::Input | Kind::Each) {
            let message =
                "`end` takes no input\nhelp: write `end` alone; results belong in the state";
            self.errors.at(place.span(), message);
        }
        self.edges.push(Edge {
            from: context.from,
            to,
            kind,
            arm: context.arm,
            label: context.label.clone(),
            at: place.span(),
        });
        self.edges.len() as u32 - 1
    }

    /// A task without input runs once a step, so naming it twice in one list
    /// means nothing.
    fn check_duplicates(&mut self, steps: &[Step]) {
        let mut seen = HashSet::new();
        for step in steps {
            let Step::To { edge } = step else { continue };
            let Edge { to, at, .. } = self.edges[*edge as usize];
            if !seen.insert(to) {
                let name = match to {
                    END => "end",
                    to => &self.names.nodes[to as usize].name,
                };
                let message =
                    format!("this list names `{name}` twice\nhelp: name each target once");
                self.errors.at(at, message);
            }
        }
    }
}

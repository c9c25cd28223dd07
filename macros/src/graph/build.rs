//! From the table as written to numbers.

use std::collections::HashSet;

use proc_macro2::Span;

use super::ast::{self, Place, Row, Source, Table, Target, Word};
use super::model::{Arm, END, Edge, ErrorRow, Join, Kind, Model, NodeId, OwnRow, START, Step};
use super::names::Names;
use super::text;
use crate::errors::Errors;

/// Gives a model for a wrong table too, so that the checks can go on: what is
/// reported here is repaired in the model in the way that hides no other fault.
pub(super) fn model(table: Table, errors: &mut Errors) -> Model {
    let mut builder = Builder {
        names: Names::new(&table.instances, errors),
        errors,
        edges: Vec::new(),
        rows: Vec::new(),
        error_rows: Vec::new(),
        joins: Vec::new(),
    };
    for row in table.rows {
        builder.row(row);
    }
    builder.names.check_used(&table.instances, builder.errors);
    let settings = table.settings;
    let mut model = Model {
        runtime: runtime(settings.krate),
        state: settings.state,
        version: settings.version.map_or(1, |number| parsed(&number)),
        conflict: settings.conflict,
        max_steps: settings.max_steps.map(|number| parsed(&number)),
        compatible: settings.compatible.unwrap_or_default(),
        nodes: builder.names.nodes,
        edges: builder.edges,
        rows: builder.rows,
        error_rows: builder.error_rows,
        joins: builder.joins,
    };
    link(&mut model);
    model
}

fn runtime(krate: Option<syn::Path>) -> syn::Path {
    let mut path = krate.unwrap_or_else(|| syn::parse_quote!(::superstep));
    path.segments.push(syn::parse_quote!(__private));
    path
}

/// Reading the setting has checked the number already.
fn parsed<T: std::str::FromStr + Default>(literal: &syn::LitInt) -> T {
    literal.base10_digits().parse().unwrap_or_default()
}

/// Tells each node about its rows and joins.
fn link(model: &mut Model) {
    for (at, row) in model.rows.iter().enumerate() {
        if let Some(node) = model.nodes.get_mut(row.from as usize) {
            node.row.get_or_insert(at);
        }
    }
    for row in &model.error_rows {
        if let Some(node) = model.nodes.get_mut(row.from as usize) {
            node.has_error_row = true;
        }
    }
    for (at, join) in model.joins.iter().enumerate() {
        for (source, _) in &join.sources {
            model.nodes[*source as usize].joins.push(at as u32);
        }
    }
    for edge in &model.edges {
        if let (Kind::Input | Kind::Each, Some(node)) =
            (edge.kind, model.nodes.get_mut(edge.to as usize))
        {
            node.input = true;
        }
    }
}

struct Builder<'a> {
    names: Names<'a>,
    errors: &'a mut Errors,
    edges: Vec<Edge>,
    rows: Vec<OwnRow>,
    error_rows: Vec<ErrorRow>,
    joins: Vec<Join>,
}

/// Where a target stands.
#[derive(Clone)]
struct Context {
    from: NodeId,
    /// The kind of a plain target.
    kind: Kind,
    arm: Option<u32>,
    label: Option<String>,
    /// `None` where a `match` may stand, else why it may not.
    no_match: Option<&'static str>,
}

const MATCH_AT_START: &str = "`start` returns no route to `match` on\n\
    help: go to a node that returns one: `start -> node, node -> match { … }`";
const MATCH_AT_JOIN: &str = "a join has no single route to `match` on\n\
    help: join into a node that returns a route: `[a, b] -> node, node -> match { … }`";
const MATCH_AT_ERROR: &str = "a failed node returned no route to `match` on\n\
    help: go to a node that takes `Failure` and returns a route: `a on error -> node, node -> match { … }`";
const MATCH_IN_ARM: &str = "a `match` inside an arm\n\
    help: the node's one route is taken apart by one `match`; nest the patterns instead";
const MATCH_TWICE: &str = "a second `match` in one row\n\
    help: the node's one route is taken apart by one `match`; put all targets into its arms";

impl Builder<'_> {
    fn row(&mut self, row: Row) {
        match row {
            Row::Flow {
                source,
                hops,
                target,
            } => {
                let mut from = source;
                for hop in hops {
                    self.segment(&from, as_target(&hop));
                    from = hop;
                }
                self.segment(&from, target);
            }
            Row::OnError { source, target } => self.error_row(&source, target),
        }
    }

    fn segment(&mut self, source: &Source, target: Target) {
        match source {
            Source::One(place) => self.own_row(place, target),
            Source::Join(places, at) => self.join(places, *at, target),
        }
    }

    fn own_row(&mut self, place: &Place, target: Target) {
        let from = match place.word() {
            Some(Word::Start) => START,
            // Its targets count as reached, so that this is the only error.
            Some(Word::End) => {
                self.end_as_source(place);
                START
            }
            None => self.names.node(place, self.errors),
        };
        let no_match = (from == START).then_some(MATCH_AT_START);
        let first = self.edges.len() as u32;
        let steps = self.targets(target, &Context::new(from, Kind::Direct, no_match));
        let row = OwnRow {
            from,
            at: place.span(),
            edges: first..self.edges.len() as u32,
            steps,
        };
        if place.word() != Some(Word::End) {
            self.rows.push(row);
        }
    }

    fn end_as_source(&mut self, place: &Place) {
        let message = "nothing comes after `end`\n\
            help: `end` ends its branch and the run ends when no branch is left; name a node here";
        self.errors.at(place.span(), message);
    }

    fn error_row(&mut self, source: &Place, target: Target) {
        let from = match source.word() {
            Some(Word::Start | Word::End) => {
                let message = format!(
                    "`{}` is not a node and cannot fail\nhelp: name the node whose failure this row is for",
                    source.ident()
                );
                self.errors.at(source.span(), message);
                START
            }
            None => self.names.node(source, self.errors),
        };
        if self.error_rows.iter().any(|row| row.from == from) && from != START {
            let name = source.ident();
            let message = format!(
                "`{name}` has two `on error` rows\nhelp: put the targets into one list: `{name} on error -> [a, b]`"
            );
            self.errors.at(source.span(), message);
        }
        let first = self.edges.len() as u32;
        self.targets(
            target,
            &Context::new(from, Kind::Error, Some(MATCH_AT_ERROR)),
        );
        let edges = first..self.edges.len() as u32;
        self.error_rows.push(ErrorRow { from, edges });
    }

    fn join(&mut self, places: &[Place], at: Span, target: Target) {
        let mut sources: Vec<(NodeId, Span)> = Vec::new();
        for place in places {
            match place.word() {
                Some(Word::End) => self.end_as_source(place),
                Some(Word::Start) => {
                    let message = "`start` cannot be waited for\nhelp: name nodes in a join, and write `start -> …` as a row of its own";
                    self.errors.at(place.span(), message);
                }
                None => {
                    let node = self.names.node(place, self.errors);
                    if sources.iter().any(|(other, _)| *other == node) {
                        let name = place.ident();
                        let message =
                            format!("this join names `{name}` twice\nhelp: name each source once");
                        self.errors.at(place.span(), message);
                    } else {
                        sources.push((node, place.span()));
                    }
                }
            }
        }
        let kind = Kind::Join(self.joins.len() as u32);
        let first = self.edges.len();
        let from = sources.first().map_or(START, |(node, _)| *node);
        self.targets(target, &Context::new(from, kind, Some(MATCH_AT_JOIN)));
        let last = self.edges.len();
        let written = self.edges[first..].iter_mut();
        let deferred = written
            .map(|edge| std::mem::replace(&mut edge.kind, kind) == Kind::Defer)
            .collect();
        for (source, _) in sources.iter().skip(1) {
            for edge in first..last {
                let edge = Edge {
                    from: *source,
                    label: None,
                    ..self.edges[edge]
                };
                self.edges.push(edge);
            }
        }
        self.joins.push(Join {
            at,
            sources,
            edges: first as u32..last as u32,
            deferred,
        });
    }

    /// One row's, arm's or `else`'s targets, lists laid flat.
    fn targets(&mut self, target: Target, context: &Context) -> Vec<Step> {
        let mut steps = Vec::new();
        self.target(target, context, &mut steps);
        self.check_duplicates(&steps);
        steps
    }

    fn target(&mut self, target: Target, context: &Context, steps: &mut Vec<Step>) {
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
                let otherwise = each.otherwise.map(|target| self.targets(target, &inside));
                steps.push(Step::Each {
                    edge,
                    items: each.items,
                    otherwise,
                });
            }
            Target::Match(found) => self.matching(found, context, steps),
        }
    }

    fn matching(&mut self, found: ast::Match, context: &Context, steps: &mut Vec<Step>) {
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
                // Reported where the outer `match` stands, if that is wrong.
                no_match: Some(MATCH_IN_ARM),
                ..context.clone()
            };
            Arm {
                steps: self.targets(arm.target, &context),
                pattern: arm.pattern,
                guard: arm.guard,
            }
        });
        let arms = arms.collect();
        steps.push(Step::Match(found.span, arms));
    }

    /// A target with an input, which joins and error rows have none to give.
    fn input(&mut self, place: &Place, kind: Kind, context: &Context) -> u32 {
        let name = place.ident();
        match context.kind {
            Kind::Join(_) => {
                let message = format!(
                    "a join gives its target no input\nhelp: write `{name}` alone and let it read the state, or put a node between: `[a, b] -> node, node -> {name}(…)`"
                );
                self.errors.at(place.span(), message);
            }
            Kind::Error => {
                let message = format!(
                    "an `on error` row gives `Failure` and nothing else\nhelp: write `{name}` alone; it takes `Failure` or no input"
                );
                self.errors.at(place.span(), message);
            }
            _ => {}
        }
        self.edge(place, kind, context)
    }

    fn defer(&mut self, place: &Place, context: &Context) -> u32 {
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

    fn edge(&mut self, place: &Place, kind: Kind, context: &Context) -> u32 {
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
    /// says nothing.
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

impl Context {
    fn new(from: NodeId, kind: Kind, no_match: Option<&'static str>) -> Self {
        Self {
            from,
            kind,
            arm: None,
            label: None,
            no_match,
        }
    }
}

/// A hop is the target of the arrow before it.
fn as_target(hop: &Source) -> Target {
    match hop {
        Source::One(place) => Target::To(place.clone()),
        Source::Join(places, at) => {
            let places = places.iter().cloned().map(Target::To);
            Target::List(places.collect(), *at)
        }
    }
}

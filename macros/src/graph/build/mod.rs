//! From the table as written to numbers.

mod targets;

use proc_macro2::Span;

use super::ast::{Place, Row, Source, Table, Target, Word};
use super::model::{Edge, ErrorRow, Join, Kind, Model, NodeId, OwnRow, START};
use super::names::Names;
use crate::errors::Errors;
use targets::{Context, MATCH_AT_JOIN, MATCH_AT_START, match_at_error};

/// Returns a model even for a wrong table, so that the checks can continue: what is
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
    let misspelt = builder.names.misspelt_state(&table.instances);
    let settings = table.settings;
    let mut model = Model {
        runtime: runtime(settings.krate),
        state: settings.state.or(misspelt),
        version: settings.version.map_or(1, |number| parsed(&number)),
        conflict: settings.conflict,
        max_steps: settings.max_steps.map(|number| parsed(&number)),
        compatible: settings.compatible.unwrap_or_default(),
        migrate: settings.migrate,
        nodes: builder.names.nodes,
        merged: Vec::new(),
        edges: builder.edges,
        rows: builder.rows,
        error_rows: builder.error_rows,
        joins: builder.joins,
    };
    model.link();
    model
}

fn runtime(krate: Option<syn::Path>) -> syn::Path {
    let mut path = krate.unwrap_or_else(|| syn::parse_quote!(::superstep));
    path.segments.push(syn::parse_quote!(__private));
    path
}

/// The number was checked when the setting was read.
fn parsed<T: std::str::FromStr + Default>(literal: &syn::LitInt) -> T {
    literal.base10_digits().parse().unwrap_or_default()
}

struct Builder<'a> {
    names: Names<'a>,
    errors: &'a mut Errors,
    edges: Vec<Edge>,
    rows: Vec<OwnRow>,
    error_rows: Vec<ErrorRow>,
    joins: Vec<Join>,
}

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
        let first = self.edges.len() as u32;
        let no_match = match_at_error(&source.ident());
        self.targets(target, &Context::new(from, Kind::Error, Some(&no_match)));
        let edges = first..self.edges.len() as u32;
        let at = source.span();
        self.error_rows.push(ErrorRow { from, at, edges });
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

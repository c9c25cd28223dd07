//! Which node a mention means.

use std::collections::HashMap;

use syn::{Type, parse_quote};

use super::ast::{Instance, Place};
use super::model::{Node, NodeId};
use super::settings;
use crate::errors::Errors;
use crate::text;

/// Numbers the nodes in the order in which they are first mentioned.
pub(super) struct Names<'a> {
    instances: HashMap<String, (&'a Instance, bool)>,
    /// By name and path: two paths under one name are an error, and then two nodes.
    known: HashMap<(String, String), NodeId>,
    /// The first path of each name.
    paths: HashMap<String, String>,
    pub(super) nodes: Vec<Node>,
}

impl<'a> Names<'a> {
    pub(super) fn new(written: &'a [Instance], errors: &mut Errors) -> Self {
        let mut instances = HashMap::new();
        for instance in written {
            let name = text::name(&instance.name);
            if instances.insert(name.clone(), (instance, false)).is_some() {
                let message = format!(
                    "two instances are called `{name}`\nhelp: give one of them another name"
                );
                errors.at(instance.name.span(), message);
            }
        }
        Self {
            instances,
            known: HashMap::new(),
            paths: HashMap::new(),
            nodes: Vec::new(),
        }
    }

    /// The node that `place` mentions.
    pub(super) fn node(&mut self, place: &Place, errors: &mut Errors) -> NodeId {
        let ident = place.ident();
        let name = text::name(&ident);
        let (mut path, mut named) = (&place.path, false);
        if place.path.get_ident().is_some()
            && let Some((instance, used)) = self.instances.get_mut(&name)
        {
            (*used, named) = (true, true);
            path = &instance.path;
        }
        let written = text::written(path);
        if let Some(node) = self.known.get(&(name.clone(), written.clone())) {
            self.nodes[*node as usize].mentions += 1;
            return *node;
        }
        match self.paths.get(&name) {
            Some(first) => errors.at(ident.span(), two_paths(&name, first, &written)),
            None => drop(self.paths.insert(name.clone(), written.clone())),
        }
        if ENDS.contains(&&*name) {
            errors.at(ident.span(), named_as_an_end(&name, &written));
        }
        let node = self.nodes.len() as NodeId;
        self.nodes.push(Node {
            name: name.clone(),
            named,
            path: path.clone(),
            at: ident,
            mentions: 1,
            row: None,
            doubtful: false,
            joins: Vec::new(),
            input: None,
        });
        self.known.insert((name, written), node);
        node
    }

    /// Every instance is mentioned in some row.
    pub(super) fn check_used(&self, written: &[Instance], errors: &mut Errors) {
        for instance in written.iter().filter(|one| !self.is_used(one)) {
            let name = text::name(&instance.name);
            let help = match settings::closest(&instance.name) {
                Some(known) => format!("did you mean the setting `{known}`?"),
                None => format!("write a row for it, `{name} -> …`, or remove it"),
            };
            let message = format!("no row mentions `{name}`\nhelp: {help}");
            errors.at(instance.name.span(), message);
        }
    }

    /// The value of what is reported as a misspelt `state`.
    pub(super) fn misspelt_state(&self, written: &[Instance]) -> Option<Type> {
        let mut unused = written.iter().filter(|one| !self.is_used(one));
        let state = unused.find(|one| settings::closest(&one.name) == Some("state"))?;
        let path = &state.path;
        Some(parse_quote!(#path))
    }

    fn is_used(&self, instance: &Instance) -> bool {
        let name = text::name(&instance.name);
        self.instances.get(&name).is_some_and(|(_, used)| *used)
    }
}

/// What a drawing shows at the ends of every graph.
const ENDS: [&str; 2] = ["start", "end"];

fn named_as_an_end(name: &str, path: &str) -> String {
    format!(
        "a node called `{name}` looks like the `{name}` of the graph\n\
         help: give it a name before the rows, e.g. `{name}_node = {path}`, and use that in the rows"
    )
}

fn two_paths(name: &str, one: &str, other: &str) -> String {
    format!(
        "two nodes are called `{name}`: `{one}` and `{other}`\n\
         help: give one a name before the rows, e.g. `other_{name} = {other}`, and use that in the rows; \
         if both are the same function, write one path throughout"
    )
}

//! A small state and what the graph tests ask of a graph.
#![allow(dead_code, clippy::unwrap_used)]

use serde::{Deserialize, Serialize};
use superstep::__private::Input;
use superstep::graph::{Done, END, Graph, Hops};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Trail {
    #[reduce(append)]
    pub visits: Vec<String>,
    pub seed: u32,
}

/// Runs a future that never waits.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a test's node waits"),
    }
}

pub fn number<G: Graph>(name: &str) -> u32 {
    let at = G::INFO.nodes.iter().position(|node| node.name == name);
    at.unwrap() as u32
}

/// The input of `node` that `json` encodes.
pub fn with<G: Graph>(node: &str, json: &str) -> Input {
    G::INFO.read_input(number::<G>(node), json).unwrap()
}

pub fn run_node<G: Graph>(graph: &G, node: &str, input: Option<Input>, state: &G::State) -> Done {
    let cx = Cx::test();
    block_on(graph.call(number::<G>(node), input, state, &cx)).unwrap()
}

/// The hops as text: `node(input)#item`.
pub fn to<G: Graph>(hops: &Hops) -> Vec<String> {
    let Hops::Taken(hops) = hops else {
        panic!("along its row")
    };
    let hop = |hop: &superstep::graph::Hop| {
        let edge = &G::INFO.edges[hop.edge as usize];
        let name = match edge.to {
            END => "end",
            node => G::INFO.nodes[node as usize].name,
        };
        let input = hop.input.as_ref().map(|input| input.to_text().unwrap());
        let input = input.map(|json| format!("({json})")).unwrap_or_default();
        let item = match edge.kind {
            superstep::graph::EdgeKind::Each => format!("#{}", hop.item),
            _ => String::new(),
        };
        format!("{name}{input}{item}")
    };
    hops.iter().map(hop).collect()
}

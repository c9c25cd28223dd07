//! A graph of 500 nodes compiles, and its table is complete.
//!
//! `cargo test -p superstep-ui-tests --test large_graph -- --nocapture` shows
//! how long rustc takes; most of it is the nodes' own code.

use std::time::Instant;

/// Ten nodes: fan-out, join, a route over `each` and an input, and a chain.
const BLOCK: usize = 10;

#[test]
fn a_graph_of_500_nodes_compiles() {
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/large_graph.rs");
    std::fs::write(file, program(500)).unwrap();
    let started = Instant::now();
    {
        let cases = trybuild::TestCases::new();
        cases.pass(file);
        // Dropping the cases runs them.
    }
    println!("500 nodes: {:?}", started.elapsed());
}

fn program(nodes: usize) -> String {
    let mut items = String::new();
    let mut rows = String::new();
    for first in (0..nodes).step_by(BLOCK) {
        let name = |at: usize| format!("n{}", first + at);
        for at in 0..BLOCK {
            items.push_str(&node(&name(at), at));
        }
        let [a, b, c, d, e, f, g, h, i, j] = std::array::from_fn(name);
        let next = match first + BLOCK < nodes {
            true => name(BLOCK),
            false => "end".into(),
        };
        rows.push_str(&format!(
            "{a} -> [{b}, {c}] -> {d},
            {d} -> match {{
                Way::Many(names) => each {e}(names) else {g},
                Way::One(name) => {f}(name),
                Way::On => {g},
            }},
            {e} -> {g}, {f} -> {g}, {g} -> {h} -> {i} -> {j} -> {next},"
        ));
    }
    format!(
        "use serde::{{Deserialize, Serialize}};
        use superstep::prelude::*;

        #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
        struct Log {{ #[reduce(append)] lines: Vec<String> }}

        #[derive(Route)]
        #[allow(dead_code)]
        enum Way {{ Many(Vec<String>), One(String), On }}

        struct Llm;

        {items}

        #[graph(state = Log, start -> n0, {rows})]
        struct Large {{ llm: Llm }}

        fn main() {{
            use superstep::Graph;
            assert_eq!(Large::INFO.nodes.len(), {nodes});
            let (graph, state, cx) = (Large {{ llm: Llm }}, Log::default(), Cx::test());
            for (node, info) in (0..).zip(Large::INFO.nodes) {{
                if info.name.ends_with(['4', '5']) {{ continue; }}
                let mut call = std::pin::pin!(graph.call(node, None, &state, &cx));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(matches!(call.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(_))));
            }}
        }}"
    )
}

fn node(name: &str, at: usize) -> String {
    match at {
        1 | 2 => format!("#[node] fn {name}(_: &Log) {{}}"),
        3 => format!(
            "#[node] async fn {name}(_: &Log, _: &Llm, _: &Cx) -> Result<Way, NodeError> {{ Ok(Way::On) }}"
        ),
        4 | 5 => format!(
            "#[node] async fn {name}(_: &Log, line: String) -> LogUpdate {{ Log::update().lines([line]) }}"
        ),
        _ => format!(
            "#[node] async fn {name}(_: &Log) -> Result<LogUpdate, NodeError> {{ Ok(Log::update()) }}"
        ),
    }
}

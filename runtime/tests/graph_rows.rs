//! What the generated code does for each kind of row, without an engine.

mod graph_support;

use graph_support::{Trail, TrailUpdate, run_node, to, with};
use superstep::graph::{EdgeKind, Graph, Hops, RowInfo};
use superstep::prelude::*;

#[derive(Route)]
enum Plan {
    Search(Vec<String>),
    Read { page: u32, deep: bool },
    Write,
}

#[node]
fn plan(state: &Trail) -> (TrailUpdate, Plan) {
    let route = match state.seed {
        0 => Plan::Write,
        1 => Plan::Search(vec!["a".into(), "b".into()]),
        2 => Plan::Search(Vec::new()),
        page => Plan::Read {
            page,
            deep: page > 10,
        },
    };
    (Trail::update().visits(["plan".to_string()]), route)
}

#[node]
async fn search(_: &Trail, question: String) -> TrailUpdate {
    Trail::update().visits([question])
}

#[node]
async fn read(_: &Trail, page: u32, web: &str, cx: &Cx) -> TrailUpdate {
    Trail::update().visits([format!("{web}/{page}/{}", cx.attempt())])
}

#[node]
fn write(_: &Trail) {}

#[node]
fn left(_: &Trail) {}

#[node]
fn right(_: &Trail) {}

#[node]
fn both(_: &Trail) {}

#[node]
fn repair(_: &Trail, failure: Failure) -> TrailUpdate {
    Trail::update().visits([failure.message])
}

#[graph(
    state = Trail,
    version = 3,
    conflict = last_writer_wins,
    max_steps = 50,
    again = write,
    start -> plan,
    plan -> match {
        Plan::Search(questions) => each search(questions) else write,
        Plan::Read { page, .. } if page == 99 => end,
        Plan::Read { page, deep: true } => [read(page), read(page + 1), defer again],
        Plan::Read { page, deep: false } => read(page),
        Plan::Write => write,
    },
    search -> write,
    read -> write,
    write -> [left, right] -> both -> end,
    again -> end,
    read on error -> [repair, write],
    search on error -> end,
    repair -> end,
)]
struct Reader {
    web: String,
}

const READER: fn() -> Reader = || Reader { web: "web".into() };

fn name(node: u32) -> &'static str {
    Reader::INFO.nodes[node as usize].name
}

#[test]
fn start_leads_along_its_row() {
    assert_eq!(to::<Reader>(&Reader::start()), ["plan"]);
}

#[test]
fn a_node_that_only_has_targets_goes_along_its_row() {
    let done = run_node(&READER(), "write", None, &Trail::default());
    assert!(matches!(done.hops, Hops::Row));
    let node = &Reader::INFO.nodes[graph_support::number::<Reader>("write") as usize];
    let RowInfo::Static { from, to } = node.row else {
        panic!("{:?}", node.row);
    };
    let edges = &Reader::INFO.edges[from as usize..to as usize];
    let targets: Vec<&str> = edges.iter().map(|edge| name(edge.to)).collect();
    assert_eq!(targets, ["left", "right"]);
}

#[test]
fn match_takes_the_arm_of_the_route() {
    let hops = |seed| {
        let state = Trail {
            seed,
            ..Trail::default()
        };
        to::<Reader>(&run_node(&READER(), "plan", None, &state).hops)
    };
    assert_eq!(hops(0), ["write"]);
    assert_eq!(hops(1), ["search(\"a\")#0", "search(\"b\")#1"]);
    assert_eq!(hops(2), ["write"]);
    assert_eq!(hops(5), ["read(5)"]);
    assert_eq!(hops(12), ["read(12)", "read(13)", "again"]);
    assert_eq!(hops(99), ["end"]);
}

#[test]
fn inputs_reach_their_node_and_survive_their_encoding() {
    let input = with::<Reader>("read", "7");
    assert_eq!(input.to_text().unwrap(), "7");
    let done = run_node(&READER(), "read", Some(input), &Trail::default());
    let mut state = Trail::default();
    superstep::State::apply(&mut state, &mut [done.update.unwrap().take::<Trail>()]).unwrap();
    assert_eq!(state.visits, ["web/7/1"]);
}

#[test]
fn a_stored_input_of_another_shape_is_refused() {
    let read = graph_support::number::<Reader>("read");
    assert!(Reader::INFO.read_input(read, "\"seven\"").is_err());
    let write = graph_support::number::<Reader>("write");
    let error = Reader::INFO.read_input(write, "7").err().unwrap();
    assert!(error.to_string().contains("takes no input"), "{error}");
}

#[test]
fn error_rows_hand_the_failure_on() {
    let number = graph_support::number::<Reader>;
    let failure = || Failure {
        node: "read".into(),
        attempts: 2,
        message: "no".into(),
        kind: FailureKind::Timeout,
        item: None,
        input: None,
    };
    let hops = Reader::on_error(number("read"), failure(), None).unwrap();
    assert_eq!(
        to::<Reader>(&hops),
        [
            r#"repair({"node":"read","attempts":2,"message":"no","kind":"timeout"})"#,
            "write"
        ]
    );
    let hops = Reader::on_error(number("search"), failure(), None).unwrap();
    assert_eq!(to::<Reader>(&hops), ["end"]);
    assert!(Reader::on_error(number("plan"), failure(), None).is_none());
}

#[test]
fn the_table_says_what_the_rows_say() {
    let info = Reader::INFO;
    assert_eq!(
        (info.name, info.version, info.max_steps),
        ("Reader", 3, Some(50))
    );
    assert_eq!(info.conflict, Some(ConflictPolicy::LastWriterWins));
    let names: Vec<&str> = info.nodes.iter().map(|node| node.name).collect();
    assert_eq!(
        names,
        [
            "plan", "search", "write", "read", "again", "left", "right", "both", "repair"
        ]
    );
    let labels: Vec<&str> = info.edges.iter().filter_map(|edge| edge.label).collect();
    assert_eq!(labels[2], "Plan::Read{page,..}ifpage==99");
    let [join] = info.joins else {
        panic!("{:?}", info.joins)
    };
    let sources: Vec<&str> = join.sources.iter().map(|node| name(*node)).collect();
    assert_eq!(sources, ["left", "right"]);
    let edges: Vec<_> = join
        .edges
        .iter()
        .map(|edge| info.edges[*edge as usize])
        .collect();
    assert_eq!((edges.len(), name(edges[0].to)), (1, "both"));
    assert_eq!(edges[0].kind, EdgeKind::Join(0));
    assert_eq!(info.nodes[5].joins, [0]);
    assert_eq!(info.nodes[5].row, RowInfo::None);
    let span = info.nodes[0].span;
    assert!(span.file.ends_with("graph_rows.rs") && span.line > 50 && span.column == 14);
}

//! What nodes may ask of a graph's fields, and how far generic graphs go.

#![allow(clippy::unwrap_used)]

mod graph_support;

use std::sync::Arc;

use graph_support::{Trail, TrailUpdate, run_node, to, with};
use superstep::graph::{Graph, Provides};
use superstep::prelude::*;

trait Model: Send + Sync + 'static {
    fn name(&self) -> String;
}

struct Parrot;

impl Model for Parrot {
    fn name(&self) -> String {
        "parrot".into()
    }
}

/// Not `'static` by itself, as most traits.
trait Voice: Send + Sync {
    fn say(&self) -> String;
}

impl Voice for Parrot {
    fn say(&self) -> String {
        "hello".into()
    }
}

fn visits(done: superstep::graph::Done) -> Vec<String> {
    let mut state = Trail::default();
    superstep::State::apply(&mut state, &mut [done.update.unwrap().take::<Trail>()]).unwrap();
    state.visits
}

#[node]
fn asks(
    _: &Trail,
    model: &dyn Model,
    voice: &dyn Voice,
    names: &[String],
    title: &str,
    shared: &Arc<u64>,
    number: &u64,
) -> TrailUpdate {
    let (name, names) = (model.name() + " " + &voice.say(), names.join("+"));
    Trail::update().visits([format!("{name} {names} {title} {}", **shared + number)])
}

#[graph(state = Trail, start -> asks -> end)]
struct Fields {
    model: Box<dyn Model>,
    voice: Arc<dyn Voice>,
    names: Vec<String>,
    title: String,
    shared: Arc<u64>,
    #[graph(skip)]
    _hidden: Vec<String>,
}

#[test]
fn fields_provide_their_type_and_what_it_holds() {
    let graph = Fields {
        model: Box::new(Parrot),
        voice: Arc::new(Parrot),
        names: vec!["a".into(), "b".into()],
        title: "t".into(),
        shared: Arc::new(20),
        _hidden: Vec::new(),
    };
    let done = run_node(&graph, "asks", None, &Trail::default());
    assert_eq!(visits(done), ["parrot hello a+b t 40"]);
}

#[test]
fn a_field_goes_before_what_another_field_holds() {
    #[graph(state = Trail, start -> plain -> end)]
    struct Both(u64, Arc<u64>);
    let graph = Both(1, Arc::new(2));
    assert_eq!(Provides::<u64>::provide(&graph, &Cx::test()), &1);
}

#[node]
fn plain(_: &Trail) {}

#[node]
async fn generic<M: Model>(_: &Trail, model: &M, cx: &Cx) -> TrailUpdate {
    Trail::update().visits([format!("{} {}", model.name(), cx.attempt())])
}

#[node]
fn typed<T>(_: &Trail, value: T) -> (TrailUpdate, bool)
where
    T: std::fmt::Debug + Clone + Send + serde::Serialize + serde::de::DeserializeOwned + 'static,
{
    (Trail::update().visits([format!("{value:?}")]), true)
}

#[graph(
    state = Trail,
    numbers = typed<u32>,
    words = typed<String>,
    start -> generic<M> -> numbers(7),
    numbers -> match { true => words(format!("{}", 1 + 1)), false => end },
    words -> match { _ => end },
)]
struct Generic<M: Model> {
    model: M,
    title: String,
}

#[test]
fn a_generic_graph_runs_generic_nodes() {
    let graph = Generic {
        model: Parrot,
        title: String::new(),
    };
    let _ = &graph.title;
    let state = Trail::default();
    let done = run_node(&graph, "generic", None, &state);
    assert_eq!(to::<Generic<Parrot>>(&done.hops), ["numbers(7)"]);
    assert_eq!(visits(done), ["parrot 1"]);
    let input = with::<Generic<Parrot>>("numbers", "7");
    let done = run_node(&graph, "numbers", Some(input.clone()), &state);
    assert_eq!(to::<Generic<Parrot>>(&done.hops), [r#"words("2")"#]);
    assert_eq!(visits(done), ["7"]);
}

mod inner {
    use super::*;

    #[node]
    fn private(_: &Trail, number: Private) -> bool {
        number.0 > 1
    }

    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Private(u32);

    #[graph(
        state = Trail,
        start -> private(Private(2)),
        private -> match { true => end, false => private(Private(3)) },
    )]
    pub struct Public;
}

#[test]
fn a_public_graph_may_have_private_nodes() {
    assert_eq!(to::<inner::Public>(&inner::Public::start()), ["private(2)"]);
}

macro_rules! two_steps {
    ($name:ident, $state:ty, $first:path, $second:path) => {
        #[graph(state = $state, start -> $first -> $second -> end)]
        struct $name;
    };
}

#[node]
fn other(_: &Trail) {}

mod engine {
    pub use superstep::*;
}

#[test]
fn the_crate_may_be_renamed() {
    #[engine::graph(crate = engine, state = Trail, start -> plain -> end)]
    struct Renamed;
    assert_eq!(Renamed::INFO.nodes.len(), 1);
}

two_steps!(Made, Trail, plain, other);

#[test]
fn macros_may_write_graphs() {
    let names: Vec<&str> = Made::INFO.nodes.iter().map(|node| node.name).collect();
    assert_eq!(names, ["plain", "other"]);
}

#[test]
fn a_list_may_hold_a_match_beside_other_targets() {
    #[node]
    fn choose(_: &Trail) -> bool {
        true
    }

    #[graph(
        state = Trail,
        start -> choose -> [plain, match { true => [other, [words]], false => end }],
        plain -> end, other -> end, words -> end,
        words = other,
    )]
    struct Listed;

    let done = run_node(&Listed, "choose", None, &Trail::default());
    assert_eq!(to::<Listed>(&done.hops), ["plain", "other", "words"]);
}

#[test]
fn an_each_without_items_goes_to_its_else() {
    #[node]
    fn more(_: &Trail) -> (TrailUpdate, bool) {
        (Trail::update(), false)
    }

    #[node]
    fn item(_: &Trail, _number: u32) {}

    #[graph(
        state = Trail,
        start -> more -> match { more => [each item(more.then_some(1)) else end, each item(Some(2)) else end] },
        item -> end,
    )]
    struct HalfEmpty;

    let done = run_node(&HalfEmpty, "more", None, &Trail::default());
    assert_eq!(to::<HalfEmpty>(&done.hops), ["end", "item(2)#0"]);
}

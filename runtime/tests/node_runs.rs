//! What `#[node]` makes of a function: it stays callable as written, and the
//! type next to it says how a graph runs it.

#![allow(
    clippy::unwrap_used,
    clippy::assertions_on_constants,
    reason = "what a node says of itself is constant"
)]

mod node_support;

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use node_support::{Llm, Research, ResearchUpdate, Researcher, Search};
use serde::{Serialize, de::DeserializeOwned};
use superstep::graph::{Call, Given, NoInput, Node, NodeFn, Then};
use superstep::prelude::*;
use superstep::state::FieldSet;

#[node]
async fn plan(state: &Research, llm: &Llm, cx: &Cx) -> Result<(ResearchUpdate, bool), NodeError> {
    let status = format!("{} {} {}", state.topic, llm.0, cx.attempt());
    Ok((Research::update().status(status), true))
}

/// Documented, like nodes should be.
#[node(
    timeout = "30s",
    idle = "5s",
    retry(attempts = 4, base = "250ms", max = "8s", when = worth_it),
    name = "web search",
    writes(status)
)]
async fn search(
    _: &Research,
    web: &dyn Search,
    question: String,
    _context: &Cx,
) -> Result<ResearchUpdate, String> {
    match question.as_str() {
        "" => Err("nothing asked".to_owned()),
        question => Ok(Research::update().status(web.find(question))),
    }
}

fn worth_it(error: &NodeError) -> bool {
    error.to_string() != "nothing asked"
}

#[node(blocking)]
fn write(state: &Research) -> ResearchUpdate {
    Research::update().status(state.topic.to_uppercase())
}

#[node(retry(attempts = 2, base = "1m"), writes())]
fn look(_: &Research) {}

#[node]
async fn show<T>(_: &Research, Wrapped(value): Wrapped<T>) -> ResearchUpdate
where
    T: Display + Serialize + DeserializeOwned + Clone + Send + 'static,
{
    Research::update().status(value.to_string())
}

#[derive(Clone, Serialize, serde::Deserialize)]
struct Wrapped<T>(T);

#[node]
fn times<const N: usize>(state: &Research) -> ResearchUpdate {
    Research::update().status(state.topic.repeat(N))
}

mod elsewhere {
    use super::{Research, ResearchUpdate, node};

    #[node]
    pub(super) fn tidy(_: &Research) -> ResearchUpdate {
        ResearchUpdate::default()
    }

    #[cfg(any())]
    #[node]
    pub(super) fn absent(_: &NoSuchType) -> ResearchUpdate {
        ResearchUpdate::default()
    }

    #[node]
    #[cfg(any())]
    pub(super) fn absent(_: &NoSuchType) -> ResearchUpdate {
        ResearchUpdate::default()
    }
}

macro_rules! node_from_fragments {
    ($name:ident, $state:ty, $input:ty) => {
        #[node]
        fn $name(_: $state, input: $input) -> ResearchUpdate {
            Research::update().status(input)
        }
    };
}

node_from_fragments!(made_by_macro, &Research, String);

fn topic(topic: &str) -> Research {
    Research {
        topic: topic.to_owned(),
        ..Research::default()
    }
}

/// What an update writes to `status`.
fn written(update: &ResearchUpdate) -> String {
    let mut state = Research::default();
    superstep::State::apply(&mut state, &mut [update.clone()]).unwrap();
    state.status
}

/// What a node returns, as it is.
struct Itself;

impl<'a, R: 'a> Then<'a, R> for Itself {
    type Running = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

    fn when(self, returns: impl Future<Output = R> + Send + 'a) -> Self::Running {
        Box::pin(returns)
    }
}

async fn run<N, R: 'static, const OK: bool>(input: N::Input) -> R
where
    N: Node<Researcher, Research, R, OK>,
{
    let call = Call {
        graph: &Researcher::new(),
        state: &topic("bees"),
        input,
        cx: &Cx::test(),
    };
    N::run(call, Itself).await
}

#[tokio::test]
async fn the_function_stays_callable_as_written() {
    let (state, llm) = (topic("ants"), Llm("mine"));
    let (update, more) = plan(&state, &llm, &Cx::test()).await.unwrap();
    assert_eq!(written(&update), "ants mine 1");
    assert!(more);
    assert_eq!(written(&write(&state)), "ANTS");
}

#[tokio::test]
async fn a_graph_hands_over_state_dependencies_context_and_input_by_type() {
    let (update, _) = run::<plan, _, _>(NoInput).await.unwrap();
    assert_eq!(written(&update), "bees llm 1");
    let update = run::<search, _, _>(Given("why".to_owned())).await.unwrap();
    assert_eq!(written(&update), "web:why");
    let nothing = run::<search, _, _>(Given(String::new())).await;
    assert_eq!(nothing.unwrap_err(), "nothing asked");
}

#[tokio::test]
async fn sync_nodes_run_like_async_ones() {
    assert_eq!(written(&run::<write, _, _>(NoInput).await), "BEES");
    assert_eq!(written(&run::<elsewhere::tidy, _, _>(NoInput).await), "");
    run::<look, _, _>(NoInput).await;
    let given = Given("x".to_owned());
    assert_eq!(written(&run::<made_by_macro, _, _>(given).await), "x");
}

#[tokio::test]
async fn generic_nodes_are_named_with_their_types() {
    let update = run::<show<u8>, _, _>(Given(Wrapped(7))).await;
    assert_eq!(written(&update), "7");
    assert_eq!(written(&run::<times<2>, _, _>(NoInput).await), "beesbees");
}

#[test]
fn a_sync_node_runs_when_it_is_polled_not_when_it_is_called() {
    #[node]
    fn explodes(_: &Research) {
        panic!("polled");
    }
    fn called<N, R: 'static, const OK: bool>(call: Call<'_, Researcher, Research, N::Input>)
    where
        N: Node<Researcher, Research, R, OK>,
    {
        drop(N::run(call, Itself));
    }
    called::<explodes, _, _>(Call {
        graph: &Researcher::new(),
        state: &topic(""),
        input: NoInput,
        cx: &Cx::test(),
    });
}

#[test]
fn options_arrive_as_written() {
    let options = search::OPTIONS;
    assert_eq!(options.timeout, Some(Duration::from_secs(30)));
    assert_eq!(options.idle, Some(Duration::from_secs(5)));
    assert_eq!(options.retry.attempts, 4);
    assert_eq!(options.retry.base, Duration::from_millis(250));
    assert_eq!(options.retry.max, Duration::from_secs(8));
    assert!(!options.retry.when.unwrap()(&NodeError::transient(
        "nothing asked"
    )));
    assert!(!options.blocking);
    assert!(write::OPTIONS.blocking);
    assert_eq!(search::NAME, Some("web search"));
    assert_eq!(write::NAME, None);
}

#[test]
fn without_options_a_node_is_tried_once() {
    let options = plan::OPTIONS;
    assert_eq!((options.timeout, options.idle), (None, None));
    assert_eq!(options.retry.attempts, 1);
    assert!(!options.blocking);
}

#[test]
fn a_base_above_the_default_max_raises_it() {
    assert_eq!(look::OPTIONS.retry.base, Duration::from_secs(60));
    assert_eq!(look::OPTIONS.retry.max, Duration::from_secs(60));
}

#[test]
fn a_node_is_closed_when_it_takes_nothing_but_state_and_input() {
    assert!(write::CLOSED && show::<u8>::CLOSED);
    assert!(!plan::CLOSED && !search::CLOSED);
}

#[test]
fn declared_fields_are_known_by_position() {
    assert_eq!(search::WRITES, Some(FieldSet::EMPTY.with(1)));
    assert_eq!(look::WRITES, Some(FieldSet::EMPTY));
    assert_eq!(plan::WRITES, None);
}

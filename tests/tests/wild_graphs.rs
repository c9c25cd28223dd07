//! Graphs with everything at once, walked at random, against a naive reading of
//! the rules for order, folding, joins, deferred nodes and error rows.
//!
//! The walk is a function of each task's order key, so the reference, which
//! computes keys by hand, knows where every task goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use superstep::graph::{END, EdgeKind, GraphInfo, NodeId, RowInfo, START};
use superstep::prelude::*;
use superstep::{Graph, encode};
use superstep_tests::{Dice, Place, scale, stores, trace};

type Key = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The walk: what a task with this key does.
fn fate(key: &Key, seed: u64, of: u64) -> u64 {
    let hash = sha256(&[b"fate", key, &seed.to_le_bytes(), &of.to_le_bytes()]);
    u64::from_le_bytes(hash[..8].try_into().expect("eight bytes")) % of
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Walk {
    seed: u64,
    /// From this step on every route stops.
    until: u64,
    #[reduce(append)]
    log: Vec<String>,
}

#[derive(Route, Debug)]
enum Go {
    Stop,
    One,
    Two,
    Many(Vec<u32>),
}

/// Which arm a task takes, and its items.
fn arm(key: &Key, seed: u64, stops: bool) -> Go {
    match fate(key, seed, 8) {
        _ if stops => Go::Stop,
        0 => Go::Stop,
        1..=3 => Go::One,
        4 | 5 => Go::Two,
        _ => Go::Many((0..fate(key, seed, 4) as u32).collect()),
    }
}

fn fails(key: &Key, seed: u64) -> bool {
    fate(key, seed, 3) == 0
}

/// Delays that must not show, and bad luck that a resume fixes.
#[derive(Clone, Debug)]
struct World {
    dice: Dice,
    luck: u64,
}

impl World {
    async fn work(&self) -> Result<(), NodeError> {
        self.dice.dawdle().await;
        if self.luck > 0 && self.dice.below(self.luck) == 0 {
            return Err(NodeError::permanent("bad luck"));
        }
        Ok(())
    }
}

fn entry(cx: &Cx, input: Option<u32>) -> WalkUpdate {
    Walk::update().log([line(cx.node(), input, cx.order_key().as_bytes())])
}

fn line(node: &str, input: Option<u32>, key: &Key) -> String {
    format!("{node} {input:?} {}", superstep::Digest::from_bytes(*key))
}

fn go(state: &Walk, cx: &Cx) -> Go {
    arm(
        cx.order_key().as_bytes(),
        state.seed,
        cx.step() >= state.until,
    )
}

#[node]
async fn plain(state: &Walk, world: &World, cx: &Cx) -> Result<(WalkUpdate, Go), NodeError> {
    world.work().await?;
    Ok((entry(cx, None), go(state, cx)))
}

#[node]
async fn fed(state: &Walk, n: u32, world: &World, cx: &Cx) -> Result<(WalkUpdate, Go), NodeError> {
    world.work().await?;
    Ok((entry(cx, Some(n)), go(state, cx)))
}

#[node]
async fn still(_: &Walk, world: &World, cx: &Cx) -> Result<WalkUpdate, NodeError> {
    world.work().await?;
    Ok(entry(cx, None))
}

#[node]
async fn shaky(state: &Walk, world: &World, cx: &Cx) -> Result<WalkUpdate, NodeError> {
    world.dice.dawdle().await;
    if fails(cx.order_key().as_bytes(), state.seed) {
        return Err(NodeError::permanent("as foreseen"));
    }
    Ok(entry(cx, None))
}

#[node]
async fn shaken(state: &Walk, n: u32, world: &World, cx: &Cx) -> Result<WalkUpdate, NodeError> {
    world.dice.dawdle().await;
    if fails(cx.order_key().as_bytes(), state.seed) {
        return Err(NodeError::permanent("as foreseen"));
    }
    Ok(entry(cx, Some(n)))
}

#[graph(
    state = Walk,
    a = plain, b = plain, c = plain, d = plain, f = fed, m = still, s = shaky, z = still,
    start -> [a, b, each f(0..3) else end],
    a -> match {
        Go::Stop => end,
        Go::One => a,
        Go::Two => [b, defer c, f(7)],
        Go::Many(xs) => [each f(xs) else c, s],
    },
    b -> match {
        Go::Stop => [end, s],
        Go::One => [c, a, b],
        Go::Two => [defer d, a],
        Go::Many(xs) => [s, each f(xs) else d],
    },
    c -> match { Go::Stop => end, Go::One => [a, b], Go::Two => c, Go::Many(_) => [defer c, s] },
    d -> match { Go::Stop => end, Go::One | Go::Two => defer d, Go::Many(_) => [s, b] },
    f -> match { Go::Stop => s, Go::One => a, Go::Two => end, Go::Many(xs) => each f(xs) else b },
    s -> z,
    s on error -> [b, z],
    m -> end,
    z -> end,
    [a, s] -> m,
    [a, b, f] -> [d, defer z],
    [m, z] -> defer c,
)]
struct Thicket {
    world: World,
}

/// Joins in loops that share sources and feed each other, sources without
/// rows, and fan-outs whose tasks fail one by one.
#[graph(
    state = Walk,
    a = plain, l = still, r = still, k = shaken, h = still, e = still, q = fed,
    start -> [a, defer e],
    a -> match {
        Go::Stop => end,
        Go::One => [l, r],
        Go::Two => [r, each k(vec![1, 2, 3]) else end, l],
        Go::Many(xs) => [each q(xs) else e, k(9), k(9)],
    },
    q -> match { Go::Stop => end, Go::One => l, Go::Two => r, Go::Many(_) => a },
    k on error -> h,
    k -> end,
    l -> h,
    e -> end,
    [l, r] -> [a, defer h],
    [r, k] -> a,
    [h, k, l] -> [end, r],
    h -> end,
)]
struct Knot {
    world: World,
}

/// A task of the reference: node, input, order key.
#[derive(Clone, Debug)]
struct Task {
    node: NodeId,
    input: Option<u32>,
    key: Key,
}

/// What the rules say about a run.
struct Reference<'a> {
    info: &'a GraphInfo,
    walk: &'a Walk,
    next: Vec<Task>,
    deferred: Vec<Task>,
    joins: Vec<BTreeMap<NodeId, Key>>,
}

impl Reference<'_> {
    fn key(&self, parent: &Key, edge: usize, item: u64) -> Key {
        let node = self.info.node_name(self.info.edges[edge].to);
        let edge_index = [(edge as u64).to_le_bytes(), item.to_le_bytes()].concat();
        sha256(&[parent, node.as_bytes(), &edge_index])
    }

    fn reach(&mut self, parent: &Key, edge: usize, item: u64, input: Option<u32>, defer: bool) {
        let node = self.info.edges[edge].to;
        if node == END {
            return;
        }
        let key = self.key(parent, edge, item);
        let list = if defer {
            &mut self.deferred
        } else {
            &mut self.next
        };
        let there = list
            .iter()
            .any(|task| task.node == node && task.input.is_none());
        if input.is_some() || !there {
            list.push(Task { node, input, key });
        }
    }

    fn hops(&mut self, parent: &Key, from: NodeId, arm: Option<&Go>, failed: bool) {
        let label = arm.map(|go| match go {
            Go::Stop => "Go::Stop",
            Go::One => "Go::One",
            Go::Two => "Go::Two",
            Go::Many(_) => "Go::Many",
        });
        let items = match arm {
            Some(Go::Many(items)) => items.clone(),
            _ => Vec::new(),
        };
        let mut was_empty = false;
        for (index, edge) in self.info.edges.iter().enumerate() {
            let taken = match (edge.label, label) {
                (Some(written), Some(label)) => written.contains(label),
                (None, _) => true,
                _ => false,
            };
            let is_error = edge.kind == EdgeKind::Error;
            if edge.from != from || !taken || matches!(edge.kind, EdgeKind::Join(_)) {
                continue;
            }
            if is_error != failed {
                continue;
            }
            let inputs = match (edge.kind, from) {
                (EdgeKind::Each, START) => vec![0, 1, 2],
                (EdgeKind::Each, _) if matches!(arm, Some(Go::Two)) => vec![1, 2, 3],
                (EdgeKind::Each, _) => items.clone(),
                (EdgeKind::Input, _) if self.info.name == "Thicket" => vec![7],
                (EdgeKind::Input, _) => vec![9],
                _ => Vec::new(),
            };
            match edge.kind {
                EdgeKind::Each => {
                    was_empty = inputs.is_empty();
                    for (item, input) in (0..).zip(inputs) {
                        self.reach(parent, index, item, Some(input), false);
                    }
                }
                EdgeKind::Input => self.reach(parent, index, 0, Some(inputs[0]), false),
                EdgeKind::Else if !was_empty => {}
                EdgeKind::Defer => self.reach(parent, index, 0, None, true),
                _ => self.reach(parent, index, 0, None, false),
            }
        }
    }

    fn arrive(&mut self, node: NodeId, key: &Key) {
        for (row, join) in self.info.joins.iter().enumerate() {
            if !join.sources.contains(&node) {
                continue;
            }
            self.joins[row].entry(node).or_insert(*key);
            if self.joins[row].len() < join.sources.len() {
                continue;
            }
            let arrived = std::mem::take(&mut self.joins[row]);
            let keys: Vec<&[u8]> = join.sources.iter().map(|node| &arrived[node][..]).collect();
            let parent = sha256(&keys);
            for (edge, defer) in join.edges.iter().zip(join.deferred) {
                self.reach(&parent, *edge as usize, 0, None, *defer);
            }
        }
    }

    fn release(&mut self) -> Vec<Task> {
        if self.next.is_empty() {
            self.next = std::mem::take(&mut self.deferred);
        }
        std::mem::take(&mut self.next)
    }

    /// The log, the number of steps, and whether joins are left waiting.
    fn walk(mut self) -> (Vec<String>, u64, bool) {
        self.hops(
            &sha256(&[b"turn", &0_u64.to_le_bytes()]),
            START,
            None,
            false,
        );
        let mut frontier = self.release();
        let (mut log, mut step) = (Vec::new(), 0);
        while !frontier.is_empty() {
            step += 1;
            let mut arrived = Vec::new();
            for task in &frontier {
                let info = &self.info.nodes[task.node as usize];
                let shaky = self.info.edges.iter();
                let shaky = shaky.filter(|edge| edge.kind == EdgeKind::Error);
                let shaky = shaky.clone().any(|edge| edge.from == task.node);
                let failed = shaky && fails(&task.key, self.walk.seed);
                if !failed {
                    log.push(line(info.name, task.input, &task.key));
                }
                let go = (info.row == RowInfo::Dynamic)
                    .then(|| arm(&task.key, self.walk.seed, step >= self.walk.until));
                self.hops(&task.key, task.node, go.as_ref(), failed);
                if !failed && !arrived.contains(&task.node) {
                    arrived.push(task.node);
                    self.arrive(task.node, &task.key);
                }
            }
            frontier = self.release();
        }
        let waiting = self.joins.iter().any(|join| !join.is_empty());
        (log, step, waiting)
    }
}

fn reference(info: &GraphInfo, walk: &Walk) -> (Vec<String>, u64, bool) {
    let joins = vec![BTreeMap::new(); info.joins.len()];
    let reference = Reference {
        info,
        walk,
        next: Vec::new(),
        deferred: Vec::new(),
        joins,
    };
    reference.walk()
}

fn engine<G: Graph<State = Walk>>(place: &Place, graph: G, concurrency: usize) -> Engine<G> {
    Engine::builder(graph)
        .store(Arc::clone(&place.store))
        .max_concurrency(concurrency)
        .build()
        .expect("the settings make sense")
}

/// Runs to the end, through all bad luck.
async fn finish<G: Graph<State = Walk>>(engine: &Engine<G>, id: &str, walk: &Walk, dice: &Dice) {
    let mut result = engine.run(id, walk.clone()).await;
    for _ in 0..10_000 {
        match result {
            Ok(_) | Err(Error::NoProgress { .. }) => return,
            Err(Error::NodeFailed { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        for _ in 0..dice.below(3) {
            engine.get(id).await.expect("it is stored");
        }
        result = engine.resume(id).await;
    }
    panic!("no luck at all");
}

async fn compare<G: Graph<State = Walk>>(graph: fn(World) -> G, walks: u64) {
    let dice = Dice::from_env();
    let (mut waited, mut tasks) = (0, 0);
    for _ in 0..walks {
        let walk = Walk {
            seed: dice.below(u64::MAX),
            until: 1 + dice.below(12),
            log: Vec::new(),
        };
        let (log, steps, waiting) = reference(G::INFO, &walk);
        if log.len() > 2_000 {
            continue;
        }
        waited += u32::from(waiting);
        tasks += log.len();
        let mut traces = Vec::new();
        for (concurrency, luck) in [(1, 0), (8, 0), (3, 20)] {
            for place in stores() {
                let world = World {
                    dice: Dice::new(dice.below(u64::MAX)),
                    luck,
                };
                let engine = engine(&place, graph(world), concurrency);
                finish(&engine, "walk", &walk, &dice).await;
                let run = engine.get("walk").await.expect("it is stored");
                assert_eq!(run.state().log, log, "{walk:?}");
                assert_eq!(run.steps(), steps, "{walk:?}");
                let status = if waiting {
                    Status::Failed
                } else {
                    Status::Completed
                };
                assert_eq!(run.status(), status, "{walk:?}");
                traces.push(trace(&engine, "walk").await.expect("it is stored"));
            }
        }
        for trace in &traces {
            assert_eq!(
                trace,
                &traces[0],
                "{walk:?} {}",
                encode::to_string(&walk).expect("it has an encoding")
            );
        }
    }
    assert!(waited > 0 && tasks > 0, "the walks show nothing");
    eprintln!("{tasks} tasks, {waited} waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thicket_goes_by_the_rules() {
    compare(|world| Thicket { world }, scale("SUPERSTEP_WALKS", 15)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_knot_goes_by_the_rules() {
    compare(|world| Knot { world }, scale("SUPERSTEP_WALKS", 25)).await;
}

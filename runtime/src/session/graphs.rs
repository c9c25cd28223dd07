//! The graphs that a run has lived under: whether today's can redo their steps, and
//! whether it may continue where the run stands.

use super::faults::changed;
use crate::error::Error;
use crate::graph::{Differences, GraphInfo, StoredGraph};
use crate::hash::Digest;
use crate::machine::result_graph;
use crate::store::{GraphChange, Head, PendingResult, Status, StepRecord};

/// Which graph wrote which steps of a run.
pub(crate) struct Graphs {
    today: Digest,
    /// From the run's first step on, the oldest first.
    lived: Vec<GraphChange>,
    /// The reducers that have changed since one of these, each in a sentence.
    reducers: Vec<(Digest, Vec<String>)>,
    /// What they were, apart from today's.
    described: Vec<(Digest, StoredGraph)>,
    /// What the edges of a graph are in today's.
    edges: Vec<(Digest, Vec<Option<u32>>)>,
}

impl Graphs {
    /// Those of the run at `head`, whose graph changed like that; `today` is this program's.
    pub(crate) fn new(today: Digest, head: &Head, changes: &[GraphChange]) -> Self {
        let created = GraphChange::new(0, head.fingerprint, head.version);
        Self {
            today,
            lived: std::iter::once(created)
                .chain(changes.iter().copied())
                .collect(),
            reducers: Vec::new(),
            described: Vec::new(),
            edges: Vec::new(),
        }
    }

    /// The graph that wrote `step`, and since when.
    pub(crate) fn at(&self, step: u64) -> GraphChange {
        let later = self.lived.partition_point(|change| change.step <= step);
        self.lived[later.max(1) - 1]
    }

    /// What the record of `step` must say of its graph.
    pub(crate) fn noted(&self, step: u64) -> Option<Digest> {
        let change = self.at(step);
        (change.step == step && step > 0).then_some(change.fingerprint)
    }

    /// What the step after `step` must say of its graph, if this program writes it.
    pub(crate) fn next(&self, step: u64) -> Option<Digest> {
        let is_other = self.at(step).fingerprint != self.today && !mistake!(GraphNotNoted);
        is_other.then_some(self.today)
    }

    /// The graphs of the steps `first..=last`, the oldest first.
    pub(crate) fn of(&self, first: u64, last: u64) -> Vec<Digest> {
        let since = self.at(first).step;
        let lived = self.lived.iter();
        let lived = lived.filter(|change| since <= change.step && change.step <= last);
        lived.map(|change| change.fingerprint).collect()
    }

    /// The graphs, apart from today's, of the steps from `from` on.
    pub(crate) fn others(&self, from: u64) -> Vec<Digest> {
        self.without_today(self.of(from, u64::MAX))
    }

    /// Each once.
    fn without_today(&self, mut graphs: Vec<Digest>) -> Vec<Digest> {
        graphs.sort_unstable();
        graphs.dedup();
        graphs.retain(|graph| *graph != self.today);
        graphs
    }

    /// Whether this program's graph wrote all steps.
    pub(crate) fn is_one(&self) -> bool {
        self.lived
            .iter()
            .all(|graph| graph.fingerprint == self.today)
    }

    /// The graph of `step`, if it is not today's.
    pub(crate) fn older(&self, step: u64) -> Option<&StoredGraph> {
        let graph = self.at(step).fingerprint;
        let found = self.described.iter().find(|(known, _)| *known == graph);
        found.map(|(_, stored)| stored)
    }

    /// The graph that kept a result, which says `graph`: nothing if the run began under it.
    fn keeper(&self, graph: Option<Digest>) -> Digest {
        graph.unwrap_or(self.lived[0].fingerprint)
    }

    /// What the results that this program keeps say of their graph.
    pub(crate) fn kept_under(&self) -> Option<Digest> {
        (!self.is_today(None)).then_some(self.today)
    }

    /// Whether a result was kept by today's graph: `graph` is what it says of it.
    pub(crate) fn is_today(&self, graph: Option<Digest>) -> bool {
        self.keeper(graph) == self.today
    }

    /// What an edge in a kept result, which says `graph`, is in today's graph; none if it
    /// is gone, or nobody knows what that graph was.
    pub(crate) fn edge_today(&self, graph: Option<Digest>, edge: u32) -> Option<u32> {
        if self.is_today(graph) {
            return Some(edge);
        }
        let keeper = self.keeper(graph);
        let (_, edges) = self.edges.iter().find(|(known, _)| *known == keeper)?;
        *edges.get(edge as usize)?
    }

    /// The graphs, apart from today's, that the kept results are of.
    pub(crate) fn of_results(&self, results: &[PendingResult]) -> Vec<Digest> {
        let keepers = results.iter().map(|kept| result_graph(&kept.result));
        self.without_today(keepers.map(|graph| self.keeper(graph)).collect())
    }

    /// Notes what a graph was that results are of.
    pub(crate) fn describe_edges(
        &mut self,
        graph: Digest,
        stored: &StoredGraph,
        today: &GraphInfo,
    ) {
        self.edges.push((graph, stored.edges_in(today)));
    }

    /// Notes what `graph` was.
    pub(crate) fn describe(&mut self, graph: Digest, stored: StoredGraph) {
        self.described.push((graph, stored));
    }

    /// Notes how `graph` differs from today's.
    pub(crate) fn compare(&mut self, graph: Digest, differences: &Differences) {
        let reducers = differences.reducers().to_vec();
        if !reducers.is_empty() {
            self.reducers.push((graph, reducers));
        }
    }

    /// Refuses to apply the updates of `record` with other reducers than they were
    /// written for.
    pub(crate) fn check_reducers(
        &self,
        today: &GraphInfo,
        head: &Head,
        record: &StepRecord,
    ) -> Result<(), Error> {
        let graph = self.at(record.step);
        // Older programs did not note their graph when they continued a run.
        let is_unnoted = record.version != graph.version && record.version == today.version;
        let mut changed_ones = self.reducers.iter();
        let Some((_, lines)) =
            changed_ones.find(|(other, _)| *other == graph.fingerprint && !is_unnoted)
        else {
            return Ok(());
        };
        let help = format!(
            "step {} was merged with the reducer that it had, and cannot be merged again with another: give \
             the field that reducer back, or {}; then this one can read the run from there",
            record.step,
            take_snapshot(head)
        );
        let lines = lines.to_vec();
        Err(changed(today, head, graph.fingerprint, lines, help))
    }
}

/// Refuses to continue a run where the graph of its last step was `graph`, whose
/// differences from today's these are, unless today's graph is compatible with that one.
pub(crate) fn check_open(
    today: &GraphInfo,
    head: &Head,
    graph: GraphChange,
    differences: &Differences,
) -> Result<(), Error> {
    let is_listed = lists(today, graph.fingerprint);
    let is_newer = today.version > graph.version;
    if differences.are_compatible() || is_listed && is_newer {
        return Ok(());
    }
    let (stored, version) = (graph.fingerprint, graph.version);
    let raise = format!("raise this graph's `version` above {version}");
    let list = format!("add `compatible = [\"{stored}\"]`");
    let declare = match (is_listed, is_newer) {
        (true, _) => format!("it lists that one as compatible: {raise}, too"),
        (false, true) => format!("if the run can continue all the same, {list}"),
        (false, false) => format!("if the run can continue all the same, {raise} and {list}"),
    };
    let mut help = cures(head, differences);
    if !differences.lack_defaults_only() {
        help.push(declare);
    }
    help.extend(instead(head, differences).map(str::to_owned));
    let lines = differences.lines().to_vec();
    Err(changed(today, head, stored, lines, help.join("; ")))
}

/// What to do about each kind of difference, before the graphs are declared compatible.
fn cures(head: &Head, differences: &Differences) -> Vec<String> {
    let snapshot = (!differences.reducers().is_empty()).then(|| {
        let take = take_snapshot(head);
        format!("{take}, since what a reducer merged cannot be merged again with another")
    });
    let cures = [
        differences.give_defaults(),
        differences.keep_gone_fields(),
        differences.convert_retyped(),
        snapshot,
        differences.keep_node_names(),
    ];
    cures.into_iter().flatten().collect()
}

/// What makes a run readable to a program with other reducers.
fn take_snapshot(head: &Head) -> String {
    let run = &head.run;
    format!("let the program that wrote it take a snapshot, `engine.snapshot(\"{run}\")`")
}

/// What can be done with a run that today's graph may not continue. A turn and a fork read its
/// state.
fn instead(head: &Head, differences: &Differences) -> Option<&'static str> {
    let is_readable = differences.state_is_readable();
    match head.status {
        status if status.is_final() => is_readable.then_some("or fork it at the end of a turn"),
        Status::Failed if is_readable => Some(
            "or finish the run with the program that left it open, or drop its open step with a further turn, \
             which makes all calls anew, payments included",
        ),
        _ if head.turn > 0 && is_readable => Some(
            "or finish the run with the program that left it open, or fork it at the end of an earlier turn",
        ),
        _ => Some("or finish the run with the program that left it open"),
    }
}

/// Refuses to add a step to a run whose last graph was `graph` if that leaves out fields which
/// are stored, unless today's version is higher and so means it.
pub(crate) fn check_fields(
    today: &GraphInfo,
    head: &Head,
    graph: GraphChange,
    differences: &Differences,
) -> Result<(), Error> {
    let gone = differences.gone_fields();
    let (stored, version) = (graph.fingerprint, graph.version);
    if gone.is_empty() || today.version > version {
        return Ok(());
    }
    let keep = differences.keep_gone_fields().unwrap_or_default();
    let help = format!(
        "another step would lose what is stored there: if this program is the newer one, {keep} and raise the \
         graph's `version` above {version}; else go on with the program that has it"
    );
    Err(changed(today, head, stored, gone, help))
}

/// Refuses to add a step behind one that a newer `version` of this graph made, and to write its
/// state again: what that stored need not read as anything here, even where the fingerprint is
/// the same.
pub(crate) fn check_version(graph: &GraphInfo, head: &Head, version: u32) -> Result<(), Error> {
    let today = graph.version;
    if version <= today {
        return Ok(());
    }
    let (stored, _) = head.graph_now();
    let line = format!("what stands was written by version {version}, and this is version {today}");
    let help = format!(
        "go on with a program of version {version}; to go back for good to what this one does, give it a \
         version above that, and a `migrate` for what the newer one stored otherwise"
    );
    Err(changed(graph, head, stored, vec![line], help))
}

/// Whether the graph lists that one as compatible.
fn lists(graph: &GraphInfo, fingerprint: Digest) -> bool {
    let mut listed = graph.compatible.iter();
    listed.any(|text| Digest::parse(text) == Some(fingerprint))
}

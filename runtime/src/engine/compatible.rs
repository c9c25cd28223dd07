//! Which graphs a run has lived under, and whether this engine's may continue it.

use super::stored::Stored;
use crate::error::Error;
use crate::graph::{Differences, Graph, StoredGraph};
use crate::hash::Digest;
use crate::session::load::undecodable;
use crate::session::migrate::is_needed;
use crate::session::{Graphs, changed, check_fields, check_open};
use crate::store::{GraphChange, Head, Loaded, Store};

/// Checks that a run belongs to this engine's graph, in whatever version.
pub(super) fn check_name<G: Graph>(head: &Head) -> Result<(), Error> {
    if head.graph == G::INFO.name {
        return Ok(());
    }
    Err(Error::WrongGraph {
        run: head.run.clone(),
        stored: head.graph.clone(),
        graph: G::INFO.name,
    })
}

/// Checks that this engine may continue a run from where it stood under `graph`;
/// `today` is the fingerprint of its own.
pub(super) async fn check_from<G: Graph>(
    today: Digest,
    at: &Stored,
    head: &Head,
    graph: GraphChange,
) -> Result<(), Error> {
    if graph.fingerprint == today {
        return Ok(());
    }
    let differences = differences::<G>(at, head, graph.fingerprint).await?;
    check_open::<G>(head, graph, &differences)
}

/// Checks that this engine may add a step to a run behind one of `graph` that left nothing open.
pub(super) async fn check_fields_of<G: Graph>(
    today: Digest,
    at: &Stored,
    head: &Head,
    graph: GraphChange,
) -> Result<(), Error> {
    if graph.fingerprint == today {
        return Ok(());
    }
    let differences = differences::<G>(at, head, graph.fingerprint).await?;
    check_fields::<G>(head, graph, &differences)
}

/// Why nothing of a run can be replayed: none of its turns is of this exact graph.
pub(super) async fn other_graph<G: Graph>(at: &Stored, head: &Head) -> Error {
    let (stored, _) = head.graph_now();
    match differences::<G>(at, head, stored).await {
        Ok(differences) => {
            let help = "replay it with the program of that graph, or compare the two with \
                        `testing::replay_all`, which goes by the names of the nodes";
            changed::<G>(head, stored, differences.lines().to_vec(), help.into())
        }
        Err(error) => error,
    }
}

/// The graphs that a run has lived under; those of its steps from `from` on, which have
/// to be redone, are compared with today's.
pub(super) async fn graphs<G: Graph>(
    today: Digest,
    at: &Stored,
    head: &Head,
    from: u64,
) -> Result<Graphs, Error> {
    let mut graphs = lived(today, at, head).await?;
    for other in graphs.others(from) {
        let text = graph_text(at, head, other).await?;
        graphs.compare(other, &G::INFO.differences(&text));
        graphs.describe(other, read_graph(head, &text)?);
    }
    Ok(graphs)
}

fn read_graph(head: &Head, text: &str) -> Result<StoredGraph, Error> {
    StoredGraph::read(text).map_err(|error| undecodable(head, "the graph".into(), error))
}

/// Reads what the graphs were that the kept results are of. One that never committed a step
/// is not stored: nobody else can read what it kept.
pub(super) async fn describe_results<G: Graph>(
    at: &Stored,
    loaded: &Loaded,
    graphs: &mut Graphs,
) -> Result<(), Error> {
    for graph in graphs.of_results(&loaded.pending) {
        if let Some(text) = at.graph(graph).await? {
            graphs.describe_edges(graph, &read_graph(&loaded.head, &text)?, G::INFO);
        }
    }
    Ok(())
}

/// The same without the comparison.
pub(super) async fn lived(today: Digest, at: &Stored, head: &Head) -> Result<Graphs, Error> {
    let changes = match head.changed {
        Some(_) => at.graphs().await?,
        None => Vec::new(),
    };
    Ok(Graphs::new(today, head, &changes))
}

/// The same without an engine.
pub(crate) async fn lived_in(
    store: &dyn Store,
    today: Digest,
    head: &Head,
) -> Result<Graphs, Error> {
    let changes = match head.changed {
        Some(_) => store.graphs(&head.run).await,
        None => Ok(Vec::new()),
    };
    let changes = changes.map_err(|error| Error::from_store(&head.run, error))?;
    Ok(Graphs::new(today, head, &changes))
}

async fn differences<G: Graph>(
    at: &Stored,
    head: &Head,
    graph: Digest,
) -> Result<Differences, Error> {
    Ok(G::INFO.differences(&graph_text(at, head, graph).await?))
}

/// The canonical text of a graph that wrote steps of the run.
pub(super) async fn graph_text(at: &Stored, head: &Head, graph: Digest) -> Result<String, Error> {
    described(head, at.graph(graph).await?)
}

/// The same without an engine.
pub(crate) async fn stored_graph(
    store: &dyn Store,
    head: &Head,
    graph: Digest,
) -> Result<String, Error> {
    let stored = store.graph(graph).await;
    described(
        head,
        stored.map_err(|error| Error::from_store(&head.run, error))?,
    )
}

fn described(head: &Head, stored: Option<String>) -> Result<String, Error> {
    stored.ok_or_else(|| Error::Corrupt {
        run: head.run.clone(),
        place: "the graph".into(),
        reason: "a graph that wrote its steps is not described".into(),
    })
}

/// Refuses to write today's state for a step of an older version: a snapshot
/// has no version of its own, so it would go through `migrate` a second time.
pub(super) async fn check_snapshot<G: Graph>(at: &Stored, head: &Head) -> Result<(), Error> {
    let step = head.step;
    let records = at.steps(step, step).await?;
    let older = records.iter().find(|record| is_needed::<G>(record.version));
    older.map_or(Ok(()), |record| {
        let version = record.version;
        let line = format!("step {step} is of version {version} of the graph");
        let help = "take the snapshot with the program that wrote the step, or when this one has committed a step";
        let (stored, _) = head.graph_now();
        Err(changed::<G>(head, stored, vec![line], help.into()))
    })
}

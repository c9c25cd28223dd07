//! Whether a run may go on, or be read, under this engine's graph.

use super::stored::Stored;
use crate::error::Error;
use crate::graph::{Graph, GraphInfo};
use crate::hash::Digest;
use crate::session::migrate::is_needed;
use crate::session::{Reducers, changed};
use crate::store::{Head, Store};

/// Checks that a run belongs to this engine's graph, and to the graph as it
/// was when the run started; `today` is its fingerprint. Fields added with a serde
/// default are fine.
pub(super) async fn check_graph<G: Graph>(
    today: Digest,
    at: &Stored,
    head: &Head,
) -> Result<(), Error> {
    if head.graph != G::INFO.name {
        return Err(Error::WrongGraph {
            run: head.run.clone(),
            stored: head.graph.clone(),
            graph: G::INFO.name,
        });
    }
    if head.fingerprint == today {
        return Ok(());
    }
    let differences = G::INFO.differences(&graph_of(at, head).await?);
    if differences.are_compatible() || is_declared_compatible(G::INFO, head) {
        return Ok(());
    }
    Err(changed::<G>(head, differences.lines().to_vec()))
}

/// Checks that a run was started with this very graph.
pub(super) async fn check_same_graph<G: Graph>(
    today: Digest,
    at: &Stored,
    head: &Head,
) -> Result<(), Error> {
    if head.fingerprint == today {
        return Ok(());
    }
    let differences = G::INFO.differences(&graph_of(at, head).await?);
    Err(changed::<G>(head, differences.lines().to_vec()))
}

/// The canonical text of the graph that the run was started with.
pub(crate) async fn stored_graph(store: &dyn Store, head: &Head) -> Result<String, Error> {
    let stored = store.graph(head.fingerprint).await;
    described(
        head,
        stored.map_err(|error| Error::from_store(&head.run, error))?,
    )
}

/// The same for a call of the engine.
pub(super) async fn graph_of(at: &Stored, head: &Head) -> Result<String, Error> {
    described(head, at.graph(head.fingerprint).await?)
}

fn described(head: &Head, stored: Option<String>) -> Result<String, Error> {
    stored.ok_or_else(|| Error::Corrupt {
        run: head.run.clone(),
        place: "the graph".into(),
        reason: "the graph that the run was started with is not described".into(),
    })
}

/// Whether the graph has a higher version than the run's and lists the run's
/// fingerprint as compatible.
fn is_declared_compatible(graph: &GraphInfo, head: &Head) -> bool {
    let listed = || {
        graph
            .compatible
            .iter()
            .any(|text| Digest::parse(text) == Some(head.fingerprint))
    };
    graph.version > head.version && listed()
}

/// Refuses to write today's state beside a step of an older version: a snapshot
/// has no version of its own, so it would go through `migrate` a second time.
pub(super) async fn check_snapshot<G: Graph>(at: &Stored, head: &Head) -> Result<(), Error> {
    let step = head.step;
    let records = at.steps(step, step).await?;
    let older = records.iter().find(|record| is_needed::<G>(record.version));
    older.map_or(Ok(()), |record| {
        let version = record.version;
        let line = format!(
            "step {step} is of graph version {version} and its snapshot would not be: take it with \
             the program that wrote the step, or when this one has committed a step"
        );
        Err(changed::<G>(head, vec![line]))
    })
}

/// The reducers that changed since the run's graph.
pub(super) async fn reducers<G: Graph>(
    today: Digest,
    at: &Stored,
    head: &Head,
) -> Result<Reducers, Error> {
    let mut changed = Vec::new();
    if head.fingerprint != today {
        let differences = G::INFO.differences(&graph_of(at, head).await?);
        changed.extend_from_slice(differences.reducers());
    }
    Ok(Reducers::new(changed))
}

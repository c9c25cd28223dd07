//! Which graphs a run has lived under, and whether this engine's may continue it.

use super::stored::{Asked, Stored};
use crate::error::Error;
use crate::graph::{Differences, GraphInfo, StoredGraph};
use crate::hash::Digest;
use crate::session::load::undecodable;
use crate::session::migrate::is_needed;
use crate::session::{Graphs, changed, check_fields, check_open, check_version};
use crate::store::{GraphChange, Head, Loaded, Store};

impl Stored {
    /// Checks that the run belongs to this engine's graph, in whatever version.
    pub(super) fn check_name(&self, head: &Head) -> Result<(), Error> {
        let graph = self.engine().graph.name;
        if head.graph == graph {
            return Ok(());
        }
        Err(Error::WrongGraph {
            run: head.run.clone(),
            stored: head.graph.clone(),
            graph,
        })
    }

    /// Checks that the run may be continued, unless it has ended.
    pub(super) fn check_open<'a>(&'a self, head: &'a Head) -> Asked<'a, ()> {
        Box::pin(async {
            match head.status.is_final() {
                true => Ok(()),
                false => self.check_from(head, head.last_graph()).await,
            }
        })
    }

    /// Checks that the run may be written to where it stands, open or not.
    pub(super) fn check_writable<'a>(&'a self, head: &'a Head) -> Asked<'a, ()> {
        match head.status.is_final() {
            true => self.check_fields(head, head.last_graph()),
            false => self.check_from(head, head.last_graph()),
        }
    }

    /// Checks that the run may be continued from where it stood under `graph`.
    pub(super) fn check_from<'a>(&'a self, head: &'a Head, graph: GraphChange) -> Asked<'a, ()> {
        self.check_against(head, graph, check_open)
    }

    /// Checks that a step may be added behind the last one, if that left nothing open.
    pub(super) fn check_fields<'a>(&'a self, head: &'a Head, graph: GraphChange) -> Asked<'a, ()> {
        self.check_against(head, graph, check_fields)
    }

    fn check_against<'a>(
        &'a self,
        head: &'a Head,
        graph: GraphChange,
        check: fn(&GraphInfo, &Head, GraphChange, &Differences) -> Result<(), Error>,
    ) -> Asked<'a, ()> {
        Box::pin(async move {
            match self.differences(head, graph.fingerprint).await? {
                Some(differences) => check(self.engine().graph, head, graph, &differences),
                None => Ok(()),
            }
        })
    }

    /// Refuses to add a step behind one that a newer version of this graph made.
    pub(super) fn check_version(&self, head: &Head, version: u32) -> Result<(), Error> {
        check_version(self.engine().graph, head, version)
    }

    /// How the graph differs from this engine's, unless it is that one.
    async fn differences(&self, head: &Head, graph: Digest) -> Result<Option<Differences>, Error> {
        let engine = self.engine();
        if graph == engine.fingerprint() {
            return Ok(None);
        }
        Ok(Some(
            engine
                .graph
                .differences(&self.graph_text(head, graph).await?),
        ))
    }

    /// Why nothing of a run can be replayed: none of its turns is of this exact graph.
    pub(super) async fn other_graph(&self, head: &Head) -> Error {
        let (stored, _) = head.graph_now();
        match self.differences(head, stored).await {
            Ok(differences) => {
                let help = "replay it with the program of that graph, or compare the two with \
                            `testing::replay_all`, which goes by the names of the nodes";
                let lines = differences.map(|differences| differences.lines().to_vec());
                let lines = lines.unwrap_or_default();
                changed(self.engine().graph, head, stored, lines, help.into())
            }
            Err(error) => error,
        }
    }

    /// The graphs that the run has lived under; those of its steps from `from` on, which have
    /// to be redone, are compared with today's.
    pub(super) fn compared<'a>(&'a self, head: &'a Head, from: u64) -> Asked<'a, Graphs> {
        Box::pin(async move {
            let mut graphs = self.lived(head).await?;
            for other in graphs.others(from) {
                let text = self.graph_text(head, other).await?;
                graphs.compare(other, &self.engine().graph.differences(&text));
                graphs.describe(other, read_graph(head, &text)?);
            }
            Ok(graphs)
        })
    }

    /// The same without the comparison.
    pub(super) fn lived<'a>(&'a self, head: &'a Head) -> Asked<'a, Graphs> {
        Box::pin(async {
            let changes = match head.changed {
                Some(_) => self.graphs().await?,
                None => Vec::new(),
            };
            Ok(Graphs::new(self.engine().fingerprint(), head, &changes))
        })
    }

    /// A run with its steps, to be read.
    pub(super) fn loaded(&self) -> Asked<'_, (Loaded, Graphs)> {
        Box::pin(async {
            let loaded = self.load().await?;
            let from = loaded.steps.first().map_or(0, |first| first.step);
            let graphs = self.compared(&loaded.head, from).await?;
            Ok((loaded, graphs))
        })
    }

    /// The same of a run that is held, with what is known of its kept results.
    pub(super) fn loaded_held(&self) -> Asked<'_, (Loaded, Graphs)> {
        Box::pin(async {
            let (loaded, mut graphs) = self.loaded().await?;
            // A graph that never committed a step is not stored: nobody else can read
            // what it kept.
            for graph in graphs.of_results(&loaded.pending) {
                if let Some(text) = self.graph(graph).await? {
                    let stored = read_graph(&loaded.head, &text)?;
                    graphs.describe_edges(graph, &stored, self.engine().graph);
                }
            }
            // It may have moved, under another graph, since it was read.
            self.check_open(&loaded.head).await?;
            Ok((loaded, graphs))
        })
    }

    /// The canonical text of a graph that wrote steps of the run.
    pub(super) fn graph_text<'a>(&'a self, head: &'a Head, graph: Digest) -> Asked<'a, String> {
        Box::pin(async move { described(head, self.graph(graph).await?) })
    }

    /// Refuses to write today's state for a step of an older version: a snapshot
    /// has no version of its own, so it would go through `migrate` a second time.
    pub(super) async fn check_snapshot(&self, head: &Head) -> Result<(), Error> {
        let step = head.step;
        let today = self.engine().graph;
        let records = self.steps(step, step).await?;
        let mut records = records.iter();
        let Some(older) = records.find(|record| is_needed(today, record.version)) else {
            return Ok(());
        };
        let version = older.version;
        let line = format!("step {step} is of version {version} of the graph");
        let help = "take the snapshot with the program that wrote the step, or when this one has committed a step";
        let (stored, _) = head.graph_now();
        Err(changed(today, head, stored, vec![line], help.into()))
    }
}

fn read_graph(head: &Head, text: &str) -> Result<StoredGraph, Error> {
    StoredGraph::read(text).map_err(|error| undecodable(head, "the graph".into(), error))
}

/// The graphs that a run has lived under, without an engine.
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

/// The canonical text of a graph that wrote steps of the run, without an engine.
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

use std::time::Duration;

use crate::graph::{END, EdgeKind, GraphInfo, NodeId, NodeInfo, START};

/// What is drawn: the graph with its joins as vertices of their own.
pub(super) struct Picture {
    pub(super) vertices: Vec<Vertex>,
    pub(super) arrows: Vec<Arrow>,
}

pub(super) enum Vertex {
    Start,
    End,
    Node {
        name: String,
        /// Timeout, idle limit, attempts and pool, if they are not the defaults.
        details: String,
    },
    /// The bar where the sources of a join meet.
    Join,
}

pub(super) struct Arrow {
    /// Positions in [`Picture::vertices`].
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) style: Style,
    /// Pattern and guard of a `match` arm.
    pub(super) label: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Plain,
    Each,
    Else,
    Defer,
    Error,
}

impl Style {
    /// What is written at the arrow.
    pub(super) const fn mark(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Each => Some("×n"),
            Self::Else => Some("else"),
            Self::Defer => Some("defer"),
            Self::Error => Some("on error"),
        }
    }

    const fn of(kind: EdgeKind) -> Self {
        match kind {
            EdgeKind::Direct | EdgeKind::Input | EdgeKind::Join(_) => Self::Plain,
            EdgeKind::Each => Self::Each,
            EdgeKind::Else => Self::Else,
            EdgeKind::Defer => Self::Defer,
            EdgeKind::Error => Self::Error,
        }
    }
}

impl Picture {
    /// Vertices are in this order: start, the nodes, the joins, end.
    pub(super) fn of(graph: &GraphInfo) -> Self {
        let (nodes, joins) = (graph.nodes.len(), graph.joins.len());
        let vertex = |id: NodeId| match id {
            START => 0,
            END => 1 + nodes + joins,
            id => 1 + id as usize,
        };
        let mut vertices = vec![Vertex::Start];
        vertices.extend(graph.nodes.iter().map(Vertex::of));
        vertices.extend(graph.joins.iter().map(|_| Vertex::Join));
        vertices.push(Vertex::End);

        let own = graph
            .edges
            .iter()
            .filter(|edge| !matches!(edge.kind, EdgeKind::Join(_)));
        let mut arrows: Vec<Arrow> = own
            .map(|edge| Arrow {
                from: vertex(edge.from),
                to: vertex(edge.to),
                style: Style::of(edge.kind),
                label: edge.label.map(str::to_owned),
            })
            .collect();
        for (position, join) in graph.joins.iter().enumerate() {
            let bar = 1 + nodes + position;
            let sources = join.sources.iter();
            arrows.extend(sources.map(|id| Arrow::unlabelled(vertex(*id), bar, Style::Plain)));
            arrows.extend(graph.join_targets(join).map(|(to, deferred)| {
                let style = if deferred { Style::Defer } else { Style::Plain };
                Arrow::unlabelled(bar, vertex(to), style)
            }));
        }
        Self { vertices, arrows }
    }
}

impl Arrow {
    const fn unlabelled(from: usize, to: usize, style: Style) -> Self {
        Self {
            from,
            to,
            style,
            label: None,
        }
    }

    /// The lines written at the arrow.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.label.as_deref().into_iter().chain(self.style.mark())
    }
}

impl Vertex {
    fn of(node: &NodeInfo) -> Self {
        let options = &node.options;
        let timeout = options.timeout.map(human);
        let idle = options.idle.map(|time| format!("{} idle", human(time)));
        let attempts =
            (options.retry.attempts > 1).then(|| format!("{} tries", options.retry.attempts));
        let blocking = options.blocking.then(|| "blocking".to_owned());
        let details: Vec<String> = [timeout, idle, attempts, blocking]
            .into_iter()
            .flatten()
            .collect();
        Self::Node {
            name: node.name.to_owned(),
            details: details.join(" · "),
        }
    }
}

/// As `#[node]` takes it: in the largest unit that gives a whole number.
fn human(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

//! The edge table as written.

use proc_macro2::{Span, TokenStream};
use syn::{Expr, ExprPath, Ident, LitInt, LitStr, Path, Type};

/// What is in `#[graph(…)]`.
#[derive(Default)]
pub(super) struct Table {
    pub(super) settings: Settings,
    pub(super) instances: Vec<Instance>,
    pub(super) rows: Vec<Row>,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.settings.state.is_none() && self.instances.is_empty() && self.rows.is_empty()
    }
}

#[derive(Default)]
pub(super) struct Settings {
    pub(super) state: Option<Type>,
    pub(super) version: Option<LitInt>,
    pub(super) conflict: Option<Conflict>,
    pub(super) max_steps: Option<LitInt>,
    pub(super) krate: Option<Path>,
    pub(super) compatible: Option<Vec<LitStr>>,
    pub(super) migrate: Option<ExprPath>,
    /// What excuses the table from the determinism lint.
    pub(super) nondeterminism: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Conflict {
    Fail,
    LastWriterWins,
}

/// `legal = review`
pub(super) struct Instance {
    pub(super) name: Ident,
    pub(super) path: Path,
}

/// One row, with its hops: `a -> b -> c`.
pub(super) enum Row {
    Flow {
        source: Source,
        hops: Vec<Source>,
        target: Target,
    },
    OnError {
        source: Place,
        target: Target,
    },
}

/// A node, `start` or `end`, where it is mentioned.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) path: Path,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Start,
    End,
}

impl Place {
    /// An `end` that is not written, at `span`.
    pub(super) fn end(span: Span) -> Self {
        let path = Ident::new("end", span).into();
        Self { path }
    }

    /// `start` or `end`, if it is one of them.
    pub(super) fn word(&self) -> Option<Word> {
        let ident = self.path.get_ident()?;
        match () {
            () if ident == "start" => Some(Word::Start),
            () if ident == "end" => Some(Word::End),
            () => None,
        }
    }

    /// The last segment, which carries the name and the span.
    pub(super) fn ident(&self) -> Ident {
        match self.path.segments.last() {
            Some(last) => last.ident.clone(),
            None => Ident::new("__nameless", Span::call_site()),
        }
    }

    pub(super) fn span(&self) -> Span {
        self.ident().span()
    }
}

#[derive(Clone)]
pub(super) enum Source {
    One(Place),
    /// `[a, b]`, and where its bracket opens.
    Join(Vec<Place>, Span),
}

pub(super) enum Target {
    To(Place),
    Defer(Place),
    /// `node(expr)`
    Input(Place, Expr),
    Each(Box<Each>),
    List(Vec<Target>, Span),
    Match(Match),
}

/// `each node(expr) else target`
pub(super) struct Each {
    pub(super) place: Place,
    pub(super) items: Expr,
    /// The parentheses, with what is between them.
    pub(super) paren: Span,
    pub(super) otherwise: Option<Target>,
}

pub(super) struct Match {
    /// The word `match`.
    pub(super) span: Span,
    pub(super) arms: Vec<Arm>,
}

pub(super) struct Arm {
    pub(super) pattern: TokenStream,
    pub(super) guard: Option<TokenStream>,
    pub(super) target: Target,
    /// Its last token.
    pub(super) end: Span,
}

//! Graphs as pictures and as data.
//!
//! All pictures show the same things: a join is a small bar, `each` is a double
//! line, `defer` is dashed, an error row is dashed and red.

mod dot;
mod json;
mod layout;
mod mermaid;
mod picture;
mod svg;

use crate::graph::GraphInfo;
use picture::Picture;

impl GraphInfo {
    /// The graph as a [Mermaid](https://mermaid.js.org) flowchart, which many
    /// Markdown viewers show.
    pub fn mermaid(&self) -> String {
        mermaid::draw(&Picture::of(self))
    }

    /// The graph for Graphviz: `dot -Tsvg`.
    pub fn dot(&self) -> String {
        dot::draw(&Picture::of(self), self.name)
    }

    /// The graph as an SVG image, laid out from `start` downwards. Needs no
    /// other tool, font or style sheet.
    pub fn svg(&self) -> String {
        svg::draw(&Picture::of(self), self.name)
    }

    /// Everything the table holds, as canonical JSON: nodes with their options,
    /// edges, joins, the state's fields, and where each is in the source.
    pub fn json(&self) -> String {
        json::write(self)
    }
}

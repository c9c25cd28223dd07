//! A layered layout: ranks by the longest path from the start, order within a
//! rank by barycentres, then horizontal places by least squares.
//!
//! Boxes stand on even ranks and the labels of arrows on odd ones, so that a
//! label has a place of its own and covers nothing.

mod isotonic;
mod order;
mod place;
mod rank;
mod route;
mod straighten;

/// Width and height.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A box, and how much room is kept free on each side of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) size: Size,
    pub(super) beside: f64,
}

/// An arrow between two different boxes, and how large its label is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: Option<Size>,
}

/// Where everything stands.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) size: Size,
    /// The centre of each box.
    pub(super) boxes: Vec<Point>,
    /// One for each link.
    pub(super) routes: Vec<Route>,
}

/// The way of an arrow, from its source to its target.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) points: Vec<Point>,
    /// The centre of the label.
    pub(super) label: Point,
}

/// What a rank holds: a box, or a stretch of a link on its way.
#[derive(Clone, Copy, Debug)]
struct Item {
    /// With the room on both sides.
    size: Size,
    rank: usize,
    /// The width of a box; nothing for a link.
    solid: Option<f64>,
}

impl Item {
    const fn is_box(&self) -> bool {
        self.solid.is_some()
    }

    /// How far from its centre an arrow can touch a box.
    fn reach(&self) -> f64 {
        self.solid
            .map_or(0.0, |width| (width / 2.0 - straighten::CORNER).max(0.0))
    }
}

/// A link as the items it passes, from the upper box to the lower one.
#[derive(Debug)]
struct Chain {
    items: Vec<usize>,
    /// Whether the link points upwards.
    reversed: bool,
    /// Which of `items` holds the label.
    label: usize,
}

/// Boxes and links as items on ranks; the first items are the boxes.
#[derive(Debug)]
struct Ranked {
    items: Vec<Item>,
    chains: Vec<Chain>,
    /// The items of each rank, from left to right.
    ranks: Vec<Vec<usize>>,
}

impl Ranked {
    /// Each item's place in its rank.
    fn places(&self) -> Vec<usize> {
        let mut place = vec![0; self.items.len()];
        for rank in &self.ranks {
            for (at, item) in rank.iter().enumerate() {
                place[*item] = at;
            }
        }
        place
    }

    /// For each item, the items it is linked with on the rank above and below.
    fn neighbours(&self) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let mut above = vec![Vec::new(); self.items.len()];
        let mut below = above.clone();
        for chain in &self.chains {
            for pair in chain.items.windows(2) {
                below[pair[0]].push(pair[1]);
                above[pair[1]].push(pair[0]);
            }
        }
        (above, below)
    }
}

/// Lays out boxes of these sizes; the first one comes on top.
pub(super) fn lay_out(boxes: &[Shape], links: &[Link]) -> Layout {
    let mut ranked = rank::assign(boxes, links);
    order::reduce_crossings(&mut ranked);
    let centres = place::centres(&ranked);
    Layout {
        size: place::extent(&ranked, &centres),
        boxes: centres[..boxes.len()].to_vec(),
        routes: route::all(&ranked, &centres),
    }
}

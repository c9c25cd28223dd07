use super::isotonic::{Wish, settle};
use super::{Item, Point, Ranked, Size, straighten};

/// Space between two items of one rank.
pub(super) const GAP: f64 = 22.0;
/// Space between two ranks.
const RANK_GAP: f64 = 25.0;
const SWEEPS: usize = 60;

/// The centre of each item.
pub(super) fn centres(ranked: &Ranked) -> Vec<Point> {
    let xs = columns(ranked);
    let ys = rows(ranked);
    let items = ranked.items.iter();
    xs.into_iter()
        .zip(items)
        .map(|(x, item)| Point {
            x,
            y: ys[item.rank],
        })
        .collect()
}

/// How large the whole picture is, given that it begins at zero.
pub(super) fn extent(ranked: &Ranked, centres: &[Point]) -> Size {
    let items = ranked.items.iter().zip(centres);
    items.fold(Size::default(), |size, (item, centre)| Size {
        width: size.width.max(centre.x + item.size.width / 2.0),
        height: size.height.max(centre.y + item.size.height / 2.0),
    })
}

fn rows(ranked: &Ranked) -> Vec<f64> {
    let mut top = 0.0;
    let rows = (0..ranked.ranks.len()).map(|rank| {
        let height = ranked.height(rank);
        let centre = top + height / 2.0;
        top += height + RANK_GAP;
        centre
    });
    rows.collect()
}

impl Ranked {
    /// The height of the rank's highest item.
    pub(super) fn height(&self, rank: usize) -> f64 {
        let heights = self.ranks[rank]
            .iter()
            .map(|item| self.items[*item].size.height);
        heights.fold(0.0, f64::max)
    }
}

/// Sweeps down and up; each item wants to be where its neighbours are.
fn columns(ranked: &Ranked) -> Vec<f64> {
    let (above, below) = ranked.neighbours();
    let both: Vec<Vec<usize>> = above
        .iter()
        .zip(&below)
        .map(|(a, b)| [&a[..], b].concat())
        .collect();
    let mut xs = vec![0.0; ranked.items.len()];
    let count = ranked.ranks.len();
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        // First one side at a time, to find the shape; then both, to even it out.
        let neighbours = match (sweep < SWEEPS / 2, down) {
            (false, _) => &both,
            (true, true) => &above,
            (true, false) => &below,
        };
        for step in 0..count {
            let rank = if down { step } else { count - 1 - step };
            settle_rank(ranked, rank, neighbours, &mut xs);
        }
    }
    straighten::links(ranked, &mut xs);
    let left = (ranked.items.iter().zip(&xs))
        .map(|(item, x)| x - item.size.width / 2.0)
        .fold(f64::INFINITY, f64::min);
    xs.iter().map(|x| x - left).collect()
}

fn settle_rank(ranked: &Ranked, rank: usize, neighbours: &[Vec<usize>], xs: &mut [f64]) {
    let row = &ranked.ranks[rank];
    let mut before: Option<&Item> = None;
    let mut wishes = Vec::with_capacity(row.len());
    for id in row {
        let item = &ranked.items[*id];
        let gap = before.map_or(0.0, |left| (left.size.width + item.size.width) / 2.0 + GAP);
        let (at, weight) = wish(ranked, *id, &neighbours[*id], xs);
        wishes.push(Wish { at, weight, gap });
        before = Some(item);
    }
    for (id, x) in row.iter().zip(settle(&wishes)) {
        xs[*id] = x;
    }
}

/// Long links want to be straight more than boxes want to stand in the middle.
fn wish(ranked: &Ranked, id: usize, neighbours: &[usize], xs: &[f64]) -> (f64, f64) {
    let (mut sum, mut weights) = (0.0, 0.0);
    for other in neighbours {
        let boxes =
            usize::from(ranked.items[id].is_box()) + usize::from(ranked.items[*other].is_box());
        let weight = [8.0, 2.0, 1.0][boxes];
        sum += weight * xs[*other];
        weights += weight;
    }
    match weights > 0.0 {
        true => (sum / weights, weights),
        false => (xs[id], 0.1),
    }
}

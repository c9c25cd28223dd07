use super::{Chain, Item, Link, Ranked, Shape, Size};

/// How wide the way of a link is where it has no label.
const WAY: f64 = 10.0;

/// Reverses links that close a loop, ranks the boxes, and cuts every link
/// into one item for each rank it passes.
pub(super) fn assign(boxes: &[Shape], links: &[Link]) -> Ranked {
    let (reversed, order) = acyclic(boxes.len(), links);
    let ends = |at: usize| match reversed[at] {
        true => (links[at].to, links[at].from),
        false => (links[at].from, links[at].to),
    };

    let mut rank = vec![0; boxes.len()];
    for upper in order {
        for at in 0..links.len() {
            let (from, to) = ends(at);
            if from == upper {
                rank[to] = rank[to].max(rank[upper] + 2);
            }
        }
    }

    let mut ranked = Ranked {
        items: Vec::new(),
        chains: Vec::new(),
        ranks: vec![Vec::new(); rank.iter().max().map_or(0, |last| last + 1)],
    };
    for (shape, rank) in boxes.iter().zip(&rank) {
        let Shape { mut size, beside } = *shape;
        let solid = Some(size.width);
        size.width += 2.0 * beside;
        ranked.add(Item {
            size,
            rank: *rank,
            solid,
        });
    }
    for (at, link) in links.iter().enumerate() {
        let (upper, lower) = ends(at);
        ranked.link(upper, lower, link.label, reversed[at]);
    }
    ranked
}

impl Ranked {
    fn add(&mut self, item: Item) -> usize {
        self.ranks[item.rank].push(self.items.len());
        self.items.push(item);
        self.items.len() - 1
    }

    /// The label stands next to the source, where the choice is made.
    fn link(&mut self, upper: usize, lower: usize, label: Option<Size>, reversed: bool) {
        let (first, last) = (self.items[upper].rank + 1, self.items[lower].rank - 1);
        let label_rank = if reversed { last } else { first };
        let mut items = vec![upper];
        for rank in first..=last {
            let way = Size {
                width: WAY,
                height: 0.0,
            };
            let size = label.filter(|_| rank == label_rank).unwrap_or(way);
            items.push(self.add(Item {
                size,
                rank,
                solid: None,
            }));
        }
        items.push(lower);
        self.chains.push(Chain {
            items,
            reversed,
            label: label_rank + 1 - first,
        });
    }
}

/// Which links close a loop, and the boxes in an order in which all others
/// point forwards. Walks depth first without recursion, since graphs can be long.
fn acyclic(boxes: usize, links: &[Link]) -> (Vec<bool>, Vec<usize>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut leaving = vec![Vec::new(); boxes];
    for (at, link) in links.iter().enumerate() {
        leaving[link.from].push(at);
    }
    let mut seen = vec![Seen::No; boxes];
    let mut reversed = vec![false; links.len()];
    let mut finished = Vec::new();
    for root in 0..boxes {
        if seen[root] != Seen::No {
            continue;
        }
        seen[root] = Seen::OnPath;
        let mut path = vec![(root, 0)];
        while let Some((current, next)) = path.last_mut() {
            let Some(&at) = leaving[*current].get(*next) else {
                seen[*current] = Seen::Done;
                finished.push(*current);
                path.pop();
                continue;
            };
            *next += 1;
            let to = links[at].to;
            match seen[to] {
                Seen::OnPath => reversed[at] = true,
                Seen::Done => {}
                Seen::No => {
                    seen[to] = Seen::OnPath;
                    path.push((to, 0));
                }
            }
        }
    }
    finished.reverse();
    (reversed, finished)
}

//! Order keys: the stable names of tasks.
//!
//! > order key = SHA-256(parent_path, node_id, edge_index), length-prefixed
//!
//! `parent_path` is the parent's order key, `node_id` the node's name in the
//! graph, `edge_index` the edge's position in `INFO` followed by the item's
//! position (0 outside `each`), both as `u64` little-endian in one part.
//!
//! Keys are computed when somebody asks: a run without a store pays only for
//! remembering who is whose parent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::RunIdentity;
use crate::graph::{GraphInfo, NodeId};
use crate::hash::{Digest, Hasher};

/// Stands for a task's order key: a position in a [`Keyring`].
pub(crate) type KeyId = u32;

/// The keys of a run's live tasks and, as far as they are not computed yet,
/// of their ancestors. Clones share one table.
#[derive(Clone, Debug)]
pub(crate) struct Keyring(Arc<Table>);

#[derive(Debug)]
struct Table {
    info: &'static GraphInfo,
    /// Whose keys these are: one shared pointer is all that a context costs.
    run: Arc<RunIdentity>,
    entries: Mutex<Vec<Entry>>,
}

#[derive(Clone, Debug)]
enum Entry {
    Known(Digest),
    /// The parent of a turn's `start` tasks.
    Turn(u64),
    /// A task: an arrow from a parent to a node.
    Task {
        parent: KeyId,
        node: NodeId,
        edge: u32,
        item: u32,
    },
    /// The parent of a join's task: its arrivals in source order.
    Join(Box<[KeyId]>),
}

impl Keyring {
    pub(crate) fn new(info: &'static GraphInfo, run: Arc<RunIdentity>) -> Self {
        let entries = Mutex::new(Vec::with_capacity(8));
        Self(Arc::new(Table { info, run, entries }))
    }

    pub(crate) fn run(&self) -> &Arc<RunIdentity> {
        &self.0.run
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Every push is complete in itself, so a poisoned table is intact.
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&mut self, entry: Entry) -> KeyId {
        // Between two steps nobody else has the table, usually.
        match Arc::get_mut(&mut self.0) {
            Some(table) => {
                let entries = table.entries.get_mut();
                append(entries.unwrap_or_else(PoisonError::into_inner), entry)
            }
            None => append(&mut self.entries(), entry),
        }
    }

    /// The parent of a `start` task: SHA-256 of the word `turn` and the turn's number.
    pub(crate) fn turn(&mut self, turn: u64) -> KeyId {
        self.push(Entry::Turn(turn))
    }

    pub(crate) fn known(&mut self, key: Digest) -> KeyId {
        self.push(Entry::Known(key))
    }

    pub(crate) fn task(&mut self, parent: KeyId, node: NodeId, edge: u32, item: u32) -> KeyId {
        self.push(Entry::Task {
            parent,
            node,
            edge,
            item,
        })
    }

    /// The parent of a join's task: the hash of its arrivals' keys in source order.
    pub(crate) fn join(&mut self, arrivals: Box<[KeyId]>) -> KeyId {
        self.push(Entry::Join(arrivals))
    }

    /// The key itself.
    pub(crate) fn get(&self, id: KeyId) -> Digest {
        let mut entries = self.entries();
        // Ancestors first, without recursion: a chain can be as long as a turn.
        let mut open = vec![id];
        while let Some(&top) = open.last() {
            let missing = |id: &KeyId| !matches!(entries[*id as usize], Entry::Known(_));
            let ready = match &entries[top as usize] {
                Entry::Known(_) => None,
                Entry::Task { parent, .. } if missing(parent) => {
                    open.push(*parent);
                    continue;
                }
                Entry::Join(arrivals) if arrivals.iter().any(missing) => {
                    open.extend(arrivals.iter().copied().filter(missing));
                    continue;
                }
                entry => Some(self.compute(entry, &entries)),
            };
            if let Some(key) = ready {
                entries[top as usize] = Entry::Known(key);
            }
            open.pop();
        }
        known(&entries, id)
    }

    fn compute(&self, entry: &Entry, entries: &[Entry]) -> Digest {
        match entry {
            Entry::Known(key) => *key,
            Entry::Turn(turn) => Hasher::new().part("turn").number(*turn).finish(),
            Entry::Task {
                parent,
                node,
                edge,
                item,
            } => order_key(
                known(entries, *parent),
                self.0.info.nodes[*node as usize].name,
                *edge,
                *item,
            ),
            Entry::Join(arrivals) => arrivals
                .iter()
                .fold(Hasher::new(), |hasher, id| {
                    hasher.part(known(entries, *id).as_bytes())
                })
                .finish(),
        }
    }

    /// A new table, of `run`, that holds only the keys at `living`; moves those ids over.
    pub(crate) fn keep<'a>(
        &mut self,
        run: Arc<RunIdentity>,
        living: impl Iterator<Item = &'a mut KeyId>,
    ) {
        let mut fresh = Self::new(self.0.info, run);
        for id in living {
            *id = fresh.known(self.get(*id));
        }
        // Contexts that outlive their step keep the old table.
        *self = fresh;
    }
}

fn append(entries: &mut Vec<Entry>, entry: Entry) -> KeyId {
    entries.push(entry);
    KeyId::try_from(entries.len() - 1).expect("a turn has fewer than 2^32 tasks")
}

fn known(entries: &[Entry], id: KeyId) -> Digest {
    match entries[id as usize] {
        Entry::Known(key) => key,
        _ => unreachable!("ancestors are computed first"),
    }
}

/// The order rule, in its one place.
pub(crate) fn order_key(parent_path: Digest, node_id: &str, edge: u32, item: u32) -> Digest {
    let mut edge_index = [0; 16];
    edge_index[..8].copy_from_slice(&u64::from(edge).to_le_bytes());
    edge_index[8..].copy_from_slice(&u64::from(item).to_le_bytes());
    Hasher::new()
        .part(parent_path.as_bytes())
        .part(node_id)
        .part(edge_index)
        .finish()
}

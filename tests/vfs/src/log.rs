//! What was changed, in order, and how much of it is there after a power loss.
//!
//! The model is that of POSIX: what was written to a file is certain once the
//! file was synced, a new name or a deletion once the folder was. What a failed
//! sync should have saved is never certain, even if the next sync succeeds:
//! Linux does not try again.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A file by the order of creation: a name that is deleted and created again leads
/// to another one.
pub(crate) type FileId = usize;

#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// From now on the name leads to that file, or to none.
    Name(String, Option<FileId>),
    Write {
        file: FileId,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: FileId,
        size: usize,
    },
    Sync(FileId),
    SyncFailed(FileId),
    SyncFolder,
}

impl Change {
    /// The file whose sync makes it certain; the folder if there is none.
    fn file(&self) -> Option<FileId> {
        match self {
            Self::Write { file, .. }
            | Self::Truncate { file, .. }
            | Self::Sync(file)
            | Self::SyncFailed(file) => Some(*file),
            Self::Name(..) | Self::SyncFolder => None,
        }
    }
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    /// Stays in part.
    Tears,
}

/// What a power loss does to changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All are there all the same, as after a kill.
    Nothing,
    /// None is there.
    Everything,
    /// The first ones of each file, and of the folder, are there.
    Tails,
    /// Any of each file are there, and any sectors of a write. Names and
    /// deletions keep their order.
    Sectors,
}

/// Every change of a database's files, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(crate) changes: Vec<Change>,
}

impl Log {
    /// How many changes there are; a power loss may come after each.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The files after a power loss after the first `at` changes. `below(n)` is
    /// a random number below `n`.
    pub fn image(&self, at: usize, loss: Loss, below: impl Fn(u64) -> u64) -> Image {
        let changes = &self.changes[..at];
        let mut fates = vec![Fate::Stays; at];
        for (file, uncertain) in uncertain(changes) {
            let first = match loss {
                Loss::Nothing => uncertain.len(),
                Loss::Everything => 0,
                Loss::Sectors if file.is_some() => {
                    for index in uncertain {
                        fates[index] = [Fate::Goes, Fate::Stays, Fate::Tears][below(3) as usize];
                    }
                    continue;
                }
                Loss::Tails | Loss::Sectors => below(uncertain.len() as u64 + 1) as usize,
            };
            for index in &uncertain[first..] {
                fates[*index] = Fate::Goes;
            }
        }
        let mut files = Files::default();
        for (change, fate) in changes.iter().zip(fates) {
            match fate {
                Fate::Stays => files.apply(change),
                Fate::Goes => {}
                Fate::Tears => files.tear(change, &below),
            }
        }
        files.image()
    }
}

/// The changes of each file, and of the folder, that no sync has made certain.
fn uncertain(changes: &[Change]) -> BTreeMap<Option<FileId>, Vec<usize>> {
    let mut pending: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let mut forsaken: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let file = change.file();
        match change {
            Change::Sync(_) | Change::SyncFolder => drop(pending.remove(&file)),
            Change::SyncFailed(_) => {
                let unsaved = pending.remove(&file).unwrap_or_default();
                forsaken.entry(file).or_default().extend(unsaved);
            }
            _ => pending.entry(file).or_default().push(index),
        }
    }
    for (file, changes) in pending {
        forsaken.entry(file).or_default().extend(changes);
    }
    forsaken
}

/// What a power loss left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    files: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// The files by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.files.iter();
        files.map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Writes the files into `folder`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        self.files()
            .try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
    }
}

#[derive(Default)]
struct Files {
    contents: BTreeMap<FileId, Vec<u8>>,
    names: BTreeMap<String, FileId>,
}

impl Files {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Name(name, Some(file)) => {
                self.names.insert(name.clone(), *file);
            }
            Change::Name(name, None) => {
                self.names.remove(name);
            }
            Change::Write {
                file,
                offset,
                bytes,
            } => self.write(*file, *offset, bytes),
            Change::Truncate { file, size } => {
                self.contents.entry(*file).or_default().resize(*size, 0);
            }
            Change::Sync(_) | Change::SyncFailed(_) | Change::SyncFolder => {}
        }
    }

    /// Applies some sectors of a write; anything else has no parts.
    fn tear(&mut self, change: &Change, below: &impl Fn(u64) -> u64) {
        let Change::Write {
            file,
            offset,
            bytes,
        } = change
        else {
            return self.apply(change);
        };
        for (offset, sector) in sectors(*offset, bytes) {
            if below(2) == 0 {
                self.write(*file, offset, sector);
            }
        }
    }

    fn write(&mut self, file: FileId, offset: usize, bytes: &[u8]) {
        let content = self.contents.entry(file).or_default();
        let end = offset + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset..end].copy_from_slice(bytes);
    }

    fn image(mut self) -> Image {
        let content = |(name, file)| (name, self.contents.remove(&file).unwrap_or_default());
        Image {
            files: self.names.into_iter().map(content).collect(),
        }
    }
}

/// `bytes` at `offset`, cut where the file's sectors end.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = (SECTOR - offset % SECTOR).min(bytes.len());
    let (head, rest) = bytes.split_at(first);
    let mut next = offset;
    std::iter::once(head)
        .chain(rest.chunks(SECTOR))
        .map(move |sector| {
            let at = next;
            next += sector.len();
            (at, sector)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: FileId, offset: usize, bytes: &[u8]) -> Change {
        Change::Write {
            file,
            offset,
            bytes: bytes.to_vec(),
        }
    }

    fn log() -> Log {
        let changes = vec![
            Change::Name("a".into(), Some(0)),
            write(0, 0, b"one"),
            Change::Sync(0),
            Change::SyncFolder,
            write(0, 3, b"two"),
            Change::Name("b".into(), Some(1)),
            write(1, 0, b"three"),
            Change::Truncate { file: 0, size: 5 },
            Change::Name("a".into(), None),
        ];
        Log { changes }
    }

    fn shown(image: &Image) -> Vec<(&str, &str)> {
        let text = |(name, bytes)| (name, str::from_utf8(bytes).expect("it is text"));
        image.files().map(text).collect()
    }

    #[test]
    fn what_was_synced_is_there_whatever_is_lost() {
        let log = log();
        for loss in [Loss::Everything, Loss::Tails, Loss::Sectors] {
            let image = log.image(log.len(), loss, |_| 0);
            assert_eq!(shown(&image), [("a", "one")], "{loss:?}");
        }
        assert_eq!(shown(&log.image(3, Loss::Everything, |_| 0)), []);
    }

    #[test]
    fn what_was_not_synced_is_there_by_chance() {
        let log = log();
        let all = log.image(log.len() - 1, Loss::Nothing, |_| 0);
        assert_eq!(shown(&all), [("a", "onetw"), ("b", "three")]);
        let tails = log.image(log.len() - 1, Loss::Tails, |end| end.min(2) - 1);
        assert_eq!(shown(&tails), [("a", "onetwo"), ("b", "three")]);
        let gone = log.image(log.len(), Loss::Nothing, |_| 0);
        assert_eq!(shown(&gone), [("b", "three")]);
    }

    #[test]
    fn what_a_failed_sync_should_have_saved_stays_uncertain() {
        let changes = vec![
            Change::Name("a".into(), Some(0)),
            Change::SyncFolder,
            write(0, 0, b"one"),
            Change::SyncFailed(0),
            write(0, 2, b"two"),
            Change::Sync(0),
        ];
        let log = Log { changes };
        let lost = log.image(log.len(), Loss::Everything, |_| 0);
        assert_eq!(shown(&lost), [("a", "\0\0two")]);
        let kept = log.image(log.len(), Loss::Nothing, |_| 0);
        assert_eq!(shown(&kept), [("a", "ontwo")]);
    }

    #[test]
    fn a_write_tears_between_sectors() {
        let bytes = [7; 1_200];
        let parts: Vec<_> = sectors(500, &bytes)
            .map(|(at, sector)| (at, sector.len()))
            .collect();
        assert_eq!(parts, [(500, 12), (512, 512), (1_024, 512), (1_536, 164)]);
        let parts: Vec<_> = sectors(600, &bytes[..8]).map(|(at, _)| at).collect();
        assert_eq!(parts, [600]);
    }
}

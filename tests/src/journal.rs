use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happened, line by line, outside any run. Nodes take it as a dependency.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
    file: Option<Arc<File>>,
}

impl Journal {
    /// A journal in memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// A journal at the end of a file, one write per line: it survives a kill,
    /// and several processes can share it.
    pub fn in_file(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Self {
            file: Some(Arc::new(file.expect("the journal opens"))),
            ..Self::default()
        }
    }

    fn lines_mut(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes `line`.
    pub fn note(&self, line: impl Display) {
        match &self.file {
            Some(file) => (&mut &**file)
                .write_all(format!("{line}\n").as_bytes())
                .expect("the journal takes a line"),
            None => self.lines_mut().push(line.to_string()),
        }
    }

    /// The lines in memory so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines_mut().clone()
    }

    /// The lines in memory so far, and none from now on.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines_mut())
    }
}

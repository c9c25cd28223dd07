use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the services have done, one deed per line, in a file that people can read.
pub struct Books {
    open: Mutex<Open>,
}

struct Open {
    file: File,
    lines: Vec<String>,
}

impl Books {
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path)?;
        let lines = std::fs::read_to_string(path)?;
        let lines = lines.lines().map(String::from).collect();
        let open = Mutex::new(Open { file, lines });
        Ok(Self { open })
    }

    /// Enters a deed.
    pub fn enter(&self, deed: &str) -> io::Result<()> {
        self.locked().enter(deed)
    }

    /// Enters a deed, unless there is one under that key: a repeated call is recognised
    /// by its key, of which the beginning is enough here.
    pub fn enter_once(&self, deed: &str, key: &str) -> io::Result<()> {
        let mut open = self.locked();
        let mark = format!("[{key:.8}]");
        match open.lines.iter().any(|line| line.ends_with(&mark)) {
            true => Ok(()),
            false => open.enter(&format!("{deed} {mark}")),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn enter(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.file, "{line}")?;
        self.lines.push(line.to_owned());
        Ok(())
    }
}

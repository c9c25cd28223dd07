//! The world outside, in one process: a warehouse, a bank and a carrier. They fail as such
//! services do, and they keep their books in a file, so that they outlive this program.

mod bank;
mod books;
mod carrier;
mod kill;
mod warehouse;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use bank::Bank;
pub use carrier::Carrier;
pub use kill::{Call, DieAt, Moment};
pub use warehouse::Warehouse;

use books::Books;

/// What a service says, if it says anything.
pub enum Answer {
    /// It is done; here is the paper.
    Yes(String),
    /// It will not be done, for this reason.
    No(String),
}

/// What all services share: the books, and how things go wrong.
pub struct World {
    books: Books,
    die_at: Option<DieAt>,
    /// The keys of the calls that have failed already: the next one succeeds.
    failed: Mutex<BTreeSet<String>>,
}

impl World {
    /// The world whose books are that file; the process dies at `die_at`.
    pub fn open(books: &Path, die_at: Option<DieAt>) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            books: Books::open(books)?,
            die_at,
            failed: Mutex::default(),
        }))
    }

    /// One call. What `serve` does is done before this program learns of it, and it may die
    /// in between.
    fn call(
        &self,
        call: Call,
        serve: impl FnOnce(&Books) -> io::Result<Answer>,
    ) -> io::Result<Answer> {
        self.die(Moment::Before, call);
        let answer = serve(&self.books);
        self.die(Moment::After, call);
        answer
    }

    fn die(&self, moment: Moment, call: Call) {
        let here = DieAt { moment, call };
        if self.die_at == Some(here) {
            eprintln!("killed {here}");
            std::process::abort();
        }
    }

    /// Whether this is the first call under that key in this process.
    fn is_first(&self, key: &str) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.insert(key.to_owned())
    }
}

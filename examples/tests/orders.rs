//! The orders program from outside: what becomes of each order, and that nothing is done twice,
//! wherever the program is killed.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

/// One day at the shop: a place for the database and the books.
struct Day {
    out: TempDir,
}

impl Day {
    fn new() -> Self {
        Self {
            out: TempDir::new().unwrap(),
        }
    }

    fn call(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        let command = command.args(args).arg("--out").arg(self.out.path());
        command.output().unwrap()
    }

    /// What it says when all goes well.
    fn fill(&self, args: &[&str]) -> String {
        let output = self.call(args);
        let said = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}{complaint}");
        said
    }

    /// Starts it and sees it die.
    fn kill(&self, order: &str, place: &str) {
        let output = self.call(&[order, "--die-at", place]);
        let last_words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(last_words, format!("killed {place}\n"));
        assert!(!output.status.success());
    }

    /// What the services have done. Lines are reserved and released at once, so in any order.
    fn books(&self) -> Vec<String> {
        let books = fs::read_to_string(self.out.path().join("books.txt")).unwrap();
        let mut books: Vec<_> = books.lines().map(String::from).collect();
        books.sort();
        books
    }

    /// What somebody answers who looks into the bank's books.
    fn answer(&self) -> &'static str {
        let has_paid = |line: &String| line.starts_with("bank: has taken");
        match self.books().iter().any(has_paid) {
            true => "happened",
            false => "did-not-happen",
        }
    }
}

/// The last line of an order's story.
fn end(said: &str) -> &str {
    let mut story = said.lines().rev();
    story.find_map(|line| line.strip_prefix("    ")).unwrap()
}

#[test]
fn every_order_comes_to_its_end() {
    let day = Day::new();
    for (order, expected) in [
        ("tea", "parcel for 1 High Street"),
        ("lighting", "3 × bulb given back"),
        ("piano", "1 × piano given back"),
        ("desk", "1 × desk given back"),
    ] {
        let said = day.fill(&[order]);
        assert_eq!(end(&said), expected, "{said}");
        let again = day.fill(&[order]);
        assert!(again.contains("as it was filled before"), "{again}");
        assert_eq!(end(&again), expected, "{again}");
    }
    let taken = |line: &&String| line.starts_with("bank: has taken");
    let given = |line: &&String| line.starts_with("bank: has given");
    let books = day.books();
    assert_eq!(books.iter().filter(taken).count(), 2, "{books:?}");
    assert_eq!(books.iter().filter(given).count(), 1, "{books:?}");
}

#[test]
fn a_bank_that_does_not_answer_is_asked_about_and_not_again() {
    for (answer, expected) in [
        ("happened", "parcel for 5 High Street"),
        ("refused", "1 × clock given back"),
    ] {
        let day = Day::new();
        let said = day.fill(&["clock"]);
        assert!(
            said.contains("nobody knows what became of `charge`"),
            "{said}"
        );
        let books = day.books();
        let again = day.fill(&["clock"]);
        assert!(
            again.contains("nobody knows what became of `charge`"),
            "{again}"
        );
        assert_eq!(day.books(), books);
        let said = day.fill(&["clock", "--answer", answer]);
        assert_eq!(end(&said), expected, "{said}");
    }
}

#[test]
fn killed_anywhere_it_does_nothing_twice() {
    for (order, calls) in [
        ("tea", ["reserve", "charge", "ship"].as_slice()),
        ("desk", ["refund", "release"].as_slice()),
    ] {
        let undisturbed = Day::new();
        let story = undisturbed.fill(&[order]);
        for call in calls {
            for moment in ["before", "after"] {
                let day = Day::new();
                day.kill(order, &format!("{moment}-{call}"));
                let mut said = day.fill(&[order]);
                let asks = said.contains("nobody knows what became of `charge`");
                assert_eq!(asks, *call == "charge", "{said}");
                if asks {
                    said = day.fill(&[order, "--answer", day.answer()]);
                }
                assert_eq!(end(&said), end(&story), "{said}");
                assert_eq!(day.books(), undisturbed.books(), "{moment}-{call}");
            }
        }
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_explained_with_code_2() {
    let day = Day::new();
    for (args, message) in [
        (&["soap"][..], "there is no order `soap`"),
        (&["--fast"], "there is no `--fast`"),
        (&["tea", "--die-at"], "`--die-at` needs a value"),
        (
            &["tea", "--die-at", "noon"],
            "`--die-at` takes one of before-reserve, ",
        ),
        (
            &["tea", "--answer", "perhaps"],
            "`--answer` takes one of happened, ",
        ),
        (
            &["--answer", "happened"],
            "`--answer` goes with the one order",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        let output = command
            .args(args)
            .current_dir(day.out.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
    }
}

#[test]
fn an_answer_to_nothing_is_an_error() {
    let day = Day::new();
    day.fill(&["tea"]);
    let output = day.call(&["tea", "--answer", "happened"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: tea asks nothing\n"
    );
}

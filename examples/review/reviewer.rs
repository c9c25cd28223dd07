//! Who reviews: a trait, so that a language model can replace the
//! parser without a change to the graph.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::NodeError;

use crate::measure::{Function, Kind, Measured, Remark, measure};
use crate::tree::SourceFile;

/// The form of a reviewer's answers; a model's take a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, NodeError>> + Send + 'a>>;

/// Looks at files.
pub trait Reviewer: Send + Sync {
    /// Its name; reviews of two reviewers are two runs.
    fn name(&self) -> &str;

    /// A quick look at every file.
    fn survey<'a>(&'a self, file: &'a SourceFile) -> Answer<'a, Survey>;

    /// A close look at one of the worst.
    fn look<'a>(&'a self, file: &'a SourceFile) -> Answer<'a, CloseLook>;
}

/// What a quick look at a file finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    pub path: String,
    pub lines: usize,
    pub functions: usize,
    /// Lines of the longest function.
    pub longest: usize,
    /// Depth of the deepest one.
    pub deepest: usize,
    pub unwraps: usize,
    pub unsafes: usize,
    pub todos: usize,
    pub undocumented: usize,
}

/// What a close look at a file finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseLook {
    pub path: String,
    /// The longest functions, the longest first.
    pub long: Vec<Function>,
    /// The most deeply nested ones, the deepest first.
    pub deep: Vec<Function>,
    /// Everything else worth a look, in the order of the file.
    pub remarks: Vec<Remark>,
}

/// How long a function may be before it is worth a remark.
pub const LONG: usize = 50;
/// How deep its nesting may be.
pub const DEEP: usize = 3;

/// How many functions of each kind a close look names.
const NAMED: usize = 3;

/// The reviewer that needs no network: it parses and counts.
pub struct Parser {
    /// Added to every answer, so that there is time to kill the program.
    pub pause: Duration,
}

impl Parser {
    async fn measure(&self, file: &SourceFile) -> Result<Measured, NodeError> {
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        let path = &file.path;
        let mut found = measure(&file.text).map_err(|error| {
            let line = error.span().start().line;
            NodeError::permanent(format!("{path}:{line}: does not parse: {error}"))
        })?;
        // A test may unwrap, and nobody reads the docs of its helpers.
        if path.split('/').any(|folder| folder == "tests") {
            found.remarks.clear();
        }
        Ok(found)
    }
}

impl Reviewer for Parser {
    fn name(&self) -> &str {
        "parser-1"
    }

    fn survey<'a>(&'a self, file: &'a SourceFile) -> Answer<'a, Survey> {
        Box::pin(async move { Ok(survey(&file.path, &self.measure(file).await?)) })
    }

    fn look<'a>(&'a self, file: &'a SourceFile) -> Answer<'a, CloseLook> {
        Box::pin(async move { Ok(look(&file.path, self.measure(file).await?)) })
    }
}

fn survey(path: &str, found: &Measured) -> Survey {
    let count = |kind| {
        found
            .remarks
            .iter()
            .filter(|remark| remark.kind == kind)
            .count()
    };
    let most = |size: fn(&Function) -> usize| found.functions.iter().map(size).max().unwrap_or(0);
    Survey {
        path: path.to_owned(),
        lines: found.lines,
        functions: found.functions.len(),
        longest: most(|function| function.lines),
        deepest: most(|function| function.depth),
        unwraps: count(Kind::Unwrap),
        unsafes: count(Kind::Unsafe),
        todos: count(Kind::Todo),
        undocumented: count(Kind::Undocumented),
    }
}

fn look(path: &str, found: Measured) -> CloseLook {
    let worst = |size: fn(&Function) -> usize, limit: usize| {
        let mut over: Vec<_> = found
            .functions
            .iter()
            .filter(|f| size(f) > limit)
            .cloned()
            .collect();
        over.sort_by_key(|f| (std::cmp::Reverse(size(f)), f.line));
        over.truncate(NAMED);
        over
    };
    let (long, deep) = (worst(|f| f.lines, LONG), worst(|f| f.depth, DEEP));
    CloseLook {
        path: path.to_owned(),
        long,
        deep,
        remarks: found.remarks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str =
        "pub fn f() {\n    a.unwrap();\n    if a { if b { if c { if d {} } } }\n}\n";

    #[test]
    fn a_survey_counts() {
        let survey = survey("a.rs", &measure(SOURCE).unwrap());
        let counts = (
            survey.lines,
            survey.functions,
            survey.longest,
            survey.deepest,
        );
        assert_eq!(counts, (4, 1, 4, 4));
        assert_eq!((survey.unwraps, survey.undocumented), (1, 1));
    }

    #[tokio::test]
    async fn a_file_below_tests_is_measured_without_remarks() {
        let text = SOURCE.to_owned();
        let file = |path: &str| SourceFile {
            path: path.into(),
            text: text.clone(),
        };
        let parser = Parser {
            pause: Duration::ZERO,
        };
        let test = parser.measure(&file("a/tests/b.rs")).await.unwrap();
        assert!(test.remarks.is_empty());
        assert_eq!(test.functions.len(), 1);
        let code = parser.measure(&file("a/b.rs")).await.unwrap();
        assert_eq!(code.remarks.len(), 2);
    }

    #[test]
    fn a_close_look_names_what_is_over_the_limits_only() {
        let look = look("a.rs", measure(SOURCE).unwrap());
        assert_eq!(
            look.deep
                .iter()
                .map(|f| (f.depth, f.deepest_line))
                .collect::<Vec<_>>(),
            [(4, 3)]
        );
        assert!(look.long.is_empty());
        assert_eq!(look.remarks.len(), 2);
    }
}

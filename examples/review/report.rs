//! The report as Markdown. Pure: a finished review in, text out.

use std::cmp::Reverse;
use std::fmt::Write;

use crate::graph::Review;
use crate::measure::{Function, Kind, Remark};
use crate::reviewer::{CloseLook, DEEP, LONG, Survey};

/// How many remarks of one kind a file's section names.
const NAMED: usize = 8;

/// How badly a file needs a look; [`rules`] puts it into words.
pub fn points(file: &Survey) -> usize {
    file.longest.saturating_sub(LONG) / 10
        + file.deepest.saturating_sub(DEEP) * 5
        + file.unsafes * 5
        + file.todos * 3
        + file.unwraps
        + file.undocumented
}

fn rules() -> String {
    format!(
        "Points: 1 for every 10 lines of the longest function beyond {LONG}, 5 for each level of \
         nesting beyond {DEEP}, 5 for each `unsafe`, 3 for each `todo!`, 1 for each `unwrap` and \
         each undocumented `pub` item. Test functions and what stands inside macro calls are left \
         out; below a `tests` folder only functions count."
    )
}

/// The files that have points, the worst first.
pub fn ranked(files: &[Survey]) -> Vec<&Survey> {
    let mut ranked: Vec<_> = files.iter().filter(|file| points(file) > 0).collect();
    ranked.sort_by_key(|file| (Reverse(points(file)), &file.path));
    ranked
}

/// The report of a review whose files have all been looked at.
pub fn render(review: &Review) -> String {
    let mut sections = vec![format!("# Review of {}", review.tree), totals(review)];
    if review.worst.is_empty() {
        sections.push("Nothing stands out.".into());
    } else {
        sections.push("## Where to look first".into());
        sections.push(table(review));
        sections.push(rules());
        sections.extend(review.worst.iter().map(|path| section(review, path)));
    }
    sections.extend(skipped(review));
    sections.join("\n\n") + "\n"
}

/// The report of a tree without Rust files.
pub fn nothing(review: &Review) -> String {
    let mut sections = vec![
        format!("# Review of {}", review.tree),
        "There are no Rust files here, so there is nothing to review.".into(),
    ];
    sections.extend(skipped(review));
    sections.join("\n\n") + "\n"
}

fn totals(review: &Review) -> String {
    let sum = |of: fn(&Survey) -> usize| review.surveyed.iter().map(of).sum::<usize>();
    let mut text = format!(
        "{}, {}, {}: {} `unwrap`, {} `unsafe`, {} `todo!`, {}.",
        counted(review.surveyed.len(), "Rust file"),
        counted(sum(|file| file.lines), "line"),
        counted(sum(|file| file.functions), "function"),
        sum(|file| file.unwraps),
        sum(|file| file.unsafes),
        sum(|file| file.todos),
        counted(sum(|file| file.undocumented), "undocumented `pub` item"),
    );
    if !review.skipped.is_empty() {
        let skipped = review.skipped.len();
        let _ = write!(
            text,
            "\n{skipped} could not be reviewed and are listed at the end."
        );
    }
    text
}

fn table(review: &Review) -> String {
    let mut text =
        "| points | file | longest | deepest | unwrap | unsafe | todo | undocumented |\n\
                    |---:|---|---:|---:|---:|---:|---:|---:|"
            .to_owned();
    for file in ranked(&review.surveyed)
        .into_iter()
        .take(review.worst.len())
    {
        let Survey {
            path,
            longest,
            deepest,
            unwraps,
            unsafes,
            todos,
            undocumented,
            ..
        } = file;
        let points = points(file);
        let _ = write!(
            text,
            "\n| {points} | {path} | {longest} | {deepest} | {unwraps} | {unsafes} | {todos} | {undocumented} |"
        );
    }
    text
}

fn section(review: &Review, path: &str) -> String {
    let found = review.looks.iter().find(|look| look.path == path);
    let said = match found {
        Some(look) => close_look(look),
        None => "- it could not be read a second time".into(),
    };
    format!("### {path}\n\n{said}")
}

fn close_look(look: &CloseLook) -> String {
    let mut lines = Vec::new();
    for Function {
        name,
        line,
        lines: long,
        ..
    } in &look.long
    {
        lines.push(format!("- line {line}: `{name}` is {long} lines long"));
    }
    for Function {
        name,
        depth,
        deepest_line,
        ..
    } in &look.deep
    {
        lines.push(format!(
            "- line {deepest_line}: `{name}` is {depth} levels deep"
        ));
    }
    for kind in [Kind::Unsafe, Kind::Todo, Kind::Unwrap, Kind::Undocumented] {
        lines.extend(places(&look.remarks, kind));
    }
    lines.join("\n")
}

/// All remarks of one kind in one line.
fn places(remarks: &[Remark], kind: Kind) -> Option<String> {
    let of_kind: Vec<_> = remarks
        .iter()
        .filter(|remark| remark.kind == kind)
        .collect();
    let shown: Vec<_> = of_kind
        .iter()
        .take(NAMED)
        .map(|remark| place(remark))
        .collect();
    let rest = match of_kind.len().checked_sub(NAMED) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    let plural = if of_kind.len() == 1 { "line" } else { "lines" };
    (!shown.is_empty()).then(|| format!("- {}: {plural} {}{rest}", kind.as_str(), shown.join(", ")))
}

fn place(remark: &Remark) -> String {
    if remark.name.is_empty() {
        remark.line.to_string()
    } else {
        format!("{} (`{}`)", remark.line, remark.name)
    }
}

fn skipped(review: &Review) -> Option<String> {
    let lines: Vec<_> = review
        .skipped
        .iter()
        .map(|why| format!("- {why}"))
        .collect();
    (!lines.is_empty()).then(|| format!("## Not reviewed\n\n{}", lines.join("\n")))
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, unwraps: usize) -> Survey {
        Survey {
            path: path.into(),
            lines: 10,
            functions: 1,
            unwraps,
            ..Survey::default()
        }
    }

    fn review(surveyed: Vec<Survey>) -> Review {
        let worst = ranked(&surveyed)
            .into_iter()
            .map(|file| file.path.clone())
            .collect();
        Review {
            tree: "demo".into(),
            surveyed,
            worst,
            ..Review::default()
        }
    }

    #[test]
    fn the_worst_file_comes_first_and_clean_ones_are_left_out() {
        let files = [
            file("a.rs", 1),
            file("b.rs", 3),
            file("clean.rs", 0),
            file("c.rs", 3),
        ];
        let paths: Vec<_> = ranked(&files)
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(paths, ["b.rs", "c.rs", "a.rs"]);
    }

    #[test]
    fn only_what_is_beyond_the_limits_counts() {
        let at_the_limits = Survey {
            longest: LONG,
            deepest: DEEP,
            ..Survey::default()
        };
        assert_eq!(points(&at_the_limits), 0);
        let beyond = Survey {
            longest: LONG + 20,
            deepest: DEEP + 1,
            ..Survey::default()
        };
        assert_eq!(points(&beyond), 7);
    }

    #[test]
    fn a_clean_tree_is_said_to_be_clean() {
        let report = render(&review(vec![file("a.rs", 0)]));
        assert_eq!(
            report,
            "# Review of demo\n\n1 Rust file, 10 lines, 1 function: 0 `unwrap`, 0 `unsafe`, 0 `todo!`, \
             0 undocumented `pub` items.\n\nNothing stands out.\n"
        );
    }

    #[test]
    fn a_close_look_names_lines() {
        let function = Function {
            name: "f".into(),
            line: 3,
            lines: 80,
            depth: 5,
            deepest_line: 40,
        };
        let remark = |line, kind, name: &str| Remark {
            line,
            kind,
            name: name.into(),
        };
        let look = CloseLook {
            path: "a.rs".into(),
            long: vec![function.clone()],
            deep: vec![function],
            remarks: vec![
                remark(7, Kind::Unwrap, ""),
                remark(9, Kind::Unwrap, ""),
                remark(1, Kind::Undocumented, "f"),
            ],
        };
        assert_eq!(
            close_look(&look),
            "- line 3: `f` is 80 lines long\n- line 40: `f` is 5 levels deep\n\
             - unwrap: lines 7, 9\n- undocumented: line 1 (`f`)"
        );
    }

    #[test]
    fn more_remarks_than_fit_are_counted() {
        let remarks: Vec<_> = (1..=10)
            .map(|line| Remark {
                line,
                kind: Kind::Todo,
                name: String::new(),
            })
            .collect();
        assert_eq!(
            places(&remarks, Kind::Todo).unwrap(),
            "- todo: lines 1, 2, 3, 4, 5, 6, 7, 8 and 2 more"
        );
    }

    #[test]
    fn what_was_skipped_and_what_vanished_is_said() {
        let mut review = review(vec![file("gone.rs", 1)]);
        review.skipped = vec!["bad.rs: not UTF-8 from byte 0".into()];
        let report = render(&review);
        assert!(
            report.contains("### gone.rs\n\n- it could not be read a second time\n"),
            "{report}"
        );
        assert!(
            report.ends_with("## Not reviewed\n\n- bad.rs: not UTF-8 from byte 0\n"),
            "{report}"
        );
    }

    #[test]
    fn an_empty_tree_is_said_to_be_empty() {
        assert!(nothing(&review(Vec::new())).contains("no Rust files"));
    }
}

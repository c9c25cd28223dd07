//! The guides fit together: each is on the map and compiled, links lead somewhere, and words
//! that are given as error codes are error codes.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The names of the guides, without the map.
fn guides() -> Vec<String> {
    let files = root().join("docs").read_dir().unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut guides: Vec<_> = names.filter(|name| name.ends_with(".md")).collect();
    guides.retain(|name| name != "README.md");
    guides.sort();
    guides
}

#[test]
fn every_guide_is_on_the_map_and_its_code_is_compiled() {
    let map = read("docs/README.md");
    let places = [
        "tests/src/doctests.rs",
        "examples/guides.rs",
        "ui-tests/tests/page.rs",
    ];
    let compiled: String = places.map(read).concat();
    for guide in guides() {
        assert!(
            map.contains(&format!("]({guide})")),
            "{guide} is not on the map"
        );
        let has_code = read(&format!("docs/{guide}")).contains("```rust");
        let is_compiled = compiled.contains(&format!("docs/{guide}\""));
        assert!(is_compiled || !has_code, "{guide} is not compiled");
    }
}

#[test]
fn links_lead_somewhere() {
    let pages = guides().into_iter().map(|guide| format!("docs/{guide}"));
    let others = ["README.md", "docs/README.md", "tests/README.md"].map(String::from);
    for page in pages.chain(others) {
        let (text, path) = (prose(&read(&page)), root().join(&page));
        for link in text.split("](").skip(1) {
            let (link, _) = link.split_once(')').unwrap();
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            if file.starts_with("http") {
                continue;
            }
            let target = match file {
                "" => path.clone(),
                file => path.with_file_name(file),
            };
            assert!(target.exists(), "{page}: {link}");
            let is_there = || headings(&target).iter().any(|found| found == heading);
            assert!(heading.is_empty() || is_there(), "{page}: {link}");
        }
    }
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    let parts = page.split("```").step_by(2);
    parts.collect::<Vec<_>>().join("\n")
}

/// The headings of a page as links name them.
fn headings(page: &Path) -> Vec<String> {
    let text = prose(&fs::read_to_string(page).unwrap());
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let slug = |title: &str| {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title.replace(' ', "-");
        kept.replace(
            |letter: char| !letter.is_alphanumeric() && !"-_".contains(letter),
            "",
        )
    };
    titles.map(slug).collect()
}

#[test]
fn the_codes_in_the_guide_to_services_are_those_of_errors() {
    let files = root().join("runtime/src/error").read_dir().unwrap();
    let real: String = files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let guide = read("docs/in-a-service.md");
    let (_, table) = guide.split_once("| HTTP | `Error::code()` |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let words = table.split('`').skip(1).step_by(2);
    let is_code = |word: &&str| word.contains('_') && !word.contains('(');
    let codes: Vec<_> = words.filter(is_code).collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(
            real.contains(&format!("\"{code}\"")),
            "there is no `{code}`"
        );
    }
    let (_, real) = real.split_once("\ncodes! {").unwrap();
    let (real, _) = real.split_once('}').unwrap();
    for code in real.split('"').skip(1).step_by(2) {
        assert!(table.contains(&format!("`{code}`")), "`{code}` is missing");
    }
}

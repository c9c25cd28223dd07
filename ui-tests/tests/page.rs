//! `docs/compile-errors.md` shows typical mistakes with the messages that they get: what
//! `cases/typical/` has. `UPDATE_EXPECT=1` regenerates the page.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compile-errors.md");
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cases/typical");
const SHOWN: &str = "// Shown in docs/compile-errors.md:\n";
const NOT_SHOWN: &str = "\n// Not shown:\n";

#[test]
fn the_page_shows_every_typical_mistake_and_what_the_compiler_says_to_it() {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut sections = page.split("\n## ");
    let mut made = sections.next().unwrap().to_owned();
    let mut names = Vec::new();
    for section in sections {
        let (prose, rest) = section.split_once("<!-- ").unwrap();
        let name = rest.split(' ').next().unwrap();
        made += &format!("\n## {prose}<!-- {name} -->\n{}", shown(name));
        names.push(name.to_owned());
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(PAGE, &made).unwrap();
    }
    let page = fs::read_to_string(PAGE).unwrap();
    assert_eq!(made, page, "run this test with UPDATE_EXPECT=1");
    assert_eq!(names.len(), 20);
    let names: BTreeSet<String> = names.into_iter().collect();
    assert_eq!(names, all());
}

/// The names of all cases.
fn all() -> BTreeSet<String> {
    let files = fs::read_dir(CASES)
        .unwrap()
        .map(|file| file.unwrap().path());
    let cases = files.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let name = |path: std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into();
    cases.map(name).collect()
}

/// A case's code and its message, as blocks.
fn shown(name: &str) -> String {
    let read = |extension| {
        let file = Path::new(CASES).join(name).with_extension(extension);
        fs::read_to_string(file).unwrap()
    };
    let program = read("rs");
    let (_, code) = program.split_once(SHOWN).unwrap();
    let (code, _) = code.split_once(NOT_SHOWN).unwrap();
    let message = shortened(&read("stderr"));
    format!("```rust\n{code}```\n\n```text\n{message}```\n")
}

/// The first error, without what it says about traits that users never implement.
fn shortened(message: &str) -> String {
    let errors: Vec<&str> = message.trim_end().split("\n\n").collect();
    let (mut out, mut keep) = (String::new(), true);
    for line in errors[0].lines() {
        let text = line.trim_start_matches(' ').trim_start_matches("= ");
        let begins = !line.starts_with(' ') || line.trim_start().starts_with("= ");
        if begins && (text.starts_with("note: ") || text.starts_with("help: ")) {
            keep = !ABOUT_TRAITS.iter().any(|start| text.starts_with(start));
        }
        if keep {
            out += &format!("{line}\n");
        }
    }
    let mut out = out.trim_end_matches(['\n', ' ', '|']).to_owned() + "\n";
    if errors.len() > 1 {
        out += &format!("… and {} more\n", errors.len() - 1);
    }
    out
}

const ABOUT_TRAITS: [&str; 8] = [
    "help: the trait",
    "help: the following other types",
    "help: the nightly-only",
    "help: for that trait",
    "help: within",
    "note: required",
    "note: the matched value",
    "note: this error originates",
];

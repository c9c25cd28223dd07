//! Compares values by what `{:#?}` shows of them, ignoring the order of a map's
//! or a set's entries.

use std::fmt::Debug;

use crate::panics::caught;

/// How a value comes back as another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where, as far as names lead; empty for the value itself.
    pub(super) path: String,
    /// What was there, if anything was.
    pub(super) lost: Option<String>,
    /// What is there instead, if anything is.
    pub(super) found: Option<String>,
}

/// As much of a value as an error shows.
const EXCERPT: usize = 80;

/// The first difference between two values; the error is what a panic said.
pub(super) fn difference<T: Debug>(value: &T, back: &T) -> Result<Option<Difference>, String> {
    let [value, back] = [value, back].map(|value| caught(|| format!("{value:#?}")));
    let (value, back) = (value?, back?);
    Ok(if value == back {
        None
    } else {
        between(&value, &back)
    })
}

fn between(value: &str, back: &str) -> Option<Difference> {
    let (lost, found) = (only_in(value, back), only_in(back, value));
    let path = match (lost, found) {
        (Some((line, _)), _) => path(value, line),
        (None, Some((line, _))) => path(back, line),
        (None, None) => return None,
    };
    let excerpt = |(_, piece): (usize, &str)| {
        let piece = piece.trim_end_matches(['(', '[', '{', ' ']);
        piece[..piece.floor_char_boundary(EXCERPT)].to_owned()
    };
    Some(Difference {
        path,
        lost: lost.map(excerpt),
        found: found.map(excerpt),
    })
}

/// The first piece of `text` that `other` lacks, or has less often, and its line.
fn only_in<'a>(text: &'a str, other: &str) -> Option<(usize, &'a str)> {
    let mut own = pieces(text);
    own.sort_by_key(|(_, piece)| *piece);
    let mut others = pieces(other);
    others.sort_by_key(|(_, piece)| *piece);
    let mut others = others.into_iter().map(|(_, piece)| piece).peekable();
    own.retain(|(_, piece)| {
        while others.next_if(|other| other < piece).is_some() {}
        others.next_if_eq(piece).is_none()
    });
    own.into_iter().min_by_key(|(line, _)| *line)
}

/// The lines of a shown value, by number, without indentation and trailing
/// commas. One that holds several entries, as with a value that is shown
/// on a single line, is taken apart into what its lines would have been.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let (mut line, mut start) = (0, 0);
    for (at, byte) in text.bytes().enumerate() {
        let end = match byte {
            b',' | b'\n' | b')' | b']' | b'}' => at,
            b'(' | b'[' | b'{' => at + 1,
            _ => continue,
        };
        pieces.push((line, text[start..end].trim_ascii()));
        // A closing bracket is a piece of its own.
        start = match byte {
            b')' | b']' | b'}' => at,
            _ => at + 1,
        };
        line += usize::from(byte == b'\n');
    }
    pieces.push((line, text[start..].trim_ascii()));
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}

/// The names on the way to a line of a shown value.
fn path(text: &str, line: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().take(line + 1).collect();
    let mut inside = usize::MAX;
    let mut names = Vec::new();
    for line in lines.iter().rev().filter(|line| !line.trim().is_empty()) {
        if indent(line) < inside {
            inside = indent(line);
            names.extend(name(line));
        }
    }
    names.reverse();
    names.join("").trim_start_matches('.').to_owned()
}

/// `.field` or `["key"]` of a line that begins with one.
fn name(line: &str) -> Option<String> {
    let (name, _) = line.trim_start().split_once(": ")?;
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    let is_key = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    match name.chars().all(is_word) {
        true => Some(format!(".{name}")),
        false => is_key.then(|| format!("[{name}]")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn found(value: &str, back: &str) -> Option<(String, String, String)> {
        let Difference { path, lost, found } = between(value, back)?;
        Some((path, lost.unwrap_or_default(), found.unwrap_or_default()))
    }

    #[test]
    fn the_order_of_entries_is_no_difference() {
        let entries = || (0..50).map(|key| (key, Some(format!("{key}, {{"))));
        let one: HashMap<_, _> = entries().collect();
        let other: HashMap<_, _> = entries().collect();
        for (one, other) in [
            (format!("{one:#?}"), format!("{other:#?}")),
            (format!("Map({one:?})"), format!("Map({other:?})")),
        ] {
            assert_eq!(found(&one, &other), None, "{one}\n{other}");
        }
    }

    #[test]
    fn what_differs_is_named_with_its_place() {
        let shown = |a: Option<u8>, b: &[u8]| {
            let map = HashMap::from([("k", (a, b.to_vec()))]);
            format!("{map:#?}")
        };
        let some = shown(Some(5), &[1, 2]);
        let place = r#"["k"]"#.to_owned();
        let none = found(&some, &shown(None, &[1, 2]));
        assert_eq!(none, Some((place.clone(), "Some".into(), "None".into())));
        let other = found(&some, &shown(Some(5), &[1, 3]));
        assert_eq!(other, Some((place.clone(), "2".into(), "3".into())));
        let fewer = found(&some, &shown(Some(5), &[1]));
        assert_eq!(fewer, Some((place.clone(), "2".into(), String::new())));
        // As many of each, in other places.
        let swapped = |a: u8, b: u8| format!("Pair {{\n    a: {a},\n    b: {b},\n}}");
        let swap = found(&swapped(1, 2), &swapped(2, 1));
        assert_eq!(swap, Some(("a".into(), "a: 1".into(), "a: 2".into())));
    }

    #[test]
    fn brackets_count() {
        assert!(found("[\n    [],\n]", "[]").is_some());
        assert!(found("{}", "[]").is_some());
    }
}

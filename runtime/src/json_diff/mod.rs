//! What is different between two JSON texts, field by field.
//!
//! Texts are compared as they are stored: in canonical JSON equal values have
//! equal texts, so equal parts are never taken apart.

mod level;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use level::Level;
use serde::Serialize;

/// No more differences than this are listed: whoever needs the rest has both texts.
const MOST: usize = 100;

/// Values deeper than this are compared as a whole. Every level is read again
/// for those below, so an unbounded depth would cost its square.
const DEEPEST: usize = 32;

/// Longer values are cut to this many bytes.
const LONGEST: usize = 160;

/// One place at which two values differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where, e.g. `notes[3].text`; `.` for the value itself.
    pub path: String,
    /// What is there in the first value, as JSON, cut if it is long; `None` if
    /// there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a: Option<String>,
    /// What is there in the second one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        let Self { path, a, b } = self;
        write!(f, "`{path}`: {} against {}", shown(a), shown(b))
    }
}

/// The places at which two JSON texts differ, in the order of the expected
/// one; the first hundred of them. Text that is not JSON is compared as it is.
pub(crate) fn differences(expected: &str, found: &str) -> Vec<Difference> {
    let mut differences = Vec::new();
    // A list of what is still to be compared instead of recursion, the next at its end.
    let mut open = vec![Pair {
        path: String::new(),
        depth: 0,
        a: Some(expected),
        b: Some(found),
    }];
    while let Some(pair) = open.pop() {
        if pair.a == pair.b {
            continue;
        }
        match pair.parts() {
            Some(parts) => open.extend(parts.into_iter().rev()),
            None => differences.push(pair.difference()),
        }
        if differences.len() == MOST {
            break;
        }
    }
    differences
}

/// The difference to nothing at all.
pub(crate) fn one_sided(expected: Option<&str>, found: Option<&str>) -> Difference {
    Difference {
        path: ".".into(),
        a: expected.map(shown),
        b: found.map(shown),
    }
}

/// Two values at one place.
struct Pair<'a> {
    path: String,
    depth: usize,
    a: Option<&'a str>,
    b: Option<&'a str>,
}

impl<'a> Pair<'a> {
    /// The pairs of their parts, if both are objects or both are lists.
    fn parts(&self) -> Option<Vec<Self>> {
        if self.depth == DEEPEST {
            return None;
        }
        match (Level::of(self.a?), Level::of(self.b?)) {
            (Level::List(a), Level::List(b)) => Some(self.items(&a, &b)),
            (Level::Object(a), Level::Object(b)) => Some(self.fields(&a, &b)),
            _ => None,
        }
    }

    fn items(&self, a: &[&'a str], b: &[&'a str]) -> Vec<Self> {
        (0..a.len().max(b.len()))
            .map(|item| {
                let path = format!("{}[{item}]", self.path);
                self.part(path, a.get(item).copied(), b.get(item).copied())
            })
            .collect()
    }

    fn fields(&self, a: &[Field<'a>], b: &[Field<'a>]) -> Vec<Self> {
        let by_name = |fields: &[Field<'a>]| -> BTreeMap<Cow<'a, str>, &'a str> {
            fields.iter().cloned().collect()
        };
        let (in_a, in_b) = (by_name(a), by_name(b));
        let added = b.iter().filter(|(name, _)| !in_a.contains_key(name));
        a.iter()
            .chain(added)
            .map(|(name, _)| {
                let path = field_path(&self.path, name);
                self.part(path, in_a.get(name).copied(), in_b.get(name).copied())
            })
            .collect()
    }

    fn part(&self, path: String, a: Option<&'a str>, b: Option<&'a str>) -> Self {
        let depth = self.depth + 1;
        Self { path, depth, a, b }
    }

    fn difference(self) -> Difference {
        let from = match (self.a, self.b) {
            (Some(a), Some(b)) => shown_from(a, b),
            _ => 0,
        };
        let path = if self.path.is_empty() {
            ".".into()
        } else {
            self.path
        };
        let shown = |value: &str| shortened(value, from);
        Difference {
            path,
            a: self.a.map(shown),
            b: self.b.map(shown),
        }
    }
}

/// A field's name and its value.
type Field<'a> = (Cow<'a, str>, &'a str);

/// `path.name`, or `path["a name"]` for a name that would be misread.
fn field_path(path: &str, name: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || character == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return format!("{path}[{}]", crate::encode::quoted(name));
    }
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{name}")
}

/// From which byte on two values are shown, so that their difference is visible.
fn shown_from(a: &str, b: &str) -> usize {
    let alike = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    if alike < LONGEST / 2 {
        return 0;
    }
    a.floor_char_boundary(alike - LONGEST / 4)
}

/// A value, cut if it is long.
pub(crate) fn shown(value: &str) -> String {
    shortened(value, 0)
}

/// A long value from `from` on, cut, and how long it is.
fn shortened(value: &str, from: usize) -> String {
    if value.len() <= LONGEST {
        return value.to_owned();
    }
    let before = if from > 0 { "…" } else { "" };
    let rest = &value[from..];
    let shown = &rest[..rest.floor_char_boundary(LONGEST)];
    let after = if shown.len() < rest.len() { "…" } else { "" };
    format!("{before}{shown}{after} ({} bytes)", value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(expected: &str, found: &str) -> Vec<String> {
        let told = differences(expected, found);
        told.iter().map(Difference::to_string).collect()
    }

    #[test]
    fn equal_texts_differ_nowhere() {
        assert_eq!(differences(r#"{"a":[1,{}]}"#, r#"{"a":[1,{}]}"#), []);
    }

    #[test]
    fn every_place_is_told_in_order() {
        let a = r#"{"n":1,"list":[1,{"x":"a"},3],"gone":null,"same":[[]]}"#;
        let b = r#"{"n":2,"list":[1,{"x":"b"}],"same":[[]],"new":true}"#;
        assert_eq!(
            told(a, b),
            [
                "`n`: 1 against 2",
                "`list[1].x`: \"a\" against \"b\"",
                "`list[2]`: 3 against nothing",
                "`gone`: null against nothing",
                "`new`: nothing against true",
            ]
        );
    }

    #[test]
    fn names_that_would_be_misread_are_quoted() {
        let said = told(r#"{"a.b":{"":1,"ä":2}}"#, r#"{"a.b":{"":3,"ä":4}}"#);
        assert_eq!(
            said,
            [
                r#"`["a.b"][""]`: 1 against 3"#,
                r#"`["a.b"].ä`: 2 against 4"#
            ]
        );
        assert_eq!(
            told(r#"{"a\nb":1}"#, r#"{"a\nb":2}"#),
            [r#"`["a\nb"]`: 1 against 2"#]
        );
    }

    #[test]
    fn what_is_not_alike_is_told_as_a_whole() {
        assert_eq!(told("[1]", r#"{"a":1}"#), [r#"`.`: [1] against {"a":1}"#]);
        assert_eq!(told("no json", "[1"), ["`.`: no json against [1"]);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let [difference] = &differences(&"ä".repeat(500), "1")[..] else {
            panic!("one place")
        };
        let a = difference.a.as_deref().unwrap_or_default();
        assert_eq!(a, format!("{}… (1000 bytes)", "ä".repeat(80)));
    }

    #[test]
    fn where_long_values_differ_is_in_sight() {
        let long = |end: &str| format!("{}{end}", "ä".repeat(500));
        let said = told(&long("one"), &long("two"));
        let said = said.concat();
        assert!(said.contains("äone (1003 bytes) against …ä"), "{said}");
        assert!(said.contains("ätwo (1003 bytes)"), "{said}");
        assert!(said.len() < 3 * LONGEST, "{said}");
    }

    #[test]
    fn deep_and_long_texts_are_no_bombs() {
        let deep = |core: &str| format!("{}{core}{}", "[".repeat(100_000), "]".repeat(100_000));
        let said = differences(&deep("1"), &deep("2"));
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].path, "[0]".repeat(DEEPEST));

        let long = |item: &str| format!("[{}]", vec![item; 100_000].join(","));
        assert_eq!(differences(&long("1"), &long("2")).len(), MOST);
    }

    #[test]
    fn large_objects_are_compared_in_no_square_of_their_size() {
        let object = |value: u32| {
            let fields: Vec<_> = (0..200_000).map(|n| format!("\"k{n}\":{value}")).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert_eq!(differences(&object(1), &object(2)).len(), MOST);
    }
}

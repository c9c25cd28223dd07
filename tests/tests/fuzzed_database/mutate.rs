//! How a value becomes another one.

use std::ops::Range;

use superstep_tests::Dice;

const WORDS: &[&str] = &[
    "running",
    "completed",
    "interrupted",
    "sleeping",
    "paused",
    "cancelled",
    "failed",
    "input",
    "step",
    "turn",
    "update",
    "fork",
    "done",
    "intent",
    "answered",
    "clock",
    "outcome",
    "interrupt",
    "",
    "happy",
];

const LITERALS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "0",
    "-0",
    "-1",
    "1",
    "2",
    "3",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "0.5",
    "1e308",
    "1e999",
    "1e-400",
    "-9223372036854775808",
    "[null]",
    "{\"\":null}",
    "\"end\"",
    "\"start\"",
];

/// One of `items`.
pub fn one_of<'a, T>(dice: &Dice, items: &'a [T]) -> Option<&'a T> {
    items.get(dice.below(items.len() as u64) as usize)
}

/// A stored word, most often a known one.
pub fn word(dice: &Dice, old: &str) -> String {
    match dice.below(5) {
        0 => text(dice, old, &[]),
        _ => one_of(dice, WORDS).copied().unwrap_or_default().to_owned(),
    }
}

pub fn number(dice: &Dice, old: u64) -> u64 {
    match dice.below(10) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => dice.below(12),
        3 => 0,
        4 => i64::MAX as u64,
        5 => u64::MAX,
        6 => u32::MAX.into(),
        7 => 1 << 32,
        8 => old ^ (1 << dice.below(64)),
        _ => 1 << dice.below(64),
    }
}

pub fn bytes(dice: &Dice, old: &[u8]) -> Vec<u8> {
    let mut new = old.to_vec();
    match dice.below(5) {
        0 => new.truncate(dice.below(new.len() as u64) as usize),
        1 => new.push(0),
        2 => new.fill(0),
        _ => {
            let at = dice.below(new.len() as u64) as usize;
            if let Some(byte) = new.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
    }
    new
}

/// Another text, most often JSON that is almost right; `others` are texts to
/// take pieces from.
pub fn text(dice: &Dice, old: &str, others: &[String]) -> String {
    let tokens = tokens(old);
    let values: Vec<&Range<usize>> = tokens
        .iter()
        .filter(|at| is_value(&old[at.start..]))
        .collect();
    let fields = fields(old, &tokens);
    let literal = || {
        one_of(dice, LITERALS)
            .copied()
            .unwrap_or_default()
            .to_owned()
    };
    let Some(token) = one_of(dice, &values).map(|at| Range::clone(at)) else {
        return any(dice, old, others);
    };
    let name = || one_of(dice, &fields).cloned();
    match dice.below(16) {
        0 | 1 => put(old, token, &literal()),
        2 => {
            let Some(other) = one_of(dice, &values).map(|at| Range::clone(at)) else {
                return any(dice, old, others);
            };
            put(old, token, &old[other])
        }
        3 => {
            let other = one_of(dice, others).map_or("", String::as_str);
            let other_tokens = self::tokens(other);
            let piece = one_of(dice, &other_tokens).map_or("", |at| &other[at.clone()]);
            put(old, token, piece)
        }
        4 => put(old, token, &nested(dice)),
        5 => put(old, token, &format!("\"{}\"", "long ".repeat(20_000))),
        // A field once more, with the same value, or with another.
        6 => name().map_or_else(
            || any(dice, old, others),
            |field| {
                format!(
                    "{}{},{}",
                    &old[..field.end],
                    comma(&old[field.clone()]),
                    &old[field.end..].trim_start_matches(',')
                )
            },
        ),
        7 => name().map_or_else(
            || any(dice, old, others),
            |field| put(old, field.start..field.start, "\"unknown\":[1,{}],"),
        ),
        // Without the field.
        8 | 9 => name().map_or_else(
            || any(dice, old, others),
            |field| {
                let end = field.end + usize::from(old[field.end..].starts_with(','));
                put(old, field.start..end, "")
            },
        ),
        10 => name().map_or_else(
            || any(dice, old, others),
            |field| {
                let key = old[field.clone()]
                    .find("\":")
                    .map_or(field.start, |at| field.start + at + 2);
                put(old, key..field.end, &literal())
            },
        ),
        // A stretch of whole tokens once more, or not at all.
        11 | 12 => {
            let first = dice.below(tokens.len() as u64) as usize;
            let last = (first + dice.below(12) as usize).min(tokens.len() - 1);
            let stretch = tokens[first].start..tokens[last].end;
            let copy = old[stretch.clone()].to_owned();
            match dice.below(2) {
                0 => put(old, stretch, ""),
                _ => put(old, stretch.end..stretch.end, &copy),
            }
        }
        _ => any(dice, old, others),
    }
}

/// Bytes that need not mean anything.
fn any(dice: &Dice, old: &str, others: &[String]) -> String {
    let mut chars: Vec<char> = old.chars().collect();
    let at = dice.below(chars.len() as u64 + 1) as usize;
    match dice.below(9) {
        0 => chars.truncate(at),
        1 => chars.insert(at, '\0'),
        2 => chars.insert(
            at,
            ['"', '{', ']', '\\', ',', ' ', 'é', '7'][dice.below(8) as usize],
        ),
        3 => drop(chars.drain(at..(at + dice.below(8) as usize).min(chars.len()))),
        4 => {
            let copy: Vec<char> = chars[at..].iter().take(40).copied().collect();
            drop(chars.splice(at..at, copy));
        }
        5 => return one_of(dice, others).cloned().unwrap_or_default(),
        6 => {
            return one_of(dice, LITERALS)
                .copied()
                .unwrap_or_default()
                .to_owned();
        }
        7 => return nested(dice),
        _ => {
            if let Some(char) = chars.get_mut(at) {
                *char = char::from((*char as u32 as u8) ^ (1 << dice.below(7)));
            }
        }
    }
    chars.into_iter().collect()
}

fn nested(dice: &Dice) -> String {
    let (open, close) = [("[", "]"), ("{\"a\":", "}")][dice.below(2) as usize];
    let depth = [130, 100_000][dice.below(2) as usize];
    match dice.below(2) {
        0 => open.repeat(depth),
        _ => format!("{}0{}", open.repeat(depth), close.repeat(depth)),
    }
}

fn put(old: &str, place: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &old[..place.start], &old[place.end..])
}

fn comma(field: &str) -> String {
    format!(",{field}")
}

fn is_value(rest: &str) -> bool {
    !rest.starts_with(['{', '}', '[', ']', ':', ','])
}

/// Strings, numbers, words and punctuation, by their places.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => at += 1,
            _ => {
                while at < bytes.len() && !b"{}[]:,\"".contains(&bytes[at]) {
                    at += 1;
                }
            }
        }
        let end = at.min(bytes.len());
        if text.is_char_boundary(start) && text.is_char_boundary(end) {
            tokens.push(start..end);
        }
        at = end;
    }
    tokens
}

/// The fields `"key":value` of all objects, by their places.
fn fields(text: &str, tokens: &[Range<usize>]) -> Vec<Range<usize>> {
    let ends = ends(text, tokens);
    let mut fields = Vec::new();
    for (place, pair) in tokens.windows(2).enumerate() {
        let end = ends.get(place + 2).copied().flatten();
        if let Some(end) = end
            && &text[pair[1].clone()] == ":"
        {
            fields.push(pair[0].start..end);
        }
    }
    fields
}

/// Where the value that begins with each token ends, if it does. In one pass: a text may be
/// nested a hundred thousand times.
fn ends(text: &str, tokens: &[Range<usize>]) -> Vec<Option<usize>> {
    let mut ends: Vec<_> = tokens.iter().map(|token| Some(token.end)).collect();
    let mut open = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        match text.as_bytes()[token.start] {
            b'{' | b'[' => {
                ends[place] = None;
                open.push(place);
            }
            b'}' | b']' => {
                if let Some(opened) = open.pop() {
                    ends[opened] = Some(token.end);
                }
            }
            _ => {}
        }
    }
    ends
}

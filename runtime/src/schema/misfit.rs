use super::json::Json;
use crate::encode::quoted;

/// Values and names in a message are cut to this many bytes.
const LONGEST_PART: usize = 60;

/// Paths and reasons are cut to this many bytes.
const LONGEST: usize = 240;

/// Where and why a value does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {reason}")]
pub(crate) struct Misfit {
    /// Where in the value, e.g. `$.items[2].price`; `$` for the value itself.
    pub(crate) path: String,
    /// What was expected there and what was found, in one sentence.
    pub(crate) reason: String,
}

impl Misfit {
    /// A misfit of the value as a whole.
    pub(super) fn whole(reason: String) -> Self {
        Self {
            path: "$".into(),
            reason,
        }
    }
}

/// A misfit on its way out of the value. Small, since every check returns one or none.
#[derive(Clone, Debug)]
pub(super) struct Fault(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    /// The path, from the inside out.
    steps: Vec<String>,
    expected: String,
    found: String,
    cause: Cause,
}

/// What a fault says about which of several alternatives was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Another type.
    Type,
    /// Another literal, as of a tag, or a field too many, as of another tag.
    Literal,
    Other,
}

impl Fault {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::because(Cause::Other, expected.into(), found.into())
    }

    /// The value has another type.
    pub(super) fn of_type(expected: String, value: &Json<'_>) -> Self {
        Self::because(Cause::Type, expected, value.shown())
    }

    /// The value is not one of those that are listed.
    pub(super) fn of_literal(listed: &[Json<'_>], value: &Json<'_>) -> Self {
        let listed = listed.iter().map(Json::shown).collect();
        Self::because(Cause::Literal, or(listed), value.shown())
    }

    /// No value at all has a place here.
    pub(super) fn of_presence(value: &Json<'_>) -> Self {
        Self::because(Cause::Literal, "nothing".into(), value.shown())
    }

    fn because(cause: Cause, expected: String, found: String) -> Self {
        Self(Box::new(Parts {
            steps: Vec::new(),
            expected,
            found,
            cause,
        }))
    }

    pub(super) fn in_field(mut self, name: &str) -> Self {
        let plain = |character: char| character.is_alphanumeric() || character == '_';
        let is_plain = !name.is_empty() && name.len() <= LONGEST_PART && name.chars().all(plain);
        self.0.steps.push(if is_plain {
            format!(".{name}")
        } else {
            format!("[{}]", cut(&quoted(name)))
        });
        self
    }

    pub(super) fn in_item(mut self, index: usize) -> Self {
        self.0.steps.push(format!("[{index}]"));
        self
    }

    /// What to say if none of several alternatives fits, each with its fault: that of
    /// the one which was most likely meant, or all of them if none stands out.
    pub(super) fn of_alternatives(faults: Vec<Self>, value: &Json<'_>) -> Self {
        let nearest = faults.iter().map(Self::nearness).max().unwrap_or_default();
        let mut likely = faults
            .into_iter()
            .filter(|fault| fault.nearness() == nearest);
        let Some(Self(mut first)) = likely.next() else {
            return Self::new("nothing", value.shown());
        };
        let beside = likely.filter(|fault| fault.0.steps == first.steps);
        let beside: Vec<_> = beside.map(|fault| fault.0.expected).collect();
        first.expected = or([vec![first.expected], beside].concat());
        Self(first)
    }

    /// How far an alternative came. Another type at its beginning, or another tag, says
    /// that it was not meant at all.
    fn nearness(&self) -> usize {
        let depth = self.0.steps.len();
        match self.0.cause {
            Cause::Type if depth == 0 => 0,
            Cause::Literal if depth <= 1 => 1,
            _ => depth + 2,
        }
    }
}

impl From<Fault> for Misfit {
    fn from(Fault(fault): Fault) -> Self {
        let steps: String = fault.steps.iter().rev().map(String::as_str).collect();
        let expected = cut_to(LONGEST, &fault.expected);
        Self {
            path: cut_to(LONGEST, &format!("${steps}")),
            reason: format!("expected {expected}, found {}", fault.found),
        }
    }
}

/// A list for a sentence: `a`, `a or b`, `a, b or c`; each once.
pub(super) fn or(items: Vec<String>) -> String {
    let mut listed: Vec<String> = Vec::new();
    let mut length = 0;
    for item in items {
        if length <= LONGEST && !listed.contains(&item) {
            length += item.len();
            listed.push(item);
        }
    }
    match listed.pop() {
        None => "nothing".into(),
        Some(last) if listed.is_empty() => last,
        Some(last) => format!("{} or {last}", listed.join(", ")),
    }
}

/// A part of a message, cut if it is long.
pub(super) fn cut(text: &str) -> String {
    cut_to(LONGEST_PART, text)
}

fn cut_to(longest: usize, text: &str) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(longest)])
}

//! Names and tokens as text.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

/// The tokens joined without white space, the same whatever the user's layout.
pub(crate) fn joined(tokens: impl ToTokens) -> String {
    let mut out = String::new();
    join(tokens.to_token_stream(), &mut out);
    out
}

fn join(tokens: TokenStream, out: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                out.push_str(open);
                join(group.stream(), out);
                out.push_str(close);
            }
            other => out.push_str(&other.to_string()),
        }
    }
}

/// The tokens of a type or a path, with white space where people write it.
pub(crate) fn written(tokens: impl ToTokens) -> String {
    let mut out = String::new();
    for word in tokens.to_token_stream().to_string().split_whitespace() {
        if is_spaced(&out, word) {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn is_spaced(before: &str, next: &str) -> bool {
    let ends = |ends: &[&str]| ends.iter().any(|end| before.ends_with(end));
    let starts = |starts: &[&str]| starts.iter().any(|start| next.starts_with(start));
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = next.starts_with(|c| in_word(c) || c == '\'')
        && before.ends_with(|c| in_word(c) || c == '>');
    let colon = ends(&[":"]) && !ends(&["::"]);
    words || colon || ends(&[",", ";", "+", "=", "->", " mut"]) || starts(&["+", "=", "->"])
}

/// The source at `span`, if it is short and on one line.
pub(crate) fn as_written(span: proc_macro2::Span) -> Option<String> {
    let source = span.source_text()?;
    (source.len() <= LONG && !source.contains('\n')).then_some(source)
}

/// What is longer makes a message harder to read than `…` does.
const LONG: usize = 60;

/// The identifier without `r#`.
pub(crate) fn name(ident: &proc_macro2::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

/// `` `a`, `b` and `c` ``
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_between_tokens_does_not_show() {
        let spread = quote::quote!(Plan :: Search ( q ) if q . len ( ) > 1);
        assert_eq!(joined(spread), "Plan::Search(q)ifq.len()>1");
        assert_eq!(
            joined(quote::quote!(Key("two words"))),
            "Key(\"two words\")"
        );
    }

    #[test]
    fn types_read_as_people_write_them() {
        let types = [
            "std::sync::Arc<dyn Db + Send + 'static>",
            "&'a mut [u8; 4]",
            "&mut HashMap<String, Vec<(u8, u8)>>",
            "Box<dyn Fn(&str, *const u8) -> String>",
            "Box<dyn for<'a> Fn(&'a str)>",
            "<T as Tr<u8>>::Item",
            "Box<dyn Iterator<Item = u8> + ?Sized>",
            "fetch<{ 3 }>",
        ];
        for ty in types {
            let tokens: TokenStream = ty.parse().unwrap_or_default();
            let ty = ty.replace("{ 3 }", "{3}");
            assert_eq!(written(tokens), ty);
        }
    }

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}

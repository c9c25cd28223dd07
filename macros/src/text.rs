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
    fn lists_read_like_prose() {
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}

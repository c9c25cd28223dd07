use std::time::Duration;

use proc_macro2::Span;
use syn::LitStr;
use syn::parse::{Parse, ParseStream};

/// A duration as written: `"250ms"`, `"30s"`, `"5m"` or `"2h"`.
pub(super) struct Time {
    pub(super) value: Duration,
    pub(super) span: Span,
}

const FORMS: &str =
    "help: write a whole number and its unit: `\"250ms\"`, `\"30s\"`, `\"5m\"` or `\"2h\"`";

impl Parse for Time {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let wrong = |span, what: &str| syn::Error::new(span, format!("{what}\n{FORMS}"));
        let literal: LitStr = input
            .parse()
            .map_err(|error| wrong(error.span(), "expected a duration in quotes"))?;
        let text = literal.value();
        let value = read(&text)
            .ok_or_else(|| wrong(literal.span(), &format!("`{text}` is not a duration")))?;
        Ok(Self {
            value,
            span: literal.span(),
        })
    }
}

fn read(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let millis: u64 = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_units_are_read() {
        assert_eq!(read("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(read("30s"), Some(Duration::from_secs(30)));
        assert_eq!(read("5 m"), Some(Duration::from_secs(300)));
        assert_eq!(read("2h"), Some(Duration::from_secs(7200)));
        assert_eq!(read("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "30", "s", "-1s", "1.5s", "1d", "99999999999999999h"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

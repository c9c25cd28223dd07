//! What a schema says of a value without looking into it.

use super::Verdict;
use crate::schema::json::{Json, Object};
use crate::schema::misfit::{Fault, or};
use crate::schema::number::Number;

pub(super) fn check(keywords: &Object<'_>, value: &Json<'_>) -> Verdict {
    literal(keywords, value)?;
    ty(keywords, value)?;
    match value {
        Json::Number(number) => {
            format(keywords, number)?;
            range(keywords, number)
        }
        Json::Text(text) => {
            let length = text.chars().count();
            counted(keywords, "minLength", "maxLength", length, "character")
        }
        Json::List(items) => counted(keywords, "minItems", "maxItems", items.len(), "item"),
        _ => Ok(()),
    }
}

/// Comes before the type, since it says more.
fn literal(keywords: &Object<'_>, value: &Json<'_>) -> Verdict {
    let listed = match (keywords.get("const"), keywords.get("enum")) {
        (Some(literal), _) if literal != value => std::slice::from_ref(literal),
        (_, Some(Json::List(listed))) if !listed.contains(value) => listed,
        _ => return Ok(()),
    };
    Err(Fault::of_literal(listed, value))
}

fn ty(keywords: &Object<'_>, value: &Json<'_>) -> Verdict {
    let types = match keywords.get("type") {
        Some(Json::List(types)) => types,
        Some(ty) => std::slice::from_ref(ty),
        None => return Ok(()),
    };
    let names = || types.iter().filter_map(Json::text);
    if names().any(|ty| is_of_type(value, ty)) {
        return Ok(());
    }
    Err(Fault::of_type(
        or(names().map(with_article).collect()),
        value,
    ))
}

fn is_of_type(value: &Json<'_>, ty: &str) -> bool {
    match value {
        Json::Null => ty == "null",
        Json::Bool(_) => ty == "boolean",
        Json::Number(number) => ty == "number" || ty == "integer" && number.is_integral(),
        Json::Text(_) => ty == "string",
        Json::List(_) => ty == "array",
        Json::Object(_) => ty == "object",
    }
}

fn with_article(ty: &str) -> String {
    match ty {
        "null" => "null".into(),
        "boolean" => "true or false".into(),
        "array" => "a list".into(),
        "string" => "a text".into(),
        "integer" | "object" => format!("an {ty}"),
        _ => format!("a {ty}"),
    }
}

/// The formats of integers. Their numbers must be written as serde reads them: without
/// fraction and exponent, and `-0` is a float.
fn format(keywords: &Object<'_>, number: &Number<'_>) -> Verdict {
    macro_rules! range_of {
        ($($format:literal is $ty:ty),* $(,)?) => {
            match keywords.get("format").and_then(Json::text) {
                $(Some($format) => (
                    number.text().parse::<$ty>().is_ok(),
                    <$ty>::MIN.to_string(),
                    <$ty>::MAX.to_string(),
                ),)*
                _ => return Ok(()),
            }
        };
    }
    // The size of a pointer depends on who decodes; 64 bits is the largest.
    let (fits, least, most) = range_of! {
        "int8" is i8, "int16" is i16, "int32" is i32, "int64" is i64, "int128" is i128, "int" is i64,
        "uint8" is u8, "uint16" is u16, "uint32" is u32, "uint64" is u64, "uint128" is u128,
        "uint" is u64,
    };
    if fits && number.text() != "-0" {
        return Ok(());
    }
    let expected = format!("an integer from {least} to {most}");
    Err(Fault::new(expected, number.text()))
}

fn range(keywords: &Object<'_>, number: &Number<'_>) -> Verdict {
    let limit = |keyword| keywords.get(keyword).and_then(Json::number);
    let fail = |what: &str, limit: &Number<'_>| {
        let expected = format!("{what} {}", limit.text());
        Err(Fault::new(expected, number.text()))
    };
    match limit("minimum") {
        Some(least) if number < least => return fail("at least", least),
        _ => {}
    }
    match limit("maximum") {
        Some(most) if number > most => return fail("at most", most),
        _ => {}
    }
    match limit("exclusiveMinimum") {
        Some(bound) if number <= bound => return fail("more than", bound),
        _ => {}
    }
    match limit("exclusiveMaximum") {
        Some(bound) if number >= bound => return fail("less than", bound),
        _ => {}
    }
    match limit("multipleOf") {
        Some(part) if number.is_multiple_of(part) == Some(false) => fail("a multiple of", part),
        _ => Ok(()),
    }
}

/// Limits to how many of something there are.
fn counted(keywords: &Object<'_>, min: &str, max: &str, count: usize, what: &str) -> Verdict {
    let limit = |keyword| keywords.get(keyword).and_then(Json::number);
    let several = |count: usize| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    if let Some(least) = limit(min).and_then(Number::count)
        && count < least
    {
        return Err(Fault::new(
            format!("at least {}", several(least)),
            several(count),
        ));
    }
    if let Some(most) = limit(max).and_then(Number::count)
        && count > most
    {
        return Err(Fault::new(
            format!("at most {}", several(most)),
            several(count),
        ));
    }
    Ok(())
}

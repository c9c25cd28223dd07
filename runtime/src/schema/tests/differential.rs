//! The check agrees with another implementation of JSON Schema.

use jsonschema::Validator;
use serde_json::Value;

use super::{shapes, types, values};
use crate::schema::{check, same};
use crate::simulator::Dice;

/// Random schemas, next to those of the types.
const SHAPES: u64 = 200;

/// Values a schema, of each kind.
const VALUES: u64 = 40;

/// How often each verdict was given.
#[derive(Debug, Default)]
struct Tally {
    fit: u32,
    misfit: u32,
    /// Refused for nothing but an integer's format.
    format: u32,
}

#[test]
fn what_fits_is_what_fits_elsewhere() {
    let mut dice = Dice::new(1, "schemas");
    let of_types = types::schemas().into_iter().map(|(_, text)| text);
    let of_shapes = (0..SHAPES).map(|_| shapes::whole(&mut dice).to_string());
    let schemas: Vec<String> = of_types.chain(of_shapes).collect();

    let mut tally = Tally::default();
    for text in &schemas {
        let schema: Value = serde_json::from_str(text).unwrap();
        let loose = without_formats(schema.clone());
        let other = jsonschema::draft202012::new(&loose).unwrap();
        let loose = loose.to_string();
        assert!(same(text, text) && same(text, &schema.to_string()));
        for _ in 0..VALUES {
            let value = values::made(&mut dice, &schema, &schema, 4);
            compare(text, &loose, &other, &value, &mut tally);
            let value = values::mutated(&mut dice, value);
            compare(text, &loose, &other, &value, &mut tally);
        }
    }
    let Tally {
        fit,
        misfit,
        format,
    } = tally;
    println!(
        "{} schemas: {fit} fit, {misfit} do not, {format} for a format",
        schemas.len()
    );
    assert!(
        fit > 7_000 && misfit > 7_000 && format > 50,
        "the dice are loaded"
    );
}

/// Without the formats of integers the verdicts are equal. With them more is refused,
/// unless a value is in one alternative only because it is not in another.
fn compare(schema: &str, loose: &str, other: &Validator, value: &Value, tally: &mut Tally) {
    let text = value.to_string();
    let digits = |character: char| character.is_ascii_digit();
    let is_wide = text
        .split(|character| !digits(character))
        .any(|run| run.len() > 15);
    if is_wide && schema.contains("multipleOf") {
        // The other one divides floats, which do not hold such a number.
        return;
    }
    let (verdict, loosely) = (check(schema, &text), check(loose, &text));
    let elsewhere = other.validate(value).map_err(|error| error.to_string());
    assert_eq!(
        loosely.is_ok(),
        elsewhere.is_ok(),
        "{loose}\n{text}\n{loosely:?}\n{elsewhere:?}"
    );
    match (&verdict, &loosely) {
        (Ok(()), Ok(())) => tally.fit += 1,
        (Err(_), Err(_)) => tally.misfit += 1,
        (Err(_), Ok(())) => tally.format += 1,
        (Ok(()), Err(_)) => assert!(schema.contains("oneOf"), "{schema}\n{text}"),
    }
}

fn without_formats(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(keywords) => {
            keywords.retain(|keyword, value| keyword != "format" || !value.is_string());
            keywords
                .values_mut()
                .for_each(|value| *value = without_formats(value.take()));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|value| *value = without_formats(value.take())),
        _ => {}
    }
    schema
}

//! Values that fit a schema, mostly, and values that are a little off.

use serde_json::{Map, Value, json};

use crate::simulator::Dice;

/// A value made after `schema`, a part of `root`. Whether it fits is for others to say.
pub(super) fn made(dice: &mut Dice, root: &Value, schema: &Value, fuel: u32) -> Value {
    let Some(keywords) = schema.as_object() else {
        return any(dice, fuel.min(2));
    };
    if fuel == 0 && keywords.contains_key("$ref") {
        // Some of what refers to itself has no end.
        return Value::Null;
    }
    let mut value = own(dice, root, keywords, fuel);
    let fuel = fuel.saturating_sub(1);
    if let Some(pointer) = keywords.get("$ref").and_then(Value::as_str) {
        let pointer = pointer[1..].replace("%20", " ");
        value = merged(
            value,
            made(dice, root, root.pointer(&pointer).unwrap(), fuel),
        );
    }
    for schema in keywords
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        value = merged(value, made(dice, root, schema, fuel));
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(schemas) = keywords.get(choice).and_then(Value::as_array) {
            let at = if fuel == 0 {
                schemas.len() - 1
            } else {
                dice.index(schemas.len())
            };
            value = merged(value, made(dice, root, &schemas[at], fuel));
        }
    }
    value
}

/// Fields of both, if both have fields; the latter otherwise.
fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            one.extend(other);
            one.into()
        }
        (_, other) => other,
    }
}

fn own(dice: &mut Dice, root: &Value, keywords: &Map<String, Value>, fuel: u32) -> Value {
    if let Some(literal) = keywords.get("const") {
        return literal.clone();
    }
    if let Some(listed) = keywords.get("enum").and_then(Value::as_array) {
        return listed
            .get(dice.index(listed.len()))
            .cloned()
            .unwrap_or_default();
    }
    let ty = match keywords.get("type") {
        Some(Value::Array(types)) => types[dice.index(types.len())].as_str(),
        Some(ty) => ty.as_str(),
        None => None,
    };
    match ty {
        Some("null") => Value::Null,
        Some("boolean") => dice.one_in(2).into(),
        Some("integer") => integer(dice, keywords),
        Some("number") if dice.one_in(3) => integer(dice, keywords),
        Some("number") => json!(dice.below(1_000) as f64 / 100.0 - 1.0),
        Some("string") => text(dice, keywords).into(),
        Some("array") => list(dice, root, keywords, fuel).into(),
        Some("object") => object(dice, root, keywords, fuel).into(),
        _ => any(dice, fuel.min(2)),
    }
}

fn integer(dice: &mut Dice, keywords: &Map<String, Value>) -> Value {
    let limit = |keyword| keywords.get(keyword).and_then(Value::as_i64);
    match (limit("minimum"), limit("maximum")) {
        (Some(least), _) if dice.one_in(3) => least.into(),
        (_, Some(most)) if dice.one_in(3) => most.into(),
        _ if dice.one_in(8) => (dice.below(5) as f64).into(),
        _ if dice.one_in(30) => json!([i64::MIN, 0, -1, 256, i64::MAX][dice.index(5)]),
        _ if dice.one_in(30) => json!([u64::MAX, 1 << 53, (1 << 53) + 1, 1 << 63][dice.index(4)]),
        (Some(least), _) => (least + dice.below(12) as i64).into(),
        _ => (dice.below(24) as i64 - 8).into(),
    }
}

fn text(dice: &mut Dice, keywords: &Map<String, Value>) -> String {
    if keywords.contains_key("pattern") {
        return ["AB1", "XY123", "a.b", "xa.by", "ab"][dice.index(5)].into();
    }
    let limit = |keyword| keywords.get(keyword).and_then(Value::as_u64);
    let least = limit("minLength").unwrap_or(0);
    let length = limit("maxLength").unwrap_or(least + dice.below(4));
    (0..length)
        .map(|_| ['a', 'ä', '🚀', '"', '\\', '\n', '0'][dice.index(7)])
        .collect()
}

fn list(dice: &mut Dice, root: &Value, keywords: &Map<String, Value>, fuel: u32) -> Vec<Value> {
    let first = keywords.get("prefixItems").and_then(Value::as_array);
    let mut items: Vec<Value> = first
        .into_iter()
        .flatten()
        .map(|schema| made(dice, root, schema, fuel))
        .collect();
    let limit = |keyword| keywords.get(keyword).and_then(Value::as_u64);
    let least = limit("minItems").unwrap_or(0).min(8);
    let more = if fuel == 0 {
        least
    } else {
        least + dice.below(3)
    };
    let most = limit("maxItems").unwrap_or(more);
    if let Some(schema) = keywords.get("items") {
        while (items.len() as u64) < more.min(most) {
            items.push(made(dice, root, schema, fuel.saturating_sub(1)));
        }
    }
    items
}

fn object(
    dice: &mut Dice,
    root: &Value,
    keywords: &Map<String, Value>,
    fuel: u32,
) -> Map<String, Value> {
    let less = fuel.saturating_sub(1);
    let required = keywords.get("required").and_then(Value::as_array);
    let mut fields = Map::new();
    for (name, schema) in keywords
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if required.is_some_and(|names| names.contains(&json!(name))) || fuel > 0 && dice.one_in(2)
        {
            fields.insert(name.clone(), made(dice, root, schema, less));
        }
    }
    for (_, schema) in keywords
        .get("patternProperties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        for name in ["1", "-20", "x"].into_iter().take(dice.index(4)) {
            fields.insert(name.into(), made(dice, root, schema, less));
        }
    }
    for more in ["additionalProperties", "unevaluatedProperties"] {
        if let Some(schema) = keywords
            .get(more)
            .filter(|schema| schema.is_object() && fuel > 0)
        {
            for _ in 0..dice.below(3) {
                fields.insert(name(dice).into(), made(dice, root, schema, less));
            }
        }
    }
    fields
}

fn any(dice: &mut Dice, fuel: u32) -> Value {
    match dice.below(if fuel == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => dice.one_in(2).into(),
        2 => integer(dice, &Map::new()),
        3 => json!([0.0, -0.0, 0.1, 3e300, -1.5, 1e-300, 5.0][dice.index(7)]),
        4 => name(dice).into(),
        5 => (0..dice.below(3))
            .map(|_| any(dice, fuel - 1))
            .collect::<Vec<_>>()
            .into(),
        _ => (0..dice.below(3))
            .map(|_| (name(dice).to_owned(), any(dice, fuel - 1)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn name(dice: &mut Dice) -> &'static str {
    ["a", "b", "id", "kind", "title", "x", "1", "-2", "ä b", "On"][dice.index(10)]
}

/// The value with something changed somewhere.
pub(super) fn mutated(dice: &mut Dice, mut value: Value) -> Value {
    let place = chosen(dice, &mut value);
    match place {
        Value::Object(fields) if dice.one_in(2) => {
            match fields.keys().nth(dice.index(fields.len())).cloned() {
                Some(gone) if dice.one_in(2) => {
                    let moved = fields.remove(&gone).unwrap();
                    if dice.one_in(2) {
                        fields.insert(name(dice).into(), moved);
                    }
                }
                _ => {
                    fields.insert(name(dice).into(), any(dice, 1));
                }
            }
        }
        Value::Array(items) if dice.one_in(2) => match items.pop() {
            Some(last) if dice.one_in(2) => items.extend([last.clone(), last]),
            Some(_) => {}
            None => items.push(any(dice, 1)),
        },
        Value::Number(number) if dice.one_in(2) => {
            let float = number.as_f64().unwrap();
            let near = [
                -float,
                float + 1.0,
                float - 1.0,
                float + 0.5,
                float * 1e3,
                float,
            ];
            *place = json!(near[dice.index(6)]);
        }
        Value::String(text) if dice.one_in(2) => text.push('!'),
        _ => *place = any(dice, 1),
    }
    value
}

/// A place in the value, near its top as likely as far down.
fn chosen<'v>(dice: &mut Dice, value: &'v mut Value) -> &'v mut Value {
    let parts = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if parts == 0 || dice.one_in(3) {
        return value;
    }
    let at = dice.index(parts);
    let inside = match value {
        Value::Array(items) => items.get_mut(at),
        Value::Object(fields) => fields.values_mut().nth(at),
        _ => None,
    };
    chosen(dice, inside.unwrap())
}

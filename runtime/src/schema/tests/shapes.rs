//! Schemas put together at random, in the shapes that `schemars` writes.

use serde_json::{Map, Value, json};

use crate::simulator::Dice;

/// Names of definitions; any schema may refer to any of them.
const DEFINITIONS: [&str; 3] = ["A", "B", "C of D"];

/// A schema with its definitions.
pub(super) fn whole(dice: &mut Dice) -> Value {
    let mut root = container(dice, 4);
    // A definition is a list or a struct: one that only refers on could lead back to itself.
    let definitions = DEFINITIONS.map(|name| {
        let inner = if dice.one_in(3) {
            json!({"type": "array", "items": shape(dice, 2)})
        } else {
            fields(dice, 3)
        };
        (name.to_owned(), inner)
    });
    root["$defs"] = definitions.into_iter().collect::<Map<_, _>>().into();
    root["title"] = "Title".into();
    root
}

fn shape(dice: &mut Dice, fuel: u32) -> Value {
    if fuel == 0 || dice.one_in(3) {
        return leaf(dice);
    }
    container(dice, fuel)
}

fn container(dice: &mut Dice, fuel: u32) -> Value {
    let less = fuel - 1;
    match dice.below(12) {
        0 => json!({"type": "array", "items": shape(dice, less)}),
        1 => json!({"type": "array", "items": shape(dice, less), "uniqueItems": true}),
        2 => {
            let items: Vec<_> = (0..dice.within(1, 3)).map(|_| shape(dice, less)).collect();
            json!({"type": "array", "minItems": items.len(), "maxItems": items.len(), "prefixItems": items})
        }
        3 => map(dice, less),
        4 => json!({"anyOf": [shape(dice, less), {"type": "null"}]}),
        5 => json!({"anyOf": several(dice, |dice| shape(dice, less))}),
        6 => json!({"oneOf": several(dice, |dice| variant(dice, less))}),
        7 => json!({"oneOf": several(dice, |dice| tagged(dice, less))}),
        8 | 9 => flat(dice, less),
        _ => fields(dice, fuel),
    }
}

fn several(dice: &mut Dice, mut one: impl FnMut(&mut Dice) -> Value) -> Vec<Value> {
    (0..dice.within(1, 3)).map(|_| one(dice)).collect()
}

fn leaf(dice: &mut Dice) -> Value {
    match dice.below(16) {
        0 => json!({"type": "null"}),
        1 => json!({"type": "boolean"}),
        2 => json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255}),
        3 => json!({"type": "integer", "format": "uint64", "minimum": 0}),
        4 => json!({"type": "integer", "format": "int32", "not": {"const": 0}}),
        5 => json!({"type": ["integer", "null"], "format": "int64"}),
        6 => json!({"type": "number", "format": "double"}),
        7 if dice.one_in(2) => json!({"type": "integer", "minimum": -1, "exclusiveMaximum": 4}),
        7 => json!({"type": "number", "exclusiveMinimum": 0, "maximum": 4.5}),
        8 => {
            json!({"type": "number", "multipleOf": ([3.0, 0.1, 2.5][dice.index(3)])})
        }
        9 => json!({"type": "string"}),
        10 => json!({"type": "string", "minLength": 1, "maxLength": dice.within(1, 3)}),
        11 => json!({"type": "string", "pattern": (["^[A-Z]{2}\\d+$", "a\\.b"][dice.index(2)])}),
        12 => json!({"type": "string", "enum": ["a", "b", "x"]}),
        13 => json!({"enum": [1, "1", null, 0.5, [1], {"a": 1}]}),
        14 => (!dice.one_in(5)).into(),
        _ => json!({"$ref": format!("#/$defs/{}", DEFINITIONS[dice.index(3)].replace(' ', "%20"))}),
    }
}

fn fields(dice: &mut Dice, fuel: u32) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for _ in 0..dice.below(4) {
        let name = ["a", "b", "id", "title", "required"][dice.index(5)];
        properties.insert(name.into(), shape(dice, fuel.saturating_sub(1)));
        if dice.one_in(2) && !required.contains(&name) {
            required.push(name);
        }
    }
    let mut object = json!({"type": "object", "properties": properties, "required": required});
    match dice.below(6) {
        0 => object["additionalProperties"] = false.into(),
        1 => object["additionalProperties"] = leaf(dice),
        _ => {}
    }
    object
}

fn map(dice: &mut Dice, fuel: u32) -> Value {
    let value = shape(dice, fuel);
    match dice.below(3) {
        0 => json!({"type": "object", "additionalProperties": value}),
        1 => json!({
            "type": "object",
            "patternProperties": {"^-?\\d+$": value},
            "additionalProperties": false,
        }),
        _ => json!({
            "type": "object",
            "properties": {"a": value},
            "patternProperties": {"^\\d+$": value, "x": leaf(dice)},
            "additionalProperties": false,
        }),
    }
}

/// A variant by its name.
fn variant(dice: &mut Dice, fuel: u32) -> Value {
    let name = ["On", "Off", "x"][dice.index(3)];
    if dice.one_in(3) {
        return json!({"type": "string", "const": name});
    }
    json!({
        "type": "object",
        "properties": {name: shape(dice, fuel)},
        "required": [name],
        "additionalProperties": false,
    })
}

/// A variant by a tag among its fields.
fn tagged(dice: &mut Dice, fuel: u32) -> Value {
    let mut variant = fields(dice, fuel);
    let tag = ["On", "Off", "x"][dice.index(3)];
    variant["properties"]["kind"] = json!({"type": "string", "const": tag});
    variant["required"] = json!(["kind"]);
    variant
}

/// A struct with flattened enums, structs by reference and maps.
fn flat(dice: &mut Dice, fuel: u32) -> Value {
    let mut object = fields(dice, fuel);
    let keywords = object.as_object_mut().unwrap();
    keywords.remove("additionalProperties");
    match dice.below(4) {
        0 => {
            keywords.insert(
                "oneOf".into(),
                several(dice, |dice| tagged(dice, fuel)).into(),
            );
        }
        1 => {
            let optional = json!([{"oneOf": several(dice, |dice| tagged(dice, fuel))}, {}]);
            keywords.insert("anyOf".into(), optional);
        }
        2 => {
            let parts = [
                several(dice, |dice| tagged(dice, fuel)),
                several(dice, |dice| fields(dice, fuel)),
            ];
            keywords.insert(
                "allOf".into(),
                parts.map(|part| json!({"anyOf": part})).to_vec().into(),
            );
        }
        _ => {
            keywords.insert(
                "$ref".into(),
                format!("#/$defs/{}", DEFINITIONS[dice.index(2)]).into(),
            );
        }
    }
    match dice.below(3) {
        0 => keywords.insert("unevaluatedProperties".into(), false.into()),
        1 => keywords.insert("unevaluatedProperties".into(), leaf(dice)),
        _ => None,
    };
    object
}

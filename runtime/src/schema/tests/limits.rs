//! Texts that are no JSON, schemas without sense, and what would take too long.

use std::thread;

use crate::schema::{check, of, same};

fn reason(schema: &str, value: &str) -> String {
    check(schema, value).unwrap_err().reason
}

#[test]
fn what_no_decoder_reads_fits_nothing() {
    for value in [
        "",
        "nul",
        "[1,]",
        "1 2",
        "1e400",
        "-1e400",
        r#""\ud800""#,
        r#"{"\ud800":1}"#,
    ] {
        assert!(
            reason("true", value).starts_with("this JSON cannot be read: "),
            "{value}"
        );
    }
    assert!(reason("true", r#"[{"a":1,"\u0061":2}]"#).contains("\"a\" is there twice"));
    assert!(reason("{", "1").starts_with("the schema cannot be read: "));
}

#[test]
fn objects_that_look_like_numbers_are_objects() {
    for key in ["Number", "RawValue"] {
        let value = format!(r#"{{"$serde_json::private::{key}":"5"}}"#);
        assert_eq!(
            reason(r#"{"type":"integer"}"#, &value),
            "expected an integer, found an object"
        );
    }
}

#[test]
fn depth_is_bounded_and_takes_no_stack() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let nested = r##"{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"$ref":"#/$defs/b"}],
        "$defs":{"b":{"allOf":[{"type":"null"}]}}}"##;
    let small = thread::Builder::new().stack_size(1 << 20);
    let checked = small.spawn(move || {
        assert_eq!(check(nested, &deep(100)), Ok(()));
        assert_eq!(check(nested, &deep(127)), Ok(()));
        assert!(reason(nested, &deep(128)).contains("nested deeper than 127 levels"));
        assert!(reason(nested, &deep(1_000_000)).contains("nested deeper"));
        assert!(reason(&deep(1_000_000), "1").contains("nested deeper"));

        let chain = |n: usize| {
            format!(
                r##""{n}":{{"anyOf":[false,{{"allOf":[{{"$ref":"#/$defs/{}"}}]}}]}}"##,
                n + 1
            )
        };
        let chain: Vec<_> = (0..1_000).map(chain).collect();
        let chain = format!(
            r##"{{"$ref":"#/$defs/0","$defs":{{{}}}}}"##,
            chain.join(",")
        );
        assert_eq!(
            reason(&chain, "1"),
            "value and schema are nested too deeply"
        );
    });
    checked.unwrap().join().unwrap();
}

#[test]
fn a_schema_that_leads_back_to_itself_fits_nothing() {
    for schema in [
        r##"{"$ref":"#"}"##,
        r##"{"not":{"$ref":"#"}}"##,
        r##"{"anyOf":[{"$ref":"#/$defs/a"},true],"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"oneOf":[{"$ref":"#/$defs/a"}]}}}"##,
    ] {
        assert_eq!(
            reason(schema, "1"),
            "the schema refers to itself without end"
        );
    }
    let unevaluated = r##"{"$ref":"#/$defs/a","unevaluatedProperties":false,
        "$defs":{"a":{"anyOf":[true,{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}}}"##;
    assert!(check(unevaluated, r#"{"x":1}"#).is_err());
}

#[test]
fn a_reference_to_nothing_fits_nothing() {
    for to in ["#/$defs/b", "other.json", "#a", "#/$defs/a/0", "#/%zz"] {
        let schema = format!(r#"{{"anyOf":[{{"$ref":"{to}"}},true],"$defs":{{"a":[]}}}}"#);
        assert!(
            reason(&schema, "1").contains("which it does not have"),
            "{to}"
        );
    }
    let escaped = r##"{"$ref":"#/$defs/a~1b%20%7E0~0","$defs":{"a/b ~~":{"type":"null"}}}"##;
    assert_eq!(check(escaped, "null"), Ok(()));
    assert!(check(escaped, "1").is_err());
}

#[test]
fn alternatives_within_alternatives_take_linear_time() {
    let twice = r##"{"anyOf":[{"type":"array","items":{"$ref":"#"}},
        {"type":"array","items":{"$ref":"#"}},{"type":"array","prefixItems":[{"$ref":"#"}]}]}"##;
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    assert!(check(twice, &deep).is_err());

    let fields: Vec<_> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let object = format!("{{{}}}", fields.join(","));
    let open = r##"{"anyOf":[{"additionalProperties":{"type":"integer"}}],"unevaluatedProperties":false}"##;
    assert_eq!(check(open, &object), Ok(()));

    let numbers: Vec<_> = (0..50_000).map(|n| n.to_string()).collect();
    let set = of::<std::collections::HashSet<u32>>().unwrap();
    assert_eq!(check(&set, &format!("[{}]", numbers.join(","))), Ok(()));
}

#[test]
fn damaged_texts_never_panic() {
    let schema = of::<super::types::Everything>().unwrap();
    let value = r#"{"a":[1,-2.5e3,"\u00e4ä\n"],"b":{"c":null,"d":[true,false]}}"#;
    let damaged = |text: &str, at: usize, damage: &str| {
        let at = text.floor_char_boundary(at);
        let next = text.ceil_char_boundary(at + 1);
        format!("{}{damage}{}", &text[..at], &text[next..])
    };
    for damage in ["", "0", "\"", "{", "]", "\\", "-", "e"] {
        for at in 0..value.len() {
            let _ = check(r#"{"type":"object"}"#, &damaged(value, at, damage));
        }
        for at in (0..schema.len()).step_by(101) {
            let damaged = damaged(&schema, at, damage);
            let _ = check(&damaged, value);
            let _ = same(&damaged, &schema);
        }
    }
}

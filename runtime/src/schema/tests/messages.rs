//! What a person reads whose answer does not fit.

use super::types::{Change, Verdict};
use crate::schema::{check, of};

fn said(schema: &str, value: &str) -> String {
    check(schema, value).map_or_else(|misfit| misfit.to_string(), |()| "fits".into())
}

#[test]
fn each_keyword_says_what_it_expects() {
    for (schema, value, expected) in [
        (
            r#"{"type":"integer"}"#,
            "1.5",
            "`$`: expected an integer, found 1.5",
        ),
        (
            r#"{"type":["string","null"]}"#,
            "[1]",
            "`$`: expected a text or null, found a list",
        ),
        (
            r#"{"type":"boolean"}"#,
            "{}",
            "`$`: expected true or false, found an object",
        ),
        (r#"{"const":"a"}"#, "1", "`$`: expected \"a\", found 1"),
        (
            r#"{"enum":["a","b",null]}"#,
            "\"c\"",
            "`$`: expected \"a\", \"b\" or null, found \"c\"",
        ),
        (
            r#"{"minimum":0}"#,
            "-1",
            "`$`: expected at least 0, found -1",
        ),
        (
            r#"{"exclusiveMaximum":5}"#,
            "5.0",
            "`$`: expected less than 5, found 5.0",
        ),
        (
            r#"{"multipleOf":0.1}"#,
            "0.35",
            "`$`: expected a multiple of 0.1, found 0.35",
        ),
        (
            r#"{"minLength":2}"#,
            "\"ä\"",
            "`$`: expected at least 2 characters, found 1 character",
        ),
        (
            r#"{"maxItems":0}"#,
            "[1,2]",
            "`$`: expected at most 0 items, found 2 items",
        ),
        (
            r#"{"uniqueItems":true}"#,
            "[1,2,1.0]",
            "`$[2]`: expected no item twice, found 1.0 again",
        ),
        (
            r#"{"pattern":"^a"}"#,
            "\"b\"",
            "`$`: expected a text that matches `^a`, found \"b\"",
        ),
        (
            r#"{"required":["a"]}"#,
            "{}",
            "`$`: expected a property `a`, found an object without it",
        ),
        (
            r#"{"additionalProperties":false}"#,
            r#"{"a b":1}"#,
            "`$[\"a b\"]`: expected nothing, found 1",
        ),
        (
            r#"{"not":{"const":0}}"#,
            "0",
            "`$`: expected anything but 0, found 0",
        ),
        (
            r#"{"oneOf":[{"type":"integer"},{"minimum":0}]}"#,
            "1",
            "`$`: expected a value that fits one alternative, found 1 that fits 2 of them",
        ),
    ] {
        assert_eq!(said(schema, value), expected);
    }
}

#[test]
fn integers_are_what_their_type_holds() {
    let verdict = |ty, value| said(&format!(r#"{{"type":"integer","format":"{ty}"}}"#), value);
    for (ty, fit, misfit) in [
        ("uint8", "255", "256"),
        ("int8", "-128", "-129"),
        ("uint16", "65535", "65536"),
        ("int16", "-32768", "32768"),
        ("uint32", "4294967295", "4294967296"),
        ("int32", "2147483647", "2147483648"),
        ("uint64", "18446744073709551615", "-1"),
        ("int64", "-9223372036854775808", "9223372036854775808"),
        ("uint", "0", "1.0"),
        ("int", "-1", "1e2"),
        ("uint128", "340282366920938463463374607431768211455", "-1"),
        ("int128", "-170141183460469231731687303715884105728", "-0"),
    ] {
        assert_eq!(verdict(ty, fit), "fits");
        assert!(
            verdict(ty, misfit).contains("expected an integer from"),
            "{ty} {misfit}"
        );
    }
    assert_eq!(
        verdict("uint8", "-1"),
        "`$`: expected an integer from 0 to 255, found -1"
    );
    assert_eq!(said(r#"{"type":"integer"}"#, "1.0"), "fits");
    assert_eq!(said(r#"{"format":"uint8"}"#, "\"text\""), "fits");
}

#[test]
fn the_path_leads_to_the_place() {
    let schema = of::<Vec<std::collections::BTreeMap<String, (u8, bool)>>>().unwrap();
    assert_eq!(
        said(&schema, r#"[{},{"a":[1,true],"b":[1,2]}]"#),
        "`$[1].b[1]`: expected true or false, found 2"
    );
}

#[test]
fn of_several_alternatives_the_one_that_was_meant_is_told() {
    let verdict = of::<Verdict>().unwrap();
    let option = of::<Option<Verdict>>().unwrap();
    for schema in [&verdict, &option] {
        assert_eq!(
            said(schema, r#"{"kind":"Approved","limit":-1}"#),
            "`$.limit`: expected an integer from 0 to 4294967295, found -1"
        );
        assert_eq!(
            said(schema, r#"{"kind":"Refused"}"#),
            "`$`: expected a property `reason`, found an object without it"
        );
        assert_eq!(
            said(schema, r#"{"kind":"refused"}"#),
            "`$.kind`: expected \"Approved\", \"Refused\" or \"Later\", found \"refused\""
        );
    }
    assert_eq!(
        said(&option, "3"),
        "`$`: expected an object or null, found 3"
    );

    let change = of::<Change>().unwrap();
    assert_eq!(
        said(&change, r#"{"Set":{"to":"x"}}"#),
        "`$.Set.to`: expected an integer, found \"x\""
    );
    assert_eq!(
        said(&change, r#""Cleared""#),
        "`$`: expected \"Clear\" or \"Keep\", found \"Cleared\""
    );
}

#[test]
fn messages_have_an_end() {
    let long = "ä".repeat(10_000);
    let names: Vec<String> = (0..1_000).map(|n| format!("\"{n}{long}\"")).collect();
    let schema = format!(
        r#"{{"additionalProperties":{{"enum":[{}]}}}}"#,
        names.join(",")
    );
    let misfit = check(&schema, &format!(r#"{{"{long}":"{long}"}}"#)).unwrap_err();
    assert!(
        misfit.path.len() < 300 && misfit.reason.len() < 600,
        "{misfit}"
    );
}

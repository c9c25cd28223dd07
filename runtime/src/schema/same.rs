use super::json::Json;

/// Keywords that say nothing about which values fit.
const ANNOTATIONS: [&str; 7] = [
    "$comment",
    "$schema",
    "default",
    "deprecated",
    "description",
    "examples",
    "title",
];

/// Whether two schemas are the same but for annotations and the order of `required`
/// and of definitions.
pub(crate) fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (Json::read(a), Json::read(b)) {
        (Ok(mut a), Ok(mut b)) => {
            strip(&mut a);
            strip(&mut b);
            a == b
        }
        _ => false,
    }
}

/// Takes the annotations out, where they are keywords: a property may have any name,
/// and a literal may hold anything.
fn strip(schema: &mut Json<'_>) {
    let Json::Object(keywords) = schema else {
        return;
    };
    keywords.retain(|keyword, _| !ANNOTATIONS.contains(&&**keyword));
    for (keyword, value) in keywords {
        match (&**keyword, value) {
            ("required", Json::List(names)) => {
                names.sort_by(|one, other| one.text().cmp(&other.text()));
            }
            (
                "additionalProperties"
                | "contains"
                | "else"
                | "if"
                | "items"
                | "not"
                | "propertyNames"
                | "then"
                | "unevaluatedItems"
                | "unevaluatedProperties",
                schema,
            ) => strip(schema),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Json::List(schemas)) => {
                schemas.iter_mut().for_each(strip);
            }
            (
                "$defs" | "definitions" | "dependentSchemas" | "patternProperties" | "properties",
                Json::Object(schemas),
            ) => schemas.values_mut().for_each(strip),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn annotations_do_not_count() {
        let plain = r#"{"type":"object","properties":{"a":{"type":"null"}},"required":["a"]}"#;
        let noted = r##"{"$schema":"x","title":"T","description":"d","examples":[1],"default":{},
            "deprecated":true,"$comment":"c","type":"object","required":["a"],
            "properties":{"a":{"title":"A","type":"null","default":1}}}"##;
        assert!(same(plain, noted));
    }

    #[test]
    fn annotations_are_found_in_every_schema_inside() {
        for at in [
            r#"{"items":X}"#,
            r#"{"prefixItems":[X]}"#,
            r#"{"additionalProperties":X}"#,
            r#"{"unevaluatedProperties":X}"#,
            r#"{"not":X}"#,
            r#"{"anyOf":[{},X]}"#,
            r#"{"oneOf":[X]}"#,
            r#"{"allOf":[X]}"#,
            r#"{"$defs":{"title":X}}"#,
            r#"{"properties":{"default":X}}"#,
            r#"{"patternProperties":{"a":X}}"#,
        ] {
            let with = |inner: &str| at.replace('X', inner);
            assert!(same(&with("{}"), &with(r#"{"title":"t"}"#)), "{at}");
            assert!(!same(&with("{}"), &with(r#"{"type":"null"}"#)), "{at}");
        }
    }

    #[test]
    fn what_is_called_like_an_annotation_counts() {
        let properties = |name: &str| format!(r#"{{"properties":{{"{name}":true}}}}"#);
        assert!(!same(&properties("title"), &properties("default")));
        assert!(!same(&properties("title"), r#"{"properties":{}}"#));
        assert!(!same(
            r#"{"const":{"title":1}}"#,
            r#"{"const":{"title":2}}"#
        ));
        assert!(!same(r#"{"enum":[{"default":1}]}"#, r#"{"enum":[{}]}"#));
        assert!(!same(r#"{"required":["title"]}"#, r#"{"required":[]}"#));
    }

    #[test]
    fn order_counts_only_where_it_means_something() {
        assert!(same(
            r#"{"required":["a","b"]}"#,
            r#"{"required":["b","a"]}"#
        ));
        assert!(same(
            r#"{"$defs":{"a":{},"b":true}}"#,
            r#"{"$defs":{"b":true,"a":{}}}"#
        ));
        assert!(same(
            r#"{"maximum":1,"minimum":0}"#,
            r#"{ "minimum": 0, "maximum": 1.0 }"#
        ));
        assert!(!same(
            r#"{"prefixItems":[{},true]}"#,
            r#"{"prefixItems":[true,{}]}"#
        ));
    }

    #[test]
    fn what_is_no_json_is_the_same_as_itself() {
        assert!(same("no", "no"));
        assert!(!same("no", "{}"));
    }
}

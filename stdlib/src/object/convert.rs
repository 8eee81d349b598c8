//! Between JSON and what scripts hold.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::a_type;
use meshbook_runtime::value::{Quantity, Span};
use rhai::{Array, Dynamic, Map};
use serde_json::{Number, Value};

/// JSON as a script sees it: null is `()`, whole numbers beyond 64 bits are floats.
pub fn to_script(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => Dynamic::from(*flag),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Dynamic::from(number.as_f64().unwrap_or(f64::NAN)), Dynamic::from)
        }
        Value::String(text) => Dynamic::from(text.clone()),
        Value::Array(items) => Dynamic::from(items.iter().map(to_script).collect::<Array>()),
        Value::Object(fields) => {
            Dynamic::from(fields.iter().map(|(key, value)| (key.as_str().into(), to_script(value))).collect::<Map>())
        }
    }
}

/// What a script wrote, as JSON. `()` is null, which in a merge patch removes the field.
///
/// # Errors
/// `TYPE` for what has no form in JSON, such as a noun or a closure.
pub fn from_script(value: &Dynamic) -> Result<Value, Failure> {
    let wrong = || Failure::new(&TYPE, format!("{} cannot stand in a Kubernetes object", a_type(value)));
    if value.is_unit() {
        Ok(Value::Null)
    } else if let Ok(flag) = value.as_bool() {
        Ok(flag.into())
    } else if let Ok(int) = value.as_int() {
        Ok(int.into())
    } else if let Ok(float) = value.as_float() {
        Number::from_f64(float).map(Value::Number).ok_or_else(wrong)
    } else if let Ok(text) = value.clone().into_immutable_string() {
        Ok(text.as_str().into())
    } else if let Some(span) = value.clone().try_cast::<Span>() {
        Ok(span.to_string().into())
    } else if let Some(quantity) = value.clone().try_cast::<Quantity>() {
        Ok(quantity.to_string().into())
    } else if let Some(items) = value.clone().try_cast::<Array>() {
        items.iter().map(from_script).collect::<Result<Vec<_>, _>>().map(Value::Array)
    } else if let Some(map) = value.clone().try_cast::<Map>() {
        from_map(&map)
    } else {
        Err(wrong())
    }
}

/// A map that a script wrote, as a JSON object.
///
/// # Errors
/// As [`from_script`].
pub fn from_map(map: &Map) -> Result<Value, Failure> {
    map.iter()
        .map(|(key, value)| Ok((key.to_string(), from_script(value)?)))
        .collect::<Result<serde_json::Map<_, _>, _>>()
        .map(Value::Object)
}

/// A merge patch (RFC 7396) applied to a value.
pub fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Some(fields) = value.as_object_mut() else { return };
    for (key, change) in patch {
        if change.is_null() {
            fields.shift_remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn large_numbers_and_foreign_values() {
        assert!(to_script(&json!(u64::MAX)).is_float());
        assert_eq!(to_script(&json!(7)).as_int(), Ok(7));
        assert!(from_script(&Dynamic::from(f64::NAN)).is_err());
        assert!(from_script(&Dynamic::from(std::sync::Arc::new(1))).is_err());
        assert_eq!(from_script(&Dynamic::from("30s".parse::<Span>().expect("a span"))).expect("JSON"), json!("30s"));
    }

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn merge_patches_of_the_rfc() {
        for (original, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut value = original;
            merge(&mut value, &patch);
            assert_eq!(value, result);
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z.]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_survives_the_way_through_a_script(value in documents()) {
            prop_assert_eq!(from_script(&to_script(&value)).expect("JSON"), value);
        }

        #[test]
        fn merging_twice_is_merging_once(value in documents(), patch in documents()) {
            let mut once = value;
            merge(&mut once, &patch);
            let mut twice = once.clone();
            merge(&mut twice, &patch);
            prop_assert_eq!(once, twice);
        }
    }
}

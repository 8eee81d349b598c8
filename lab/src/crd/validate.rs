//! Pruning and validation of objects by their schema, with the texts of a real API server.

use std::fmt::Write as _;

use regex::Regex;
use serde_json::Value;

use super::rules;
use super::schema::{Constraints, ListType, Schema, Type};

/// One thing wrong with an object: a cause in the API's `Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where, for example `spec.hosts[0]`; `<nil>` for the object as a whole.
    pub field: String,
    /// The kind of error in the API's words, for example `FieldValueInvalid`.
    pub reason: &'static str,
    /// What is wrong, with the value.
    pub message: String,
}

impl FieldError {
    /// `Invalid value: …: detail`.
    pub fn invalid(field: &str, value: &Value, detail: &str) -> FieldError {
        let message = format!("Invalid value: {}: {detail}", shown(value));
        FieldError { field: field.to_owned(), reason: "FieldValueInvalid", message }
    }

    /// `Required value`, with a detail if there is one.
    pub fn required(field: &str, detail: &str) -> FieldError {
        let message = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        FieldError { field: field.to_owned(), reason: "FieldValueRequired", message }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "\"object\"".to_owned(),
        Value::Array(_) => "\"array\"".to_owned(),
        other => other.to_string(),
    }
}

/// Joins a path and a field name as the API server writes it.
pub fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Removes the fields that the schema does not know and returns their paths.
pub fn prune(schema: &Schema, value: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    prune_at(schema, value, "", &mut unknown);
    unknown
}

fn prune_at(schema: &Schema, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(map) if !(schema.is_deduced() && schema.preserve_unknown) => {
            let kept_anyway = schema.preserve_unknown || schema.is_deduced() && schema.kind != Type::Object;
            map.retain(|name, _| {
                let known = kept_anyway || schema.field(name).is_some();
                if !known {
                    unknown.push(child(path, name));
                }
                known
            });
            for (name, below) in map.iter_mut() {
                if let Some(schema) = schema.field(name) {
                    prune_at(schema, below, &child(path, name), unknown);
                }
            }
        }
        Value::Array(list) => {
            if let Some(schema) = &schema.items {
                for (index, item) in list.iter_mut().enumerate() {
                    prune_at(schema, item, &format!("{path}[{index}]"), unknown);
                }
            }
        }
        _ => {}
    }
}

/// Everything wrong with a custom object, in the order in which a real API server reports it.
pub fn custom(schema: &Schema, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (name, below) in &schema.properties {
        if let (Some(value), false) = (object.get(name), name == "metadata") {
            structure(below, value, name, &mut errors);
        }
    }
    for name in schema.required.iter().filter(|name| object.get(*name).is_none()) {
        errors.push(FieldError::required(name, ""));
    }
    if errors.is_empty() {
        for (name, below) in schema.properties.iter().filter(|(name, _)| *name != "metadata") {
            if let Some(value) = object.get(name) {
                evaluate(below, value, name, &mut errors);
            }
        }
    } else if schema.has_rules() {
        let detail = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
        errors.push(FieldError::invalid("<nil>", &Value::Null, detail));
    }
    errors
}

/// The type errors of a built-in object, as its decoder finds them first.
pub fn first_type_error(schema: &Schema, object: &Value) -> Option<FieldError> {
    let mut errors = Vec::new();
    types(schema, object, "", &mut errors);
    errors.into_iter().next()
}

fn types(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() {
        return;
    }
    if let Some(error) = type_error(schema, value, path) {
        errors.push(error);
        return;
    }
    descend(schema, value, path, |schema, value, path| types(schema, value, path, errors));
}

fn descend(schema: &Schema, value: &Value, path: &str, mut visit: impl FnMut(&Schema, &Value, &str)) {
    match value {
        Value::Object(map) => {
            for (name, below) in map {
                if let Some(schema) = schema.field(name) {
                    visit(schema, below, &child(path, name));
                }
            }
        }
        Value::Array(list) => {
            if let Some(schema) = &schema.items {
                for (index, item) in list.iter().enumerate() {
                    visit(schema, item, &format!("{path}[{index}]"));
                }
            }
        }
        _ => {}
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_error(schema: &Schema, value: &Value, path: &str) -> Option<FieldError> {
    let (fits, wanted) = match schema.kind {
        Type::Any => return None,
        Type::Object => (value.is_object(), "object"),
        Type::Array => (value.is_array(), "array"),
        Type::String => (value.is_string(), "string"),
        Type::Integer => (value.is_i64() || value.is_u64(), "integer"),
        Type::Number => (value.is_number(), "number"),
        Type::Boolean => (value.is_boolean(), "boolean"),
        Type::IntOrString => (value.is_string() || value.is_i64() || value.is_u64(), "integer,string"),
    };
    let found = Value::from(type_name(value));
    (!fits).then(|| FieldError {
        field: path.to_owned(),
        reason: "FieldValueTypeInvalid",
        message: format!("Invalid value: {found}: {path} in body must be of type {wanted}: {found}"),
    })
}

fn structure(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() && schema.nullable {
        return;
    }
    if let Some(error) = type_error(schema, value, path) {
        errors.push(error);
        return;
    }
    if let Some(constraints) = &schema.constraints {
        scalar_constraints(constraints, value, path, errors);
        alternatives(constraints, value, path, errors);
    }
    if let Some(map) = value.as_object() {
        for name in schema.required.iter().filter(|name| !map.contains_key(*name)) {
            errors.push(FieldError::required(&child(path, name), ""));
        }
    }
    if let (ListType::Map(keys), Some(list)) = (&schema.list, value.as_array()) {
        duplicates(keys, list, path, errors);
    }
    descend(schema, value, path, |schema, value, path| structure(schema, value, path, errors));
}

fn duplicates(keys: &[String], list: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    for (index, item) in list.iter().enumerate() {
        let same = |other: &Value| keys.iter().all(|key| other.get(key) == item.get(key));
        if list[..index].iter().any(same) {
            let message = format!("Duplicate value: {item}");
            errors.push(FieldError { field: format!("{path}[{index}]"), reason: "FieldValueDuplicate", message });
        }
    }
}

fn scalar_constraints(constraints: &Constraints, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut invalid = |detail: String| {
        errors.push(FieldError::invalid(path, value, &format!("{path} in body {detail}")));
    };
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as u64;
        if constraints.min_length.is_some_and(|least| length < least) {
            invalid(format!("should be at least {} chars long", constraints.min_length.unwrap_or_default()));
        }
        if let Some(pattern) = constraints.pattern.as_deref().filter(|p| Regex::new(p).is_ok_and(|p| !p.is_match(text)))
        {
            invalid(format!("should match '{pattern}'"));
        }
    }
    if let Some(number) = value.as_f64() {
        if let Some(least) = constraints.minimum.filter(|least| number < *least) {
            invalid(format!("should be greater than or equal to {least}"));
        }
        if let Some(most) = constraints.maximum.filter(|most| number > *most) {
            invalid(format!("should be less than or equal to {most}"));
        }
    }
    if let Some(least) =
        constraints.min_items.filter(|least| value.as_array().is_some_and(|l| (l.len() as u64) < *least))
    {
        invalid(format!("should have at least {least} items"));
    }
    if let Some(least) =
        constraints.min_properties.filter(|least| value.as_object().is_some_and(|m| (m.len() as u64) < *least))
    {
        invalid(format!("should have at least {least} properties"));
    }
    let mut too = |reason: &'static str, message: String| {
        errors.push(FieldError { field: path.to_owned(), reason, message });
    };
    if let (Some(most), Some(text)) = (constraints.max_length, value.as_str())
        && text.chars().count() as u64 > most
    {
        too("FieldValueTooLong", format!("Too long: may not be more than {most} bytes"));
    }
    let size = value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len)).map(|n| n as u64);
    let limit = if value.is_array() { constraints.max_items } else { constraints.max_properties };
    if let (Some(most), Some(size)) = (limit, size)
        && size > most
    {
        too("FieldValueTooMany", format!("Too many: {size}: must have at most {most} items"));
    }
    if !constraints.one_of_values.is_empty() && !constraints.one_of_values.contains(value) {
        let mut supported = String::new();
        for (index, allowed) in constraints.one_of_values.iter().enumerate() {
            let _ = write!(supported, "{}{allowed}", if index == 0 { "" } else { ", " });
        }
        let message = format!("Unsupported value: {}: supported values: {supported}", shown(value));
        too("FieldValueNotSupported", message);
    }
}

fn alternatives(constraints: &Constraints, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut composite = |detail: String| {
        errors.push(FieldError::invalid("<nil>", &Value::from(""), &detail));
    };
    if !constraints.all_of.iter().all(|s| matches(s, value)) {
        composite(format!("{path:?} must validate all the schemas (allOf)"));
    }
    if !constraints.any_of.is_empty() && !constraints.any_of.iter().any(|s| matches(s, value)) {
        composite(format!("{path:?} must validate at least one schema (anyOf)"));
    }
    let valid = constraints.one_of.iter().filter(|s| matches(s, value)).count();
    if !constraints.one_of.is_empty() && valid != 1 {
        let found = if valid == 0 { "none valid".to_owned() } else { format!("{valid} valid alternatives") };
        composite(format!("{path:?} must validate one and only one schema (oneOf). Found {found}"));
    }
    if constraints.not.as_ref().is_some_and(|s| matches(s, value)) {
        composite(format!("{path:?} must not validate the schema (not)"));
    }
}

fn matches(schema: &Schema, value: &Value) -> bool {
    let mut errors = Vec::new();
    structure(schema, value, "", &mut errors);
    errors.is_empty()
}

fn evaluate(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (rule, message) in schema.constraints.iter().flat_map(|c| &c.rules) {
        let kind = if value.is_object() || value.is_array() || value.is_string() {
            Value::from(type_name(value))
        } else {
            value.clone()
        };
        match rules::holds(rule, value) {
            Ok(true) => {}
            Ok(false) => errors.push(FieldError::invalid(path, &kind, message)),
            Err(problem) => {
                errors.push(FieldError::invalid(path, &kind, &format!("{problem} evaluating rule: {message}")));
            }
        }
    }
    descend(schema, value, path, |schema, value, path| evaluate(schema, value, path, errors));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;
    use crate::crd::Catalog;
    use serde_json::json;

    fn rule(spec: Value) -> Vec<String> {
        let kind = Catalog::get().by_plural("networking.istio.io", "destinationrules").unwrap();
        let errors = custom(&kind.schema, &json!({"metadata": {"name": "x"}, "spec": spec}));
        errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect()
    }

    #[test]
    fn a_good_rule_has_no_errors() {
        let errors = rule(json!({"host": "graph-core", "trafficPolicy": {"outlierDetection": {"interval": "30s"}}}));
        assert_eq!(errors, Vec::<String>::new());
    }

    #[test]
    fn wrong_types_are_named_and_rules_are_not_checked() {
        let errors =
            rule(json!({"host": "a", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": "many"}}}}));
        assert_eq!(
            errors[0],
            "spec.trafficPolicy.connectionPool.tcp.maxConnections: Invalid value: \"string\": \
             spec.trafficPolicy.connectionPool.tcp.maxConnections in body must be of type integer: \"string\""
        );
        assert!(errors[1].starts_with("<nil>: Invalid value: null: some validation rules were not checked"));
    }

    #[test]
    fn durations_and_alternatives_are_checked() {
        let errors = rule(json!({"host": "a", "trafficPolicy": {"outlierDetection": {"interval": "0s"}}}));
        assert_eq!(
            errors,
            [
                "spec.trafficPolicy.outlierDetection.interval: Invalid value: \"string\": must be a valid duration greater than 1ms"
            ]
        );
        let both = json!({"consistentHash": {"httpHeaderName": "a"}, "simple": "RANDOM"});
        let errors = rule(json!({"host": "a", "trafficPolicy": {"loadBalancer": both}}));
        assert!(
            errors[0].contains("must validate one and only one schema (oneOf). Found 2 valid alternatives"),
            "{errors:?}"
        );
        assert_eq!(rule(json!({}))[0], "spec.host: Required value");
    }

    #[test]
    fn unknown_fields_are_cut_and_named() {
        let kind = Catalog::get().by_plural("networking.istio.io", "destinationrules").unwrap();
        let mut object =
            json!({"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"host": "a", "trafficPolcy": {}}});
        assert_eq!(prune(&kind.schema, &mut object), ["spec.trafficPolcy"]);
        assert_eq!(object["spec"], json!({"host": "a"}));
        assert_eq!(object["metadata"]["labels"]["a"], "b");
    }
}

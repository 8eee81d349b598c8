//! What a test expects.

use std::sync::Arc;

use meshbook_runtime::failure::{Code, Exit, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_stdlib::show;
use rhai::Dynamic;
use serde_json::{Value, json};

/// An expectation that does not hold.
pub static EXPECTATION: Code = Code {
    name: "meshbook::test::expectation",
    exit: Exit::Found,
    catchable: false,
    explain: "Something in a test is not as it expects. The message shows both sides; below it stands how the test's latest run ended.",
};

/// A value about which something is expected.
#[derive(Clone, Debug)]
pub struct Expectation(Arc<Dynamic>);

impl Expectation {
    /// About a value.
    pub fn new(actual: Dynamic) -> Self {
        Expectation(Arc::new(actual))
    }

    /// The value.
    pub fn actual(&self) -> &Dynamic {
        &self.0
    }
}

impl Noun for Expectation {
    const NAME: &'static str = "Expectation";
    const DOC: &'static str = "A value about which a test expects something.";

    fn text(&self) -> String {
        format!("expectation about {}", show::text(&self.0))
    }

    fn json(&self) -> Value {
        json!({ "actual": show::json(&self.0) })
    }
}

/// The failure of an expectation: both sides in one line where they are short, else below each other, item by item.
pub fn disappointed(wanted: &str, expected: &Value, actual: &Value) -> Failure {
    let (short, other) = (expected.to_string(), actual.to_string());
    if short.len() + other.len() <= SHORT {
        return Failure::new(&EXPECTATION, format!("{wanted} {short}, but it is {other}"));
    }
    let (expected, actual) = (lines(expected), lines(actual));
    let side = |mark: &str, lines: &[String], other: &[String]| {
        let marked = lines.iter().map(|line| format!("\n{} {line}", if other.contains(line) { " " } else { mark }));
        marked.collect::<String>()
    };
    Failure::new(&EXPECTATION, "it is not as expected").hint(format!(
        "{wanted}{}\nbut it is{}",
        side("-", &expected, &actual),
        side("+", &actual, &expected)
    ))
}

/// Two sides that are together not longer than this stand in one line.
const SHORT: usize = 90;

fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) if items.is_empty() => vec!["[]".into()],
        Value::Array(items) => items.iter().map(Value::to_string).collect(),
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().map(|(key, value)| format!("{key}: {value}")).collect()
        }
        Value::String(text) if text.contains('\n') => text.lines().map(str::to_owned).collect(),
        other => vec![other.to_string()],
    }
}

/// Whether two values are the same to a reader: `1` is `1.0`.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_shown_item_by_item() {
        let failure = disappointed("expected", &json!(["a".repeat(80), "b"]), &json!(["b", "c"]));
        let both = format!("expected\n- \"{}\"\n  \"b\"\nbut it is\n  \"b\"\n+ \"c\"", "a".repeat(80));
        assert_eq!(failure.hint, Some(both));
        assert_eq!(disappointed("expected", &json!([]), &json!(1)).message, "expected [], but it is 1");
    }

    #[test]
    fn numbers_are_compared_by_what_they_are() {
        assert!(same(&json!({ "a": [1] }), &json!({ "a": [1.0] })));
        assert!(
            !same(&json!("1"), &json!(1))
                && !same(&json!([1]), &json!([1, 2]))
                && !same(&json!({}), &json!({ "a": 1 }))
        );
    }
}

//! What `show`, `check` and the endings make of any value.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::{NounType, a_type};
use meshbook_runtime::primitive::Invocation;
use meshbook_runtime::value::Table;
use rhai::Dynamic;
use serde_json::Value;

use crate::LIBRARY;
use crate::object::convert::from_script;

fn noun(value: &Dynamic) -> Option<&'static NounType> {
    LIBRARY.nouns.iter().find(|noun| (noun.type_id)() == value.type_id())
}

/// A value in a sentence.
pub fn text(value: &Dynamic) -> String {
    noun(value).and_then(|noun| (noun.text)(value)).unwrap_or_else(|| value.to_string())
}

/// A value on the screen.
pub fn table(value: &Dynamic) -> Table {
    if let Some(table) = noun(value).and_then(|noun| (noun.table)(value)) {
        return table;
    }
    match from_script(value) {
        Ok(json @ (Value::Object(_) | Value::Array(_))) => {
            let text = serde_json::to_string_pretty(&json).unwrap_or_else(|_| value.to_string());
            let mut lines = text.lines().map(str::to_owned);
            Table { title: lines.next().unwrap_or_default(), notes: lines.collect(), ..Table::default() }
        }
        _ => Table::line(text(value)),
    }
}

/// A value in the record.
pub fn json(value: &Dynamic) -> Value {
    noun(value)
        .and_then(|noun| (noun.json)(value))
        .or_else(|| from_script(value).ok())
        .unwrap_or_else(|| Value::String(value.to_string()))
}

/// The runbook that an ending names; a symptom of a healthy host names none.
///
/// # Errors
/// `TYPE` if it is no string.
pub fn runbook(call: &Invocation<'_>, index: usize) -> Result<Option<String>, Failure> {
    let value = call.any(index);
    if value.is_unit() {
        return Ok(None);
    }
    let text = value
        .clone()
        .into_immutable_string()
        .map_err(|_| Failure::new(&TYPE, format!("`runbook` must be a string or (), not {}", a_type(&value))))?;
    Ok(Some(text.to_string()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_has_a_form() {
        let map = Dynamic::from(rhai::Map::from([("a".into(), Dynamic::from(1_i64))]));
        assert_eq!(json(&map), json!({ "a": 1 }));
        assert_eq!(table(&map).title, "{");
        assert_eq!(table(&Dynamic::from("text")).title, "text");
        let host = Dynamic::from(crate::host::tests::graph_core());
        assert_eq!(text(&host), "graph-core.summit");
        assert_eq!(json(&host), json!({ "host": "graph-core.summit.svc.cluster.local" }));
    }
}

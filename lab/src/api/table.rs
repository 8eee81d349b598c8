//! Tables: how the server itself prints objects for `kubectl get`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::columns;
use super::read::metadata_of;
use crate::crd::{Column, ResourceType};

/// Makes the cells of one object.
type CellsOf = fn(&ResourceType, &Value, Timestamp) -> Vec<Value>;

/// The table of some objects of one kind. In a watch only the first table carries the headings.
pub(crate) fn table(kind: &ResourceType, objects: &[&Value], metadata: Value, now: Timestamp, headings: bool) -> Value {
    let (columns, cells): (Vec<Value>, CellsOf) = if kind.custom {
        (custom_headings(kind), custom_cells)
    } else {
        let built_in = columns::of(kind);
        (built_in.iter().map(|c| heading(c.name, c.kind, c.format, "", c.priority)).collect(), columns::cells)
    };
    let rows: Vec<Value> =
        objects.iter().map(|o| json!({"cells": cells(kind, o, now), "object": metadata_of(o)})).collect();
    let columns = if headings { Value::from(columns) } else { Value::Null };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn heading(name: &str, kind: &str, format: &str, description: &str, priority: i64) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": description, "priority": priority})
}

fn custom_headings(kind: &ResourceType) -> Vec<Value> {
    let mut headings = vec![heading("Name", "string", "name", "", 0)];
    if kind.columns.is_empty() {
        headings.push(heading("Age", "date", "", "", 0));
    }
    headings.extend(kind.columns.iter().map(|c| heading(&c.name, &c.kind, "", &c.description, c.priority)));
    headings
}

fn custom_cells(kind: &ResourceType, object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![object["metadata"]["name"].clone()];
    if kind.columns.is_empty() {
        cells.push(age(&object["metadata"]["creationTimestamp"], now).into());
    }
    cells.extend(kind.columns.iter().map(|c| custom_cell(c, object, now)));
    cells
}

/// A cell by the path of a CRD's column. Istio's paths are fields, and fields of list items (`[*]`).
fn custom_cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    let mut found = vec![object];
    for part in column.path.trim_start_matches('.').split('.') {
        let (name, each) = part.strip_suffix("[*]").map_or((part, false), |name| (name, true));
        found = found.into_iter().map(|value| &value[name]).collect();
        if each {
            found = found.into_iter().flat_map(|value| value.as_array().into_iter().flatten()).collect();
        }
    }
    match (found.first(), column.kind.as_str()) {
        (None | Some(Value::Null), _) => Value::Null,
        (Some(value), "date") => age(value, now).into(),
        (Some(Value::String(text)), _) => text.clone().into(),
        (Some(value @ (Value::Number(_) | Value::Bool(_))), "integer" | "number" | "boolean") => (*value).clone(),
        (Some(value), _) => value.to_string().into(),
    }
}

/// How long ago a time was, as kubectl prints it: two units at most, the finer the younger.
pub(crate) fn age(time: &Value, now: Timestamp) -> String {
    let Some(time) = time.as_str().and_then(|t| t.parse::<Timestamp>().ok()) else { return "<unknown>".to_owned() };
    human(now.duration_since(time).as_secs())
}

/// The duration format of `k8s.io/apimachinery/pkg/util/duration`.
pub(crate) fn human(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: char, small: i64, small_unit: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    match seconds {
        i64::MIN..=-2 => "<invalid>".to_owned(),
        -1..=0 => "0s".to_owned(),
        1..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, 'y', days % 365, 'd'),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        let cases = [
            (-5, "<invalid>"),
            (0, "0s"),
            (113, "113s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(human(seconds), shown, "{seconds} s");
        }
    }
}

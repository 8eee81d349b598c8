//! Field-level differences, readable without colour: `- path: old` over `+ path: new`.

use meshbook_runtime::change::FieldChange;
use meshbook_runtime::change::field::{Path, Step};
use meshbook_runtime::value::{Document, Hunk};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::escape;
use super::look::Look;
use crate::report::FieldReport;

/// A value longer than this is written as YAML below its path.
const ONE_LINE: usize = 72;
/// More new fields than this are told by what they are part of: a CustomResourceDefinition has thousands.
const MOST: usize = 60;
/// Of a text longer than this, in characters, only the beginning is told.
const LONGEST: usize = 2_000;
/// So much of it.
const BEGINNING: usize = 120;
/// A value of more lines than this that appears or goes is told by their number.
const LINES: usize = 60;

/// The lines of a difference, the smallest fields that differ each for itself; where very many are new, by what they are
/// part of. The record has all of them.
pub fn lines(fields: &[FieldChange], look: Look) -> Vec<String> {
    let is_new = |field: &&FieldChange| field.before.is_none() && field.after.is_some();
    if fields.iter().filter(is_new).count() <= MOST {
        return fields.iter().flat_map(|field| lines_of(field, look)).collect();
    }
    let mut lines = Vec::new();
    let mut rest = fields;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|field| is_new(field) && part(field) == part(first)).count();
        let taken = same.max(1);
        if same > 3 {
            let what = format!("+ {}: {same} fields", escape::line(&Path(part(first).to_vec()).to_string()));
            lines.push(look.good(what));
        } else {
            lines.extend(rest[..taken].iter().flat_map(|field| lines_of(field, look)));
        }
        rest = &rest[taken..];
    }
    lines
}

/// What a field is part of: `spec.versions`, `metadata.labels`.
fn part(field: &FieldChange) -> &[Step] {
    let path = &field.path.0;
    &path[..path.len().min(2)]
}

fn lines_of(field: &FieldChange, look: Look) -> Vec<String> {
    field_lines(&field.path.to_string(), field.before.as_ref(), field.after.as_ref(), look)
}

/// The lines of a difference that is taken back: from what was set to what was there before.
pub fn lines_back(fields: &[FieldReport], look: Look) -> Vec<String> {
    fields
        .iter()
        .flat_map(|field| {
            let (from, to) = (field.after.as_ref().map(Document::value), field.before.as_ref().map(Document::value));
            field_lines(&field.path, from.as_ref(), to.as_ref(), look)
        })
        .collect()
}

fn field_lines(path: &str, from: Option<&Value>, to: Option<&Value>, look: Look) -> Vec<String> {
    if let (Some(Value::String(from)), Some(Value::String(to))) = (from, to)
        && (from.contains('\n') || to.contains('\n'))
    {
        return text_lines(path, from, to, look);
    }
    // Where both are there, people compare them; alone, a very long value is only named.
    let alone = from.is_none() || to.is_none();
    let told = |sign: char, value: &Value| {
        let lines = value_lines(sign, path, value);
        if alone && lines.len() > LINES {
            return vec![format!("{sign} {}: {} lines", escape::line(path), lines.len() - 1)];
        }
        lines
    };
    let gone = from.into_iter().flat_map(|value| told('-', value)).map(|line| look.bad(line));
    let new = to.into_iter().flat_map(|value| told('+', value)).map(|line| look.good(line));
    gone.chain(new).collect()
}

/// The lines by which two texts differ, each with the one before and after, below their path.
fn text_lines(path: &str, from: &str, to: &str, look: Look) -> Vec<String> {
    let difference = TextDiff::from_lines(from, to);
    let mut told = vec![format!("  {}:", escape::line(path))];
    let mut more = 0;
    for operation in difference.grouped_ops(1).iter().flatten() {
        for change in difference.iter_changes(operation) {
            let line = escape::line(change.value().trim_end_matches('\n'));
            match change.tag() {
                _ if told.len() > LINES => more += usize::from(change.tag() != ChangeTag::Equal),
                ChangeTag::Equal => told.push(look.dim(format!("    {line}"))),
                ChangeTag::Delete => told.push(look.bad(format!("-   {line}"))),
                ChangeTag::Insert => told.push(look.good(format!("+   {line}"))),
            }
        }
    }
    if more > 0 {
        told.push(look.dim(format!("    and {more} more lines")));
    }
    told
}

fn value_lines(sign: char, path: &str, value: &Value) -> Vec<String> {
    let path = escape::line(path);
    if let Some(text) = value.as_str().filter(|text| text.len() > LONGEST) {
        let beginning: String = text.chars().take(BEGINNING).collect();
        let more = text.chars().count() - BEGINNING.min(text.chars().count());
        return vec![format!(
            "{sign} {path}: {}… and {more} characters",
            escape::line(&Value::from(beginning).to_string())
        )];
    }
    let compact = value.to_string();
    if !(value.is_object() || value.is_array()) || compact.len() <= ONE_LINE {
        return vec![format!("{sign} {path}: {}", escape::line(&compact))];
    }
    let yaml = serde_saphyr::to_string(value).unwrap_or(compact);
    let mut lines = vec![format!("{sign} {path}:")];
    lines.extend(escape::lines(&yaml).map(|line| format!("{sign}   {line}")));
    lines
}

/// The lines of a difference between two things, which their heading names.
pub fn hunk(hunk: &Hunk, look: Look) -> Vec<String> {
    let mut lines = vec![look.name(escape::line(&hunk.heading))];
    for (path, from, to) in &hunk.fields {
        let path = if path.is_empty() { "all of it" } else { path };
        let line = |sign, value: &String| format!("{sign} {}: {}", escape::line(path), escape::line(value));
        lines.extend(from.iter().map(|value| format!("  {}", look.bad(line('-', value)))));
        lines.extend(to.iter().map(|value| format!("  {}", look.good(line('+', value)))));
    }
    lines
}

/// A value on one line, for a sentence.
pub fn short(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".into(), |value| escape::line(&value.to_string()).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use serde_json::json;

    use super::*;

    fn field(path: &[&str], before: Option<Value>, after: Option<Value>) -> FieldChange {
        FieldChange { path: Path(path.iter().map(|key| Step::Key((*key).into())).collect()), before, after }
    }

    #[test]
    fn what_was_set_what_is_new_and_what_goes_read_without_colour() {
        let fields = [
            field(
                &["spec", "trafficPolicy", "connectionPool", "tcp", "maxConnections"],
                Some(json!(4)),
                Some(json!(500)),
            ),
            field(&["metadata", "labels", "a.b/c"], None, Some(json!("x\u{1b}[0m"))),
            field(&["spec", "host"], Some(json!("graph-core")), None),
        ];
        assert_eq!(
            lines(&fields, Look::PLAIN),
            [
                "- spec.trafficPolicy.connectionPool.tcp.maxConnections: 4",
                "+ spec.trafficPolicy.connectionPool.tcp.maxConnections: 500",
                "+ metadata.labels[\"a.b/c\"]: \"x\\u001b[0m\"",
                "- spec.host: \"graph-core\"",
            ]
        );
    }

    #[test]
    fn very_many_new_fields_are_told_by_what_they_are_part_of() {
        let mut fields = vec![field(&["metadata", "labels", "app"], None, Some(json!("istiod")))];
        fields.extend((0..100).map(|number| field(&["spec", "versions", &number.to_string()], None, Some(json!(1)))));
        fields.push(field(&["spec", "scope"], Some(json!("a")), Some(json!("b"))));
        assert_eq!(
            lines(&fields, Look::PLAIN),
            [
                "+ metadata.labels.app: \"istiod\"",
                "+ spec.versions: 100 fields",
                "- spec.scope: \"a\"",
                "+ spec.scope: \"b\""
            ]
        );
        let few = &fields[..4];
        assert_eq!(lines(few, Look::PLAIN).len(), 4);
        let long = lines(&[field(&["data", "values"], None, Some(json!("x".repeat(3_000))))], Look::PLAIN);
        assert_eq!(long.len(), 1);
        assert!(long[0].ends_with("… and 2880 characters") && long[0].len() < 200, "{long:?}");
    }

    #[test]
    fn of_two_texts_the_lines_that_differ_are_told() {
        let before = "defaultConfig:\n  discoveryAddress: istiod\nenableTracing: true\nrootNamespace: istio-system\ntrustDomain: a";
        let after = before.replace("Tracing: true", "Tracing: false").replace("istiod\n", "istiod\n  meshId: one\n");
        let text = field(&["data", "mesh"], Some(json!(before)), Some(json!(after)));
        assert_eq!(
            lines(&[text], Look::PLAIN),
            [
                "  data.mesh:",
                "      discoveryAddress: istiod",
                "-   enableTracing: true",
                "+     meshId: one",
                "+   enableTracing: false",
                "    rootNamespace: istio-system",
            ]
        );
        let numbers = |from: usize| (from..from + 200).map(|number| format!("{number}\n")).collect::<String>();
        let far = lines(&[field(&["data"], Some(json!(numbers(0))), Some(json!(numbers(1_000))))], Look::PLAIN);
        assert_eq!((far.len(), far.last().unwrap().as_str()), (62, "    and 340 more lines"));
    }

    #[test]
    fn a_new_value_of_very_many_lines_is_told_by_their_number() {
        let many = json!((0..200).map(|number| json!({ "name": number.to_string() })).collect::<Vec<_>>());
        assert_eq!(
            lines(&[field(&["spec", "versions"], None, Some(many.clone()))], Look::PLAIN),
            ["+ spec.versions: 200 lines"]
        );
        assert_eq!(lines(&[field(&["spec", "versions"], Some(json!([])), Some(many))], Look::PLAIN).len(), 202);
    }

    #[test]
    fn a_long_value_is_yaml_below_its_path() {
        let long = json!({"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx,reset,connect-failure,refused-stream,retriable-4xx"});
        let lines = lines(&[field(&["spec", "retries"], None, Some(long))], Look::PLAIN);
        assert_eq!(lines[0], "+ spec.retries:");
        assert_eq!(lines[1], "+   attempts: 3");
        assert_eq!(lines.len(), 4);
    }
}

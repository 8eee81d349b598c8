//! Paths as people write them: `spec.subsets[v1].trafficPolicy`, `metadata.annotations["a.b/c"]`, `spec.ports[0].port`.

use serde_json::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key.
    Key(String),
    /// In brackets: an item by its `name`, or by its place if it is a number.
    Item(String),
}

/// Reads a path.
///
/// # Errors
/// A sentence that says where it cannot be read.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = text;
    let wrong = |rest: &str| format!("`{text}` is not a path: it cannot be read from `{rest}` on");
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, after) = quoted.split_once("\"]").ok_or_else(|| wrong(rest))?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if let Some(bracket) = rest.strip_prefix('[') {
            let (item, after) =
                bracket.split_once(']').filter(|(item, _)| !item.is_empty()).ok_or_else(|| wrong(rest))?;
            steps.push(Step::Item(item.to_owned()));
            rest = after;
        } else {
            let unread = rest;
            let key = if steps.is_empty() { rest } else { rest.strip_prefix('.').ok_or_else(|| wrong(unread))? };
            let end = key.find(['.', '[']).unwrap_or(key.len());
            if end == 0 {
                return Err(wrong(unread));
            }
            steps.push(Step::Key(key[..end].to_owned()));
            rest = &key[end..];
        }
    }
    if steps.is_empty() { Err("an empty path leads nowhere".into()) } else { Ok(steps) }
}

/// Follows a path; `None` if a field on the way is absent.
pub fn follow<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Item(item) => {
            let list = value.as_array()?;
            let named = list.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(item));
            named.or_else(|| list.get(item.parse::<usize>().ok()?))
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_fields() {
        let object = json!({ "spec": { "subsets": [{ "name": "v1", "n": 1 }], "ports": [{ "port": 80 }] }, "metadata": { "annotations": { "a.b/c": "x" } } });
        for (path, expected) in [
            ("spec.subsets[v1].n", Some(json!(1))),
            ("spec.ports[0].port", Some(json!(80))),
            ("metadata.annotations[\"a.b/c\"]", Some(json!("x"))),
            ("spec.subsets[v2].n", None),
            ("spec.none.at.all", None),
        ] {
            let steps = parse(path).expect("a path");
            assert_eq!(follow(&object, &steps).cloned(), expected, "{path}");
        }
        for wrong in ["", ".", "a..b", "a[", "a[]", "a[\"b]", "a]b[", ".a", "a."] {
            assert!(parse(wrong).is_err() || wrong == "a]b[", "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,40}") {
            if let Ok(steps) = parse(&text) {
                let _ = follow(&json!({ "a": [{ "name": "b" }] }), &steps);
            }
        }
    }
}

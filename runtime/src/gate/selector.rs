//! Label and field selectors, as the API server reads them, for objects that only a plan knows.
//!
//! Format: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api>.

use serde_json::Value;

/// Whether an object's labels fit a selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`.
pub(crate) fn labels(selector: &str, object: &Value) -> bool {
    let label = |key: &str| object.pointer("/metadata/labels")?.get(key)?.as_str();
    requirements(selector).into_iter().all(|requirement| fits(requirement, label))
}

/// Whether an object fits a field selector: `metadata.name=graph-core`.
pub(crate) fn fields(selector: &str, object: &Value) -> bool {
    let field = |path: &str| path.split('.').try_fold(object, |value, key| value.get(key))?.as_str();
    requirements(selector).into_iter().all(|requirement| fits(requirement, field))
}

/// The parts between the commas that stand outside parentheses.
fn requirements(selector: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = selector.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn fits<'a>(requirement: &str, value: impl Fn(&str) -> Option<&'a str>) -> bool {
    let among = |list: &str, value: &str| {
        list.trim().trim_start_matches('(').trim_end_matches(')').split(',').any(|item| item.trim() == value)
    };
    if let Some((key, list)) = requirement.split_once(" notin ") {
        return value(key.trim()).is_none_or(|value| !among(list, value));
    }
    if let Some((key, list)) = requirement.split_once(" in ") {
        return value(key.trim()).is_some_and(|value| among(list, value));
    }
    if let Some((key, other)) = requirement.split_once("!=") {
        return value(key.trim()) != Some(other.trim());
    }
    if let Some((key, other)) = requirement.split_once("==").or_else(|| requirement.split_once('=')) {
        return value(key.trim()) == Some(other.trim());
    }
    match requirement.strip_prefix('!') {
        Some(key) => value(key.trim()).is_none(),
        None => value(requirement).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_requirement_is_read() {
        let object = json!({ "metadata": { "name": "front", "labels": { "app": "front", "tier": "web" } } });
        for selector in [
            "app=front",
            "app==front",
            "app=front,tier=web",
            "app!=back",
            "app in (back, front),tier",
            "app notin (back)",
            "other notin (x)",
            "!other",
            "",
        ] {
            assert!(labels(selector, &object), "{selector}");
        }
        for selector in [
            "app=back",
            "app=front,tier=db",
            "app!=front",
            "app in (back,side)",
            "app notin (back,front)",
            "other",
            "!app",
            "other in (x)",
        ] {
            assert!(!labels(selector, &object), "{selector}");
        }
        assert!(fields("metadata.name=front", &object));
        assert!(!fields("metadata.name!=front", &object));
    }
}

//! Log levels as a document that is changed and taken back like an object: field by field, each logger for itself.

use serde_json::{Value, json};

use crate::effect::{LogLevels, Logger};

/// The levels of a process as a document: whose they are, and each logger, in the order of its page.
pub fn document(of: &LogLevels, loggers: &[Logger]) -> Value {
    json!({ "metadata": { "namespace": of.namespace, "name": of.pod }, "loggers": loggers })
}

/// The loggers of a document.
pub fn loggers(document: &Value) -> Vec<Logger> {
    let listed = document.get("loggers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |logger: &Value, key: &str| logger.get(key).and_then(Value::as_str).map(str::to_owned);
    listed.iter().filter_map(|one| Some(Logger { name: text(one, "name")?, level: text(one, "level")? })).collect()
}

/// The loggers that differ, with their levels after; `None` if none does. As a patch, in the form in which it is
/// recorded: `{"loggers": [{"name": …, "level": …}]}`.
pub(super) fn between(before: &Value, after: &Value) -> Option<Value> {
    let known = loggers(before);
    let changed: Vec<Logger> = loggers(after).into_iter().filter(|logger| !known.contains(logger)).collect();
    (!changed.is_empty()).then(|| json!({ "loggers": changed }))
}

/// The document with the loggers of a patch set. Loggers that the document does not have stay away: a process has the
/// loggers that it has.
pub(super) fn with(document: &Value, patch: &Value) -> Value {
    let wanted = loggers(patch);
    let mut document = document.clone();
    for one in document.get_mut("loggers").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(level) =
            wanted.iter().find(|wanted| one["name"] == wanted.name.as_str()).map(|wanted| &wanted.level)
        {
            one["level"] = json!(level);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(levels: &[(u8, u8)]) -> Value {
        let levels: std::collections::BTreeMap<_, _> = levels.iter().copied().collect();
        let loggers: Vec<_> = levels
            .iter()
            .map(|(name, level)| Logger { name: format!("l{name}"), level: format!("v{level}") })
            .collect();
        json!({ "loggers": loggers })
    }

    proptest! {
        #[test]
        fn what_differs_leads_from_one_to_the_other_and_back(levels in prop::collection::vec((0_u8..9, 0_u8..4, 0_u8..4), 0..9)) {
            let before = of(&levels.iter().map(|(name, before, _)| (*name, *before)).collect::<Vec<_>>());
            let after = of(&levels.iter().map(|(name, _, after)| (*name, *after)).collect::<Vec<_>>());
            match between(&before, &after) {
                None => prop_assert_eq!(&before, &after),
                Some(patch) => prop_assert_eq!(&with(&before, &patch), &after),
            }
            match between(&after, &before) {
                None => prop_assert_eq!(&before, &after),
                Some(patch) => prop_assert_eq!(&with(&after, &patch), &before),
            }
        }
    }
}

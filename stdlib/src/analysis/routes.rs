//! IST0130, IST0131: rules and matches of VirtualServices that no request reaches.

use serde_json::Value;

use super::objects::{Objects, list, text};
use super::{DUPLICATE_MATCH, Message, UNREACHABLE};

/// Checks VirtualServices.
pub fn check(objects: &Objects) -> Vec<Message> {
    objects.of_kind("VirtualService").iter().flat_map(of_service).collect()
}

fn of_service(service: &Value) -> Vec<Message> {
    let mut found = Vec::new();
    let rules = list(service, "/spec/http");
    let label = |index: usize| match rules.get(index).map(|rule| text(rule, "/name")).unwrap_or_default() {
        "" => format!("#{index}"),
        name => format!("\"{name}\""),
    };
    // Matches that earlier rules take, with the rule's place.
    let mut taken: Vec<(usize, &Value)> = Vec::new();
    let mut all: Option<usize> = None;
    for (index, rule) in rules.iter().enumerate() {
        let matches = list(rule, "/match");
        if let Some(before) = all {
            let text = format!(
                "VirtualService rule {} not used (only the last rule can have no matches: rule {} takes every request).",
                label(index),
                label(before)
            );
            found.push(Message::about(service, &UNREACHABLE, text));
            continue;
        }
        let covered: Vec<(usize, usize)> = matches
            .iter()
            .enumerate()
            .filter_map(|(place, one)| {
                taken.iter().find(|(_, earlier)| covers(earlier, one)).map(|(by, _)| (place, *by))
            })
            .collect();
        if !matches.is_empty() && covered.len() == matches.len() {
            let text = format!("VirtualService rule {} not used (all matches used by prior rules).", label(index));
            found.push(Message::about(service, &UNREACHABLE, text));
        } else {
            for (place, by) in covered {
                let text = format!(
                    "VirtualService rule {} match #{place} is not used (duplicate/overlapping match in rule {}).",
                    label(index),
                    label(by)
                );
                found.push(Message::about(service, &DUPLICATE_MATCH, text));
            }
        }
        if matches.is_empty() || matches.iter().any(is_all) {
            all = Some(index);
        }
        taken.extend(matches.iter().map(|one| (index, one)));
    }
    found
}

/// Whether a match takes every request: nothing but the prefix `/`.
fn is_all(one: &Value) -> bool {
    only_prefix(one) == Some("/")
}

/// The prefix of a match that asks for nothing else. Its name is no condition.
fn only_prefix(one: &Value) -> Option<&str> {
    let conditions = one.as_object()?.keys().filter(|key| *key != "name").count();
    let prefix = one.pointer("/uri/prefix").and_then(Value::as_str)?;
    (conditions == 1 && one.get("ignoreUriCase").is_none()).then_some(prefix)
}

/// Whether an earlier match takes every request of a later one: they are equal, or the earlier asks only for a prefix
/// with which the later one's path begins.
fn covers(earlier: &Value, later: &Value) -> bool {
    let without_name = |one: &Value| {
        let mut one = one.clone();
        if let Some(fields) = one.as_object_mut() {
            fields.shift_remove("name");
        }
        one
    };
    if without_name(earlier) == without_name(later) {
        return true;
    }
    let Some(prefix) = only_prefix(earlier) else { return false };
    let begins = |kind: &str| later.pointer(&format!("/uri/{kind}")).and_then(Value::as_str);
    begins("prefix").or_else(|| begins("exact")).is_some_and(|path| path.starts_with(prefix))
        && later.get("ignoreUriCase").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    fn found(rules: &str) -> Vec<String> {
        let yaml = format!(
            "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: r, namespace: a}}, spec: {{hosts: [b], http: {rules}}}}}"
        );
        codes(check, &yaml).into_iter().map(|one| one.split(' ').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn what_follows_a_rule_without_a_match_is_never_used() {
        assert_eq!(found("[{match: [{uri: {prefix: /a}}]}, {}]"), Vec::<String>::new());
        assert_eq!(found("[{}, {match: [{uri: {prefix: /a}}]}, {}]"), ["IST0130", "IST0130"]);
        assert_eq!(found("[{match: [{uri: {prefix: /}}]}, {}]"), ["IST0130"]);
        assert_eq!(found("[{match: [{uri: {prefix: /}, headers: {x: {exact: y}}}]}, {}]"), Vec::<String>::new());
    }

    #[test]
    fn matches_that_earlier_rules_take() {
        assert_eq!(found("[{match: [{uri: {prefix: /a}}]}, {match: [{uri: {prefix: /a}}]}]"), ["IST0130"]);
        assert_eq!(
            found("[{match: [{uri: {prefix: /a}}]}, {match: [{uri: {exact: /a/b}}, {uri: {prefix: /c}}]}]"),
            ["IST0131"]
        );
        assert_eq!(found("[{match: [{uri: {prefix: /a/b}}]}, {match: [{uri: {prefix: /a}}]}]"), Vec::<String>::new());
        assert_eq!(
            found("[{match: [{uri: {prefix: /a}, method: {exact: GET}}]}, {match: [{uri: {prefix: /a}}]}]"),
            Vec::<String>::new()
        );
        assert_eq!(
            found("[{match: [{name: x, method: {exact: GET}}]}, {match: [{name: y, method: {exact: GET}}]}]"),
            ["IST0130"]
        );
    }
}

//! Alerting rules: files as Prometheus loads them, and its pages `/api/v1/rules`, `/api/v1/alerts`, `/api/v1/targets`.
//!
//! Beyond "no panic": a rule has a name; an expression in its canonical form stays as it is.

use meshbook_runtime::noun::Noun;
use meshbook_stdlib::alerting_rule::file;
use meshbook_stdlib::prometheus::{expression, pages};
use serde_json::Value;

/// The input is YAML or a page; and it is an expression.
pub fn run(text: &str) {
    for rule in file::parse(text).into_iter().flatten() {
        assert!(rule.facts().hold >= 0.0, "{:?}", rule.facts());
        let _ = (rule.text(), rule.json(), rule.table());
    }
    if let Ok(page) = serde_json::from_str::<Value>(text) {
        let data = page.get("data").unwrap_or(&page);
        for rule in pages::parse_rules(data).into_iter().flatten() {
            assert!(!rule.name().is_empty());
            let _ = (rule.text(), rule.json(), rule.table());
        }
        for alert in pages::parse_alerts(data).into_iter().flatten() {
            let _ = (alert.text(), alert.json(), alert.table(), alert.runbook());
        }
        for target in pages::parse_targets(data).into_iter().flatten() {
            let _ = (target.text(), target.json(), target.table());
        }
    }
    if expression::metrics(text).is_ok() {
        let once = expression::canonical(text);
        assert_eq!(expression::canonical(&once), once, "{text:?}");
    }
}

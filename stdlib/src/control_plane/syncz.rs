//! istiod's `/debug/syncz`: what it sent to each of its proxies, and what they acknowledged.
//!
//! Format: `pilot/pkg/xds/debug.go`, type `SyncStatus`: `proxy` is `POD.NAMESPACE`; `resources` holds `sent`, `acked` and
//! `sentTime` by type URL, and `lastError` after a proxy has refused an update. A nonce begins with the version of the push, `TIME/NUMBER`, in which TIME is when istiod
//! began it. Each istiod lists only the proxies that are connected to itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// One proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Synced {
    /// `POD.NAMESPACE`.
    pub proxy: String,
    /// Its version of Istio.
    pub version: String,
    /// When the newest push to it began, by istiod's clock.
    pub pushed: Option<Timestamp>,
    /// Types that were sent and not acknowledged, with the time at which they were sent.
    pub waiting: Vec<(String, Option<Timestamp>)>,
    /// The state of each type, as istioctl names it: `SYNCED`, `STALE`, `NOT SENT` or `ERROR`.
    pub states: BTreeMap<String, &'static str>,
    /// Types whose last update it refused, with its reason.
    pub refused: Vec<(String, String)>,
}

/// Reads the page.
///
/// # Errors
/// A sentence that says why it is none.
pub fn parse(page: &str) -> Result<Vec<Synced>, String> {
    let page: Value = serde_json::from_str(page).map_err(|error| format!("its /debug/syncz is not JSON: {error}"))?;
    // An istiod without proxies answers null.
    if page.is_null() {
        return Ok(Vec::new());
    }
    let all = page.as_array().ok_or("its /debug/syncz is no list")?;
    Ok(all.iter().filter_map(proxy).collect())
}

fn proxy(value: &Value) -> Option<Synced> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut synced = Synced {
        proxy: Some(text(value, "proxy")).filter(|name| !name.is_empty())?,
        version: text(value, "istio_version"),
        pushed: None,
        waiting: Vec::new(),
        states: BTreeMap::new(),
        refused: Vec::new(),
    };
    for (kind, state) in value.get("resources").and_then(Value::as_object).into_iter().flatten() {
        let (sent, acked) = (text(state, "sent"), text(state, "acked"));
        let short = kind.rsplit('.').next().unwrap_or(kind);
        let error = text(state, "lastError");
        let word = match (error.is_empty(), sent.is_empty()) {
            (false, _) => "ERROR",
            (true, true) => "NOT SENT",
            (true, false) if sent == acked => "SYNCED",
            (true, false) => "STALE",
        };
        synced.states.insert(short.to_owned(), word);
        if !error.is_empty() {
            synced.refused.push((short.to_owned(), crate::text::first_line(&error)));
        }
        let began = sent.split_once('/').and_then(|(time, _)| time.parse::<Timestamp>().ok());
        synced.pushed = synced.pushed.max(began);
        if !sent.is_empty() && sent != acked {
            synced.waiting.push((short.to_owned(), text(state, "sentTime").parse().ok()));
        }
    }
    Some(synced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = include_str!("../../testdata/istio-1.31/istiod.syncz.json");

    #[test]
    fn a_recorded_page() {
        let all = parse(PAGE).expect("a page");
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|one| one.version == "1.31.0" && one.waiting.is_empty()));
        assert!(all.iter().any(|one| one.proxy == "front-564d87c8f4-475tc.summit"));
        assert_eq!(all[0].pushed, "2026-11-23T17:34:21Z".parse().ok());
    }

    #[test]
    fn what_was_not_acknowledged_waits() {
        let page = PAGE.replacen("\"acked\":\"2026", "\"acked\":\"2025", 1);
        let waiting: Vec<_> = parse(&page).expect("a page").into_iter().filter(|one| !one.waiting.is_empty()).collect();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].waiting[0].0, "Cluster");
        let states: Vec<_> = waiting[0].states.values().collect();
        assert_eq!(states, [&"STALE", &"SYNCED", &"SYNCED", &"SYNCED"]);
    }

    #[test]
    fn what_was_refused_says_why() {
        let page = PAGE.replacen("\"acked\":", "\"lastError\":\"duplicate cluster\",\"acked\":", 1);
        let all = parse(&page).expect("a page");
        let refused: Vec<_> = all.iter().flat_map(|one| &one.refused).collect();
        assert_eq!(refused, [&("Cluster".to_owned(), "duplicate cluster".to_owned())]);
    }

    #[test]
    fn an_istiod_without_proxies() {
        assert_eq!(parse("null"), Ok(Vec::new()));
        assert!(parse("{}").is_err() && parse("404 page not found").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z/]{0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!(r#"[{{"proxy":"a.b","resources":{{"x":{{"sent":"{}"}}}}}}]"#, text.replace(['"', '\\'], "")));
        }
    }
}

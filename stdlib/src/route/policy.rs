//! Retries and timeouts of a route, and how they bound each other.
//!
//! Source: `HTTPRetry` and `HTTPRoute.timeout` of `networking.istio.io/v1`, and `ConvertPolicy` in Istio's
//! `pilot/pkg/networking/core/route/retry/retry.go`: without `retries` there are two, on connection failures and the like,
//! unless `meshConfig.defaultHttpRetryPolicy` says otherwise; with `retries` of no attempts there are none. Without a
//! timeout there is none. `attempts` counts retries, so a request has one attempt more.

use std::time::Duration;

use meshbook_runtime::value::Span;
use serde_json::{Map, Value, json};

/// Retries where a route says nothing of them.
pub const DEFAULT_RETRIES: u32 = 2;

/// What a route says of time and retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts after the first.
    pub retries: u32,
    /// Whether that is Istio's default.
    pub by_default: bool,
    /// What each attempt may take.
    pub per_try: Option<Duration>,
    /// What all attempts may take together; `None` if there is no limit.
    pub timeout: Option<Duration>,
}

/// Istio's own, where no VirtualService applies.
pub const DEFAULT: Policy = Policy { retries: DEFAULT_RETRIES, by_default: true, per_try: None, timeout: None };

impl Policy {
    /// Reads an entry of `spec.http`.
    pub fn of(http: &Value) -> Self {
        let span =
            |pointer: &str| http.pointer(pointer).and_then(Value::as_str).and_then(parse).filter(|d| !d.is_zero());
        let retries = http.get("retries").filter(|retries| retries.is_object());
        let attempts = |retries: &Value| {
            retries.get("attempts").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
        };
        Policy {
            retries: retries.map_or(DEFAULT_RETRIES, attempts),
            by_default: retries.is_none(),
            per_try: span("/retries/perTryTimeout"),
            timeout: span("/timeout"),
        }
    }

    /// The longest that a request may take: its timeout, or what all its attempts may take. `None` if nothing bounds it.
    pub fn longest(&self) -> Option<Duration> {
        let attempts = self.per_try.map(|each| each.saturating_mul(self.retries.saturating_add(1)));
        match (self.timeout, attempts) {
            (Some(timeout), Some(attempts)) => Some(timeout.min(attempts)),
            (timeout, attempts) => timeout.or(attempts),
        }
    }

    /// Why its attempts do not fit into its timeout, if so: the last of them would be cut or never begin.
    pub fn misfit(&self) -> Option<String> {
        let (each, timeout) = (self.per_try?, self.timeout?);
        let attempts = self.retries.saturating_add(1);
        let all = each.saturating_mul(attempts);
        (all > timeout).then(|| {
            format!(
                "{attempts} attempts of {} take {}, and the route's timeout is {}",
                written(each),
                written(all),
                written(timeout)
            )
        })
    }

    /// As a sentence has it.
    pub fn text(&self) -> String {
        let retries = match self.retries {
            0 => "no retries".to_owned(),
            n => crate::text::count(n as usize, "retry", "retries"),
        };
        let default = if self.by_default { " (Istio's default)" } else { "" };
        let per_try = self.per_try.map(|each| format!(", each attempt at most {}", written(each))).unwrap_or_default();
        let timeout = self.timeout.map_or_else(|| "no timeout".to_owned(), |t| format!("timeout {}", written(t)));
        format!("{retries}{default}{per_try}, {timeout}")
    }

    /// As the record has it.
    pub fn json(&self) -> Value {
        let span = |duration: Option<Duration>| duration.map(written);
        json!({ "retries": self.retries, "byDefault": self.by_default, "perTryTimeout": span(self.per_try), "timeout": span(self.timeout) })
    }
}

/// Sets retries in an entry of `spec.http`; every other field of it stays.
pub fn set(http: &mut Map<String, Value>, attempts: u32, per_try: Option<Duration>) {
    let retries = http.entry("retries").or_insert_with(|| json!({}));
    if !retries.is_object() {
        *retries = json!({});
    }
    retries["attempts"] = json!(attempts);
    if let Some(each) = per_try {
        retries["perTryTimeout"] = json!(written(each));
    }
}

/// A duration as Go and Istio write it.
pub fn written(duration: Duration) -> String {
    Span(duration).to_string()
}

/// Reads a Go duration without sign (`time.ParseDuration`), to the microsecond. `None` if it is none.
pub fn parse(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, 0.0);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..letters] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[letters..];
    }
    let micros = (total * 1e6).round();
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(micros / 1e6).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, millis) in [("2s", 2000), ("0.5s", 500), ("1m30s", 90_000), ("400ms", 400), ("0s", 0), ("0", 0)] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "2", "s", "2x", "-1s", "1.2.3s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_unset_has_istios_defaults() {
        assert_eq!(Policy::of(&json!({})), DEFAULT);
        let none = Policy::of(&json!({ "retries": { "attempts": 0 }, "timeout": "0s" }));
        assert_eq!((none.retries, none.by_default, none.timeout), (0, false, None));
        let set = Policy::of(&json!({ "retries": { "attempts": 8, "perTryTimeout": "400ms" }, "timeout": "10s" }));
        assert_eq!(set.text(), "8 retries, each attempt at most 400ms, timeout 10s");
        assert_eq!(set.longest(), Some(Duration::from_millis(3600)));
        assert_eq!(DEFAULT.longest(), None);
        assert_eq!(DEFAULT.text(), "2 retries (Istio's default), no timeout");
    }

    #[test]
    fn attempts_must_fit_into_the_timeout() {
        let policy = |retries, per_try| Policy {
            retries,
            by_default: false,
            per_try: Some(Duration::from_secs(per_try)),
            timeout: Some(Duration::from_secs(10)),
        };
        assert_eq!(policy(1, 5).misfit(), None);
        assert_eq!(
            policy(2, 4).misfit().expect("it does not fit"),
            "3 attempts of 4s take 12s, and the route's timeout is 10s"
        );
    }

    #[test]
    fn setting_retries_keeps_the_rest() {
        let mut http =
            json!({ "name": "default", "route": [{ "weight": 1 }], "retries": { "attempts": 8, "retryOn": "5xx" } });
        set(http.as_object_mut().expect("an object"), 1, Some(Duration::from_secs(2)));
        assert_eq!(
            http,
            json!({ "name": "default", "route": [{ "weight": 1 }], "retries": { "attempts": 1, "retryOn": "5xx", "perTryTimeout": "2s" } })
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 1_u64..10_000_000) {
            let duration = Duration::from_millis(millis);
            // Days are not Go's.
            prop_assume!(millis < 86_400_000);
            prop_assert_eq!(parse(&written(duration)), Some(duration));
        }

        #[test]
        fn nothing_panics(text in ".{0,20}") {
            let _ = parse(&text);
        }
    }
}

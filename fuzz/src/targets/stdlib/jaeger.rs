//! Jaeger's traces.
//!
//! Beyond "no panic": the slowest comes first, no time is negative, and the time of a trace is not more than its length.

use meshbook_runtime::noun::Noun;
use meshbook_stdlib::trace::read::parse;

/// The input is `data` of `/api/traces`, or the whole answer.
pub fn run(text: &[u8]) {
    let Ok(page) = serde_json::from_slice::<serde_json::Value>(text) else { return };
    let Ok(traces) = parse(page.get("data").unwrap_or(&page)) else { return };
    assert!(traces.windows(2).all(|pair| pair[0].length() >= pair[1].length()));
    for trace in &traces {
        assert!(trace.length() >= 0);
        let own = trace.own_times();
        let _ = (own.largest(), own.text(), own.json(), own.table(), trace.text(), trace.json(), trace.table());
        let _ = trace.duration().text();
    }
}

//! Lines of Istio's access log, as text and as JSON.
//!
//! Beyond "no panic": flags are single words, and every flag that is listed is found.

use meshbook_stdlib::envoy::access_log::Entry;
use meshbook_stdlib::symptom::Kind;

/// See the module.
pub fn run(line: &str) {
    let Some(entry) = Entry::parse(line) else { return };
    assert!(entry.flags.iter().all(|flag| !flag.is_empty() && !flag.contains(',') && entry.has(flag)), "{entry:?}");
    let _ = Kind::of(&entry.flags.join(","), &entry.code.to_string(), true, entry.is_tls_failure());
}

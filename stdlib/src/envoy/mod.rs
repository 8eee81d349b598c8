//! What Envoy's admin pages and access logs say: parsers of foreign bytes, and the requests that fetch them.
//!
//! Formats: Envoy's admin interface (`operations/admin`), the messages of `envoy.admin.v3`, and Istio's default access
//! log. Held against pages that a real Envoy 1.40 under Istio 1.31 answered, see `testdata/istio-1.31`.

pub mod access_log;
pub mod admin;
pub mod cluster_name;
pub mod clusters;
pub mod config_dump;
pub mod dump;
pub mod memory;
pub mod secrets;
pub mod server_info;
pub mod stats;
pub mod transport;

pub use cluster_name::{ClusterName, Direction};

use serde_json::Value;

/// A counter, however large, however written: Envoy's counters are u64, its proto-JSON writes them as strings and
/// omits zero. What is not a number is `None`.
///
/// f64 is exact up to 2⁵³; beyond that only differences of at least a few hundred matter to anybody.
#[allow(clippy::cast_precision_loss, reason = "see above")]
pub fn counter(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse::<u128>().ok().map(|count| count as f64),
        _ => None,
    }
    .filter(|count| count.is_finite() && *count >= 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counters_beyond_i64_are_counters() {
        assert_eq!(counter(&json!(7)), Some(7.0));
        assert_eq!(counter(&json!("18446744073709551613")), Some(18_446_744_073_709_551_613.0));
        assert_eq!(counter(&json!(18_446_744_073_709_551_613_u64)), Some(18_446_744_073_709_551_613.0));
        for value in [json!(-1), json!("NaN"), json!("inf"), json!(null), json!(""), json!([1])] {
            assert_eq!(counter(&value), None, "{value}");
        }
    }
}

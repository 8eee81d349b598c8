//! Envoy's `/memory`: what its allocator has taken.
//!
//! Format: `envoy.admin.v3.Memory`: 64-bit numbers are strings.

use serde_json::Value;

use super::counter;

/// Bytes that the process holds of the machine: `total_physical_bytes`, or the heap where an allocator does not say.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn parse(page: &str) -> Result<f64, String> {
    let page: Value = serde_json::from_str(page).map_err(|error| format!("its /memory page is not JSON: {error}"))?;
    let figure = |name: &str| page.get(name).and_then(counter).filter(|bytes| *bytes > 0.0);
    figure("total_physical_bytes")
        .or_else(|| figure("heap_size"))
        .ok_or_else(|| "its /memory page names neither total_physical_bytes nor heap_size".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_and_what_is_none() {
        let page = r#"{"allocated":"9339640","heap_size":"16777216","total_physical_bytes":"19852094"}"#;
        assert_eq!(parse(page), Ok(19_852_094.0));
        assert_eq!(parse(r#"{"heap_size":"16777216","total_physical_bytes":"0"}"#), Ok(16_777_216.0));
        assert!(parse("{}").is_err() && parse("x").is_err());
    }
}

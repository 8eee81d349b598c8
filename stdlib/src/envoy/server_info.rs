//! Envoy's `/server_info`: state, versions, how long it runs.
//!
//! Format: `envoy.admin.v3.ServerInfo` as proto-JSON.

use std::time::Duration;

use serde_json::Value;

/// What a proxy says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// `LIVE`, `DRAINING`, `PRE_INITIALIZING` or `INITIALIZING`.
    pub state: String,
    /// Version of Envoy.
    pub envoy: String,
    /// Version of Istio, of which it tells its istiod.
    pub istio: String,
    /// How long it runs.
    pub uptime: Duration,
    /// Worker threads; `None` where it does not say.
    pub concurrency: Option<u64>,
}

/// Reads the page.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn parse(page: &str) -> Result<ServerInfo, String> {
    let page: Value =
        serde_json::from_str(page).map_err(|error| format!("its /server_info page is not JSON: {error}"))?;
    let text = |pointer: &str| page.pointer(pointer).and_then(Value::as_str);
    // proto-JSON omits the first value of an enum, and that is LIVE.
    let state = text("/state").unwrap_or("LIVE").to_owned();
    let version = text("/version").ok_or("its /server_info page names no version")?;
    Ok(ServerInfo {
        state,
        // COMMIT/VERSION/STATE/BUILD/TLS
        envoy: version.split('/').nth(1).unwrap_or(version).to_owned(),
        istio: text("/node/metadata/ISTIO_VERSION").unwrap_or_default().to_owned(),
        uptime: text("/uptime_current_epoch").and_then(seconds).unwrap_or_default(),
        concurrency: page.pointer("/command_line_options/concurrency").and_then(Value::as_u64),
    })
}

/// A duration as proto-JSON writes it: `34s`, `0.250s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = include_str!("../../testdata/istio-1.31/server_info.front-stats.json");

    #[test]
    fn a_recorded_page() {
        let info = parse(PAGE).expect("a page");
        assert_eq!((info.state.as_str(), info.envoy.as_str(), info.istio.as_str()), ("LIVE", "1.40.0", "1.31.0"));
        assert_eq!((info.uptime.as_secs(), info.concurrency), (34, Some(2)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", cut in 1..PAGE.len() - 2) {
            let _ = (parse(&text), seconds(&text));
            prop_assert!(parse(PAGE.get(..cut).unwrap_or_default()).is_err());
        }
    }
}

//! Prometheus' text format (`text/plain; version=0.0.4`), as far as single figures are wanted.

/// The sum of a metric's samples whose labels contain `labels` (each written `name="value"`); `None` if it has none.
pub fn sum(page: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let mut found = None;
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some(rest) = line.strip_prefix(name) else { continue };
        let (own, value) = match rest.strip_prefix('{') {
            Some(rest) => match rest.rsplit_once('}') {
                Some(parts) => parts,
                None => continue,
            },
            None if rest.starts_with(' ') => ("", rest),
            None => continue,
        };
        let value = value.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
        if let Some(value) = value.filter(|value| value.is_finite() && labels.iter().all(|label| own.contains(label))) {
            found = Some(found.unwrap_or(0.0) + value);
        }
    }
    // Figures of a page, each finite, may together be none.
    found.filter(|sum: &f64| sum.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ISTIOD: &str = include_str!("../../testdata/istio-1.31/istiod.metrics.txt");
    const AGENT: &str = include_str!("../../testdata/istio-1.31/istiod-down.agent.txt");

    #[test]
    fn recorded_pages() {
        assert_eq!(sum(ISTIOD, "pilot_xds_pushes", &[]), Some(16.0));
        assert_eq!(sum(ISTIOD, "pilot_xds_pushes", &["type=\"eds\""]), Some(4.0));
        assert_eq!(sum(ISTIOD, "citadel_server_root_cert_expiry_timestamp", &[]), Some(2_110_815_257.0));
        assert_eq!(sum(ISTIOD, "pilot_total_xds_rejects", &[]), None, "not exported is not zero");
        assert_eq!(sum(AGENT, "istio_agent_istiod_connection_terminations", &["type=\"error\""]), Some(9.0));
        assert_eq!(sum(AGENT, "istio_agent_istiod_connection_failures", &[]), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(pilot_xds[{} a-z\"=0-9.]{0,30}\n){0,5}") {
            let _ = sum(&text, "pilot_xds", &["a"]);
        }
    }
}

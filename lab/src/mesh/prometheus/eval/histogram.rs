//! `histogram_quantile` over classic buckets (`bucketQuantile` in Prometheus' `quantile.go`).

use std::collections::BTreeMap;

use super::{Sample, unnamed};
use crate::mesh::prometheus::tsdb::Labels;

/// The quantile of each histogram in a vector of `_bucket` series.
pub fn quantile(phi: f64, samples: Vec<Sample>, at: i64) -> Vec<Sample> {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in samples {
        let mut labels = unnamed(sample.labels);
        let Some(bound) = labels.remove("le").and_then(|text| bound(&text)) else { continue };
        histograms.entry(labels).or_default().push((bound, sample.value));
    }
    histograms.into_iter().map(|(labels, buckets)| Sample { labels, value: of(phi, buckets), at }).collect()
}

fn bound(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        _ => text.parse().ok(),
    }
}

fn of(phi: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    if phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        return f64::NAN;
    }
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (bound, count) in buckets {
        match merged.last_mut() {
            Some(last) if last.0 == bound => last.1 += count,
            _ => merged.push((bound, count)),
        }
    }
    // Buckets are scraped one after the other: a count below its predecessor's is a race, not a fact.
    let mut most = f64::NEG_INFINITY;
    for bucket in &mut merged {
        most = most.max(bucket.1);
        bucket.1 = most;
    }
    let total = merged[merged.len() - 1].1;
    if merged.len() < 2 || total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let mut rank = phi * total;
    let index = merged[..merged.len() - 1].iter().position(|(_, count)| *count >= rank).unwrap_or(merged.len() - 1);
    if index == merged.len() - 1 {
        return merged[merged.len() - 2].0;
    }
    if index == 0 && merged[0].0 <= 0.0 {
        return merged[0].0;
    }
    let (end, mut count) = merged[index];
    let mut begin = 0.0;
    if index > 0 {
        begin = merged[index - 1].0;
        count -= merged[index - 1].1;
        rank -= merged[index - 1].1;
    }
    begin + (end - begin) * (rank / count)
}

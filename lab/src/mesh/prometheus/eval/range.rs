//! Functions of range vectors: rates with Prometheus' extrapolation, and `*_over_time`.

use super::Range;

/// What `rate`, `increase` and `delta` have in common (`extrapolatedRate` in Prometheus' `functions.go`).
///
/// The samples seldom span the whole range; the change is extended to its ends where the distance is no more than 1.1
/// times the usual one between samples, otherwise by half of that; a counter is not extended below nought.
pub fn extrapolated(range: &Range, start: i64, end: i64, counter: bool, per_second: bool) -> Option<f64> {
    let samples = &range.samples;
    let (first, last) = (samples.first()?, samples.last()?);
    if samples.len() < 2 {
        return None;
    }
    let mut change = last.1 - first.1;
    if counter {
        change += samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1).sum::<f64>();
    }
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let mut to_start = seconds(first.0 - start);
    let to_end = seconds(end - last.0);
    let sampled = seconds(last.0 - first.0);
    let usual = sampled / (samples.len() - 1) as f64;
    if counter && change > 0.0 && first.1 >= 0.0 {
        to_start = to_start.min(sampled * (first.1 / change));
    }
    let threshold = usual * 1.1;
    let extend = |distance: f64| if distance < threshold { distance } else { usual / 2.0 };
    let mut factor = (sampled + extend(to_start) + extend(to_end)) / sampled;
    if per_second {
        factor /= seconds(end - start);
    }
    Some(change * factor)
}

/// `irate` and `idelta`: from the last two samples.
pub fn instant(range: &Range, per_second: bool) -> Option<f64> {
    let [.., before, last] = range.samples.as_slice() else { return None };
    if !per_second {
        return Some(last.1 - before.1);
    }
    let change = if last.1 < before.1 { last.1 } else { last.1 - before.1 };
    let interval = (last.0 - before.0) as f64 / 1000.0;
    (interval > 0.0).then(|| change / interval)
}

/// Slope (1/s) and value at `origin` (ms) of the least-squares line.
pub fn regression(range: &Range, origin: i64) -> Option<(f64, f64)> {
    if range.samples.len() < 2 {
        return None;
    }
    let n = range.samples.len() as f64;
    let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) = (0.0, 0.0, 0.0, 0.0);
    for (at, value) in &range.samples {
        let x = (at - origin) as f64 / 1000.0;
        x_sum += x;
        y_sum += value;
        xy_sum += x * value;
        xx_sum += x * x;
    }
    let slope = (xy_sum - x_sum * y_sum / n) / (xx_sum - x_sum * x_sum / n);
    Some((slope, y_sum / n - slope * x_sum / n))
}

/// The `phi`-quantile of values, straight between ranks; ±∞ outside [0, 1].
pub fn quantile(phi: f64, values: &[f64]) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    let mut sorted = values.to_vec();
    // NaN counts as smallest.
    sorted.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)));
    let rank = phi * (sorted.len() - 1) as f64;
    let low = rank.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    let weight = rank - rank.floor();
    sorted[low] * (1.0 - weight) + sorted[high] * weight
}

/// A function of one range's values that takes nothing else.
pub fn over_time(function: &str, range: &Range) -> Option<f64> {
    let values = || range.samples.iter().map(|(_, value)| *value);
    let n = range.samples.len() as f64;
    let mean = || values().sum::<f64>() / n;
    let variance = || {
        let mean = mean();
        values().map(|value| (value - mean).powi(2)).sum::<f64>() / n
    };
    Some(match function {
        "avg_over_time" => mean(),
        "sum_over_time" => values().sum(),
        "count_over_time" => n,
        "min_over_time" => values().fold(f64::NAN, f64::min),
        "max_over_time" => values().fold(f64::NAN, f64::max),
        "last_over_time" => range.samples.last()?.1,
        "present_over_time" => 1.0,
        "stdvar_over_time" => variance(),
        "stddev_over_time" => variance().sqrt(),
        "resets" => range.samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).count() as f64,
        "changes" => range
            .samples
            .windows(2)
            .filter(|pair| pair[1].1 != pair[0].1 && !(pair[0].1.is_nan() && pair[1].1.is_nan()))
            .count() as f64,
        _ => return None,
    })
}

//! The arithmetic of error budgets.
//!
//! Source: The Site Reliability Workbook, chapter 5, "Alerting on SLOs" (<https://sre.google/workbook/alerting-on-slos/>).
//! With an objective of 99.9 %, one request of a thousand may fail over the window: the budget. The burn rate is how many
//! times faster than that requests fail: a burn rate of 1 spends the budget exactly when the window ends. A burn that
//! spends a share `s` of the budget of a window `P` within a time `t` has the rate `s·P/t`. An alert demands that rate
//! over `t` *and* over a twelfth of it, so that it ends soon after the errors end.

/// What was asked, and how much of it was bad.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// All requests.
    pub total: f64,
    /// Those that count against the objective.
    pub bad: f64,
}

impl Count {
    /// The bad ones' share; none of no requests.
    pub fn ratio(self) -> Option<f64> {
        (self.total > 0.0).then(|| (self.bad / self.total).clamp(0.0, 1.0))
    }

    /// How many times faster than the objective allows requests are bad.
    pub fn burn(self, objective: f64) -> Option<f64> {
        self.ratio().map(|ratio| ratio / (1.0 - objective))
    }

    /// How much of the budget is left: 1 is all of it, 0 none, less than 0 overspent.
    pub fn left(self, objective: f64) -> Option<f64> {
        self.burn(objective).map(|burn| 1.0 - burn)
    }
}

/// A pair of windows of a multiwindow alert: in seconds, and the burn rate that both must exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The longer window.
    pub long: f64,
    /// A twelfth of it.
    pub short: f64,
    /// The burn rate.
    pub rate: f64,
}

const HOUR: f64 = 3600.0;

/// The pairs of the Workbook (table 5-8) for an objective over `window` seconds: 2 % of the budget in an hour, 5 % in six
/// hours, 10 % in three days. A pair whose longer window is not shorter than the objective's has no meaning and is left out.
pub fn pairs(window: f64) -> Vec<Pair> {
    [(0.02, HOUR), (0.05, 6.0 * HOUR), (0.10, 72.0 * HOUR)]
        .into_iter()
        .filter(|(_, long)| *long < window)
        .map(|(share, long)| Pair { long, short: long / 12.0, rate: share * window / long })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thirty_days_have_the_rates_of_the_workbook() {
        let rates: Vec<(f64, f64, f64)> =
            pairs(30.0 * 24.0 * HOUR).iter().map(|pair| (pair.long / HOUR, pair.short / 60.0, pair.rate)).collect();
        assert_eq!(rates.len(), 3);
        for ((long, short, rate), expected) in
            rates.into_iter().zip([(1.0, 5.0, 14.4), (6.0, 30.0, 6.0), (72.0, 360.0, 1.0)])
        {
            assert!(
                (long - expected.0).abs() < 1e-9
                    && (short - expected.1).abs() < 1e-9
                    && (rate - expected.2).abs() < 1e-9
            );
        }
        assert!(pairs(HOUR).is_empty());
    }

    #[test]
    fn no_requests_have_no_ratio() {
        assert_eq!(Count::default().burn(0.999), None);
        assert_eq!(Count { total: 1000.0, bad: 1.0 }.left(0.999).map(|left| (left * 1000.0).round()), Some(0.0));
        assert_eq!(Count { total: 1000.0, bad: 5.0 }.burn(0.999).map(f64::round), Some(5.0));
    }

    proptest! {
        // A steady burn of a pair's rate over its longer window spends that pair's share of the budget.
        #[test]
        fn a_rate_spends_its_share(window in 2.0 * HOUR..400.0 * 24.0 * HOUR, objective in 0.5f64..0.9999, each_second in 1.0f64..1e4) {
            for pair in pairs(window) {
                let within = Count { total: each_second * pair.long, bad: each_second * pair.long * pair.rate * (1.0 - objective) };
                let budget = each_second * window * (1.0 - objective);
                let spent = within.bad / budget;
                let share = pair.rate * pair.long / window;
                prop_assert!((spent - share).abs() < 1e-9, "{spent} {share}");
                if within.bad <= within.total {
                    prop_assert!((within.burn(objective).unwrap_or(f64::NAN) - pair.rate).abs() < 1e-6);
                }
            }
        }

        #[test]
        fn what_is_left_and_what_burns_are_one(total in 1.0f64..1e9, share in 0.0f64..1.0, objective in 0.0f64..0.9999) {
            let count = Count { total, bad: total * share };
            let (left, burn) = (count.left(objective), count.burn(objective));
            prop_assert_eq!(left, burn.map(|burn| 1.0 - burn));
        }
    }
}

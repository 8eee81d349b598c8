//! Curves over time that share their axes, whoever draws them.

/// Curves over one span of time and one range of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The lower end of the range of values, and how it is written.
    pub low: (f64, String),
    /// The upper end of the range of values, and how it is written.
    pub high: (f64, String),
    /// How far back the left end lies, as it is written: `-5m`. The right end is the moment of the query.
    pub since: String,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// Its least, most and last value, as they are written.
    pub figures: String,
    /// Its values at equal distances from the left end to the right; `None` where there are no data, which is not zero.
    pub values: Vec<Option<f64>>,
}

impl Curve {
    /// Its values on another number of places. Each place has the largest of the values that fall on it, so that no peak
    /// is thinned away; where there are more places than values, each value takes several.
    pub fn on(&self, places: usize) -> Vec<Option<f64>> {
        let count = self.values.len();
        let place = |index: usize| {
            let from = index * count / places;
            let until = ((index + 1) * count / places).max(from + 1).min(count);
            self.values.get(from..until)?.iter().flatten().copied().max_by(f64::total_cmp)
        };
        (0..places).map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_and_gaps_survive_thinning_and_stretching() {
        let curve =
            |values: &[Option<f64>]| Curve { name: String::new(), figures: String::new(), values: values.into() };
        let one = curve(&[Some(1.0), Some(9.0), None, None, Some(2.0), Some(3.0)]);
        assert_eq!(one.on(3), [Some(9.0), None, Some(3.0)]);
        assert_eq!(one.on(6), one.values);
        assert_eq!(curve(&[Some(1.0), None]).on(4), [Some(1.0), Some(1.0), None, None]);
        assert_eq!(curve(&[]).on(2), [None, None]);
    }
}

//! Kubernetes quantities: `512Mi`, `200m`, `2`.
//!
//! Format: `k8s.io/apimachinery/pkg/api/resource`, `<sign><digits>[.<digits>]<suffix>`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A quantity as it was written, and its worth in thousandths of the base unit.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: String,
    milli: i128,
}

impl Quantity {
    /// Its worth in thousandths of the base unit (bytes, cores).
    pub fn milli(&self) -> i128 {
        self.milli
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a quantity; write for example 200m, 512Mi, 2, 1.5Gi");
        let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || whole.len() > 18 || fraction.len() > 9 || fraction.contains('.') {
            return Err(wrong());
        }
        let milli_of_unit: i128 = match suffix {
            "m" => 1,
            "" => 1000,
            "k" => 1_000_000,
            "M" => 1_000_000_000,
            "G" => 1_000_000_000_000,
            "T" => 1_000_000_000_000_000,
            "Ki" => 1000 << 10,
            "Mi" => 1000 << 20,
            "Gi" => 1000 << 30,
            "Ti" => 1000 << 40,
            _ => return Err(wrong()),
        };
        let digits: i128 = format!("0{whole}{fraction}").parse().map_err(|_| wrong())?;
        let scale = 10_i128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        // Kubernetes rounds what is finer than its scale up, so that a request is never understated.
        let scaled = digits.checked_mul(milli_of_unit).ok_or_else(wrong)?;
        let milli = scaled / scale + i128::from(scaled % scale != 0);
        Ok(Quantity { text: text.into(), milli: sign * milli })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.milli == other.milli
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.milli.cmp(&other.milli)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn worth_is_kubernetes() {
        for (text, milli) in [
            ("200m", 200),
            ("2", 2000),
            ("1.5", 1500),
            ("512Mi", 512 * 1024 * 1024 * 1000),
            ("1k", 1_000_000),
            ("0.0001", 1),
            ("-1", -1000),
        ] {
            assert_eq!(text.parse::<Quantity>().map(|q| q.milli()), Ok(milli), "{text}");
        }
        for text in ["", "Mi", ".", "1.2.3", "5x", "1e3e", "９"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,30}") {
            let _ = text.parse::<Quantity>();
        }
    }
}

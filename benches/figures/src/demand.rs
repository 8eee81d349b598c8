//! What is demanded of a figure, and the line that says whether it is met.

use std::fmt;

use crate::measure::Figures;

/// A bound.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bound {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Bound::AtMost(most) => figure <= most,
            Bound::AtLeast(least) => figure >= least,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtMost(most) => write!(f, "<= {most}"),
            Bound::AtLeast(least) => write!(f, ">= {least}"),
        }
    }
}

/// One figure against its demand.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What is measured. It does not change from one version to the next.
    pub name: &'static str,
    /// The medians that it is made of, as people read them.
    pub of: String,
    /// The figure of each round.
    pub figures: Figures,
    /// Its unit; a ratio has `x`.
    pub unit: &'static str,
    /// What is demanded of the median.
    pub bound: Bound,
    /// Why it may miss its demand. Whoever writes a reason here says in the README where the time goes.
    pub excuse: Option<&'static str>,
}

impl Demand {
    /// Whether the demand is met, or missed for a stated reason.
    pub fn holds(&self) -> bool {
        self.bound.is_met(self.figures.median()) || self.excuse.is_some()
    }

    /// The head of the table.
    pub fn head() -> String {
        line(["VERDICT", "FIGURE", "DEMAND", "MEDIAN", "RANGE", "ROUNDS", "OF"])
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, greatest) = self.figures.range();
        let verdict = if self.bound.is_met(self.figures.median()) { "met" } else { "MISSED" };
        f.write_str(&line([
            verdict,
            self.name,
            &format!("{} {}", self.bound, self.unit),
            &format!("{:.2} {}", self.figures.median(), self.unit),
            &format!("{least:.2} to {greatest:.2}"),
            &self.figures.rounds().to_string(),
            &self.of,
        ]))?;
        match self.excuse.filter(|_| verdict == "MISSED") {
            Some(reason) => write!(f, "; accepted: {reason}"),
            None => Ok(()),
        }
    }
}

fn line(cells: [&str; 7]) -> String {
    let [verdict, name, bound, median, range, rounds, of] = cells;
    format!("{verdict:<7}  {name:<23}  {bound:>9}  {median:>9}  {range:>16}  {rounds:>6}  {of}")
}

/// The last line: how many demands are met, and which are not.
pub fn summary(demands: &[Demand]) -> String {
    let missed: Vec<&str> =
        demands.iter().filter(|one| !one.bound.is_met(one.figures.median())).map(|one| one.name).collect();
    let met = format!("{} of {} demands are met", demands.len() - missed.len(), demands.len());
    if missed.is_empty() { met } else { format!("{met}; missed: {}", missed.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_demand_holds_only_with_a_reason() {
        let figures = [5.0, 4.0, 6.0].into_iter().collect();
        let demand =
            Demand { name: "n", of: String::new(), figures, unit: "x", bound: Bound::AtLeast(5.0), excuse: None };
        assert!(demand.holds() && demand.to_string().starts_with("met "));
        let missed = Demand { bound: Bound::AtMost(4.9), ..demand.clone() };
        assert!(!missed.holds() && missed.to_string().starts_with("MISSED "));
        let excused = Demand { excuse: Some("the disk"), ..missed.clone() };
        assert!(excused.holds() && excused.to_string().contains("accepted: the disk"));
        assert_eq!(summary(std::slice::from_ref(&demand)), "1 of 1 demands are met");
        assert_eq!(summary(&[demand, excused]), "1 of 2 demands are met; missed: n");
    }
}

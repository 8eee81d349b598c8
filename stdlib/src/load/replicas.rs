//! A number of pods, with the reason for it.

use std::cmp::Ordering;
use std::sync::Arc;

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::{Noun, a_type};
use rhai::Dynamic;
use serde_json::{Value, json};

use super::Measured;
use crate::text::{figure, percent};

/// How many pods.
#[derive(Clone, Debug)]
pub struct Replicas(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    number: u32,
    why: String,
}

/// Beyond this nobody means it.
const MOST: f64 = 100_000.0;

impl Replicas {
    /// A number with its reason.
    pub fn new(number: u32, why: String) -> Self {
        Replicas(Arc::new(Inner { number, why }))
    }

    /// So many that a load uses each of them to a part: the load over what one pod can answer at that use; never fewer
    /// than there are.
    pub fn for_load(measured: &Measured, utilisation: f64) -> Self {
        let (needed, each) = (measured.needed(), measured.of_a_pod());
        let exact = (needed / (each * utilisation)).ceil().clamp(1.0, MOST);
        // Between one and a hundred thousand.
        let wanted = exact as u32;
        let number = wanted.max(u32::try_from(measured.pods).unwrap_or(u32::MAX));
        let why = format!(
            "{} requests a second, of which a pod can answer {}, at {} use",
            figure(needed),
            figure(each),
            percent(utilisation)
        );
        Replicas::new(number, why)
    }

    /// How many.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// Why so many.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// No more than so many.
    pub fn at_most(&self, most: u32) -> Self {
        if self.0.number <= most {
            return self.clone();
        }
        Replicas::new(most, format!("at most {most} are allowed; {} would be needed for {}", self.0.number, self.0.why))
    }
}

impl Noun for Replicas {
    const NAME: &'static str = "Replicas";
    const DOC: &'static str = "A number of pods, with the reason for it. It compares with ints.";

    fn text(&self) -> String {
        self.0.number.to_string()
    }

    fn table(&self) -> meshbook_runtime::value::Table {
        meshbook_runtime::value::Table::line(format!(
            "{}: {}",
            crate::text::count(self.0.number as usize, "pod", "pods"),
            self.0.why
        ))
    }

    fn json(&self) -> Value {
        json!({ "replicas": self.0.number, "why": self.0.why })
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.0.number == other.0.number)
    }

    fn order(&self, other: &Dynamic) -> Result<Ordering, Failure> {
        let number =
            other.clone().try_cast::<Replicas>().map(|other| i64::from(other.0.number)).or(other.as_int().ok());
        number
            .map(|number| i64::from(self.0.number).cmp(&number))
            .ok_or_else(|| Failure::new(&TYPE, format!("Replicas cannot be compared with {}", a_type(other))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measured(
        sent: f64,
        answered: f64,
        inside: f64,
        within: Option<&str>,
        pods: usize,
        cpu: Option<f64>,
    ) -> Measured {
        let within = within.map(|text| text.parse().expect("a span"));
        Measured { sent, answered, inside, within, pods, cpu }
    }

    #[test]
    fn a_pod_in_full_use_can_answer_what_it_answers() {
        // Two pods answer 40 of 60 a second: 60 / (20 × 0.7) = 4.3.
        assert_eq!(Replicas::for_load(&measured(60.0, 40.0, 0.0, None, 2, Some(1.0)), 0.7).number(), 5);
        // At half of their CPU they could answer 80: 60 / (40 × 0.7) = 2.1.
        assert_eq!(Replicas::for_load(&measured(60.0, 40.0, 0.0, None, 2, Some(0.5)), 0.7).number(), 3);
        assert_eq!(Replicas::for_load(&measured(60.0, 40.0, 0.0, None, 2, None), 0.7).number(), 5);
    }

    #[test]
    fn clients_that_wait_are_load_that_no_rate_shows() {
        // 120 requests are under way; to be done within two seconds, 60 a second have to be answered.
        let load = measured(40.0, 40.0, 120.0, Some("2s"), 2, Some(1.0));
        assert!((load.needed() - 60.0).abs() < 1e-9);
        assert_eq!(Replicas::for_load(&load, 0.7).number(), 5);
        assert_eq!(
            Replicas::for_load(&measured(40.0, 40.0, 4.0, Some("2s"), 2, Some(0.2)), 0.7).number(),
            2,
            "never fewer"
        );
    }

    #[test]
    fn a_bound_is_kept_and_said() {
        let replicas = Replicas::for_load(&measured(600.0, 40.0, 0.0, None, 2, Some(1.0)), 0.7);
        assert_eq!(replicas.number(), 43);
        assert_eq!(replicas.at_most(20).number(), 20);
        assert!(replicas.at_most(20).why().contains("43 would be needed"), "{}", replicas.at_most(20).why());
        assert_eq!(replicas.at_most(50).number(), 43);
    }

    proptest! {
        #[test]
        fn they_carry_the_load_at_their_use(sent in 1.0..1e4_f64, answered in 1.0..1e4_f64, pods in 1..50_usize, part in 0.1..1.0_f64) {
            let load = measured(sent, answered, 0.0, None, pods, None);
            let replicas = Replicas::for_load(&load, part);
            let can = f64::from(replicas.number()) * load.of_a_pod() * part;
            prop_assert!(can >= load.needed() * (1.0 - 1e-9) || f64::from(replicas.number()) >= MOST);
        }
    }
}

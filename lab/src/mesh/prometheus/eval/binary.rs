//! Operators between scalars and vectors, with vector matching.

use std::collections::BTreeMap;

use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::{Evaluated, Query, QueryError, Sample, Value, failed, printed, unnamed};
use crate::mesh::prometheus::tsdb::Labels;

impl Query<'_> {
    pub(super) fn binary(&self, binary: &BinaryExpr, time: i64) -> Evaluated {
        let operation = binary.op.to_string();
        let operation = operation.as_str();
        let as_bool = binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
        let left = self.eval(&binary.lhs, time)?;
        let right = self.eval(&binary.rhs, time)?;
        match (left, right) {
            (Value::Scalar(a), Value::Scalar(b)) => match comparison(operation, a, b) {
                Some(_) if !as_bool => {
                    Err(QueryError::BadData("comparisons between scalars must use BOOL modifier".into()))
                }
                Some(holds) => Ok(Value::Scalar(f64::from(u8::from(holds)))),
                None => Ok(Value::Scalar(arithmetic(operation, a, b))),
            },
            (Value::Vector(samples), Value::Scalar(b)) => {
                Ok(Value::Vector(with_scalar(operation, samples, as_bool, |value| (value, b))))
            }
            (Value::Scalar(a), Value::Vector(samples)) => {
                Ok(Value::Vector(with_scalar(operation, samples, as_bool, |value| (a, value))))
            }
            (Value::Vector(left), Value::Vector(right)) => {
                let default = BinModifier::default();
                let modifier = binary.modifier.as_ref().unwrap_or(&default);
                match operation {
                    "and" | "or" | "unless" => Ok(Value::Vector(sets(operation, left, right, modifier))),
                    _ => matched(operation, left, right, modifier, as_bool).map(Value::Vector),
                }
            }
            (left, right) => Err(QueryError::BadData(format!(
                "binary expression must contain only scalar and instant vector types, got {} and {}",
                left.kind(),
                right.kind()
            ))),
        }
    }
}

fn arithmetic(operation: &str, a: f64, b: f64) -> f64 {
    match operation {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "^" => a.powf(b),
        "atan2" => a.atan2(b),
        _ => f64::NAN,
    }
}

/// Whether a comparison holds; `None` if the operator is none.
fn comparison(operation: &str, a: f64, b: f64) -> Option<bool> {
    Some(match operation {
        "==" => a == b,
        "!=" => a != b,
        ">" => a > b,
        "<" => a < b,
        ">=" => a >= b,
        "<=" => a <= b,
        _ => return None,
    })
}

fn with_scalar(operation: &str, samples: Vec<Sample>, as_bool: bool, sides: impl Fn(f64) -> (f64, f64)) -> Vec<Sample> {
    let one = |sample: Sample| {
        let (a, b) = sides(sample.value);
        match comparison(operation, a, b) {
            Some(holds) if as_bool => {
                Some(Sample { value: f64::from(u8::from(holds)), labels: unnamed(sample.labels), ..sample })
            }
            Some(holds) => holds.then_some(sample),
            None => Some(Sample { value: arithmetic(operation, a, b), labels: unnamed(sample.labels), ..sample }),
        }
    };
    samples.into_iter().filter_map(one).collect()
}

fn signature(labels: &Labels, modifier: &BinModifier) -> Labels {
    match &modifier.matching {
        Some(LabelModifier::Include(on)) => labels
            .iter()
            .filter(|(name, _)| on.labels.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        Some(LabelModifier::Exclude(ignoring)) => {
            unnamed(labels.clone()).into_iter().filter(|(name, _)| !ignoring.labels.contains(name)).collect()
        }
        None => unnamed(labels.clone()),
    }
}

fn sets(operation: &str, left: Vec<Sample>, right: Vec<Sample>, modifier: &BinModifier) -> Vec<Sample> {
    let keys = |samples: &[Sample]| {
        samples.iter().map(|sample| signature(&sample.labels, modifier)).collect::<std::collections::BTreeSet<_>>()
    };
    match operation {
        "and" | "unless" => {
            let there = keys(&right);
            left.into_iter()
                .filter(|sample| there.contains(&signature(&sample.labels, modifier)) == (operation == "and"))
                .collect()
        }
        _ => {
            let there = keys(&left);
            let more = right.into_iter().filter(|sample| !there.contains(&signature(&sample.labels, modifier)));
            left.into_iter().chain(more).collect()
        }
    }
}

fn matched(
    operation: &str,
    left: Vec<Sample>,
    right: Vec<Sample>,
    modifier: &BinModifier,
    as_bool: bool,
) -> Result<Vec<Sample>, QueryError> {
    // The "one" side is looked up by signature; the other is walked through.
    let swapped = matches!(modifier.card, VectorMatchCardinality::OneToMany(_));
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let side = if swapped { "left" } else { "right" };
    let mut lookup: BTreeMap<Labels, Sample> = BTreeMap::new();
    for sample in one {
        let key = signature(&sample.labels, modifier);
        if let Some(other) = lookup.get(&key) {
            return failed(format!(
                "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                printed(&key),
                printed(&sample.labels),
                printed(&other.labels)
            ));
        }
        lookup.insert(key, sample);
    }
    let one_to_one = matches!(modifier.card, VectorMatchCardinality::OneToOne);
    let mut seen: Vec<(Labels, Labels)> = Vec::new();
    let mut result = Vec::new();
    for sample in many {
        let key = signature(&sample.labels, modifier);
        let Some(partner) = lookup.get(&key) else { continue };
        let (a, b) = if swapped { (partner.value, sample.value) } else { (sample.value, partner.value) };
        let compared = comparison(operation, a, b);
        let labels = result_labels(&sample.labels, &partner.labels, modifier, compared.is_none() || as_bool);
        let value = match compared {
            Some(holds) if as_bool => f64::from(u8::from(holds)),
            // A filter keeps the left side's value.
            Some(true) => a,
            Some(false) => continue,
            None => arithmetic(operation, a, b),
        };
        if seen.iter().any(|(k, l)| *k == key && (one_to_one || *l == labels)) {
            return failed(if one_to_one {
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            } else {
                "multiple matches for labels: grouping labels must ensure unique matches"
            });
        }
        seen.push((key, labels.clone()));
        result.push(Sample { labels, value, at: sample.at });
    }
    Ok(result)
}

fn result_labels(many: &Labels, one: &Labels, modifier: &BinModifier, drop_name: bool) -> Labels {
    let mut labels = if drop_name { unnamed(many.clone()) } else { many.clone() };
    match &modifier.card {
        VectorMatchCardinality::OneToOne => match &modifier.matching {
            Some(LabelModifier::Include(on)) => labels.retain(|name, _| on.labels.contains(name)),
            Some(LabelModifier::Exclude(ignoring)) => labels.retain(|name, _| !ignoring.labels.contains(name)),
            None => {}
        },
        VectorMatchCardinality::ManyToOne(include) | VectorMatchCardinality::OneToMany(include) => {
            for name in &include.labels {
                match one.get(name) {
                    Some(value) => labels.insert(name.clone(), value.clone()),
                    None => labels.remove(name),
                };
            }
        }
        VectorMatchCardinality::ManyToMany => {}
    }
    labels
}

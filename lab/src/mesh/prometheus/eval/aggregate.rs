//! Aggregations: `sum by (…)` and its kin.

use std::collections::BTreeMap;

use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::{Evaluated, Query, QueryError, Sample, Value, failed, range, unnamed};
use crate::mesh::prometheus::api::number;
use crate::mesh::prometheus::tsdb::Labels;

impl Query<'_> {
    pub(super) fn aggregate(&self, aggregate: &AggregateExpr, time: i64) -> Evaluated {
        let operation = aggregate.op.to_string();
        let samples = self.vector(&aggregate.expr, time)?;
        let parameter = match aggregate.param.as_deref().map(|param| self.eval(param, time)).transpose()? {
            None => None,
            Some(Value::Scalar(value)) => Some(Ok(value)),
            Some(Value::Text(text)) => Some(Err(text)),
            Some(other) => {
                return Err(QueryError::BadData(format!(
                    "expected type scalar in aggregation parameter, got {}",
                    other.kind()
                )));
            }
        };
        let mut groups: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
        for sample in samples {
            groups.entry(key(&sample.labels, aggregate.modifier.as_ref())).or_default().push(sample);
        }
        let number_parameter = || match &parameter {
            Some(Ok(value)) => Ok(*value),
            _ => failed(format!("{operation} needs a number")),
        };
        let mut result = Vec::new();
        for (labels, members) in groups {
            let values: Vec<f64> = members.iter().map(|member| member.value).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = || values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
            let value = match operation.as_str() {
                "sum" => values.iter().sum(),
                "avg" => mean,
                "count" => n,
                "group" => 1.0,
                "min" => values.iter().copied().fold(f64::NAN, f64::min),
                "max" => values.iter().copied().fold(f64::NAN, f64::max),
                "stdvar" => variance(),
                "stddev" => variance().sqrt(),
                "quantile" => range::quantile(number_parameter()?, &values),
                "topk" | "bottomk" => {
                    let count = number_parameter()?;
                    if count >= 1.0 {
                        result.extend(best(members, operation == "topk", count as usize));
                    }
                    continue;
                }
                "count_values" => {
                    let Some(Err(label)) = &parameter else { return failed("count_values needs a label's name") };
                    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
                    for value in values {
                        *counts.entry(number(value)).or_default() += 1.0;
                    }
                    result.extend(counts.into_iter().map(|(text, value)| {
                        let mut labels = labels.clone();
                        labels.insert(label.clone(), text);
                        Sample { labels, value, at: time }
                    }));
                    continue;
                }
                other => return failed(format!("unknown aggregation {other}")),
            };
            result.push(Sample { labels, value, at: time });
        }
        Ok(Value::Vector(result))
    }
}

fn key(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::new(),
        Some(LabelModifier::Include(by)) => labels
            .iter()
            .filter(|(name, _)| by.labels.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        Some(LabelModifier::Exclude(without)) => {
            unnamed(labels.clone()).into_iter().filter(|(name, _)| !without.labels.contains(name)).collect()
        }
    }
}

/// The `count` greatest or smallest, best first; NaN is worse than any number.
fn best(mut members: Vec<Sample>, greatest: bool, count: usize) -> Vec<Sample> {
    members.sort_by(|a, b| {
        let order = if greatest { b.value.partial_cmp(&a.value) } else { a.value.partial_cmp(&b.value) };
        a.value
            .is_nan()
            .cmp(&b.value.is_nan())
            .then(order.unwrap_or(std::cmp::Ordering::Equal))
            .then_with(|| a.labels.cmp(&b.labels))
    });
    members.truncate(count);
    members
}

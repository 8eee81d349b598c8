//! How a workload is scaled: by its own replicas, or by the minimum of the autoscaler that sets them.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::{Value, json};

use crate::code::REPLICAS;
use crate::kubernetes::autoscaler::{autoscaler, bounds};
use crate::kubernetes::read;

/// Scales a workload; where an autoscaler sets its replicas, raises that one's minimum. Answers whether anything changed.
///
/// # Errors
/// `REPLICAS` if the autoscaler's maximum is below the number; and what reading and changing can end in.
pub fn scale(run: &Run, object: &ObjectRef, replicas: u32, why: &str) -> Result<bool, Failure> {
    if replicas == 0 {
        return Err(Failure::new(&REPLICAS, format!("{object} would have no pod left"))
            .unchanged(format!("{object} was not changed")));
    }
    let (target, field) = match autoscaler(run, object)? {
        None => (object.clone(), "replicas"),
        Some((scaler, value)) => {
            let (_, most) = bounds(&value);
            if u64::from(replicas) > most {
                return Err(Failure::new(
                    &REPLICAS,
                    format!("{scaler} allows {object} at most {most} pods, and it needs {replicas}"),
                )
                .unchanged(format!("{scaler} was not changed"))
                .hint(format!("raise its maximum first, if the cluster has room: k8s::patch(\"hpa\", \"{}\", #{{ spec: #{{ maxReplicas: {replicas} }} }})", scaler.name)));
            }
            (scaler, "minReplicas")
        }
    };
    let before = read::get(run, &target)?;
    let now = before.pointer(&format!("/spec/{field}")).and_then(Value::as_u64).unwrap_or(1);
    let enough = if field == "minReplicas" { now >= u64::from(replicas) } else { now == u64::from(replicas) };
    if enough {
        run.warn(format!("{target} has {field} {now} already"));
        return Ok(false);
    }
    let mut after = before.clone();
    after["spec"][field] = json!(replicas);
    let reason = if why.is_empty() { String::new() } else { format!(": {why}") };
    let summary = format!("{field} {replicas} instead of {now}{reason}");
    Ok(run.change(Change::new(target, summary, before, after))?.is_made())
}

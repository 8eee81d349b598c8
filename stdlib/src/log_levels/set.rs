//! How levels are set: one change for each proxy.

use meshbook_runtime::change::Change;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::json;

use super::gather::{gather, page};
use super::wanted::Wanted;
use super::{Levels, LogLevels};
use crate::proxies::Proxies;

/// Sets the levels of these proxies. Answers whether anything had to be changed.
///
/// # Errors
/// `NO_DATA` if a proxy does not tell its levels: what cannot be read cannot be set back. `TYPE` for a logger that Envoy
/// does not have; what a change can end in.
pub fn set(run: &Run, proxies: &Proxies, wanted: &Wanted) -> Result<bool, Failure> {
    let levels: LogLevels = gather(run, proxies)?;
    let what = "the level of the loggers";
    if let Some(missing) = levels.missing() {
        return Err(missing.failure(what).unchanged("no level was changed"));
    }
    let mut changes = Vec::new();
    for (pod, one) in proxies.pods().iter().zip(levels.told()) {
        let (loggers, document) = match &one.levels {
            Levels::Known(loggers, document) => (loggers, document),
            Levels::Gone => continue,
            Levels::Silent(why) => {
                return Err(Missing::Unreachable(format!("{}: {why}", one.pod))
                    .failure(what)
                    .unchanged("no level was changed")
                    .hint("name one pod that answers instead of the workload"));
            }
        };
        let wanted_loggers = wanted.changes(loggers)?;
        if wanted_loggers.is_empty() {
            continue;
        }
        let mut after = document.clone();
        for logger in after.get_mut("loggers").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            if let Some(wanted) = wanted_loggers.iter().find(|wanted| logger["name"] == wanted.name.as_str()) {
                logger["level"] = json!(wanted.level);
            }
        }
        let summary = format!("log {}", wanted.text());
        changes.push(Change::of_levels(page(&pod.namespace, &pod.name), summary, document.clone(), after));
    }
    // All of them are computed before the first is made: a name that Envoy does not have changes nothing.
    let mut changed = false;
    for change in changes {
        changed |= run.change(change)?.is_made();
    }
    Ok(changed)
}

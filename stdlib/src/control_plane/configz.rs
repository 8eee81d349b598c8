//! Whether an istiod is stale: istiods of one revision watch the same objects, so one that has an older version of one
//! of them than another istiod has lost its watch.
//!
//! `/debug/configz` is large, so it is asked only where the pushes themselves give reason: an istiod whose newest push
//! is older than another's.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::gather::{get, page};
use super::istiod::Istiod;
use crate::evidence::absorb;

/// How much older its newest push may be: debouncing and the push queue take up to 10 s, clocks go apart by some.
const APART: Duration = Duration::from_secs(30);

/// Finds the stale ones.
///
/// # Errors
/// What a script may not handle.
pub fn compare(run: &Run, istiods: &mut [Istiod]) -> Result<(), Failure> {
    let pushed: Vec<(usize, String, Timestamp)> = istiods
        .iter()
        .enumerate()
        .filter_map(|(index, istiod)| Some((index, istiod.revision.clone(), istiod.pushed()?)))
        .collect();
    for (index, revision, own) in &pushed {
        let newest = pushed.iter().filter(|(_, other, _)| other == revision).max_by_key(|(_, _, at)| *at);
        let Some((reference, _, at)) =
            newest.filter(|(_, _, at)| Duration::try_from(at.duration_since(*own)).unwrap_or_default() > APART)
        else {
            continue;
        };
        let effects = vec![
            get(&istiods[*index], "configuration", "/debug/configz"),
            get(&istiods[*reference], "configuration", "/debug/configz"),
        ];
        let mut versions = Vec::new();
        for reply in run.read_all(effects) {
            versions.push(match reply {
                Ok(reply) => page(reply).and_then(|body| parse(&body)),
                Err(failure) => Err(absorb(failure)?),
            });
        }
        let [Ok(mine), Ok(theirs)] = versions.as_slice() else { continue };
        if let Some(object) = older(mine, theirs) {
            let name = istiods[*reference].pod.clone();
            istiods[*index].stale = Some(format!("{object}; its newest push began at {own}, that of {name} at {at}"));
        }
    }
    Ok(())
}

/// Objects by kind, namespace and name, with their resource version.
pub type Versions = BTreeMap<String, u64>;

/// Reads the page. Objects without a name or a numeric resource version are left out.
///
/// # Errors
/// A sentence that says why it is none.
pub fn parse(page: &str) -> Result<Versions, String> {
    let page: Value = serde_json::from_str(page).map_err(|error| format!("its /debug/configz is not JSON: {error}"))?;
    let all = page.as_array().ok_or("its /debug/configz is no list")?;
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Ok(all
        .iter()
        .filter_map(|object| {
            let kind = text(object, "/kind")?;
            let name = text(object, "/metadata/name")?;
            let place = text(object, "/metadata/namespace").map_or(String::new(), |namespace| format!("{namespace}/"));
            // Kubernetes 1.35 and newer guarantee that resource versions are numbers in order; older ones keep it in fact.
            Some((format!("{kind} {place}{name}"), text(object, "/metadata/resourceVersion")?.parse().ok()?))
        })
        .collect())
}

/// The first object that is missing or older in `mine`.
fn older(mine: &Versions, theirs: &Versions) -> Option<String> {
    theirs.iter().find_map(|(object, version)| match mine.get(object) {
        None => Some(format!("it does not know {object}")),
        Some(own) if own < version => Some(format!("it has {object} in an older version ({own}, not {version})")),
        Some(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_object_tells() {
        let page = |version: u64| {
            format!(
                r#"[{{"kind":"DestinationRule","metadata":{{"namespace":"summit","name":"catalog","resourceVersion":"{version}"}}}}]"#
            )
        };
        let (old, new) = (parse(&page(7)).expect("a page"), parse(&page(9)).expect("a page"));
        assert_eq!(
            older(&old, &new).as_deref(),
            Some("it has DestinationRule summit/catalog in an older version (7, not 9)")
        );
        assert_eq!(older(&new, &old), None);
        assert_eq!(older(&Versions::new(), &new).as_deref(), Some("it does not know DestinationRule summit/catalog"));
        assert!(parse("null").is_err());
    }
}

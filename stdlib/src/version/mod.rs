//! Versions of Kubernetes, istiod and proxies, and whether they are supported together.
//!
//! Source of the rules: Istio's page of supported releases, and its own table of Kubernetes versions for each release
//! (<https://istio.io/latest/docs/releases/supported-releases/>); the oldest Kubernetes of 1.30 and newer as istioctl's
//! precheck has it (IST0142).

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::effect::{Call, Effect, Reply};
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, gather as plane};
use crate::text::{and, count, some};

/// Minor versions of Istio that meshbook supports.
pub const KNOWN: (u32, u32) = (24, 31);
/// For each minor version of Istio 1.x the oldest and the newest supported minor version of Kubernetes 1.x; no newest
/// where none was published when this table was written.
const KUBERNETES: [(u32, u32, Option<u32>); 8] = [
    (24, 28, Some(31)),
    (25, 29, Some(32)),
    (26, 29, Some(33)),
    (27, 29, Some(33)),
    (28, 30, Some(34)),
    (29, 31, Some(35)),
    (30, 32, None),
    (31, 32, None),
];

/// The oldest minor version of Kubernetes that a minor version of Istio supports; `None` where it is not known here.
pub fn least_kubernetes(istio: u32) -> Option<u32> {
    KUBERNETES.iter().find(|(minor, _, _)| *minor == istio).map(|(_, least, _)| *least)
}

/// The minor version in `1.MINOR…`.
pub fn minor(version: &str) -> Option<u32> {
    let rest = version.trim_start_matches('v').strip_prefix("1.")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Versions of one revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Versions of its istiods, with how many have it.
    pub istiods: BTreeMap<String, usize>,
    /// Versions of the proxies that these istiods know, with how many have it.
    pub proxies: BTreeMap<String, usize>,
}

/// Versions that stand together.
#[derive(Clone, Debug)]
pub struct Versions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seen: Result<Seen, Missing>,
}

#[derive(Debug)]
struct Seen {
    kubernetes: String,
    revisions: BTreeMap<String, Group>,
    problems: Vec<String>,
    notes: Vec<String>,
}

/// Reads the versions now.
///
/// # Errors
/// An API server that does not answer, and what a script may not handle.
pub fn gather(run: &Run) -> Result<Versions, Failure> {
    let kubernetes = match run.read(Effect::read("API server", "version", Call::Version))? {
        Reply::Json(version) => version.get("gitVersion").and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => return Err(Failure::new(&BAD_ANSWER, "the API server does not say its version")),
    };
    let plane = plane::gather(run)?;
    let seen = of(&plane, kubernetes);
    Ok(Versions(Arc::new(Inner { seen })))
}

fn of(plane: &ControlPlane, kubernetes: String) -> Result<Seen, Missing> {
    let seen = plane.outcome()?;
    let mut revisions: BTreeMap<String, Group> = BTreeMap::new();
    let mut silent = Vec::new();
    for istiod in &seen.istiods {
        let group = revisions.entry(istiod.revision.clone()).or_default();
        match istiod.answer() {
            Some(says) if !says.version.is_empty() => {
                *group.istiods.entry(says.version.clone()).or_default() += 1;
                for proxy in &says.proxies {
                    *group.proxies.entry(proxy.version.clone()).or_default() += 1;
                }
            }
            _ => silent.push(istiod.pod.clone()),
        }
    }
    if revisions.values().all(|group| group.istiods.is_empty()) {
        return Err(Missing::Unreachable(if seen.istiods.is_empty() {
            format!("namespace {} has no istiod", plane.root())
        } else {
            format!("no istiod answered: {}", some(&silent, 3))
        }));
    }
    let mut notes = Vec::new();
    if !silent.is_empty() {
        notes.push(format!("did not answer: {}", some(&silent, 3)));
    }
    let unknown = seen.connections.iter().filter(|one| one.istiod.is_none()).count();
    if unknown > 0 {
        notes.push(format!(
            "{} known to no istiod that answered: their versions are not known",
            count(unknown, "proxy is", "proxies are")
        ));
    }
    let problems = problems(&kubernetes, &revisions, &mut notes);
    Ok(Seen { kubernetes, revisions, problems, notes })
}

/// What does not fit together. What no rule speaks of goes to the notes.
fn problems(kubernetes: &str, revisions: &BTreeMap<String, Group>, notes: &mut Vec<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (revision, group) in revisions {
        if group.istiods.len() > 1 {
            let versions: Vec<_> = group.istiods.keys().cloned().collect();
            problems.push(format!("revision {revision} runs istiods of {}: a rollout that has not ended, or two installations under one name", and(&versions)));
        }
        let minors: Vec<u32> = group.istiods.keys().filter_map(|version| minor(version)).collect();
        let (Some(oldest), Some(newest)) = (minors.iter().min().copied(), minors.iter().max().copied()) else {
            continue;
        };
        if oldest < KNOWN.0 || newest > KNOWN.1 {
            problems.push(format!(
                "revision {revision} is Istio 1.{newest}: meshbook supports 1.{} to 1.{}",
                KNOWN.0, KNOWN.1
            ));
        }
        match (KUBERNETES.iter().find(|(istio, _, _)| *istio == newest), minor(kubernetes)) {
            (Some((_, least, _)), Some(own)) if own < *least => {
                problems.push(format!("Istio 1.{newest} (revision {revision}) needs Kubernetes 1.{least} or newer, and this is {kubernetes}"));
            }
            (Some((_, _, Some(most))), Some(own)) if own > *most => {
                problems.push(format!("Istio 1.{newest} (revision {revision}) is supported up to Kubernetes 1.{most}, and this is {kubernetes}"));
            }
            (Some((_, _, None)), Some(_)) => {
                notes.push(format!(
                    "up to which Kubernetes Istio 1.{newest} is supported is not known here: see istio.io"
                ));
            }
            _ => {}
        }
        for (version, proxies) in &group.proxies {
            let Some(own) = minor(version) else {
                notes.push(format!("{} of version {version:?}", count(*proxies, "proxy is", "proxies are")));
                continue;
            };
            let whom = count(*proxies, "proxy", "proxies");
            if own > oldest {
                problems.push(format!("{whom} of revision {revision} run {version}, newer than their istiod (1.{oldest}): the data plane may not be ahead"));
            } else if own + 1 < newest {
                problems.push(format!("{whom} of revision {revision} run {version}, more than one minor version behind their istiod (1.{newest})"));
            } else if own < newest {
                notes.push(format!("{whom} of revision {revision} run {version}, one minor version behind, which is supported: restart their workloads before the next upgrade"));
            }
        }
    }
    problems
}

impl Versions {
    /// What does not fit together.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn problems(&self) -> Result<&[String], Failure> {
        self.0.seen.as_ref().map(|seen| seen.problems.as_slice()).map_err(|missing| missing.failure("the versions"))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }
}

fn listed(versions: &BTreeMap<String, usize>, what: (&str, &str)) -> String {
    let all: Vec<_> =
        versions.iter().map(|(version, n)| format!("{version} ({})", count(*n, what.0, what.1))).collect();
    if all.is_empty() { "-".into() } else { all.join(", ") }
}

impl Noun for Versions {
    const NAME: &'static str = "Versions";
    const DOC: &'static str = "The versions of Kubernetes, of every istiod of every revision and of their proxies, held against Istio's rules of support. May be missing.";

    fn text(&self) -> String {
        match &self.0.seen {
            Err(missing) => format!("the versions cannot be read: {missing}"),
            Ok(seen) if seen.problems.is_empty() => {
                let istio: Vec<_> = seen.revisions.values().flat_map(|group| group.istiods.keys().cloned()).collect();
                format!(
                    "Istio {} on Kubernetes {} is supported together with its proxies",
                    and(&istio),
                    seen.kubernetes
                )
            }
            Ok(seen) => format!("{} (Kubernetes {})", seen.problems.join("; "), seen.kubernetes),
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table = Table::new(format!("Kubernetes {}", seen.kubernetes), &["REVISION", "ISTIOD", "PROXIES"]);
        for (revision, group) in &seen.revisions {
            table.row([
                revision.clone(),
                listed(&group.istiods, ("pod", "pods")),
                listed(&group.proxies, ("proxy", "proxies")),
            ]);
        }
        table.notes.extend(seen.problems.iter().map(|problem| format!("not supported: {problem}")));
        table.notes.extend(seen.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(seen) => {
                let revisions: Vec<_> = seen
                    .revisions
                    .iter()
                    .map(
                        |(name, group)| json!({ "revision": name, "istiods": group.istiods, "proxies": group.proxies }),
                    )
                    .collect();
                json!({ "kubernetes": seen.kubernetes, "revisions": revisions, "problems": seen.problems, "notes": seen.notes })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kubernetes: &str, istiods: &[&str], proxies: &[&str]) -> (Vec<String>, Vec<String>) {
        let counted = |all: &[&str]| all.iter().map(|version| ((*version).to_owned(), 2)).collect();
        let group = Group { istiods: counted(istiods), proxies: counted(proxies) };
        let mut notes = Vec::new();
        let problems = problems(kubernetes, &BTreeMap::from([("default".into(), group)]), &mut notes);
        (problems, notes)
    }

    #[test]
    fn one_behind_is_supported_and_more_or_ahead_is_not() {
        let (none, notes) = check("v1.33.2", &["1.28.4"], &["1.28.4", "1.27.7"]);
        assert!(
            none.is_empty() && notes.iter().any(|note| note.contains("one minor version behind")),
            "{none:?} {notes:?}"
        );
        assert!(check("v1.33.2", &["1.28.4"], &["1.26.8"]).0[0].contains("more than one minor version behind"));
        assert!(check("v1.33.2", &["1.28.4"], &["1.29.0"]).0[0].contains("may not be ahead"));
    }

    #[test]
    fn kubernetes_has_to_fit() {
        assert!(check("v1.29.1", &["1.28.4"], &[]).0[0].contains("needs Kubernetes 1.30"));
        assert!(check("v1.36.0", &["1.28.4"], &[]).0[0].contains("up to Kubernetes 1.34"));
        let (none, notes) = check("v1.37.0", &["1.31.0"], &[]);
        assert!(none.is_empty() && notes[0].contains("not known here"), "no rule, no verdict");
    }

    #[test]
    fn two_versions_of_one_revision_and_foreign_ones() {
        assert!(check("v1.33.0", &["1.28.4", "1.27.7"], &[]).0[0].contains("a rollout that has not ended"));
        assert!(check("v1.28.0", &["1.22.8"], &[]).0[0].contains("meshbook supports"));
        assert!(check("v1.33.0", &["unknown"], &["unknown"]).0.is_empty());
        assert_eq!((minor("v1.33.2-gke.1"), minor("1.31-alpha.x"), minor("2.0")), (Some(33), Some(31), None));
    }
}

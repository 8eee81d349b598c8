//! Changes of the control plane's own objects: each one object, each only where the evidence leaves no choice.
//!
//! The objects are designated by what was seen and not by the script, so they may lie outside of the run's namespace.

use std::collections::BTreeSet;

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::{Call, Class, Effect, ObjectRef, Reply};
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::selector::Labels;
use super::service::Service;
use super::webhook::{Webhook, probe};
use super::{ControlPlane, Seen, policy};
use crate::code::CONTROL_PLANE_AMBIGUOUS;
use crate::kubernetes::{kinds, read};
use crate::text::{first_line, some};

/// In how many namespaces a pod is tried.
const TRIED: usize = 20;

fn ambiguous(what: &str) -> Failure {
    Failure::new(&CONTROL_PLANE_AMBIGUOUS, what.to_owned()).unchanged("nothing was changed")
}

/// The Services that select no istiod although there are some.
fn broken(seen: &Seen) -> Vec<&Service> {
    let has_ready =
        |service: &Service| seen.istiods.iter().any(|istiod| istiod.revision == service.revision && istiod.ready);
    seen.services.iter().filter(|service| !service.selects && service.ready == 0 && has_ready(service)).collect()
}

/// Whether each Service that selects nothing has exactly one right selector.
pub fn can_correct(seen: &Seen) -> bool {
    let broken = broken(seen);
    !broken.is_empty() && broken.iter().all(|service| service.correct.is_some())
}

/// Sets the selector of the Services that select nothing to the labels of their own istiods.
///
/// # Errors
/// `CONTROL_PLANE_AMBIGUOUS` if it is not plain which labels these are; what a change can end in.
pub fn correct_selector(run: &Run, plane: &ControlPlane) -> Result<bool, Failure> {
    let seen = plane.seen()?;
    if !broken(seen).is_empty() && !can_correct(seen) {
        return Err(ambiguous(
            "which labels the Service of istiod should select is not plain: its istiods differ, none is ready, or other pods carry the same labels",
        ));
    }
    let mut changed = false;
    for service in broken(seen) {
        let Some(correct) = &service.correct else { continue };
        let object = ObjectRef::new(kinds::service(), plane.root(), &service.name);
        let before = read::get(run, &object)?;
        let mut after = before.clone();
        if let Some(spec) = after.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("selector".into(), serde_json::json!(correct));
        }
        let labels: Vec<_> = correct.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let summary = format!("select the istiods of revision {} by {}", service.revision, labels.join(","));
        changed |= make(run, object, summary, before, after)?;
    }
    Ok(changed)
}

/// The one NetworkPolicy that shuts istiod off and is about istiod alone; `None` if there is another, or a wider one.
pub fn closed_policy(seen: &Seen) -> Option<&Value> {
    let [name] = seen.shut_off.policies.as_slice() else { return None };
    let policy =
        seen.policies.iter().find(|one| one.pointer("/metadata/name").and_then(Value::as_str) == Some(name))?;
    (!seen.shut_off.proxies.is_empty() && policy::is_about_istiod(policy)).then_some(policy)
}

/// Adds a rule to the NetworkPolicy that shuts istiod off: ports 15012 and 15017 for everybody, as without a policy.
///
/// # Errors
/// `CONTROL_PLANE_AMBIGUOUS` unless exactly one policy does, and it selects istiod by name.
pub fn admit_proxies(run: &Run, plane: &ControlPlane) -> Result<bool, Failure> {
    let seen = plane.seen()?;
    let Some(policy) = closed_policy(seen) else {
        return Err(ambiguous(
            "no single NetworkPolicy is about istiod alone: which of them should open is its owner's to say",
        ));
    };
    let name = policy.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let object = ObjectRef::new(kinds::network_policy(), plane.root(), name);
    let before = read::get(run, &object)?;
    let after = policy::opened(&before, &[policy::XDS, policy::WEBHOOK]);
    make(run, object, format!("admit ports {} and {} of istiod", policy::XDS, policy::WEBHOOK), before, after)
}

/// Lets pods start without a sidecar while nothing answers the injector: `failurePolicy` of its dead webhooks becomes
/// `Ignore`.
///
/// # Errors
/// What a change can end in.
pub fn ignore_failures(run: &Run, plane: &ControlPlane) -> Result<bool, Failure> {
    let seen = plane.seen()?;
    let blocking: Vec<&Webhook> = seen.webhooks.iter().filter(|one| one.injects() && one.refuses()).collect();
    let configurations: BTreeSet<&str> =
        blocking.iter().filter(|one| one.blocks_pods()).map(|one| one.configuration.as_str()).collect();
    let mut changed = false;
    for name in configurations {
        let object = ObjectRef::new(kinds::mutating_webhooks(), "", name);
        let before = read::get(run, &object)?;
        let mut after = before.clone();
        for webhook in after.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
            let own = webhook.get("name").and_then(Value::as_str).map(str::to_owned);
            let dead = blocking.iter().any(|one| one.configuration == name && Some(&one.name) == own.as_ref());
            if let Some(webhook) = webhook.as_object_mut().filter(|_| dead) {
                webhook.insert("failurePolicy".into(), "Ignore".into());
            }
        }
        changed |= make(run, object, "let pods start without a sidecar while nothing answers".into(), before, after)?;
    }
    if changed {
        run.warn("pods that start from now on have no sidecar: peers that demand mutual TLS (STRICT) refuse them, and they refuse nobody. Restart them once istiod answers, after `meshbook undo`");
    }
    Ok(changed)
}

fn make(run: &Run, object: ObjectRef, summary: String, before: Value, after: Value) -> Result<bool, Failure> {
    Ok(run.change(Change::new(object, summary, before, after).designated())?.is_made())
}

/// Whether the API server would admit a new pod in each namespace whose injector has nothing behind it; in one of the
/// others' if there is no such. The second value says what was tried, and why it was refused.
///
/// # Errors
/// `NO_DATA` if pods may not be created even as a trial, or there is no namespace to try it in.
pub fn admits_pods(run: &Run, plane: &ControlPlane) -> Result<(bool, String), Failure> {
    let seen = plane.seen()?;
    let injectors = || seen.webhooks.iter().filter(|one| one.injects());
    let mut namespaces: BTreeSet<&str> =
        injectors().filter(|one| one.is_dead()).flat_map(|one| &one.namespaces).map(String::as_str).collect();
    if namespaces.is_empty() {
        namespaces = injectors().flat_map(|one| &one.namespaces).map(String::as_str).take(1).collect();
    }
    if namespaces.is_empty() {
        return Err(Missing::NoSeries("no namespace asks for sidecars".into()).failure("whether new pods are admitted"));
    }
    let chosen: Vec<&str> = namespaces.into_iter().take(TRIED).collect();
    let effects = chosen.iter().map(|namespace| trial(namespace, &labels(seen, namespace))).collect();
    let mut refused = Vec::new();
    for (namespace, reply) in chosen.iter().zip(run.read_all(effects)) {
        match reply {
            Ok(Reply::Json(_)) => {}
            Ok(_) => refused.push(format!("{namespace}: the answer is no pod")),
            Err(failure) if !failure.code.catchable => return Err(failure),
            Err(failure) if failure.is(&FORBIDDEN) => {
                return Err(Missing::Unreachable(failure.message).failure("whether new pods are admitted"));
            }
            Err(failure) => refused.push(format!("{namespace}: {}", first_line(&failure.message))),
        }
    }
    Ok(match refused.as_slice() {
        [] => (
            true,
            format!(
                "a new pod is admitted in {} (dry run)",
                some(&chosen.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), 5)
            ),
        ),
        _ => (false, format!("a new pod is refused in {}", some(&refused, 2))),
    })
}

/// The labels by which pods of a namespace choose their injector, as one of them carries them.
fn labels(seen: &Seen, namespace: &str) -> Labels {
    const CHOOSE: [&str; 2] = ["istio.io/rev", "sidecar.istio.io/inject"];
    let pods = seen.pods.iter().filter(|pod| pod.namespace == namespace && !pod.is_terminating);
    let of = |labels: &Labels| -> Labels {
        labels
            .iter()
            .filter(|(key, value)| CHOOSE.contains(&key.as_str()) && value.as_str() != "false")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    pods.map(|pod| of(&pod.labels)).find(|labels| !labels.is_empty()).unwrap_or_default()
}

/// The creation of a pod as a trial: the answer is the pod as admission makes it, sidecar included.
pub fn trial(namespace: &str, labels: &Labels) -> Effect {
    let call =
        Call::TryCreate { kind: kinds::pod(), namespace: Some(namespace.to_owned()), object: probe(namespace, labels) };
    Effect {
        class: Class::Probe,
        target: format!("pods in namespace {namespace}"),
        summary: "would a new pod be admitted? (dry run)".into(),
        call,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control_plane::ShutOff;
    use crate::control_plane::tests::seen;

    #[test]
    fn only_one_policy_about_istiod_alone_is_plain() {
        let policy = |name: &str, selector: Value| json!({ "metadata": { "name": name }, "spec": { "podSelector": selector, "policyTypes": ["Ingress"] } });
        let mut seen = seen(vec![]);
        let shut = |names: &[&str]| ShutOff {
            proxies: vec!["a.summit".into()],
            webhooks: true,
            policies: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        seen.policies =
            vec![policy("istiod", json!({ "matchLabels": { "app": "istiod" } })), policy("deny", json!({}))];
        seen.shut_off = shut(&["istiod"]);
        assert!(closed_policy(&seen).is_some());
        seen.shut_off = shut(&["deny"]);
        assert!(closed_policy(&seen).is_none(), "a policy for the whole namespace");
        seen.shut_off = shut(&["deny", "istiod"]);
        assert!(closed_policy(&seen).is_none(), "two of them");
    }
}

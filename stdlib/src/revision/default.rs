//! The default revision: whom `istio-injection=enabled` means, and who checks objects of Istio that name no revision.
//!
//! As `istioctl tag set default --revision` does it (`istioctl/pkg/tag/generate.go`): a MutatingWebhookConfiguration
//! `istio-revision-tag-default`, the injector of an installation without revision put out of action by a selector that
//! nothing fits, and `istiod-default-validator` pointed at the other istiod. In another order: the new injector is there
//! before the old one is silenced, so that no pod starts without a sidecar in between.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::{Call, Class, Effect, ObjectRef};
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::{Value, json};

use super::labels::{INJECTION, REVISION, injector};
use super::{Revision, gather, label, service_of};
use crate::code::NO_INJECTOR;
use crate::control_plane::selector::Labels;
use crate::kubernetes::{kinds, read};
use crate::text::first_line;

/// The configuration of the default tag.
const TAG: &str = "istio-revision-tag-default";
/// Who checks objects that name no revision.
const VALIDATOR: &str = "istiod-default-validator";
/// What puts an injector out of action (`NeverMatch` in `istioctl/pkg/util/common.go`).
const NEVER: (&str, &str) = ("istio.io/deactivated", "never-match");

/// Makes a revision the default. Answers whether anything had to be changed.
///
/// # Errors
/// `NO_INJECTOR` if it has none of its own to take after; what a change can end in.
pub fn make(run: &Run, revision: &Revision) -> Result<bool, Failure> {
    let name = revision.name()?;
    let all = gather::mutating(run)?;
    let own = all.iter().find(|one| label(one, REVISION) == Some(name) && label(one, "istio.io/tag").is_none());
    let pattern = own.and_then(|one| one.get("webhooks")?.as_array()?.iter().find(|one| injects(one)));
    let (Some(own), Some(pattern)) = (own, pattern) else {
        return Err(Failure::new(&NO_INJECTOR, format!("revision {name} has no injector of its own"))
            .unchanged("nothing was changed")
            .hint("`meshbook run upgrade/canary-verify` says what it lacks"));
    };
    if leads_elsewhere(run, name, &all)?.is_none() {
        return Ok(false);
    }
    let mut changed = tag(run, name, own, pattern)?;
    for other in
        all.iter().filter(|one| label(one, REVISION) == Some("default") && label(one, "istio.io/tag").is_none())
    {
        if name != "default" {
            changed |= silence(run, other)?;
        }
    }
    let validator = ObjectRef::new(kinds::validating_webhooks(), "", VALIDATOR);
    if let Some(before) = read::find(run, &validator)? {
        let mut after = before.clone();
        for webhook in webhooks(&mut after) {
            webhook["clientConfig"]["service"]["name"] = service_of(name).into();
        }
        let summary = format!("objects of Istio that name no revision are checked by {}", service_of(name));
        changed |= run.change(Change::new(validator, summary, before, after).designated())?.is_made();
    }
    Ok(changed)
}

fn injects(webhook: &Value) -> bool {
    webhook.get("name").and_then(Value::as_str).is_some_and(|name| name.ends_with("sidecar-injector.istio.io"))
}

fn webhooks(configuration: &mut Value) -> impl Iterator<Item = &mut Value> {
    configuration.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten()
}

/// The default tag: pointed elsewhere, or created as the chart `istio-discovery` renders it.
fn tag(run: &Run, revision: &str, own: &Value, pattern: &Value) -> Result<bool, Failure> {
    let object = ObjectRef::new(kinds::mutating_webhooks(), "", TAG);
    let summary = format!("istio-injection=enabled means revision {revision}");
    if let Some(before) = read::find(run, &object)? {
        let mut after = before.clone();
        after["metadata"]["labels"][REVISION] = revision.into();
        for webhook in webhooks(&mut after) {
            webhook["clientConfig"] = pattern["clientConfig"].clone();
        }
        return Ok(run.change(Change::new(object, summary, before, after).designated())?.is_made());
    }
    let mut labels = own.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    labels["istio.io/tag"] = "default".into();
    let absent = |key: &str| json!({ "key": key, "operator": "DoesNotExist" });
    let is = |key: &str, operator: &str, value: &str| json!({ "key": key, "operator": operator, "values": [value] });
    const INJECT: &str = "sidecar.istio.io/inject";
    let one = |prefix: &str, namespace: Value, pod: Value| {
        let mut webhook = pattern.clone();
        webhook["name"] = format!("{prefix}.sidecar-injector.istio.io").into();
        webhook["namespaceSelector"] = json!({ "matchExpressions": namespace });
        webhook["objectSelector"] = json!({ "matchExpressions": pod });
        webhook
    };
    let content = json!({ "metadata": { "name": TAG, "labels": labels }, "webhooks": [
        one("rev.namespace", json!([is(REVISION, "In", "default"), absent(INJECTION)]), json!([is(INJECT, "NotIn", "false")])),
        one("rev.object", json!([absent(REVISION), absent(INJECTION)]), json!([is(INJECT, "NotIn", "false"), is(REVISION, "In", "default")])),
        one("namespace", json!([is(INJECTION, "In", "enabled")]), json!([is(INJECT, "NotIn", "false")])),
        one("object", json!([absent(INJECTION), absent(REVISION)]), json!([is(INJECT, "In", "true"), absent(REVISION)])),
    ] });
    Ok(run.change(Change::creation(object, summary, content).designated())?.is_made())
}

/// Puts the injector of an installation without revision out of action.
fn silence(run: &Run, configuration: &Value) -> Result<bool, Failure> {
    let name = configuration.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let object = ObjectRef::new(kinds::mutating_webhooks(), "", name);
    let before = read::get(run, &object)?;
    let mut after = before.clone();
    for webhook in webhooks(&mut after) {
        for selector in ["namespaceSelector", "objectSelector"] {
            webhook[selector] = json!({ "matchLabels": { NEVER.0: NEVER.1 } });
        }
    }
    let summary = "the old injector is asked no more: the default tag takes its place".to_owned();
    Ok(run.change(Change::new(object, summary, before, after).designated())?.is_made())
}

/// Why a revision is not the default, in words; `None` if it is: `istio-injection=enabled` leads to it and to no other, and
/// an object of Istio is admitted by it.
///
/// # Errors
/// `NO_DATA` if the trial is forbidden; what every read of the API server can end in.
pub fn lacking(run: &Run, revision: &Revision) -> Result<Option<String>, Failure> {
    let name = revision.name()?;
    match leads_elsewhere(run, name, &gather::mutating(run)?)? {
        None => admits_objects(run),
        elsewhere => Ok(elsewhere),
    }
}

/// What the default leads to if not to this revision.
fn leads_elsewhere(run: &Run, name: &str, all: &[Value]) -> Result<Option<String>, Failure> {
    let enabled = Labels::from([(INJECTION.to_owned(), "enabled".to_owned())]);
    let mut leads: Vec<&str> =
        all.iter().filter_map(|one| injector(std::slice::from_ref(one), &enabled, &Labels::new())).collect();
    leads.dedup();
    if leads != [name] {
        let leads: Vec<String> = leads.into_iter().map(str::to_owned).collect();
        return Ok(Some(format!("istio-injection=enabled leads to {}", crate::text::and(&leads))));
    }
    let validator = read::find(run, &ObjectRef::new(kinds::validating_webhooks(), "", VALIDATOR))?;
    if let Some(mut validator) = validator {
        let service = service_of(name);
        let mut calls = webhooks(&mut validator).map(|one| one["clientConfig"]["service"]["name"] == service.as_str());
        if !calls.next().unwrap_or(false) || !calls.all(|calls| calls) {
            return Ok(Some(format!("{VALIDATOR} does not call {service}")));
        }
    }
    Ok(None)
}

/// Why an object of Istio is refused, if it is.
fn admits_objects(run: &Run) -> Result<Option<String>, Failure> {
    let kind = kinds::destination_rule();
    let object = json!({
        "apiVersion": kind.api_version(), "kind": kind.kind,
        "metadata": { "generateName": "meshbook-admission-", "namespace": run.namespace() },
        "spec": { "host": "meshbook-admission.invalid" },
    });
    let call = Call::TryCreate { kind, namespace: Some(run.namespace().to_owned()), object };
    let effect = Effect {
        class: Class::Probe,
        target: format!("DestinationRules in namespace {}", run.namespace()),
        summary: "would an object of Istio be admitted? (dry run)".into(),
        call,
    };
    match run.read_all(vec![effect]).into_iter().next().expect("one effect has one answer") {
        Ok(_) => Ok(None),
        Err(failure) if !failure.code.catchable => Err(failure),
        Err(failure) if failure.is(&FORBIDDEN) => {
            Err(Missing::Unreachable(failure.message).failure("whether objects of Istio are admitted"))
        }
        Err(failure) => Ok(Some(format!("an object of Istio is refused (dry run): {}", first_line(&failure.message)))),
    }
}

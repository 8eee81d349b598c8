//! How effective configuration is gathered: the objects that could apply, and the verdict on each.

use std::collections::BTreeMap;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::caller::Caller;
use super::{Effective, Part, Seen};
use crate::candidate::Candidate;
use crate::code::ROUTE;
use crate::evidence::root;
use crate::evidence::rules::Rules;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::peer_authentication::{self, Mode, Policies};
use crate::proxy::pod::{PodFacts, strings};
use crate::route::{self, lookup as routes};
use crate::rule::lookup::{Verdict, full_name};
use crate::rule::{Rule, policy, tls};
use crate::sidecar::{self, Import};

/// Everything that decides.
pub struct Objects {
    /// The root namespace.
    pub root: String,
    /// The Service.
    pub service: Value,
    /// The Service's pods.
    pub pods: Vec<Value>,
    /// Sidecars of the caller's and the root namespace.
    pub sidecars: Vec<Value>,
    /// VirtualServices.
    pub virtual_services: Vec<Value>,
    /// DestinationRules.
    pub rules: Rules,
    /// PeerAuthentications.
    pub policies: Policies,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// What applies to a caller and a host's port.
///
/// # Errors
/// What every read of the API server can end in.
pub fn gather(run: &Run, host: &Host, caller: Caller, port: u16) -> Result<Effective, Failure> {
    let root = root::namespace(run)?;
    let (virtual_services, narrowed) = route::virtual_services(run, host, &caller.namespace)?;
    let rules = Rules::read_for(run, host, &caller.namespace)?;
    let policies = Policies::read(run, host.namespace())?;
    let pods = read::list(run, kinds::pod(), Some(host.namespace()), None)?;
    let notes = [narrowed, rules.note.clone(), policies.note.clone()].into_iter().flatten().collect();
    let objects = Objects {
        service: read::get(run, &ObjectRef::new(kinds::service(), host.namespace(), host.name()))?,
        pods: pods.into_iter().filter(|pod| PodFacts::of(pod).is_selected(host.selector())).collect(),
        sidecars: sidecar::read(run, &caller.namespace, &root)?,
        virtual_services,
        rules,
        policies,
        notes,
        root,
    };
    Ok(Effective::new(judge(&objects, host, caller, port)))
}

/// What applies, by these objects.
pub fn judge(objects: &Objects, host: &Host, caller: Caller, port: u16) -> Seen {
    let mut seen = Seen {
        host: host.clone(),
        port,
        known: Ok(String::new()),
        rules: Vec::new(),
        route: Err(Failure::new(&ROUTE, format!("{} has no sidecar: no route applies to its requests", caller.text()))),
        parts: Vec::new(),
        accepts: Err(Missing::NoSeries(String::new())),
        candidates: Vec::new(),
        notes: objects.notes.clone(),
        caller,
    };
    if seen.caller.has_proxy {
        let applying = known(objects, &mut seen);
        if let Err(why) = &seen.known {
            let what = format!("{} does not know {}: {why}", seen.caller.text(), host.text());
            seen.route = Err(Failure::new(&ROUTE, what));
        }
        routes_of(objects, applying, &mut seen);
        rules_of(objects, &mut seen);
    } else {
        seen.known = Ok("DNS; it has no sidecar that would be told of hosts".into());
    }
    accepted(objects, &mut seen);
    seen
}

/// Whether the caller's proxy is told of the host. Answers the Sidecar that applies.
fn known<'a>(objects: &'a Objects, seen: &mut Seen) -> Option<&'a Value> {
    let (host, caller) = (&seen.host, &seen.caller);
    let mut applying = None;
    for (object, verdict) in sidecar::judge(&objects.sidecars, &caller.namespace, &objects.root, &caller.labels) {
        let applies = verdict.applies() && !caller.is_gateway;
        let why =
            if caller.is_gateway { "Sidecar resources do not apply to gateways".into() } else { verdict.to_string() };
        seen.candidates.push(Candidate::new("Sidecar", sidecar::name(object), applies, why));
        if applies {
            applying = Some(object);
        }
    }
    let exported =
        objects.service.pointer("/metadata/annotations").and_then(|all| all.get("networking.istio.io/exportTo"));
    let exported: Vec<&str> = exported
        .and_then(Value::as_str)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|to| !to.is_empty())
        .collect();
    let own = caller.namespace == host.namespace();
    let visible =
        exported.is_empty() || exported.iter().any(|to| *to == "*" || *to == caller.namespace || (*to == "." && own));
    let ports: Vec<u16> = host.ports().iter().map(|port| port.number).collect();
    let import = Import { namespace: host.namespace(), host: host.fqdn(), ports: &ports };
    seen.known = match applying {
        _ if !visible => {
            Err(format!("its Service is exported to {} only (networking.istio.io/exportTo)", exported.join(", ")))
        }
        None => Ok("no Sidecar limits it".into()),
        Some(object) => {
            let by = sidecar::imports(object, &caller.namespace, import)
                .map(|entry| format!("{}, {entry}", sidecar::name(object)));
            by.or_else(|| as_destination(objects, object, seen))
                .ok_or_else(|| format!("no entry of egress.hosts of {} covers it", sidecar::name(object)))
        }
    };
    applying
}

/// The hosts to which a VirtualService leads.
fn destinations(object: &Value) -> impl Iterator<Item = &str> {
    let lists = ["http", "tcp", "tls"].map(|list| object.pointer(&format!("/spec/{list}")));
    let entries = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
    let routes = entries.filter_map(|entry| entry.get("route")).filter_map(Value::as_array).flatten();
    routes.filter_map(|one| one.pointer("/destination/host")).filter_map(Value::as_str)
}

/// istiod imports the destinations of imported VirtualServices too.
fn as_destination(objects: &Objects, sidecar: &Value, seen: &Seen) -> Option<String> {
    let domain = seen.host.domain();
    objects.virtual_services.iter().find_map(|object| {
        let (namespace, name) = names(object);
        let leads = destinations(object).any(|to| full_name(to, namespace, domain) == seen.host.fqdn());
        let usable = routes::is_visible(object, &seen.caller.namespace)
            && imports(sidecar, object, &seen.caller.namespace, domain);
        (leads && usable)
            .then(|| format!("a destination of VirtualService {namespace}/{name}, which its Sidecar imports"))
    })
}

fn names(object: &Value) -> (&str, &str) {
    let text = |key: &str| object.pointer(key).and_then(Value::as_str).unwrap_or_default();
    (text("/metadata/namespace"), text("/metadata/name"))
}

/// Whether a Sidecar imports a VirtualService: by any of its hosts.
fn imports(sidecar: &Value, object: &Value, from: &str, domain: &str) -> bool {
    let (namespace, _) = names(object);
    let hosts = object.pointer("/spec/hosts").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    hosts
        .map(|host| full_name(host, namespace, domain))
        .any(|host| sidecar::imports(sidecar, from, Import { namespace, host: &host, ports: &[] }).is_some())
}

fn routes_of(objects: &Objects, sidecar: Option<&Value>, seen: &mut Seen) {
    let (host, from) = (seen.host.clone(), seen.caller.namespace.clone());
    let imported = |object: &Value| sidecar.is_none_or(|sidecar| imports(sidecar, object, &from, host.domain()));
    for (object, verdict) in routes::judge(&objects.virtual_services, host.fqdn(), &from, host.domain(), imported) {
        let (namespace, name) = names(object);
        let wins = verdict == routes::Verdict::Applies;
        let why = match (wins, seen.known.is_ok()) {
            (true, false) => "would, but the caller's proxy does not know the host".into(),
            (true, true) => "for gateway mesh, exported, most exact host".into(),
            (false, _) => verdict.to_string(),
        };
        let label = format!("VirtualService {namespace}/{name}");
        seen.candidates.push(Candidate::new("VirtualService", label, wins && seen.known.is_ok(), why));
    }
    if seen.known.is_ok() {
        seen.route = route::find_imported(&objects.virtual_services, host.fqdn(), host.domain(), &from, None, imported);
        if seen.caller.is_gateway {
            seen.notes
                .push("the caller is a gateway: routes that are bound to its Gateways are not looked up here".into());
        }
    }
}

/// The subsets of the host to which the route leads; without one, the host itself.
fn subsets(objects: &Objects, seen: &Seen) -> Vec<String> {
    let place = seen.route.as_ref().ok().and_then(crate::route::Route::place);
    let http = place.and_then(|place| {
        let object = objects.virtual_services.iter().find(|object| {
            names(object) == (place.object.namespace.as_deref().unwrap_or_default(), place.object.name.as_str())
        })?;
        Some((names(object).0.to_owned(), routes::routes(object).get(place.index)?))
    });
    let mut found = Vec::new();
    if let Some((namespace, http)) = http {
        for one in http.get("route").and_then(Value::as_array).into_iter().flatten() {
            let to = one.pointer("/destination/host").and_then(Value::as_str).unwrap_or_default();
            if full_name(to, &namespace, seen.host.domain()) == seen.host.fqdn() {
                found.push(one.pointer("/destination/subset").and_then(Value::as_str).unwrap_or_default().to_owned());
            }
        }
    }
    if found.is_empty() {
        found.push(String::new());
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn rules_of(objects: &Objects, seen: &mut Seen) {
    let judged = objects.rules.judge(&seen.host, &seen.caller.namespace, &seen.caller.labels);
    let mut applying: Vec<(&Value, String)> = Vec::new();
    for (object, verdict) in judged {
        let (namespace, name) = names(object);
        let label = format!("DestinationRule {namespace}/{name}");
        let applies = verdict.applies() && seen.known.is_ok();
        let why = match (verdict, applies) {
            (Verdict::Applies | Verdict::SubsetsOnly, false) => {
                "would, but the caller's proxy does not know the host".into()
            }
            (Verdict::Applies, true) => {
                let host = object.pointer("/spec/host").and_then(Value::as_str).unwrap_or_default();
                let stage = match namespace {
                    own if own == seen.caller.namespace => "the caller's namespace",
                    own if own == seen.host.namespace() => "the service's namespace; the caller's has none",
                    _ => "the root namespace; neither the caller's nor the service's has one",
                };
                format!("host {host}, in {stage}")
            }
            (verdict, _) => verdict.to_string(),
        };
        if applies {
            let spec = object.get("spec").unwrap_or(&Value::Null);
            seen.rules.push(Rule::new(object, &seen.host, policy::levels(spec)));
            applying.push((object, label.clone()));
        }
        seen.candidates.push(Candidate::new("DestinationRule", label, applies, why));
    }
    if seen.known.is_err() {
        return;
    }
    for subset in subsets(objects, seen) {
        let pool = applying.iter().find_map(|(object, label)| {
            let spec = object.get("spec")?;
            let level = policy::governing(spec, seen.port, &subset)?;
            let limits = policy::limits_at(spec, &level);
            Some((label.clone(), level, limits))
        });
        let mode = applying.iter().find_map(|(object, label)| {
            let spec = object.get("spec")?;
            let level = policy::governing_of("tls", spec, seen.port, &subset)?;
            let mode = tls::mode_at(spec, &level)?.to_owned();
            Some((label.clone(), level, mode))
        });
        seen.parts.push(Part { subset, pool, tls: mode });
    }
}

/// What the pods of the host accept, and which PeerAuthentications decide that.
fn accepted(objects: &Objects, seen: &mut Seen) {
    let mut modes: Vec<Mode> = Vec::new();
    let mut told: BTreeMap<String, (bool, Vec<String>)> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut bare = 0;
    for pod in &objects.pods {
        if !PodFacts::of(pod).has_proxy {
            bare += 1;
            continue;
        }
        let labels = strings(pod.pointer("/metadata/labels"));
        let port = container_port(&objects.service, pod, seen.port);
        modes.push(objects.policies.effective(seen.host.namespace(), &labels, port).mode);
        for (object, verdict) in objects.policies.judge(seen.host.namespace(), &labels, port) {
            let decides = matches!(verdict, peer_authentication::Verdict::Decides(_));
            if !told.contains_key(&object) {
                order.push(object.clone());
            }
            let entry = told.entry(object).or_default();
            entry.0 |= decides;
            let why = verdict.to_string();
            if !entry.1.contains(&why) {
                entry.1.push(why);
            }
        }
    }
    modes.sort_unstable();
    modes.dedup();
    for object in order {
        if let Some((decides, why)) = told.remove(&object) {
            seen.candidates.push(Candidate::new("PeerAuthentication", object, decides, why.join("; for other pods: ")));
        }
    }
    if bare > 0 {
        let pods = crate::text::count(bare, "pod of the host has", "pods of the host have");
        seen.notes
            .push(format!("{pods} no sidecar: no PeerAuthentication applies there, and mutual TLS is not understood"));
    }
    seen.accepts = match (modes.is_empty(), bare) {
        (false, _) => Ok(modes),
        (true, 0) => Err(Missing::NoSeries(format!("{} has no pod", seen.host.text()))),
        (true, _) => Err(Missing::NotExported(format!("no pod of {} has a sidecar", seen.host.text()))),
    };
}

/// The port of a container behind a Service's port, by its number or its name.
fn container_port(service: &Value, pod: &Value, port: u16) -> u16 {
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let target =
        ports.filter(|one| one.get("port").and_then(number) == Some(port)).find_map(|one| one.get("targetPort"));
    match target {
        Some(Value::String(name)) => {
            let lists = ["containers", "initContainers"].map(|list| pod.pointer(&format!("/spec/{list}")));
            let containers = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
            let mut declared = containers.filter_map(|one| one.get("ports")).filter_map(Value::as_array).flatten();
            declared
                .find(|one| one["name"] == name.as_str())
                .and_then(|one| number(&one["containerPort"]))
                .unwrap_or(port)
        }
        Some(value) => number(value).filter(|number| *number != 0).unwrap_or(port),
        None => port,
    }
}

#[cfg(test)]
mod tests;

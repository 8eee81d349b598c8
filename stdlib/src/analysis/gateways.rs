//! IST0109, IST0132: hosts of VirtualServices, for the mesh and at Gateways.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::{Objects, is_exported, list, name, namespace, texts};
use super::references::gateway;
use super::{CONFLICTING_HOSTS, HOST_NOT_IN_GATEWAY, Message};
use crate::rule::lookup::full_name;

/// Checks VirtualServices.
pub fn check(objects: &Objects) -> Vec<Message> {
    let mut found = Vec::new();
    conflicts(objects, &mut found);
    for service in objects.of_kind("VirtualService") {
        at_gateways(objects, service, &mut found);
    }
    found
}

/// Whether a VirtualService holds for sidecars.
fn is_for_mesh(service: &Value) -> bool {
    let gateways: Vec<&str> = texts(service, "/spec/gateways").collect();
    gateways.is_empty() || gateways.contains(&"mesh")
}

fn conflicts(objects: &Objects, found: &mut Vec<Message>) {
    let mut by_host: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for service in objects.of_kind("VirtualService").iter().filter(|service| is_for_mesh(service)) {
        let hosts: BTreeSet<String> =
            texts(service, "/spec/hosts").map(|host| full_name(host, namespace(service), objects.domain())).collect();
        for host in hosts {
            by_host.entry(host).or_default().push(service);
        }
    }
    for (host, services) in by_host {
        for service in &services {
            // Two that no namespace sees both do not meet.
            let meets = |other: &&&Value| {
                let others = [namespace(service), namespace(other)];
                let everywhere = |one: &Value| is_exported(one, "*");
                everywhere(service) && everywhere(other)
                    || others.iter().any(|place| is_exported(service, place) && is_exported(other, place))
            };
            let same: Vec<&&Value> =
                services.iter().filter(|other| !std::ptr::eq(**other, *service)).filter(meets).collect();
            if same.is_empty() {
                continue;
            }
            let names: BTreeSet<String> =
                same.iter().copied().chain([service]).map(|one| format!("{}/{}", namespace(one), name(one))).collect();
            let names: Vec<String> = names.into_iter().collect();
            let text = format!(
                "The VirtualServices {} associated with mesh gateway define the same host {host} which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource.",
                names.join(",")
            );
            found.push(Message::about(service, &CONFLICTING_HOSTS, text));
        }
    }
}

fn at_gateways(objects: &Objects, service: &Value, found: &mut Vec<Message>) {
    for named in texts(service, "/spec/gateways").filter(|one| *one != "mesh") {
        let Some(gateway) = gateway(objects, service, named) else { continue };
        let offered: Vec<(&str, &str)> = list(gateway, "/spec/servers")
            .iter()
            .flat_map(|server| texts(server, "/hosts"))
            .map(|host| host.split_once('/').unwrap_or(("*", host)))
            .collect();
        let is_offered = |host: &str| {
            offered.iter().any(|(place, pattern)| {
                let here = match *place {
                    "*" => true,
                    "." => namespace(gateway) == namespace(service),
                    place => place == namespace(service),
                };
                here && (overlap(pattern, host)
                    || overlap(pattern, &full_name(host, namespace(service), objects.domain())))
            })
        };
        let missing: Vec<&str> = texts(service, "/spec/hosts").filter(|host| !is_offered(host)).collect();
        if !missing.is_empty() {
            let text = format!(
                "one or more host [{}] defined in VirtualService {}/{} not found in Gateway {named}.",
                missing.join(" "),
                namespace(service),
                name(service)
            );
            found.push(Message::about(service, &HOST_NOT_IN_GATEWAY, text));
        }
    }
}

/// Whether two hosts, each with or without a wildcard, have a name in common.
fn overlap(one: &str, other: &str) -> bool {
    let suffix = |host: &str| host.strip_prefix('*').map(str::to_owned);
    match (suffix(one), suffix(other)) {
        (None, None) => one == other,
        (Some(suffix), None) => other.ends_with(&suffix) && other.len() > suffix.len() || suffix.is_empty(),
        (None, Some(suffix)) => one.ends_with(&suffix) && one.len() > suffix.len() || suffix.is_empty(),
        (Some(a), Some(b)) => a.ends_with(&b) || b.ends_with(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    fn services(second: &str) -> String {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: r, namespace: a}}, spec: {{hosts: [b]}}}}
---
{second}"
        )
    }

    #[test]
    fn two_for_one_host_conflict_unless_nobody_sees_both() {
        let both = ["IST0109 VirtualService a/r", "IST0109 VirtualService z/s"];
        let second = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: s, namespace: z}, spec: {hosts: [b.a.svc.cluster.local]}}";
        assert_eq!(codes(check, &services(second)), both);
        let own = second.replace("spec: {", "spec: {exportTo: ['.'], ");
        assert_eq!(codes(check, &services(&own)), both, "in z both are seen");
        let quiet = services(&own).replace("spec: {hosts: [b]}", "spec: {exportTo: ['.'], hosts: [b]}");
        assert_eq!(codes(check, &quiet), Vec::<String>::new());
        let elsewhere = second.replace("spec: {", "spec: {gateways: [g], ");
        assert_eq!(codes(check, &services(&elsewhere)), Vec::<String>::new());
        let other = second.replace("b.a.svc", "c.a.svc");
        assert_eq!(codes(check, &services(&other)), Vec::<String>::new());
    }

    #[test]
    fn a_gateway_has_to_offer_the_host() {
        let at = |offered: &str, host: &str| {
            codes(check, &format!("{{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {{name: g, namespace: a}}, spec: {{servers: [{{hosts: ['{offered}']}}]}}}}
---
{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: r, namespace: a}}, spec: {{gateways: [g], hosts: ['{host}']}}}}"))
        };
        for (offered, host) in [
            ("*", "x.example.com"),
            ("*.example.com", "x.example.com"),
            ("x.example.com", "*.example.com"),
            ("./x.example.com", "x.example.com"),
            ("a/*", "x"),
            ("b.a.svc.cluster.local", "b"),
        ] {
            assert!(at(offered, host).is_empty(), "{offered} {host}");
        }
        for (offered, host) in
            [("*.example.com", "example.com"), ("y.example.com", "x.example.com"), ("z/*", "x.example.com")]
        {
            assert_eq!(at(offered, host), ["IST0132 VirtualService a/r"], "{offered} {host}");
        }
    }
}

//! IST0101, IST0112, IST0173, IST0174: hosts, subsets, gateways and ports that objects refer to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::objects::{Objects, is_exported, list, name, namespace, text, texts};
use super::{EMPTY_SUBSET, Message, PORT_NEEDED, REFERENCE, UNKNOWN_HOST};
use crate::proxy::pod::strings;
use crate::rule::lookup::{full_name, match_of};

/// Checks VirtualServices, DestinationRules and Gateways.
pub fn check(objects: &Objects) -> Vec<Message> {
    let mut found = Vec::new();
    for service in objects.of_kind("VirtualService") {
        gateways(objects, service, &mut found);
        destinations(objects, service, &mut found);
    }
    for rule in objects.of_kind("DestinationRule") {
        subsets(objects, rule, &mut found);
    }
    for gateway in objects.of_kind("Gateway") {
        pods_of(objects, gateway, &mut found);
    }
    found
}

/// Every destination of a VirtualService: of its routes and mirrors, of all protocols.
pub fn all_destinations(service: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    for protocol in ["http", "tls", "tcp"] {
        for rule in list(service, &format!("/spec/{protocol}")) {
            all.extend(list(rule, "/route").iter().filter_map(|route| route.get("destination")));
            all.extend(rule.get("mirror"));
            all.extend(list(rule, "/mirrors").iter().filter_map(|mirror| mirror.get("destination")));
        }
    }
    all
}

/// A Gateway that a VirtualService names: `name` in its own namespace, or `namespace/name`.
pub fn gateway<'a>(objects: &'a Objects, service: &Value, named: &str) -> Option<&'a Value> {
    let (place, of) = named.split_once('/').unwrap_or((namespace(service), named));
    objects.of_kind("Gateway").iter().find(|one| namespace(one) == place && name(one) == of)
}

fn gateways(objects: &Objects, service: &Value, found: &mut Vec<Message>) {
    let of_rules = ["http", "tls", "tcp"].into_iter().flat_map(|protocol| list(service, &format!("/spec/{protocol}")));
    let of_matches = of_rules.flat_map(|rule| list(rule, "/match")).flat_map(|one| texts(one, "/gateways"));
    let named: BTreeSet<&str> =
        texts(service, "/spec/gateways").chain(of_matches).filter(|one| *one != "mesh").collect();
    for one in named {
        if gateway(objects, service, one).is_none() {
            found.push(Message::about(service, &REFERENCE, format!("Referenced gateway not found: \"{one}\"")));
        }
    }
}

fn destinations(objects: &Objects, service: &Value, found: &mut Vec<Message>) {
    let from = namespace(service);
    for destination in all_destinations(service) {
        let host = text(destination, "/host");
        let fqdn = full_name(host, from, objects.domain());
        if host.is_empty() {
            continue;
        }
        if !objects.is_known(&fqdn, from) {
            found.push(Message::about(service, &REFERENCE, format!("Referenced host not found: \"{host}\"")));
            continue;
        }
        let subset = text(destination, "/subset");
        if !subset.is_empty() && !has_subset(objects, &fqdn, subset, from) {
            let text = format!("Referenced host+subset in destinationrule not found: \"{host}+{subset}\"");
            found.push(Message::about(service, &REFERENCE, text));
        }
        let ports: Vec<String> = objects
            .service(&fqdn)
            .map(|service| list(service, "/spec/ports"))
            .unwrap_or_default()
            .iter()
            .filter_map(|port| port.get("port").map(ToString::to_string))
            .collect();
        if ports.len() > 1 && destination.pointer("/port/number").is_none() {
            let text = format!(
                "This VirtualService routes to a host \"{host}\" that exposes multiple ports [{}]. Specifying a port in the destination is required to disambiguate.",
                ports.join(" ")
            );
            found.push(Message::about(service, &PORT_NEEDED, text));
        }
    }
}

/// Whether a DestinationRule that is seen from a namespace defines a subset of a host.
fn has_subset(objects: &Objects, fqdn: &str, subset: &str, from: &str) -> bool {
    objects.of_kind("DestinationRule").iter().filter(|rule| is_exported(rule, from)).any(|rule| {
        let host = full_name(text(rule, "/spec/host"), namespace(rule), objects.domain());
        match_of(&host, fqdn).is_some() && list(rule, "/spec/subsets").iter().any(|one| text(one, "/name") == subset)
    })
}

fn subsets(objects: &Objects, rule: &Value, found: &mut Vec<Message>) {
    let written = text(rule, "/spec/host");
    let host = full_name(written, namespace(rule), objects.domain());
    let is_wild = host.starts_with('*');
    let known = if is_wild {
        let entries = objects.of_kind("ServiceEntry").iter().flat_map(|entry| texts(entry, "/spec/hosts"));
        objects.service_names().any(|service| match_of(&host, &service).is_some())
            || entries.into_iter().any(|entry| match_of(&host, entry).is_some() || entry == host)
    } else {
        objects.is_known(&host, namespace(rule))
    };
    if !known {
        let text =
            format!("The host \"{written}\" defined in the DestinationRule does not match any services in the mesh.");
        found.push(Message::about(rule, &UNKNOWN_HOST, text));
    }
    let Some(service) = objects.service(&host) else { return };
    let pods: Vec<_> = objects.behind(service).collect();
    // A service without any pod is scaled to nought: that is not the subset's fault.
    if pods.is_empty() {
        return;
    }
    for subset in list(rule, "/spec/subsets") {
        let labels = strings(subset.get("labels"));
        // Labels of topology are the node's, not the pod's.
        let of_pods = labels.iter().filter(|(key, _)| !key.starts_with("topology."));
        if labels.is_empty()
            || pods.iter().any(|pod| of_pods.clone().all(|(key, value)| pod.labels.get(key) == Some(value)))
        {
            continue;
        }
        let text =
            format!("The Subset {} defined in the DestinationRule does not select any pods.", text(subset, "/name"));
        found.push(Message::about(rule, &EMPTY_SUBSET, text));
    }
}

fn pods_of(objects: &Objects, gateway: &Value, found: &mut Vec<Message>) {
    // The kind Gateway is also the Gateway API's, which selects by class.
    if !text(gateway, "/apiVersion").starts_with("networking.istio.io/") {
        return;
    }
    let selector = strings(gateway.pointer("/spec/selector"));
    if selector.is_empty() || objects.pods().iter().any(|pod| pod.is_selected(&selector)) {
        return;
    }
    let written: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let text = format!("Referenced selector not found: \"{}\"", written.join(","));
    found.push(Message::about(gateway, &REFERENCE, text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    const GOOD: &str = "{apiVersion: v1, kind: Service, metadata: {name: b, namespace: a}, spec: {selector: {app: b}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b-1, namespace: a, labels: {app: b, version: v1}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: gate-1, namespace: istio-system, labels: {istio: ingressgateway}}}
---
{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: a}, spec: {selector: {istio: ingressgateway}}}
---
{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: e, namespace: a}, spec: {hosts: ['*.example.com'], exportTo: ['.']}}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: b, namespace: a}, spec: {host: b, subsets: [{name: v1, labels: {version: v1}}, {name: all}, {name: zone, labels: {topology.kubernetes.io/zone: x}}]}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: r, namespace: a}, spec: {hosts: [b], gateways: [mesh, g, a/g], http: [{route: [{destination: {host: b, subset: v1}}, {destination: {host: b.a.svc.cluster.local}}, {destination: {host: api.example.com}}]}]}}";

    #[test]
    fn what_exists_is_found() {
        assert_eq!(codes(check, GOOD), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let with = |from: &str, to: &str| codes(check, &GOOD.replace(from, to));
        assert_eq!(with("host: b, subset: v1}", "host: c}"), ["IST0101 VirtualService a/r"]);
        assert_eq!(with("subset: v1}", "subset: v2}"), ["IST0101 VirtualService a/r"]);
        assert_eq!(with("[mesh, g, a/g]", "[mesh, h]"), ["IST0101 VirtualService a/r"]);
        assert_eq!(with("labels: {istio: ingressgateway}", "labels: {istio: other}"), ["IST0101 Gateway a/g"]);
        // Only names without a dot are completed, as istiod does.
        assert_eq!(with("host: b.a.svc.cluster.local", "host: b.a"), ["IST0101 VirtualService a/r"]);
        // A ServiceEntry of another namespace that keeps it to itself.
        let elsewhere = GOOD.replace("{name: e, namespace: a}", "{name: e, namespace: z}");
        assert_eq!(codes(check, &elsewhere), ["IST0101 VirtualService a/r"]);
        let mirror = GOOD.replace("http: [{route", "http: [{mirror: {host: gone}, route");
        assert_eq!(codes(check, &mirror), ["IST0101 VirtualService a/r"]);
    }

    #[test]
    fn a_rule_that_is_not_exported_gives_no_subset() {
        let rule = GOOD.replace(
            "{name: b, namespace: a}, spec: {host: b, subsets",
            "{name: b, namespace: z}, spec: {exportTo: ['.'], host: b.a.svc.cluster.local, subsets",
        );
        assert_eq!(codes(check, &rule), ["IST0101 VirtualService a/r"]);
    }

    #[test]
    fn several_ports_need_one_to_be_named() {
        let two = GOOD.replace("ports: [{port: 80}]", "ports: [{port: 80}, {port: 81}]");
        assert_eq!(codes(check, &two), ["IST0112 VirtualService a/r", "IST0112 VirtualService a/r"]);
        let named = two
            .replace("{host: b, subset: v1}", "{host: b, subset: v1, port: {number: 81}}")
            .replace("{host: b.a.svc.cluster.local}", "{host: b.a.svc.cluster.local, port: {number: 80}}");
        assert_eq!(codes(check, &named), Vec::<String>::new());
    }

    #[test]
    fn subsets_without_pods_and_rules_without_a_host() {
        let with = |from: &str, to: &str| codes(check, &GOOD.replace(from, to));
        assert_eq!(
            with("{name: v1, labels: {version: v1}}", "{name: v1, labels: {version: v7}}"),
            ["IST0173 DestinationRule a/b"]
        );
        assert_eq!(
            with(
                "{name: b-1, namespace: a, labels: {app: b, version: v1}}",
                "{name: b-1, namespace: z, labels: {app: b}}"
            ),
            Vec::<String>::new()
        );
        let unknown = with("spec: {host: b, subsets", "spec: {host: bb, subsets");
        assert_eq!(unknown, ["IST0101 VirtualService a/r", "IST0174 DestinationRule a/b"]);
        assert_eq!(
            with("spec: {host: b, subsets", "spec: {host: '*.a.svc.cluster.local', subsets"),
            Vec::<String>::new()
        );
    }
}

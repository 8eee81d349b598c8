//! IST0113, IST0128, IST0129: TLS of DestinationRules.

use serde_json::Value;

use super::objects::{Objects, list, name, namespace, text};
use super::{MTLS_CONFLICT, Message, NO_CA, NO_CA_ON_PORT};
use crate::peer_authentication::{Mode, Policies};
use crate::rule::lookup::full_name;
use crate::rule::tls;

/// Checks DestinationRules.
pub fn check(objects: &Objects) -> Vec<Message> {
    let policies = Policies::of(objects.of_kind("PeerAuthentication").to_vec(), objects.root());
    let mut found = Vec::new();
    for rule in objects.of_kind("DestinationRule") {
        unverified(rule, &mut found);
        conflict(objects, &policies, rule, &mut found);
    }
    found
}

fn is_unverified(settings: &Value) -> bool {
    matches!(text(settings, "/mode"), "SIMPLE" | "MUTUAL")
        && text(settings, "/caCertificates").is_empty()
        && text(settings, "/credentialName").is_empty()
}

fn unverified(rule: &Value, found: &mut Vec<Message>) {
    let subsets = list(rule, "/spec/subsets").iter().filter_map(|subset| subset.get("trafficPolicy"));
    for policy in rule.pointer("/spec/trafficPolicy").into_iter().chain(subsets) {
        let ports = list(policy, "/portLevelSettings").iter().map(|port| (port.get("tls"), Some(port)));
        for (settings, port) in [(policy.get("tls"), None)].into_iter().chain(ports) {
            let Some(settings) = settings.filter(|settings| is_unverified(settings)) else { continue };
            let mut text = format!(
                "DestinationRule {}/{} in namespace {} has TLS mode set to {} but no caCertificates are set to validate server identity for host: {}",
                namespace(rule),
                name(rule),
                namespace(rule),
                text(settings, "/mode"),
                text(rule, "/spec/host")
            );
            let code = match port.and_then(|port| port.pointer("/port/number")) {
                Some(number) => {
                    text.push_str(&format!(" at port {number}"));
                    &NO_CA_ON_PORT
                }
                None => &NO_CA,
            };
            found.push(Message::about(rule, code, text));
        }
    }
}

/// A rule that sends something else than mutual TLS to pods that accept nothing else.
fn conflict(objects: &Objects, policies: &Policies, rule: &Value, found: &mut Vec<Message>) {
    let host = full_name(text(rule, "/spec/host"), namespace(rule), objects.domain());
    let Some(service) = objects.service(&host) else { return };
    let Some(spec) = rule.get("spec") else { return };
    for port in list(service, "/spec/ports") {
        let number =
            |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok());
        let Some(own) = number(port.get("port")) else { continue };
        let target = number(port.get("targetPort")).unwrap_or(own);
        let mode = tls::governing(spec, own, "").last().and_then(|level| tls::mode_at(spec, level)).map(str::to_owned);
        let Some(mode) = mode.filter(|mode| mode != "ISTIO_MUTUAL") else { continue };
        let strict = objects.behind(service).filter(|pod| pod.has_proxy).find_map(|pod| {
            let effective = policies.effective(&pod.namespace, &pod.labels, target);
            (effective.mode == Mode::Strict)
                .then(|| (pod.name.clone(), effective.set_by().unwrap_or_default().to_owned()))
        });
        if let Some((pod, by)) = strict {
            let text = format!(
                "A DestinationRule and a PeerAuthentication are in conflict with regards to mTLS: this rule sends {mode} to port {own} of {host}, and {by} lets {pod} accept nothing but mutual TLS."
            );
            found.push(Message::about(rule, &MTLS_CONFLICT, text));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    const STRICT: &str = "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: a}, spec: {mtls: {mode: STRICT}}}
---
{apiVersion: v1, kind: Service, metadata: {name: b, namespace: a}, spec: {selector: {app: b}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b-1, namespace: a, labels: {app: b}}, spec: {containers: [{name: istio-proxy}]}}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: a}, spec: {host: b, trafficPolicy: {tls: {mode: DISABLE}}}}";

    #[test]
    fn a_rule_against_strict() {
        assert_eq!(codes(check, STRICT), ["IST0113 DestinationRule a/r"]);
        for (from, to) in [
            ("mode: STRICT", "mode: PERMISSIVE"),
            ("tls: {mode: DISABLE}", "tls: {mode: ISTIO_MUTUAL}"),
            ("tls: {mode: DISABLE}", "connectionPool: {tcp: {maxConnections: 1}}"),
            ("containers: [{name: istio-proxy}]", "containers: [{name: app}]"),
            (
                "spec: {mtls: {mode: STRICT}}",
                "spec: {mtls: {mode: STRICT}, selector: {matchLabels: {app: b}}, portLevelMtls: {8080: {mode: PERMISSIVE}}}",
            ),
        ] {
            let yaml = STRICT.replace(from, to);
            assert!(yaml != STRICT && codes(check, &yaml).is_empty(), "{to}");
        }
    }

    #[test]
    fn tls_without_anything_to_verify_by() {
        let rule = |policy: &str| {
            format!(
                "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: r, namespace: a}}, spec: {{host: x.example.com, trafficPolicy: {{{policy}}}}}}}"
            )
        };
        assert_eq!(codes(check, &rule("tls: {mode: SIMPLE}")), ["IST0128 DestinationRule a/r"]);
        assert_eq!(
            codes(check, &rule("portLevelSettings: [{port: {number: 443}, tls: {mode: MUTUAL}}]")),
            ["IST0129 DestinationRule a/r"]
        );
        for good in [
            "tls: {mode: SIMPLE, caCertificates: /etc/ca.pem}",
            "tls: {mode: SIMPLE, credentialName: c}",
            "tls: {mode: ISTIO_MUTUAL}",
            "tls: {mode: DISABLE}",
        ] {
            assert!(codes(check, &rule(good)).is_empty(), "{good}");
        }
    }
}

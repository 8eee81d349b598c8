//! Whether a gateway listens where it is told to.
//!
//! Of the Gateway API its status says so (`Programmed`, `Accepted` and `ResolvedRefs` of the Gateway and of each listener,
//! <https://gateway-api.sigs.k8s.io/reference/spec/>). Of a gateway of Istio's chart the proxies do: each port of an Istio
//! Gateway that selects its pods has to lead, through the Service, to a listener of each of them.

use std::collections::BTreeSet;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::gather::item;
use crate::checklist::{Item, State};
use crate::envoy::admin;
use crate::evidence::{absorb, root};
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{PodFacts, selects, strings};
use crate::text::{and, first_line, some};

const WHAT: &str = "listeners";

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Of a Gateway of the Gateway API.
pub fn of_api(gateway: &Value) -> Item {
    let generation = gateway.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let wanted = list(gateway, "/spec/listeners");
    let told = list(gateway, "/status/listeners");
    if let Some(why) =
        refused("the Gateway", list(gateway, "/status/conditions"), &["Accepted", "Programmed"], generation)
    {
        return item(WHAT, false, why);
    }
    let mut good = Vec::new();
    for listener in wanted {
        let name = text(listener, "name");
        let conditions =
            told.iter().find(|one| text(one, "name") == name).map_or(&[][..], |one| list(one, "/conditions"));
        let what = format!("listener {}", first_line(name));
        if let Some(why) = refused(&what, conditions, &["Accepted", "Programmed", "ResolvedRefs"], generation) {
            return item(WHAT, false, why);
        }
        let port = listener.get("port").and_then(Value::as_u64).unwrap_or(0);
        good.push(format!("{} ({} {port})", first_line(name), first_line(text(listener, "protocol"))));
    }
    item(WHAT, true, format!("programmed: {}", and(&good)))
}

/// The first of these conditions that is not true of the newest generation, in words.
fn refused(what: &str, conditions: &[Value], wanted: &[&str], generation: i64) -> Option<String> {
    wanted.iter().find_map(|kind| {
        let Some(one) = conditions.iter().find(|one| text(one, "type") == *kind) else {
            return Some(format!("{what} has no condition {kind} yet: no controller has looked at it"));
        };
        if one.get("observedGeneration").and_then(Value::as_i64).is_some_and(|seen| seen < generation) {
            return Some(format!("{what} was changed, and its controller has not looked at it since"));
        }
        (text(one, "status") != "True").then(|| {
            format!("{what} is not {kind}: {}: {}", first_line(text(one, "reason")), first_line(text(one, "message")))
        })
    })
}

/// Of a gateway of Istio's chart.
///
/// # Errors
/// What a script may not handle.
pub fn of_chart(
    run: &Run,
    deployment: Option<&Value>,
    service: Option<&Value>,
    pods: &[PodFacts],
) -> Result<Item, Failure> {
    let (Some(deployment), Some(service)) = (deployment, service) else {
        return Ok(item(WHAT, false, "there is no Deployment with a Service".into()));
    };
    let root = root::namespace(run)?;
    let gateways = match read::list_widely(run, &kinds::istio_gateway(), &[&root, run.namespace()]) {
        Ok((gateways, _)) => gateways,
        Err(failure) => return Ok(Item { what: WHAT, state: State::Unknown, seen: absorb(failure)? }),
    };
    let labels = strings(deployment.pointer("/spec/template/metadata/labels"));
    let own: Vec<&Value> =
        gateways.iter().filter(|gateway| selects(&strings(gateway.pointer("/spec/selector")), &labels)).collect();
    if own.is_empty() {
        return Ok(item(WHAT, true, "no Gateway of Istio selects its pods yet: nothing is asked of it".into()));
    }
    let ports = match ports(&own, service) {
        Ok(ports) => ports,
        Err(why) => return Ok(item(WHAT, false, why)),
    };
    let page = |pod: &PodFacts| admin::part(&pod.namespace, &pod.name, WHAT, &["dynamic_listeners"], "");
    for (pod, reply) in pods.iter().zip(run.read_all(pods.iter().map(page).collect())) {
        let page = match reply {
            Ok(reply) => admin::body(reply),
            Err(failure) => Err(absorb(failure)?),
        };
        match page.and_then(|page| listening(&page)) {
            Err(why) => return Ok(Item { what: WHAT, state: State::Unknown, seen: format!("{}: {why}", pod.name) }),
            Ok(open) => {
                let shut: Vec<String> = ports.difference(&open).map(|port| port.to_string()).collect();
                if !shut.is_empty() {
                    return Ok(item(WHAT, false, format!("{} does not listen on {}", pod.name, and(&shut))));
                }
            }
        }
    }
    let names: Vec<String> = own.iter().map(|gateway| named(gateway)).collect();
    let ports: Vec<String> = ports.iter().map(u64::to_string).collect();
    Ok(item(WHAT, true, format!("every pod listens on {}, for {}", and(&ports), some(&names, 3))))
}

fn named(gateway: &Value) -> String {
    let of = |key: &str| gateway.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default();
    format!("Gateway {}/{}", of("namespace"), of("name"))
}

/// The ports on which the pods have to listen: what the Service makes of each port of the Gateways.
fn ports(gateways: &[&Value], service: &Value) -> Result<BTreeSet<u64>, String> {
    let mut ports = BTreeSet::new();
    for gateway in gateways {
        for server in list(gateway, "/spec/servers") {
            let Some(number) = server.pointer("/port/number").and_then(Value::as_u64) else { continue };
            let of_service = |port: &&Value| port.get("port").and_then(Value::as_u64) == Some(number);
            let Some(port) = list(service, "/spec/ports").iter().find(of_service) else {
                return Err(format!(
                    "{} is for port {number}, which its Service does not have (IST0162)",
                    named(gateway)
                ));
            };
            // A name stands for a port of the container, which the injector declares under the Service's own number.
            ports.insert(port.get("targetPort").and_then(Value::as_u64).unwrap_or(number));
        }
    }
    Ok(ports)
}

/// The ports of a proxy's listeners, from `/config_dump`.
fn listening(page: &str) -> Result<BTreeSet<u64>, String> {
    let rows = crate::page::read::listeners(page)?;
    Ok(rows.iter().filter_map(|row| row.fields.get("port").and_then(Value::as_u64)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn gateway(programmed: &str, listener: &str, seen: i64) -> Value {
        let is = |kind: &str, status: &str| json!({ "type": kind, "status": status, "reason": "R", "message": "m", "observedGeneration": seen });
        json!({
            "metadata": { "generation": 2 }, "spec": { "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP" }] },
            "status": {
                "conditions": [is("Accepted", "True"), is("Programmed", programmed)],
                "listeners": [{ "name": "http", "conditions": [is("Accepted", "True"), is("Programmed", "True"), is("ResolvedRefs", listener)] }],
            },
        })
    }

    #[test]
    fn each_condition_counts_and_so_does_its_generation() {
        assert_eq!(of_api(&gateway("True", "True", 2)).seen, "programmed: http (HTTP 80)");
        for (gateway, why) in [
            (gateway("False", "True", 2), "the Gateway is not Programmed: R: m"),
            (gateway("True", "False", 2), "listener http is not ResolvedRefs: R: m"),
            (gateway("True", "True", 1), "has not looked at it since"),
            (json!({ "spec": { "listeners": [] } }), "no condition Accepted yet"),
        ] {
            let seen = of_api(&gateway);
            assert!(seen.state == State::Lacking && seen.seen.contains(why), "{} says {why}", seen.seen);
        }
    }

    #[test]
    fn a_port_of_a_gateway_leads_through_the_service() {
        let gateway = json!({ "metadata": { "namespace": "a", "name": "g" }, "spec": { "servers": [{ "port": { "number": 80 } }, { "port": { "number": 443 } }] } });
        let service = |ports: Value| json!({ "spec": { "ports": ports } });
        let whole = service(json!([{ "port": 80, "targetPort": 8080 }, { "port": 443, "targetPort": "https" }]));
        assert_eq!(ports(&[&gateway], &whole), Ok(BTreeSet::from([443, 8080])));
        let half = service(json!([{ "port": 80 }]));
        assert!(ports(&[&gateway], &half).is_err_and(|why| why.contains("port 443")));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let value: Value = serde_json::from_str(&text).unwrap_or(json!([text]));
            let _ = of_api(&json!({ "spec": { "listeners": value }, "status": { "conditions": value, "listeners": value } }));
            let _ = listening(&text);
        }
    }
}

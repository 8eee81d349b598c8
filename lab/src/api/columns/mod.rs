//! The columns of built-in kinds, as `pkg/printers/internalversion` of Kubernetes prints them.

mod pod;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::scale::selector_text;
use super::table::age;
use crate::crd::ResourceType;

/// A column of a built-in kind.
pub(crate) struct Heading {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) format: &'static str,
    pub(crate) priority: i64,
}

type Printer = fn(&Value, Timestamp) -> Vec<Value>;

const NAME: Heading = Heading { name: "Name", kind: "string", format: "name", priority: 0 };
const AGE: Heading = shown("Age");

const fn shown(name: &'static str) -> Heading {
    Heading { name, kind: "string", format: "", priority: 0 }
}

const fn wide(name: &'static str) -> Heading {
    Heading { name, kind: "string", format: "", priority: 1 }
}

const fn number(name: &'static str) -> Heading {
    Heading { name, kind: "integer", format: "", priority: 0 }
}

/// The columns of a kind.
pub(crate) fn of(kind: &ResourceType) -> &'static [Heading] {
    printer(kind).0
}

/// The cells of one object.
pub(crate) fn cells(kind: &ResourceType, object: &Value, now: Timestamp) -> Vec<Value> {
    let (headings, print) = printer(kind);
    let mut cells = Vec::with_capacity(headings.len());
    // Events are told by when they were last seen, everything else by its name.
    if headings[0].name == NAME.name {
        cells.push(object["metadata"]["name"].clone());
    }
    cells.extend(print(object, now));
    cells
}

fn printer(kind: &ResourceType) -> (&'static [Heading], Printer) {
    match kind.kind.as_str() {
        "Pod" => (
            const {
                &[
                    NAME,
                    shown("Ready"),
                    shown("Status"),
                    shown("Restarts"),
                    AGE,
                    wide("IP"),
                    wide("Node"),
                    wide("Nominated Node"),
                    wide("Readiness Gates"),
                ]
            },
            pod::cells,
        ),
        "Deployment" => (
            const {
                &[
                    NAME,
                    shown("Ready"),
                    shown("Up-to-date"),
                    shown("Available"),
                    AGE,
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            deployment,
        ),
        "ReplicaSet" => (
            const {
                &[
                    NAME,
                    number("Desired"),
                    number("Current"),
                    number("Ready"),
                    AGE,
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            replica_set,
        ),
        "StatefulSet" => (const { &[NAME, shown("Ready"), AGE, wide("Containers"), wide("Images")] }, stateful_set),
        "DaemonSet" => (
            const {
                &[
                    NAME,
                    number("Desired"),
                    number("Current"),
                    number("Ready"),
                    number("Up-to-date"),
                    number("Available"),
                    shown("Node Selector"),
                    AGE,
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            daemon_set,
        ),
        "Service" => (
            const {
                &[
                    NAME,
                    shown("Type"),
                    shown("Cluster-IP"),
                    shown("External-IP"),
                    shown("Port(s)"),
                    AGE,
                    wide("Selector"),
                ]
            },
            service,
        ),
        "Namespace" => {
            (const { &[NAME, shown("Status"), AGE] }, |o, now| vec![o["status"]["phase"].clone(), created(o, now)])
        }
        "ConfigMap" => (const { &[NAME, number("Data"), AGE] }, |o, now| {
            vec![(size(&o["data"]) + size(&o["binaryData"])).into(), created(o, now)]
        }),
        "Secret" => (const { &[NAME, shown("Type"), number("Data"), AGE] }, |o, now| {
            vec![o["type"].clone(), size(&o["data"]).into(), created(o, now)]
        }),
        "ServiceAccount" => {
            (const { &[NAME, shown("Secrets"), AGE] }, |o, now| vec![size(&o["secrets"]).into(), created(o, now)])
        }
        "Endpoints" => {
            (const { &[NAME, shown("Endpoints"), AGE] }, |o, now| vec![endpoints(o).into(), created(o, now)])
        }
        "EndpointSlice" => {
            (const { &[NAME, shown("AddressType"), shown("Ports"), shown("Endpoints"), AGE] }, endpoint_slice)
        }
        "Event" => (
            const {
                &[
                    Heading { name: "Last Seen", kind: "string", format: "", priority: 0 },
                    shown("Type"),
                    shown("Reason"),
                    shown("Object"),
                    wide("Subobject"),
                    wide("Source"),
                    shown("Message"),
                    wide("First Seen"),
                    wide("Count"),
                    Heading { name: "Name", kind: "string", format: "name", priority: 1 },
                ]
            },
            event,
        ),
        "Node" => (
            const {
                &[
                    NAME,
                    shown("Status"),
                    shown("Roles"),
                    AGE,
                    shown("Version"),
                    wide("Internal-IP"),
                    wide("External-IP"),
                    wide("OS-Image"),
                    wide("Kernel-Version"),
                    wide("Container-Runtime"),
                ]
            },
            node,
        ),
        "HorizontalPodAutoscaler" => (
            const {
                &[
                    NAME,
                    shown("Reference"),
                    shown("Targets"),
                    shown("MinPods"),
                    shown("MaxPods"),
                    shown("Replicas"),
                    AGE,
                ]
            },
            autoscaler,
        ),
        "PodDisruptionBudget" => (
            const { &[NAME, shown("Min Available"), shown("Max Unavailable"), number("Allowed Disruptions"), AGE] },
            |o, now| {
                vec![
                    or_not_available(&o["spec"]["minAvailable"]),
                    or_not_available(&o["spec"]["maxUnavailable"]),
                    count(&o["status"]["disruptionsAllowed"]),
                    created(o, now),
                ]
            },
        ),
        "Lease" => (const { &[NAME, shown("Holder"), AGE] }, |o, now| {
            vec![o["spec"]["holderIdentity"].as_str().unwrap_or_default().into(), created(o, now)]
        }),
        "NetworkPolicy" => (const { &[NAME, shown("Pod-Selector"), AGE] }, |o, now| {
            vec![or_none(selector_text(&o["spec"]["podSelector"])), created(o, now)]
        }),
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            (const { &[NAME, number("Webhooks"), AGE] }, |o, now| vec![size(&o["webhooks"]).into(), created(o, now)])
        }
        "CustomResourceDefinition" => (
            const { &[NAME, Heading { name: "Created At", kind: "dateTime", format: "date-time", priority: 0 }] },
            |o, _| vec![o["metadata"]["creationTimestamp"].clone()],
        ),
        _ => (const { &[NAME, AGE] }, |o, now| vec![created(o, now)]),
    }
}

fn created(object: &Value, now: Timestamp) -> Value {
    age(&object["metadata"]["creationTimestamp"], now).into()
}

fn size(value: &Value) -> usize {
    value.as_object().map(serde_json::Map::len).or_else(|| value.as_array().map(Vec::len)).unwrap_or(0)
}

fn count(value: &Value) -> Value {
    value.as_i64().unwrap_or(0).into()
}

fn or_none(text: String) -> Value {
    if text.is_empty() { "<none>".into() } else { text.into() }
}

fn or_not_available(value: &Value) -> Value {
    match value {
        Value::Null => "N/A".into(),
        Value::String(text) => text.clone().into(),
        other => other.to_string().into(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn joined<'v>(values: impl Iterator<Item = &'v str>) -> String {
    values.collect::<Vec<_>>().join(",")
}

/// Names and images of a pod template's containers.
fn template(spec: &Value) -> (Value, Value) {
    let containers = list(&spec["template"]["spec"]["containers"]);
    let column = |name: &str| joined(containers.iter().map(|c| text(&c[name])));
    (column("name").into(), column("image").into())
}

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let (containers, images) = template(spec);
    vec![
        format!("{}/{}", count(&status["readyReplicas"]), count(&spec["replicas"])).into(),
        count(&status["updatedReplicas"]),
        count(&status["availableReplicas"]),
        created(object, now),
        containers,
        images,
        or_none(selector_text(&spec["selector"])),
    ]
}

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let (containers, images) = template(spec);
    vec![
        count(&spec["replicas"]),
        count(&status["replicas"]),
        count(&status["readyReplicas"]),
        created(object, now),
        containers,
        images,
        or_none(selector_text(&spec["selector"])),
    ]
}

fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let (containers, images) = template(spec);
    let ready = format!("{}/{}", count(&status["readyReplicas"]), count(&spec["replicas"]));
    vec![ready.into(), created(object, now), containers, images]
}

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let (containers, images) = template(spec);
    let nodes = selector_text(&json!({"matchLabels": spec["template"]["spec"]["nodeSelector"]}));
    vec![
        count(&status["desiredNumberScheduled"]),
        count(&status["currentNumberScheduled"]),
        count(&status["numberReady"]),
        count(&status["updatedNumberScheduled"]),
        count(&status["numberAvailable"]),
        or_none(nodes),
        created(object, now),
        containers,
        images,
        or_none(selector_text(&spec["selector"])),
    ]
}

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let spec = &object["spec"];
    let kind = text(&spec["type"]);
    let balancers = list(&object["status"]["loadBalancer"]["ingress"]);
    let addresses = joined(balancers.iter().map(|i| {
        let ip = text(&i["ip"]);
        if ip.is_empty() { text(&i["hostname"]) } else { ip }
    }));
    let external = match kind {
        "LoadBalancer" if addresses.is_empty() => "<pending>".into(),
        "LoadBalancer" => addresses.into(),
        "ExternalName" => spec["externalName"].clone(),
        _ => or_none(joined(list(&spec["externalIPs"]).iter().map(text))),
    };
    let ports: Vec<String> = list(&spec["ports"])
        .iter()
        .map(|p| match p["nodePort"].as_u64() {
            Some(node) => format!("{}:{node}/{}", p["port"], text(&p["protocol"])),
            None => format!("{}/{}", p["port"], text(&p["protocol"])),
        })
        .collect();
    vec![
        kind.into(),
        or_none(text(&spec["clusterIP"]).to_owned()),
        external,
        or_none(ports.join(",")),
        created(object, now),
        or_none(selector_text(&json!({"matchLabels": spec["selector"]}))),
    ]
}

/// At most three addresses, then how many more there are.
fn shortened(all: &[String]) -> String {
    if all.len() > 3 { format!("{} + {} more...", all[..3].join(","), all.len() - 3) } else { all.join(",") }
}

fn endpoints(object: &Value) -> String {
    let mut all = Vec::new();
    for subset in list(&object["subsets"]) {
        for port in list(&subset["ports"]) {
            all.extend(list(&subset["addresses"]).iter().map(|a| format!("{}:{}", text(&a["ip"]), port["port"])));
        }
    }
    if all.is_empty() { "<none>".to_owned() } else { shortened(&all) }
}

fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = list(&object["ports"]).iter().map(|p| p["port"].to_string()).collect();
    let addresses: Vec<String> = list(&object["endpoints"])
        .iter()
        .flat_map(|e| list(&e["addresses"]).iter().map(|a| text(a).to_owned()))
        .collect();
    let shown =
        |all: &[String], none: &str| -> Value { if all.is_empty() { none.into() } else { shortened(all).into() } };
    vec![object["addressType"].clone(), shown(&ports, "<unset>"), shown(&addresses, "<unset>"), created(object, now)]
}

fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let about = if object["involvedObject"].is_object() { &object["involvedObject"] } else { &object["regarding"] };
    let since = |value: &Value| if value.is_null() { "<unknown>".to_owned() } else { age(value, now) };
    let first_given =
        |names: [&str; 3]| names.iter().map(|name| &object[*name]).find(|v| !v.is_null()).unwrap_or(&Value::Null);
    let source = &object["source"];
    let component = [&source["component"], &object["reportingComponent"], &object["reportingController"]]
        .into_iter()
        .map(text)
        .find(|t| !t.is_empty())
        .unwrap_or_default();
    let host = text(&source["host"]);
    let message = if object["message"].is_null() { &object["note"] } else { &object["message"] };
    let seen = since(first_given(["lastTimestamp", "deprecatedLastTimestamp", "eventTime"]));
    let first = since(first_given(["firstTimestamp", "deprecatedFirstTimestamp", "eventTime"]));
    vec![
        seen.into(),
        object["type"].clone(),
        object["reason"].clone(),
        format!("{}/{}", text(&about["kind"]).to_lowercase(), text(&about["name"])).into(),
        text(&about["fieldPath"]).into(),
        if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") }.into(),
        text(message).trim().into(),
        first.into(),
        object["count"].as_i64().unwrap_or(1).into(),
        object["metadata"]["name"].clone(),
    ]
}

fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let status = &object["status"];
    let ready = list(&status["conditions"]).iter().find(|c| c["type"] == "Ready");
    let mut state = match ready.map(|c| text(&c["status"])) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if object["spec"]["unschedulable"] == true {
        state.push_str(",SchedulingDisabled");
    }
    let labels = object["metadata"]["labels"].as_object();
    let roles: Vec<&str> =
        labels.into_iter().flatten().filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/")).collect();
    let address = |kind: &str| {
        let found = list(&status["addresses"]).iter().find(|a| a["type"] == kind);
        or_none(found.map(|a| text(&a["address"]).to_owned()).unwrap_or_default())
    };
    let info = &status["nodeInfo"];
    let known = |name: &str| match text(&info[name]) {
        "" => Value::from("<unknown>"),
        value => value.into(),
    };
    vec![
        state.into(),
        or_none(roles.join(",")),
        created(object, now),
        text(&info["kubeletVersion"]).into(),
        address("InternalIP"),
        address("ExternalIP"),
        known("osImage"),
        known("kernelVersion"),
        known("containerRuntimeVersion"),
    ]
}

fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let current = list(&status["currentMetrics"]);
    let targets: Vec<String> = list(&spec["metrics"])
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let resource = &metric["resource"];
            let now = &current.get(index).unwrap_or(&Value::Null)["resource"]["current"];
            let name = text(&resource["name"]);
            match resource["target"]["averageUtilization"].as_i64() {
                Some(target) => match now["averageUtilization"].as_i64() {
                    Some(now) => format!("{name}: {now}%/{target}%"),
                    None => format!("{name}: <unknown>/{target}%"),
                },
                None => match (text(&now["averageValue"]), text(&resource["target"]["averageValue"])) {
                    ("", target) => format!("{name}: <unknown>/{target}"),
                    (now, target) => format!("{name}: {now}/{target}"),
                },
            }
        })
        .collect();
    let targets = if targets.len() > 2 {
        format!("{} + {} more...", targets[..2].join(", "), targets.len() - 2)
    } else {
        targets.join(", ")
    };
    let reference = &spec["scaleTargetRef"];
    vec![
        format!("{}/{}", text(&reference["kind"]), text(&reference["name"])).into(),
        or_none(targets),
        spec["minReplicas"].as_i64().map_or_else(|| "<unset>".into(), |n| n.to_string().into()),
        count(&spec["maxReplicas"]),
        count(&status["currentReplicas"]),
        created(object, now),
    ]
}

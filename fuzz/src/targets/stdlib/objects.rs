//! Objects of any shape where Services, Pods and DestinationRules are expected.
//!
//! Beyond "no panic": raising limits never lowers one, raises nothing when done again, and changes nothing that it does
//! not report; a document survives the way into a script and back; the two merge patches mean the same.

use std::collections::BTreeMap;

use meshbook_runtime::change::{diff, patch};
use meshbook_stdlib::host::Host;
use meshbook_stdlib::object::convert;
use meshbook_stdlib::proxy::pod::PodFacts;
use meshbook_stdlib::rule::{lookup, policy};
use serde_json::{Value, json};

/// See the module.
pub fn run(text: &[u8]) {
    let Ok(object) = serde_json::from_slice::<Value>(text) else { return };
    let host = Host::of(&object, "cluster.local");
    let _ = (host.target_ports(), host.service_port(8080), host.is_named_by("graph-core:80", "summit"));
    let pod = PodFacts::of(&object);
    assert!(pod.is_selected(&pod.labels) || pod.labels.is_empty());
    let items = object.get("items").and_then(Value::as_array).map_or(std::slice::from_ref(&object), Vec::as_slice);
    let candidates: Vec<_> = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| lookup::Candidate::of(index, item, "cluster.local"))
        .collect();
    let proxy = lookup::Proxy { namespace: "summit", labels: &pod.labels };
    for found in lookup::find(&candidates, host.fqdn(), host.namespace(), "istio-system", proxy) {
        assert!(found.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value)));
    }

    let spec = &object["spec"];
    let levels = policy::levels(spec);
    let mut raised = spec.clone();
    let report = policy::raise(&mut raised, &levels, 500);
    assert!(report.iter().all(|field| field.from < field.to && field.to == 500));
    assert_eq!(diff::fields(&json!({ "spec": spec }), &json!({ "spec": raised })).is_empty(), report.is_empty());
    assert!(policy::raise(&mut raised.clone(), &levels, 500).is_empty());
    for level in &levels {
        let (before, after) = (policy::limits_at(spec, level), policy::limits_at(&raised, level));
        assert!(
            after.max_requests >= before.max_requests && after.max_connections >= before.max_connections,
            "{level}"
        );
    }
    let _ = policy::limits(spec, 8080, "v1");

    let there = convert::to_script(&object);
    if let Ok(back) = convert::from_script(&there) {
        assert_eq!(as_numbers(&back), as_numbers(&object));
    }
    let (mut one, mut other) = (json!({ "metadata": { "name": "x" }, "spec": { "a": [1] } }), Value::Null);
    other.clone_from(&one);
    convert::merge(&mut one, &object);
    patch::apply(&mut other, &object);
    assert_eq!(one, other);
    let _: BTreeMap<String, String> = pod.labels;
}

/// A script has 64-bit integers and floats: larger numbers come back as floats, and maps come back sorted.
fn as_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), as_numbers(value))).collect(),
        Value::Array(items) => items.iter().map(as_numbers).collect(),
        other => other.clone(),
    }
}

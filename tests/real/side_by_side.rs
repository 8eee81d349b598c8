//! The same calls of stock kubectl and of meshbook against the lab and the real mesh, and how the answers differ.
//!
//! Where they differ the lab is wrong, unless [`DIFFERENCES`] names the difference with its reason.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::{BREAKER, Cluster, Outcome, SUMMIT};
use crate::control_plane::{CANARY, PLANE, until_well};
use crate::load::{Load, pods};
use crate::mtls::MTLS;

/// What is compared beside the exit code.
#[derive(Clone, Copy, Debug)]
enum Compare {
    /// Standard output and standard error, word for word.
    Text,
    /// Standard output is JSON: every path and the type of its value.
    Shape,
    /// Standard output is a table: its columns.
    Columns,
    /// Standard output is a description: the keys before its colons, by indentation.
    Keys,
    /// Nothing more.
    Code,
}

/// Differences that are meant: call, start of the difference, reason.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "kubectl get --raw /apis/networking.istio.io/v1",
        "only on the real mesh: .resources[].storageVersionHash: string",
        "a hash of how etcd stores the kind; the lab has no etcd",
    ),
    (
        "kubectl get service graph-core -n summit -o json",
        "only on the real mesh: .metadata.annotations: object",
        "it was made by kubectl apply, which keeps what it applied in an annotation",
    ),
    (
        "meshbook plan RUNBOOK service=graph-core -n summit -o json",
        "only on the real mesh: .shown[].value.notes[]: string",
        "the real mesh has pods without processes, and the notes name them; every pod of the lab's world answers",
    ),
    (
        "meshbook run RUNBOOK service=graph-core -n summit -o json",
        "only on the real mesh: .shown[].value.notes[]: string",
        "as for plan",
    ),
];

/// A rule and a route of our own, so that what exists otherwise does not matter.
const OBJECTS: &str = r#"
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: side-by-side, namespace: summit, labels: {team: mesh}}
spec:
  host: side-by-side.summit.svc.cluster.local
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}, http: {http2MaxRequests: 1}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: side-by-side, namespace: summit}
spec:
  hosts: [side-by-side.summit.svc.cluster.local]
  http: [{timeout: 5s, route: [{destination: {host: graph-core.summit.svc.cluster.local}}]}]
"#;

/// Calls of kubectl in the order in which they are made. `POD` stands for a pod of graph-core, `VIEWER` for what makes kubectl the viewer,
/// `OBJECTS` for the file of our objects.
const KUBECTL: &[(&str, Compare)] = &[
    ("apply --server-side -f OBJECTS", Compare::Text),
    ("apply --server-side -f OBJECTS --field-manager=gitops", Compare::Text),
    ("get destinationrule side-by-side -n summit -o json --show-managed-fields", Compare::Shape),
    ("get virtualservice side-by-side -n summit -o json --show-managed-fields", Compare::Shape),
    ("get dr -n summit", Compare::Columns),
    ("get vs -n summit", Compare::Columns),
    ("get pods -n summit", Compare::Columns),
    ("get pods -n summit -o wide", Compare::Columns),
    ("get deployments -n summit -o wide", Compare::Columns),
    ("get services -n summit", Compare::Columns),
    ("get namespaces", Compare::Columns),
    ("get peerauthentications -n summit", Compare::Text),
    ("get endpointslices -n summit", Compare::Columns),
    ("get networkpolicies -n summit", Compare::Text),
    ("get hpa -n summit", Compare::Text),
    ("get mutatingwebhookconfigurations", Compare::Columns),
    ("get validatingwebhookconfigurations", Compare::Columns),
    ("get configmap istio-ca-root-cert -n summit -o json", Compare::Shape),
    ("get service graph-core -n summit -o json", Compare::Shape),
    ("get service absent -n summit -o json", Compare::Text),
    ("get dr side-by-side -n summit -o name", Compare::Text),
    ("get dr side-by-side -n summit -o jsonpath={.spec.trafficPolicy}", Compare::Text),
    ("get dr absent -n summit", Compare::Text),
    ("get dr -n absent", Compare::Text),
    ("get sidecarz -n summit", Compare::Text),
    ("describe dr side-by-side -n summit", Compare::Keys),
    (
        "patch dr side-by-side -n summit --type merge -p {\"spec\":{\"trafficPolicy\":{\"connectionPool\":{\"tcp\":{\"maxConnections\":7}}}}}",
        Compare::Text,
    ),
    (
        "patch dr side-by-side -n summit --type merge -p {\"spec\":{\"trafficPolicy\":{\"connectionPool\":{\"tcp\":{\"maxConnections\":7}}}}}",
        Compare::Text,
    ),
    (
        "patch dr side-by-side -n summit --type merge -p {\"spec\":{\"trafficPolicy\":{\"connectionPool\":{\"tcp\":{\"maxConnections\":\"many\"}}}}}",
        Compare::Text,
    ),
    (
        "patch dr side-by-side -n summit --type merge -p {\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"exportTo\":[\".\"]}}",
        Compare::Text,
    ),
    ("patch dr side-by-side -n summit --type merge -p {\"spec\":{\"trafficPolcy\":{}}}", Compare::Text),
    ("patch dr side-by-side -n summit --type strategic -p {\"spec\":{\"exportTo\":[\".\"]}}", Compare::Text),
    (
        "patch dr side-by-side -n summit --type json -p [{\"op\":\"test\",\"path\":\"/spec/host\",\"value\":\"x\"}]",
        Compare::Text,
    ),
    (
        "patch dr side-by-side -n summit --type json -p [{\"op\":\"replace\",\"path\":\"/spec/nothing/here\",\"value\":1}]",
        Compare::Text,
    ),
    (
        "patch dr side-by-side -n summit --type json -p [{\"op\":\"replace\",\"path\":\"/spec/host\",\"value\":\"other.summit.svc.cluster.local\"}] --dry-run=server -o json",
        Compare::Shape,
    ),
    (
        "patch vs side-by-side -n summit --type merge -p {\"spec\":{\"http\":[{\"retries\":{\"attempts\":2,\"perTryTimeout\":\"1s\"}}]}}",
        Compare::Text,
    ),
    ("patch vs side-by-side -n summit --type merge -p {\"spec\":{\"http\":[{\"timeout\":\"30s\"}]}}", Compare::Text),
    ("patch vs absent -n summit --type merge -p {}", Compare::Text),
    ("patch dr side-by-side -n summit --type merge -p {\"spec\":{\"exportTo\":[\".\"]}} VIEWER", Compare::Text),
    ("label dr side-by-side -n summit tier=1", Compare::Text),
    ("label dr side-by-side -n summit tier=2", Compare::Text),
    ("label dr side-by-side -n summit tier-", Compare::Text),
    ("annotate dr side-by-side -n summit note=seen", Compare::Text),
    ("get dr side-by-side -n summit -o json --show-managed-fields=false", Compare::Shape),
    (
        "wait dr side-by-side -n summit --for=jsonpath={.spec.trafficPolicy.connectionPool.tcp.maxConnections}=7 --timeout=5s",
        Compare::Text,
    ),
    (
        "wait dr side-by-side -n summit --for=jsonpath={.spec.trafficPolicy.connectionPool.tcp.maxConnections}=8 --timeout=1s",
        Compare::Text,
    ),
    ("scale deployment graph-core -n summit --replicas=5 --dry-run=server", Compare::Text),
    ("scale deployment graph-core -n summit --current-replicas=99 --replicas=5", Compare::Text),
    ("rollout status deployment/graph-core -n summit --timeout=5s", Compare::Text),
    ("logs POD -n summit -c istio-proxy --tail=1", Compare::Code),
    ("logs POD -n summit -c absent", Compare::Text),
    ("auth can-i patch destinationrules -n summit", Compare::Text),
    ("auth can-i patch destinationrules -n summit VIEWER", Compare::Text),
    ("api-resources --api-group=networking.istio.io -o name --sort-by=name", Compare::Text),
    ("get --raw /apis/networking.istio.io/v1", Compare::Shape),
    ("get --raw /version", Compare::Shape),
];

/// Calls of meshbook. `RUNBOOK` stands for Scenario 1, `SCENARIO3` and `SCENARIO4` for the others' runbooks.
/// None of them changes anything, so they are made at once.
const MESHBOOK: &[(&str, Compare)] = &[
    ("plan RUNBOOK service=graph-core -n summit -o json", Compare::Shape),
    ("run RUNBOOK service=graph-core -n summit -o json", Compare::Shape),
    ("run RUNBOOK service=absent -n summit -o json", Compare::Shape),
    ("run SCENARIO3 service=graph-core -n summit -o json", Compare::Shape),
    ("run SCENARIO3 service=absent -n summit -o json", Compare::Shape),
    ("run SCENARIO4 -n summit -o json", Compare::Code),
    ("run RUNBOOK -n summit", Compare::Text),
    ("run RUNBOOK service=graph-core -n summit --context absent", Compare::Code),
];

/// Calls of meshbook about what was done before.
const AFTERWARDS: &[(&str, Compare)] =
    &[("runs -o json", Compare::Shape), ("undo 01ARZ3NDEKTSV4RRFFQ69G5FAV", Compare::Text)];

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn lab_and_real_mesh_answer_alike() {
    let _alone = SUMMIT.lock();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let objects = folder.path().join("objects.yaml");
    std::fs::write(&objects, OBJECTS).expect("the folder can be written");
    let objects = objects.to_string_lossy();
    let (real, lab) = (Cluster::real(), Cluster::lab_with_ordinary_sidecars());
    let load = Load::start(&real, "summit", 900);

    let mut differences = Vec::new();
    // What a pod is called and how many there are is data.
    let data = |cluster: &Cluster| {
        let replicas = &cluster.object("summit", "deployment", "graph-core")["spec"]["replicas"];
        (pods(cluster, "summit", "graph-core").remove(0), cluster.viewer(), format!("was {replicas}"))
    };
    let (of_real, of_lab) = (data(&real), data(&lab));
    for &(call, compare) in KUBECTL {
        let ask = |cluster: &Cluster, (pod, viewer, was): &(String, String, String)| {
            let args: Vec<_> = call
                .split(' ')
                .map(|word| match word {
                    "POD" => pod.as_str(),
                    "OBJECTS" => &objects,
                    "VIEWER" => viewer,
                    word => word,
                })
                .collect();
            cluster.kubectl(&args).without(&[(pod, "POD"), (was, "was REPLICAS")])
        };
        let (by_real, by_lab) = both(|| ask(&real, &of_real), || ask(&lab, &of_lab));
        differ(&format!("kubectl {call}"), compare, by_real, by_lab, &mut differences);
    }
    let ask = |call: &str| {
        let args: Vec<_> = call
            .split(' ')
            .map(|word| match word {
                "RUNBOOK" => BREAKER,
                "SCENARIO3" => MTLS,
                "SCENARIO4" => PLANE,
                word => word,
            })
            .collect();
        let ask = |cluster: &Cluster| cluster.meshbook(&args).without(&[(&cluster.home(), "HOME")]);
        both(|| ask(&real), || ask(&lab))
    };
    // Scenario 4 looks at every istiod and proxy of every revision: none may be frozen by another test, or only just come back.
    let all_well = CANARY.lock();
    until_well(&real, "summit");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = MESHBOOK.iter().map(|(call, _)| scope.spawn(|| ask(call))).collect();
        asked.into_iter().map(|thread| thread.join().expect("it has said why")).collect()
    });
    drop(all_well);
    let afterwards = AFTERWARDS.iter().map(|(call, _)| ask(call));
    for ((call, compare), (real, lab)) in MESHBOOK.iter().chain(AFTERWARDS).zip(answers.into_iter().chain(afterwards)) {
        differ(&format!("meshbook {call}"), *compare, real, lab, &mut differences);
    }
    load.stop();
    real.kubectl(&["delete", "-n", "summit", "dr/side-by-side", "vs/side-by-side"]).ok();

    let named = |difference: &(String, String), (call, start, _): &(&str, &str, &str)| {
        difference.0 == *call && difference.1.starts_with(start)
    };
    let unnamed: Vec<_> = differences
        .iter()
        .filter(|d| !DIFFERENCES.iter().any(|n| named(d, n)))
        .map(|(call, what)| format!("{call}\n    {what}"))
        .collect();
    let stale: Vec<_> = DIFFERENCES.iter().filter(|n| !differences.iter().any(|d| named(d, n))).collect();
    println!(
        "{} calls compared, {} differences, all of them named: {}",
        KUBECTL.len() + MESHBOOK.len() + AFTERWARDS.len(),
        differences.len(),
        unnamed.is_empty()
    );
    for (call, what, reason) in DIFFERENCES {
        println!("  {call}: {what}: {reason}");
    }
    assert!(unnamed.is_empty(), "{} differences that nobody has named:\n{}", unnamed.len(), unnamed.join("\n"));
    assert!(stale.is_empty(), "named differences that are gone: take them off the list: {stale:#?}");
}

/// Asks both at once: a call takes as long as the slower of the two.
fn both(real: impl FnOnce() -> Outcome, lab: impl FnOnce() -> Outcome + Send) -> (Outcome, Outcome) {
    std::thread::scope(|scope| {
        let lab = scope.spawn(lab);
        (real(), lab.join().expect("it has said why"))
    })
}

/// Adds each difference between two answers to the same call.
fn differ(call: &str, compare: Compare, real: Outcome, lab: Outcome, differences: &mut Vec<(String, String)>) {
    let mut say = |what: String| differences.push((call.to_owned(), what));
    if real.code != lab.code {
        // Each said on one stream or the other why it ended so.
        say(format!("on the real mesh: {real}\non the lab: {lab}"));
        return;
    }
    match compare {
        Compare::Code => {}
        Compare::Text => {
            for (stream, real, lab) in [("output", &real.stdout, &lab.stdout), ("error", &real.stderr, &lab.stderr)] {
                if real != lab {
                    say(format!("standard {stream}: {real:?} on the real mesh, {lab:?} on the lab"));
                }
            }
        }
        Compare::Columns => {
            let columns = |outcome: &Outcome| {
                outcome
                    .stdout
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .split("  ")
                    .map(|c| c.trim().to_owned())
                    .filter(|c| !c.is_empty())
                    .collect::<Vec<_>>()
            };
            if columns(&real) != columns(&lab) {
                say(format!("columns: {:?} on the real mesh, {:?} on the lab", columns(&real), columns(&lab)));
            }
        }
        Compare::Keys => sets(&keys(&real.stdout), &keys(&lab.stdout), say),
        Compare::Shape => match (serde_json::from_str(&real.stdout), serde_json::from_str(&lab.stdout)) {
            (Ok(real), Ok(lab)) => {
                let (mut real, mut lab) = (shape(&real), shape(&lab));
                let unknown: Vec<_> =
                    real.union(&lab).filter_map(|path| path.strip_suffix(NO_DATA).map(str::to_owned)).collect();
                for paths in [&mut real, &mut lab] {
                    paths.retain(|path| {
                        !unknown.iter().any(|unknown| {
                            path.strip_prefix(unknown.as_str()).is_some_and(|rest| rest.starts_with([':', '.', '[']))
                        })
                    });
                }
                sets(&real, &lab, say);
            }
            (real, lab) => say(format!("JSON on the real mesh: {}, on the lab: {}", real.is_ok(), lab.is_ok())),
        },
    }
}

/// Says what only one of two sets has.
fn sets(real: &BTreeSet<String>, lab: &BTreeSet<String>, mut say: impl FnMut(String)) {
    real.difference(lab).for_each(|path| say(format!("only on the real mesh: {path}")));
    lab.difference(real).for_each(|path| say(format!("only on the lab: {path}")));
}

/// Each line's key, with its indentation.
fn keys(description: &str) -> BTreeSet<String> {
    description.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key.to_owned()).collect()
}

/// Stands for the type of a figure of which there is no data, which meshbook writes as `{"missing": WHY}`. Whether there
/// is any depends on what the mesh exports, so such a path is compared no further.
const NO_DATA: &str = ": no data";

/// Every path with the type of its value. All items of an array count as one; the keys of labels and annotations are data.
fn shape(value: &Value) -> BTreeSet<String> {
    fn walk(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
        let ty = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if value.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key("missing")) {
            paths.insert(format!("{path}{NO_DATA}"));
            return;
        }
        paths.insert(format!("{path}: {ty}"));
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(&format!("{path}[]"), item, paths)),
            Value::Object(_) if path.ends_with(".labels") || path.ends_with(".annotations") => {}
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, paths))
            }
            _ => {}
        }
    }
    let mut paths = BTreeSet::new();
    walk("", value, &mut paths);
    paths
}

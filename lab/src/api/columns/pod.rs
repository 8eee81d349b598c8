//! The cells of a pod, which sum up its containers.

use jiff::Timestamp;
use serde_json::Value;

use super::{created, list, or_none, text};
use crate::api::table::human;

fn is_sidecar(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let sidecars: Vec<&str> =
        list(&spec["initContainers"]).iter().filter(|c| is_sidecar(c)).map(|c| text(&c["name"])).collect();
    let total = list(&spec["containers"]).len() + sidecars.len();
    let init = list(&status["initContainerStatuses"]);
    let counted: Vec<&Value> = list(&status["containerStatuses"])
        .iter()
        .chain(init.iter().filter(|s| sidecars.contains(&text(&s["name"]))))
        .collect();
    let ready = counted.iter().filter(|s| s["ready"] == true && s["state"].get("running").is_some()).count();
    let restarts: i64 = counted.iter().map(|s| s["restartCount"].as_i64().unwrap_or(0)).sum();
    let last = counted
        .iter()
        .filter_map(|s| s["lastState"]["terminated"]["finishedAt"].as_str()?.parse::<Timestamp>().ok())
        .max();
    let restarts = match last {
        Some(last) if restarts > 0 => format!("{restarts} ({} ago)", human(now.duration_since(last).as_secs())),
        _ => restarts.to_string(),
    };
    let gates = list(&spec["readinessGates"]).len();
    let gates = if gates == 0 { "<none>".to_owned() } else { format!("0/{gates}") };
    vec![
        format!("{ready}/{total}").into(),
        pod_status(pod).into(),
        restarts.into(),
        created(pod, now),
        or_none(text(&status["podIP"]).to_owned()),
        or_none(text(&spec["nodeName"]).to_owned()),
        or_none(text(&status["nominatedNodeName"]).to_owned()),
        gates.into(),
    ]
}

/// The word that sums a pod up: its phase, or what keeps a container from running.
fn pod_status(pod: &Value) -> String {
    let status = &pod["status"];
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return if status["reason"] == "NodeLost" { "Unknown" } else { "Terminating" }.to_owned();
    }
    let mut reason = text(&status["reason"]).to_owned();
    if reason.is_empty() {
        reason = text(&status["phase"]).to_owned();
    }
    let init = list(&status["initContainerStatuses"]);
    let specs = list(&pod["spec"]["initContainers"]);
    for (index, container) in init.iter().enumerate() {
        let sidecar = specs.iter().any(|s| s["name"] == container["name"] && is_sidecar(s));
        let state = &container["state"];
        if state["terminated"]["exitCode"] == 0 || sidecar && container["started"] == true {
            continue;
        }
        return if state.get("terminated").is_some() {
            match text(&state["terminated"]["reason"]) {
                "" => format!("Init:ExitCode:{}", state["terminated"]["exitCode"]),
                why => format!("Init:{why}"),
            }
        } else if !matches!(text(&state["waiting"]["reason"]), "" | "PodInitializing") {
            format!("Init:{}", text(&state["waiting"]["reason"]))
        } else {
            format!("Init:{index}/{}", specs.len())
        };
    }
    let mut running = false;
    for container in list(&status["containerStatuses"]).iter().rev() {
        let state = &container["state"];
        let (waiting, terminated) = (text(&state["waiting"]["reason"]), text(&state["terminated"]["reason"]));
        if !waiting.is_empty() {
            reason = waiting.to_owned();
        } else if !terminated.is_empty() {
            reason = terminated.to_owned();
        } else if state.get("terminated").is_some() {
            reason = format!("ExitCode:{}", state["terminated"]["exitCode"]);
        } else if container["ready"] == true && state.get("running").is_some() {
            running = true;
        }
    }
    if reason == "Completed" && running {
        let ready = list(&status["conditions"]).iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
        reason = if ready { "Running" } else { "NotReady" }.to_owned();
    }
    reason
}

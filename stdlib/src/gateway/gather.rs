//! Looks at each item of a gateway.

use meshbook_runtime::change::rollout;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::{Gateway, Sort, listeners};
use crate::checklist::{Item, State};
use crate::evidence::{absorb, root};
use crate::kubernetes::autoscaler::{autoscaler, bounds};
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::revision::synced;
use crate::text::{and, count, some};

/// Named by the objects that istiod makes for a Gateway (`GatewayNameLabel` of the Gateway API).
const NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// Looks at the gateway of this name in the run's namespace: at the Gateway of the Gateway API where there is one, else at
/// the Deployment and the Service.
///
/// # Errors
/// What every read of the API server can end in.
pub fn gather(run: &Run, name: &str) -> Result<Gateway, Failure> {
    let namespace = run.namespace();
    let api = read::find(run, &ObjectRef::new(kinds::api_gateway(), namespace, name))?;
    let (sort, deployment, service) = match &api {
        None => {
            let own = |kind| read::find(run, &ObjectRef::new(kind, namespace, name));
            (Sort::Chart, own(kinds::deployment())?, own(kinds::service())?)
        }
        Some(_) => {
            let labels = format!("{NAME_LABEL}={name}");
            let own = |kind| -> Result<Option<Value>, Failure> {
                Ok(read::list(run, kind, Some(namespace), Some(&labels))?.into_iter().next())
            };
            (Sort::Api, own(kinds::deployment())?, own(kinds::service())?)
        }
    };
    let work = deployment.as_ref().and_then(|deployment| {
        let own = deployment.pointer("/metadata/name")?.as_str()?;
        Some(ObjectRef::new(kinds::deployment(), namespace, own))
    });
    let mut pods: Vec<PodFacts> = Vec::new();
    if let Some(work) = &work {
        let all = read::list(run, kinds::pod(), Some(namespace), None)?;
        pods = all.iter().map(PodFacts::of).filter(|pod| pod.workload == work.name && !pod.is_terminating).collect();
    }
    let scaler = match &work {
        Some(work) => autoscaler(run, work)?.map(|(_, scaler)| scaler),
        None => None,
    };
    let items = vec![
        rollout(deployment.as_ref(), scaler.as_ref()),
        scaling_of(work.is_some(), scaler.as_ref()),
        address(service.as_ref()),
        proxies(run, &pods)?,
        match &api {
            Some(gateway) => listeners::of_api(gateway),
            None => listeners::of_chart(run, deployment.as_ref(), service.as_ref(), &pods)?,
        },
    ];
    Ok(Gateway::new(format!("{name}.{namespace}"), sort, work, items))
}

/// An item that is there or not.
pub(super) fn item(what: &'static str, there: bool, seen: String) -> Item {
    Item { what, state: if there { State::There } else { State::Lacking }, seen }
}

fn rollout(deployment: Option<&Value>, scaler: Option<&Value>) -> Item {
    let Some(deployment) = deployment else { return item("rollout", false, "there is no Deployment".into()) };
    let (ready, wanted, done) = rollout::progress(deployment, scaler.map_or(0, |scaler| bounds(scaler).0));
    item("rollout", done, format!("{ready} of {} ready", count(usize::try_from(wanted).unwrap_or(0), "pod", "pods")))
}

fn scaling_of(has_deployment: bool, scaler: Option<&Value>) -> Item {
    match scaler {
        Some(scaler) => {
            let (least, most) = bounds(scaler);
            item("autoscaler", true, format!("from {least} to {most} pods"))
        }
        None if has_deployment => item("autoscaler", false, "no HorizontalPodAutoscaler counts its pods".into()),
        None => item("autoscaler", false, "there is no Deployment".into()),
    }
}

/// The address of the load balancer (`status.loadBalancer.ingress` of a Service).
fn address(service: Option<&Value>) -> Item {
    let Some(service) = service else { return item("address", false, "there is no Service".into()) };
    let sort = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
    if sort != "LoadBalancer" {
        return item("address", false, format!("its Service is of type {sort}: it asks for no load balancer"));
    }
    let given = service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array).into_iter().flatten();
    let one = |ingress: &Value| {
        let of = |key: &str| ingress.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        of("ip").or_else(|| of("hostname")).map(str::to_owned)
    };
    let given: Vec<String> = given.filter_map(one).collect();
    if given.is_empty() {
        return item("address", false, "its load balancer has no address yet".into());
    }
    item("address", true, and(&given))
}

/// Whether an istiod knows each of its proxies, and has heard that it took what was sent.
fn proxies(run: &Run, pods: &[PodFacts]) -> Result<Item, Failure> {
    if pods.is_empty() {
        return Ok(item("proxies", false, "it has no pod".into()));
    }
    let root = root::namespace(run)?;
    let (states, silent) = match synced::states(run, &root, None) {
        Ok(states) => states,
        Err(failure) if failure.is(&FORBIDDEN) => {
            return Ok(Item { what: "proxies", state: State::Unknown, seen: absorb(failure)? });
        }
        Err(failure) => return Err(failure),
    };
    let mut lacking: Vec<String> = Vec::new();
    for pod in pods {
        match states.get(&format!("{}.{}", pod.name, pod.namespace)) {
            _ if !pod.has_proxy => lacking.push(format!("{} has no proxy: nothing injected it", pod.name)),
            Some(waiting) if waiting.is_empty() => {}
            Some(waiting) => lacking.push(format!("{} has not acknowledged {}", pod.name, some(waiting, 4))),
            None => lacking.push(format!("no istiod knows {}", pod.name)),
        }
    }
    if lacking.is_empty() {
        let all = count(pods.len(), "proxy is connected", "proxies are connected");
        return Ok(item("proxies", true, format!("{all} to istiod, and up to date")));
    }
    if silent > 0 {
        lacking.push(format!("{} did not answer", count(silent, "istiod", "istiods")));
    }
    Ok(item("proxies", false, some(&lacking, 3)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_load_balancer_with_an_address_is_reached_from_outside() {
        let of = |sort: &str, ingress: Value| {
            address(Some(&json!({ "spec": { "type": sort }, "status": { "loadBalancer": { "ingress": ingress } } })))
        };
        let seen = of("LoadBalancer", json!([{ "ip": "192.0.2.1" }, { "hostname": "in.example.com" }]));
        assert_eq!((seen.state, seen.seen.as_str()), (State::There, "192.0.2.1 and in.example.com"));
        for (service, why) in [
            (of("LoadBalancer", Value::Null), "no address yet"),
            (of("LoadBalancer", json!([{ "ip": "" }])), "no address yet"),
            (of("NodePort", Value::Null), "of type NodePort"),
            (address(None), "no Service"),
        ] {
            assert!(service.state == State::Lacking && service.seen.contains(why), "{} says {why}", service.seen);
        }
    }

    #[test]
    fn a_rollout_counts_the_minimum_of_its_autoscaler() {
        let deployment = json!({ "metadata": { "generation": 1 }, "spec": { "replicas": 1 }, "status": { "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1 } });
        let scaler = json!({ "spec": { "minReplicas": 2, "maxReplicas": 5 } });
        assert_eq!(rollout(Some(&deployment), None).state, State::There);
        assert_eq!(rollout(Some(&deployment), Some(&scaler)).seen, "1 of 2 pods ready");
        assert_eq!(scaling_of(true, Some(&scaler)).seen, "from 2 to 5 pods");
        assert_eq!((scaling_of(true, None).state, rollout(None, None).state), (State::Lacking, State::Lacking));
    }
}

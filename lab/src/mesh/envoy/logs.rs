//! Container logs: the sidecar's access log, if the mesh writes one, and a few lines of everything else.

use jiff::Timestamp;

use crate::mesh::State;
use crate::mesh::access_log::{Parties, Side, lines};
use crate::mesh::istiod::plane;
use crate::mesh::kubernetes::{PodKey, text};

/// The address of a gateway's clients, out of TEST-NET-3 (RFC 5737).
const CLIENT: &str = "203.0.113.7";

/// The log of a container, oldest line first. The error is what the kubelet says of an unknown container.
pub fn read(state: &State, key: &PodKey, container: &str, now: Timestamp) -> Result<Vec<(Timestamp, String)>, String> {
    if let Some(lines) = state.guests.get(key).and_then(|guest| guest.log(container, now)) {
        return Ok(lines);
    }
    let Some(pod) = state.pods.get(key) else { return Err(format!("pod \"{}\" is not running", key.1)) };
    let known = ["containers", "initContainers"]
        .iter()
        .any(|list| pod["spec"][list].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == container)));
    if !known {
        return Err(format!("container {container} is not valid for pod {}", key.1));
    }
    if plane::is_istiod(pod) {
        return Ok(state.istiod_log(key, pod, now));
    }
    if container != "istio-proxy" {
        return Ok(Vec::new());
    }
    let Some(proxy) = state.proxies.get(key) else { return Ok(Vec::new()) };
    let mut all = vec![(
        proxy.started,
        format!("{}\tinfo\tEnvoy proxy is ready", proxy.started.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")),
    )];
    if !state.writes_access_log(&proxy.pod) {
        return Ok(all);
    }
    for flow in &state.traffic.flows {
        let stream = &state.traffic.streams[flow.stream];
        let calls = flow.caller.as_ref() == Some(key) && flow.proxied;
        let serves = flow.legs.iter().flat_map(|leg| &leg.cluster).any(|cluster| {
            cluster.endpoints.iter().any(|endpoint| endpoint.pod == key.1 && endpoint.namespace == key.0)
        });
        if !calls && !serves {
            continue;
        }
        let caller = flow
            .caller
            .as_ref()
            .map(|caller| (caller, state.pods.get(caller).map_or("-", |pod| text(&pod["status"]["podIP"]))));
        let host = proxy.config.host(&stream.authority, &stream.source.0);
        let by_gateway = flow.caller.as_ref().and_then(|key| state.proxies.get(key)).filter(|proxy| proxy.router);
        let port = stream.authority.rsplit_once(':').map_or("80", |(_, port)| port);
        let listener = match by_gateway {
            Some(gateway) => {
                let servers = gateway.config.servers.iter();
                let listens =
                    servers.filter(|server| server.port.to_string() == port).map(|server| server.listens).next();
                format!("{}:{}", gateway.ip, listens.map_or_else(|| port.to_owned(), |listens| listens.to_string()))
            }
            None => format!("{}:{port}", host.map_or("-", |host| host.cluster_ip.as_str())),
        };
        let error_code = flow
            .legs
            .iter()
            .flat_map(|leg| leg.servers.first())
            .map(|index| state.traffic.servers[*index].error_code)
            .next()
            .unwrap_or(500);
        let parties = Parties {
            caller,
            authority: &stream.authority,
            listener: &listener,
            client: by_gateway.is_some().then_some(CLIENT),
            path: &stream.path,
            error_code,
        };
        if calls {
            lines(&flow.journal, &parties, Side::Caller, &mut all);
        }
        if serves {
            lines(&flow.journal, &parties, Side::Server(&key.1), &mut all);
        }
    }
    // A request is logged when it ends.
    all.retain(|(at, _)| *at <= now);
    all.sort_by_key(|(at, _)| *at);
    Ok(all)
}

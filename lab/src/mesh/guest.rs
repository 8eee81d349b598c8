//! Pods that somebody made to run one command to its end, such as curl: what the command prints, when it ends, and what
//! the kubelet then says of its container.
//!
//! What a request comes to, the same traffic decides that decides over the world's own load: routes, endpoints, limits,
//! handshakes. The pod's proxy is one of its own, as it is in reality: limits of the workload's proxies are not shared.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::access_log::{Parties, Side, lines};
use super::curl::{Command, Refusal, Transfer, expanded};
use super::istiod::authorization;
use super::kubernetes::{PodKey, inject, key_of, second, text};
use super::traffic::flow::Stream;
use super::traffic::outcome::Outcome;
use super::traffic::single::{Asker, Single};
use super::traffic::tls::Peer;
use super::{State, outside, peer};
use crate::api::Ended;
use crate::store::Store;

/// A pod with a command that ends.
pub struct Guest {
    /// The container that runs it.
    container: String,
    /// What it prints, and when.
    printed: Vec<(Timestamp, String)>,
    /// What its sidecar's log says besides.
    proxy: Vec<(Timestamp, String)>,
    began: Timestamp,
    ends: Timestamp,
    exit: u16,
    /// `Completed`, `Error`, `StartError`, and a message.
    reason: (&'static str, String),
    over: bool,
}

impl Guest {
    /// The log of one of its containers; `None` for one that it does not run itself.
    pub fn log(&self, container: &str, now: Timestamp) -> Option<Vec<(Timestamp, String)>> {
        let lines = match container {
            own if own == self.container => &self.printed,
            "istio-proxy" if !self.proxy.is_empty() => &self.proxy,
            _ => return None,
        };
        Some(lines.iter().filter(|(at, _)| *at <= now).cloned().collect())
    }
}

impl State {
    /// When the next command ends.
    pub(super) fn next_guest(&self) -> Option<Timestamp> {
        self.guests.values().filter(|guest| !guest.over).map(|guest| guest.ends).min()
    }

    /// Starts the commands of pods that run now, and ends those whose time has come.
    pub(super) fn run_guests(&mut self, store: &Store, now: Timestamp) {
        self.guests.retain(|key, _| store.get("", "pods", &key.0, &key.1).is_some());
        let begin: Vec<PodKey> = self
            .pods
            .iter()
            .filter(|(key, pod)| pod["spec"]["restartPolicy"] == "Never" && !self.guests.contains_key(*key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in begin {
            let pod = self.pods[&key].clone();
            if let Some(guest) = self.begin(&pod, now) {
                self.guests.insert(key, guest);
            }
        }
        for (key, guest) in &mut self.guests {
            if guest.over || guest.ends > now {
                continue;
            }
            guest.over = true;
            if let Some(pod) = store.get("", "pods", &key.0, &key.1) {
                store.put_status("", "pods", &key.0, &key.1, ended(&pod, guest), "kubelet");
            }
        }
    }

    fn begin(&self, pod: &Value, now: Timestamp) -> Option<Guest> {
        let own = pod["spec"]["containers"].as_array()?.iter().find(|one| one["name"] != "istio-proxy")?;
        let words = |list: &str| own[list].as_array().into_iter().flatten().map(|word| expanded(text(word))).collect();
        let (command, arguments): (Vec<String>, Vec<String>) = (words("command"), words("args"));
        let all: Vec<String> = command.into_iter().chain(arguments).collect();
        let guest = Guest {
            container: text(&own["name"]).to_owned(),
            printed: Vec::new(),
            proxy: Vec::new(),
            began: now,
            ends: now,
            exit: 0,
            reason: ("Completed", String::new()),
            over: false,
        };
        let (program, arguments) = all.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
        if program.rsplit('/').next() != Some("curl") || !text(&own["image"]).contains("curl") {
            let why = format!(
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: {program:?}: executable file not found in $PATH"
            );
            return Some(Guest { exit: 128, reason: ("StartError", why), ..guest });
        }
        let command = match Command::parse(arguments) {
            Ok(command) => command,
            Err(Refusal(exit, said)) => {
                let printed = said.lines().map(|line| (now, line.to_owned())).collect();
                return Some(Guest { exit, printed, reason: ("Error", String::new()), ..guest });
            }
        };
        let (transfers, proxy) = self.curl(&key_of(pod), pod, &command, now);
        let mut at = now;
        let mut printed = Vec::new();
        for transfer in &transfers {
            at += Duration::from_secs_f64(transfer.seconds);
            printed.extend(command.print(transfer).lines().map(|line| (at, line.to_owned())));
        }
        // curl ends by what came of its last transfer.
        let exit = transfers.last().map_or(0, |transfer| transfer.exit);
        let reason = (if exit == 0 { "Completed" } else { "Error" }, String::new());
        Some(Guest { printed, proxy, ends: at, exit, reason, ..guest })
    }

    /// A command that somebody executes in an application's container, which has curl and nothing else.
    pub(super) fn execute(&self, key: &PodKey, container: &str, words: &[String], now: Timestamp) -> Option<Ended> {
        let pod = self.pods.get(key)?;
        let (program, arguments) = words.split_first()?;
        let own = pod["spec"]["containers"].as_array()?.iter().any(|one| one["name"] == container);
        if !own || program.rsplit('/').next() != Some("curl") {
            return None;
        }
        Some(match Command::parse(arguments) {
            Ok(command) => {
                let (transfers, _) = self.curl(key, pod, &command, now);
                let printed: String = transfers.iter().map(|transfer| command.print(transfer)).collect();
                let code = transfers.last().map_or(0, |transfer| transfer.exit);
                Ended { stdout: printed.into_bytes(), stderr: Vec::new(), code: u8::try_from(code).unwrap_or(u8::MAX) }
            }
            Err(Refusal(code, said)) => {
                Ended { stdout: Vec::new(), stderr: said.into_bytes(), code: u8::try_from(code).unwrap_or(u8::MAX) }
            }
        })
    }

    /// What comes of a command in a pod, and what the pod's proxy logs of it.
    pub(super) fn curl(
        &self,
        key: &PodKey,
        pod: &Value,
        command: &Command,
        now: Timestamp,
    ) -> (Vec<Transfer>, Vec<(Timestamp, String)>) {
        let times = command.count as usize;
        let Some(service) = self.resolves(&command.host, &key.0) else {
            return (vec![Transfer::unresolved(&command.host); times], Vec::new());
        };
        // A client of a gateway says in the header whom it means; of a service it is the name that it asked for.
        let asked_for = command.headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.as_str());
        let authority =
            format!("{}:{}", asked_for.filter(|name| !name.contains(':')).unwrap_or(&command.host), command.port);
        let patience = command.max_time.unwrap_or(Duration::from_secs(300));
        let through = self.gateway_behind(service);
        let proxy = self.proxies.get(key).filter(|_| inject::has_sidecar(pod));
        let plain = self.istiod.snapshot.without_proxy(&key.0, now);
        let config = proxy.map_or(&plain, |proxy| &proxy.config);
        let outside = outside(proxy, self.spec.cluster.registry_only, Some(&plain));
        let has_port = service["spec"]["ports"]
            .as_array()
            .is_some_and(|ports| ports.iter().any(|port| port["port"] == command.port));
        if !has_port || command.scheme == "https" {
            // Packets to a port that no Service has, and TLS that nobody answers, get no answer at all.
            return (vec![Transfer::timed_out(patience.as_secs_f64()); times], Vec::new());
        }
        let stream = Stream {
            source: (key.0.clone(), key.1.clone()),
            source_cluster: "Kubernetes".into(),
            authority: authority.clone(),
            path: command.path.clone(),
            headers: command.headers.clone(),
            rate: 0.0,
            clients: None,
            think: 0.0,
            shares: Vec::new(),
            changes: Vec::new(),
            client_timeout: patience,
            on_behalf: None,
        };
        let asked_path = command.path.split('?').next().unwrap_or_default();
        let denies = |server: &PodKey, mutual: bool| {
            let namespace = mutual.then_some(through.map_or(key, |(gateway, _)| gateway).0.as_str());
            let asked = authorization::Asked { path: asked_path, method: &command.method, namespace };
            let policies = self.istiod.snapshot.authorization_policies();
            self.proxies.contains_key(server)
                && self.pods.get(server).is_some_and(|pod| authorization::denies(policies, pod, &asked))
        };
        let peers: HashMap<&PodKey, Peer> = self.proxies.iter().map(|(key, proxy)| (key, peer(proxy))).collect();
        let own = proxy;
        if let Some((gateway, proxy)) = through {
            let outside = super::outside(Some(proxy), false, None);
            let asker =
                Asker { pod: gateway, sidecar: Some(proxy.identity), config: &proxy.config, outside, denies: &denies };
            let stream = Stream { source: gateway.clone(), ..stream };
            let (singles, _) = self.traffic.singles(&stream, &asker, &peers, command.count, now);
            let log = own.map(ready).into_iter().collect();
            return (singles.iter().map(|single| transfer(single, command, true)).collect(), log);
        }
        let sidecar = proxy.map(|proxy| proxy.identity);
        let asker = Asker { pod: key, sidecar, config, outside, denies: &denies };
        let (singles, journal) = self.traffic.singles(&stream, &asker, &peers, command.count, now);
        let transfers = singles.iter().map(|single| transfer(single, command, proxy.is_some())).collect();
        let mut log = Vec::new();
        if let Some(proxy) = proxy {
            log.push(ready(proxy));
            if self.writes_access_log(pod) {
                let host = config.host(&authority, &key.0);
                let parties = Parties {
                    caller: Some((key, text(&pod["status"]["podIP"]))),
                    authority: &authority,
                    listener: &format!("{}:{}", host.map_or("-", |host| host.cluster_ip.as_str()), command.port),
                    client: None,
                    path: &command.path,
                    error_code: singles.first().map_or(500, |single| single.error_code),
                };
                lines(&journal, &parties, Side::Caller, &mut log);
            }
        }
        (transfers, log)
    }

    /// The gateway whose pods a Service selects, if it is one's.
    fn gateway_behind(&self, service: &Value) -> Option<(&PodKey, &super::Proxy)> {
        let selector = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty())?;
        self.proxies
            .iter()
            .filter(|(key, proxy)| proxy.router && key.0 == text(&service["metadata"]["namespace"]))
            .find(|(key, _)| {
                let labels = self.pods.get(*key).map(|pod| &pod["metadata"]["labels"]);
                labels.is_some_and(|labels| selector.iter().all(|(name, value)| &labels[name] == value))
            })
    }

    /// The Service behind a name, as the cluster's DNS answers a pod of a namespace.
    fn resolves(&self, name: &str, from: &str) -> Option<&Value> {
        let name = name.trim_end_matches('.');
        let name = name.strip_suffix(".cluster.local").unwrap_or(name);
        let services = self.istiod.snapshot.services();
        let found = services.iter().find(|service| {
            let (namespace, own) = key_of(service);
            let qualified = format!("{own}.{namespace}");
            name == qualified
                || name.strip_suffix(".svc") == Some(qualified.as_str())
                || (name == own && namespace == from)
                || service["spec"]["clusterIP"] == name
        });
        found.map(|service| &**service)
    }
}

/// The first line of a proxy's log that matters here.
fn ready(proxy: &super::Proxy) -> (Timestamp, String) {
    (proxy.started, format!("{}\tinfo\tEnvoy proxy is ready", proxy.started.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")))
}

/// What curl sees of the end of a request.
fn transfer(single: &Single, command: &Command, proxied: bool) -> Transfer {
    let report = single.outcome.at_caller(single.error_code);
    let seconds = single.seconds.max(0.0004);
    if !proxied {
        // Nobody between curl and the server makes an answer of what goes wrong.
        match single.outcome {
            Outcome::Plaintext | Outcome::Rejected => return Transfer::reset(seconds),
            Outcome::NoHealthyUpstream | Outcome::NoCluster | Outcome::NoRoute => {
                return Transfer::refused(&command.host, command.port);
            }
            _ => {}
        }
    }
    if single.outcome == Outcome::ClientGone {
        return Transfer::timed_out(seconds);
    }
    let mut headers = Vec::new();
    if report.details == "via_upstream" {
        let beyond = (seconds * 1000.0).floor();
        headers.push(("x-envoy-upstream-service-time", beyond.to_string()));
        // What Envoy itself answers is text as well; the application's answers say so.
        headers.push(("content-type", "text/plain; charset=utf-8".into()));
    }
    // The last Envoy on the way writes the header over: the caller's own, or the server's.
    headers.push(("server", if proxied { "envoy" } else { "istio-envoy" }.into()));
    Transfer { code: report.code, exit: 0, seconds, headers, error: String::new() }
}

/// What the kubelet says of a pod whose command has ended.
fn ended(pod: &Value, guest: &Guest) -> Value {
    let mut status = pod["status"].clone();
    let (began, ends) = (second(guest.began), second(guest.ends));
    for one in status["containerStatuses"].as_array_mut().into_iter().flatten() {
        if one["name"] == guest.container.as_str() {
            let (reason, message) = &guest.reason;
            one["ready"] = false.into();
            one["started"] = false.into();
            one["state"] = json!({"terminated": {"exitCode": guest.exit, "reason": reason, "startedAt": began, "finishedAt": ends}});
            if !message.is_empty() {
                one["state"]["terminated"]["message"] = json!(message);
            }
        }
    }
    let sidecar_goes_on =
        pod["spec"]["containers"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "istio-proxy"));
    if !sidecar_goes_on {
        status["phase"] = json!(if guest.exit == 0 { "Succeeded" } else { "Failed" });
    }
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        if matches!(text(&condition["type"]), "Ready" | "ContainersReady") {
            condition["status"] = json!("False");
            condition["lastTransitionTime"] = json!(ends);
        }
    }
    status
}

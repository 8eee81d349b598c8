//! exec into the pods' sidecars, in the WebSocket channel form (`v4.channel.k8s.io`, `v5.channel.k8s.io`).
//!
//! The lab's pods run no processes. The two commands with which people ask a sidecar are answered by the pod's own
//! ports: `curl … localhost:PORT/PATH` and `pilot-agent request METHOD PATH [BODY]`, both in container `istio-proxy`.
//! An application's container has curl too: its requests take the way that the workload's own take.
//! Any other command ends as one that is not installed: exit code 127.
//!
//! Each binary message begins with its channel: 1 standard output, 2 standard error, 3 a `Status` that says how the
//! command ended (`details.causes[reason=ExitCode]`).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use http::header::{CONTENT_TYPE, HOST, UPGRADE};
use http::request::Parts;
use http::{Method, Request, Response};
use serde_json::json;
use tower::ServiceExt;

use super::Api;
use super::port_forward::message;
use super::request::{Query, Target};
use super::status::{self, Failure};
use super::{logs, read};

/// The container that has both commands.
pub(super) const SIDECAR: &str = "istio-proxy";

/// Envoy's admin port, which `pilot-agent request` asks unless it is told otherwise.
const ADMIN: u16 = 15000;

/// The ports that `pilot-agent request --debug-port` allows.
const DEBUG_PORTS: [u16; 4] = [15000, 15004, 15020, 15021];

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;

/// The largest part of the output in one message, as a kubelet copies it.
const PIECE: usize = 32 * 1024;

/// Upgrades to the streams of a command.
pub(super) async fn exec(
    api: &Arc<Api>,
    target: &Target,
    query: &Query,
    parts: &mut Parts,
) -> Result<Response<Body>, Failure> {
    let pod = read::find(&api.store, target)?;
    if !parts.headers.contains_key(UPGRADE) {
        return Err(Failure::bad_request("Upgrade request required"));
    }
    let phase = pod["status"]["phase"].as_str().unwrap_or("Pending");
    if matches!(phase, "Succeeded" | "Failed") {
        let message = format!("cannot exec into a container in a completed pod; current phase is {phase}");
        return Err(Failure::bad_request(message));
    }
    let container = logs::container(&pod, target, query)?;
    if phase != "Running" {
        return Err(Failure::bad_request(format!("container not found (\"{container}\")")));
    }
    let words: Vec<String> = query.all("command").map(str::to_owned).collect();
    if words.is_empty() {
        return Err(Failure::bad_request("query parameter \"command\" is missing"));
    }
    let (stdout, stderr) = (query.is_true("stdout"), query.is_true("stderr"));
    if !stdout && !stderr && !query.is_true("stdin") {
        return Err(Failure::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
    }
    let tty = query.is_true("tty");
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &())
        .await
        .map_err(|rejection| Failure::bad_request(rejection.body_text()))?
        .protocols(["v5.channel.k8s.io", "v4.channel.k8s.io"]);
    if upgrade.selected_protocol().is_none() {
        return Err(Failure::bad_request(
            "the lab executes in the form of v4.channel.k8s.io and v5.channel.k8s.io only",
        ));
    }
    let (api, target) = (api.clone(), target.clone());
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        // Without a command's output there may be nothing to say for long: this tells the client that it is connected.
        let first = if stdout { STDOUT } else { STATUS };
        if socket.send(message(first, &[])).await.is_err() {
            return;
        }
        let ended = tokio::select! {
            () = closed(&mut socket) => return,
            ended = run(&api, target.namespace(), target.name(), &container, &words) => ended,
        };
        // A terminal has one stream.
        let errors_to = if tty { STDOUT } else { STDERR };
        for (channel, wanted, text) in [(STDOUT, stdout, &ended.stdout), (errors_to, stderr || tty, &ended.stderr)] {
            for piece in text.chunks(PIECE).filter(|_| wanted) {
                if socket.send(message(channel, piece)).await.is_err() {
                    return;
                }
            }
        }
        // Whoever has gone by now does not wait for the end. To kubectl only a normal closure is one.
        let _ = socket.send(message(STATUS, ended.status().to_string().as_bytes())).await;
        let normal = CloseFrame { code: close_code::NORMAL, reason: "".into() };
        let _ = socket.send(Message::Close(Some(normal))).await;
    }))
}

/// Until the client goes. What it types is read by nobody.
async fn closed(socket: &mut WebSocket) {
    while let Some(Ok(received)) = socket.recv().await {
        if matches!(received, Message::Close(_)) {
            return;
        }
    }
}

/// What a command wrote, and how it ended.
#[derive(Debug, Default, PartialEq)]
pub struct Ended {
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// Its exit code.
    pub code: u8,
}

impl Ended {
    fn failed(code: u8, stderr: impl Into<String>) -> Ended {
        Ended { stdout: Vec::new(), stderr: stderr.into().into_bytes(), code }
    }

    fn status(&self) -> serde_json::Value {
        if self.code == 0 {
            return json!({"metadata": {}, "status": status::success(None)["status"]});
        }
        json!({
            "metadata": {},
            "status": "Failure",
            "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {}", self.code),
            "details": {"causes": [{"reason": "ExitCode", "message": self.code.to_string()}]},
        })
    }
}

/// A request that a command makes.
#[derive(Debug, PartialEq)]
struct Asked {
    program: Program,
    method: Method,
    port: u16,
    path: String,
    body: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Program {
    Curl { silent: bool, fail: bool },
    PilotAgent,
}

/// Which request the words of a command come to.
fn parse(words: &[String]) -> Result<Asked, Ended> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [program, rest @ ..] if program.rsplit('/').next() == Some("curl") => curl(rest),
        [program, "request", rest @ ..] if program.rsplit('/').next() == Some("pilot-agent") => pilot_agent(rest),
        _ => Err(Ended::failed(
            127,
            format!(
                "exec: {:?}: not found: a sidecar of the lab knows \"curl [-s] [-f] [-X METHOD] localhost:PORT/PATH\" and \"pilot-agent request METHOD PATH [BODY]\"\n",
                words.first().copied().unwrap_or_default()
            ),
        )),
    }
}

fn curl(words: &[&str]) -> Result<Asked, Ended> {
    let (mut silent, mut fail, mut method, mut url) = (false, false, None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-X" | "--request" => method = words.next().copied(),
            "-s" | "--silent" => silent = true,
            "-f" | "--fail" => fail = true,
            // Errors are shown although the rest is silent.
            "-sS" | "-Ss" | "-S" | "--show-error" => silent = false,
            "-sf" | "-fs" => (silent, fail) = (true, true),
            option if option.starts_with('-') => {
                let text = format!("curl: option {option}: is unknown\ncurl: try 'curl --help' for more information\n");
                return Err(Ended::failed(2, text));
            }
            other => url = Some(other),
        }
    }
    let Some(url) = url else { return Err(Ended::failed(2, "curl: (2) no URL specified\n")) };
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    if !matches!(host, "localhost" | "127.0.0.1") {
        return Err(Ended::failed(6, format!("curl: (6) Could not resolve host: {host}\n")));
    }
    let port = port.parse().map_err(|_| Ended::failed(3, "curl: (3) URL using bad/illegal format or missing URL\n"))?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let method = method.map_or(Ok(Method::GET), str::parse);
    let method = method.map_err(|_| Ended::failed(2, "curl: (2) the method is none of HTTP's\n"))?;
    Ok(Asked { program: Program::Curl { silent, fail }, method, port, path, body: String::new() })
}

fn pilot_agent(words: &[&str]) -> Result<Asked, Ended> {
    let (mut port, mut positional) = (ADMIN, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let given = match word.strip_prefix("--debug-port") {
            Some("") => words.next().copied(),
            Some(value) => value.strip_prefix('='),
            None => {
                positional.push(*word);
                continue;
            }
        };
        port = given
            .and_then(|text| text.parse().ok())
            .filter(|port| DEBUG_PORTS.contains(port))
            .ok_or_else(|| agent_error(&format!("debug port is not in allowed list {DEBUG_PORTS:?}")))?;
    }
    let [method, path, rest @ ..] = positional.as_slice() else {
        return Err(agent_error(&format!("requires at least 2 arg(s), only received {}", positional.len())));
    };
    let method = method.parse().map_err(|_| agent_error(&format!("net/http: invalid method {method:?}")))?;
    let body = rest.first().copied().unwrap_or_default().to_owned();
    let path = format!("/{}", path.strip_prefix('/').unwrap_or(path));
    Ok(Asked { program: Program::PilotAgent, method, port, path, body })
}

/// The agent's errors all end by `os.Exit(-1)`.
fn agent_error(what: &str) -> Ended {
    Ended::failed(255, format!("Error: {what}\n"))
}

pub(super) async fn run(api: &Api, namespace: &str, pod: &str, container: &str, words: &[String]) -> Ended {
    if container != SIDECAR {
        if let Some(ended) = api.pods.execute(namespace, pod, container, words) {
            return ended;
        }
        let program = words.first().map(String::as_str).unwrap_or_default();
        return Ended::failed(
            127,
            format!("exec: {program:?}: not found: of a pod of the lab, only container {SIDECAR} has programs\n"),
        );
    }
    match parse(words) {
        Ok(asked) => answer(api, namespace, pod, asked).await,
        Err(ended) => ended,
    }
}

async fn answer(api: &Api, namespace: &str, pod: &str, asked: Asked) -> Ended {
    let Asked { program, method, port, path, body } = asked;
    let Some(router) = api.pods.port(namespace, pod, port) else {
        return match program {
            Program::Curl { silent: true, .. } => Ended::failed(7, ""),
            Program::Curl { .. } => Ended::failed(
                7,
                format!(
                    "curl: (7) Failed to connect to localhost port {port} after 0 ms: Couldn't connect to server\n"
                ),
            ),
            Program::PilotAgent => agent_error(&format!(
                "{} \"http://localhost:{port}{path}\": dial tcp 127.0.0.1:{port}: connect: connection refused",
                capitalised(&method)
            )),
        };
    };
    let request = Request::builder()
        .method(method)
        .uri(&path)
        .header(HOST, format!("localhost:{port}"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body));
    let Ok(request) = request else {
        return match program {
            Program::Curl { .. } => Ended::failed(3, "curl: (3) URL using bad/illegal format or missing URL\n"),
            Program::PilotAgent => agent_error(&format!("parse \"http://localhost:{port}{path}\": invalid URL")),
        };
    };
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let code = response.status().as_u16();
    let Ok(body) = axum::body::to_bytes(response.into_body(), usize::MAX).await else {
        return match program {
            Program::Curl { .. } => Ended::failed(56, "curl: (56) Recv failure: Connection reset by peer\n"),
            Program::PilotAgent => agent_error("unexpected EOF"),
        };
    };
    match program {
        Program::Curl { fail: true, silent } if code >= 400 => {
            let text = format!("curl: (22) The requested URL returned error: {code}\n");
            Ended::failed(22, if silent { String::new() } else { text })
        }
        Program::Curl { .. } => Ended { stdout: body.into(), ..Ended::default() },
        // As istio's pilot/pkg/request does: 404 is an answer, the body ends with a line break of its own.
        Program::PilotAgent if code >= 400 && code != 404 => {
            agent_error(&format!("received unsuccessful status code {code}: {}", String::from_utf8_lossy(&body)))
        }
        Program::PilotAgent => {
            let mut stdout = Vec::from(body);
            stdout.push(b'\n');
            Ended { stdout, ..Ended::default() }
        }
    }
}

/// `Get`, as Go's errors name a method.
fn capitalised(method: &Method) -> String {
    let name = method.as_str();
    name[..1].to_owned() + &name[1..].to_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn asks(line: &str) -> (String, u16, String) {
        let asked = parse(&words(line)).unwrap();
        (asked.method.to_string(), asked.port, asked.path)
    }

    #[test]
    fn commands_come_to_requests() {
        let get = |port: u16, path: &str| ("GET".to_owned(), port, path.to_owned());
        assert_eq!(asks("curl localhost:15000/memory"), get(15000, "/memory"));
        assert_eq!(asks("curl -s http://127.0.0.1:15000/stats?filter=a"), get(15000, "/stats?filter=a"));
        assert_eq!(asks("curl -s localhost:15020?x"), get(15020, "/?x"));
        assert_eq!(asks("curl -sS -X POST localhost:15000/logging").0, "POST");
        assert_eq!(asks("pilot-agent request GET clusters?format=json"), get(15000, "/clusters?format=json"));
        assert_eq!(asks("/usr/local/bin/pilot-agent request GET /ready --debug-port 15021"), get(15021, "/ready"));
        assert_eq!(asks("pilot-agent request --debug-port=15020 GET metrics"), get(15020, "/metrics"));
    }

    #[test]
    fn what_is_no_request_ends_as_the_program_would_end() {
        let code = |line: &str| parse(&words(line)).unwrap_err().code;
        assert_eq!(code("sh -c true"), 127);
        assert_eq!(code("pilot-agent proxy"), 127);
        assert_eq!(code("curl"), 2);
        assert_eq!(code("curl --upload localhost:15000"), 2);
        assert_eq!(code("curl example.org/x"), 6);
        assert_eq!(code("curl localhost:nine/x"), 3);
        assert_eq!(code("pilot-agent request GET"), 255);
        assert_eq!(code("pilot-agent request GET /x --debug-port 8080"), 255);
    }

    #[test]
    fn the_status_says_how_it_ended() {
        assert_eq!(Ended::default().status(), json!({"metadata": {}, "status": "Success"}));
        let status = Ended::failed(7, "").status();
        assert_eq!(status["details"]["causes"], json!([{"reason": "ExitCode", "message": "7"}]));
    }
}

//! An API server with a crowd, as far as whoever types needs it: the names of 10,000 pods and 500 services, page by page,
//! and watches that stay silent. The lab would simulate each of these pods.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many pods there are.
pub const PODS: usize = 10_000;
/// How many services.
pub const SERVICES: usize = 500;

/// A server on a port of its own. It ends, with all its connections, when dropped.
pub struct Crowd {
    /// The kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
    address: std::net::SocketAddr,
}

impl Crowd {
    /// Serves, each answer after some time. The kubeconfig is written into a folder.
    pub fn serve(folder: &Path, latency: Duration) -> std::io::Result<Crowd> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let kept = Arc::clone(&open);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                match (kept.lock().ok().as_deref_mut(), stream.try_clone()) {
                    (Some(Some(open)), Ok(again)) => open.push(again),
                    _ => return,
                }
                std::thread::spawn(move || answer_all(stream, latency));
            }
        });
        let kubeconfig = folder.join("crowd.yaml");
        std::fs::write(
            &kubeconfig,
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: crowd\nclusters: [{{name: crowd, cluster: {{server: 'http://{address}'}}}}]\nusers: [{{name: me, user: {{}}}}]\ncontexts: [{{name: crowd, context: {{cluster: crowd, user: me, namespace: summit}}}}]\n"
            ),
        )?;
        Ok(Crowd { kubeconfig, open, address })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let open = self.open.lock().ok().and_then(|mut open| open.take());
        for stream in open.into_iter().flatten() {
            // It may be closed already, which is what is wanted.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The listener waits for one more connection, and goes when it comes.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer_all(stream: TcpStream, latency: Duration) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    loop {
        let Some(request) = lines.next() else { return };
        let headers: Vec<_> = lines.by_ref().take_while(|header| !header.is_empty()).collect();
        // kubectl wants whole objects; of these, too, it only prints the names.
        let metadata = headers.iter().any(|header| header.contains("as=PartialObjectMetadataList"));
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        std::thread::sleep(latency);
        if target.contains("watch=true") {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            if writer.write_all(head.as_bytes()).is_err() {
                return;
            }
            // Nothing changes. Whoever watches hangs up, or is hung up on.
            while lines.next().is_some() {}
            return;
        }
        let (status, body) = page(&target, metadata);
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

/// The name of a pod.
pub fn pod(number: usize) -> String {
    format!("team-{:03}-{:05}-x{:05}", number / 20, number * 7919 % 99_991, number)
}

fn page(target: &str, metadata: bool) -> (&'static str, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let given = |name: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).and_then(|text| text.parse().ok())
    };
    let from: usize = given("continue").unwrap_or(0);
    let limit: usize = given("limit").unwrap_or(usize::MAX);
    let (count, name): (usize, fn(usize) -> String) = match path {
        // What kubectl asks before it can name a kind.
        "/api" => return ("200 OK", r#"{"kind":"APIVersions","versions":["v1"]}"#.to_owned()),
        "/apis" => return ("200 OK", r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[]}"#.to_owned()),
        "/api/v1" => {
            let kind = |name, one, kind| {
                format!(
                    r#"{{"name":"{name}","singularName":"{one}","namespaced":true,"kind":"{kind}","verbs":["get","list","watch"]}}"#
                )
            };
            let kinds = [kind("pods", "pod", "Pod"), kind("services", "service", "Service")].join(",");
            let list = format!(r#"{{"kind":"APIResourceList","groupVersion":"v1","resources":[{kinds}]}}"#);
            return ("200 OK", list);
        }
        "/version" => return ("200 OK", r#"{"major":"1","minor":"37","gitVersion":"v1.37.0"}"#.to_owned()),
        "/api/v1/namespaces/summit/pods" => (PODS, pod),
        "/api/v1/services" => (SERVICES, |number| format!("service-{number:03}")),
        _ => {
            let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"there is no such page","code":404}"#;
            return ("404 Not Found", body.to_owned());
        }
    };
    let end = count.min(from.saturating_add(limit));
    let items: Vec<String> = (from..end)
        .map(|number| {
            // As much as a real pod carries in its metadata, of which nothing but the name is kept.
            let labels = "x".repeat(700);
            format!(
                r#"{{"metadata":{{"name":"{}","namespace":"summit","resourceVersion":"7","annotations":{{"note":"{labels}"}},"managedFields":[{{"manager":"kubelet","fieldsV1":{{"f:status":"{labels}"}}}}]}}}}"#,
                name(number)
            )
        })
        .collect();
    let more = if end < count { format!(r#","continue":"{end}""#) } else { String::new() };
    let (kind, version) = match (metadata, path.ends_with("pods")) {
        (true, _) => ("PartialObjectMetadataList", "meta.k8s.io/v1"),
        (false, true) => ("PodList", "v1"),
        (false, false) => ("ServiceList", "v1"),
    };
    let body = format!(
        r#"{{"kind":"{kind}","apiVersion":"{version}","metadata":{{"resourceVersion":"9"{more}}},"items":[{}]}}"#,
        items.join(",")
    );
    ("200 OK", body)
}

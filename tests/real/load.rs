//! Load on a service from a pod of the real mesh, and what its Envoys say about it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{Cluster, SCRIPTS};

/// What the callers of wrk were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub ok: u64,
    pub unavailable: u64,
    pub other: u64,
    pub lost: u64,
}

impl Answers {
    /// All that were not answered with 200.
    pub fn failed(&self) -> u64 {
        self.unavailable + self.other + self.lost
    }
}

/// How many call, with which pause between requests (mean, in milliseconds), and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub callers: u32,
    pub pause: u32,
    pub seconds: u32,
}

/// wrk in a pod, until it is stopped or dropped.
pub struct Load {
    /// Taken when it is waited for.
    wrk: Option<Child>,
}

impl Drop for Load {
    fn drop(&mut self) {
        // A test that failed must not leave its load to the next one. That wrk has ended already is no news.
        if let Some(mut wrk) = self.wrk.take() {
            let _ = wrk.kill();
            let _ = wrk.wait();
        }
    }
}

impl Load {
    /// Sixteen callers of `graph-core` in the first pod of `front`, each with a pause between its requests. Returns once it
    /// is well under way: who calls for help has seen some answers.
    #[track_caller]
    pub fn start(cluster: &Cluster, namespace: &str, seconds: u32) -> Self {
        Load::on(cluster, namespace, "graph-core", Pace { callers: 16, pause: 20, seconds }, 1000)
    }

    /// Callers of a Service in the first pod of `front`. Returns once they have got so many answers.
    #[track_caller]
    pub fn on(cluster: &Cluster, namespace: &str, service: &str, pace: Pace, answers: usize) -> Self {
        Load::between(cluster, (namespace, namespace), service, pace, answers)
    }

    /// The same from the first pod of `front` in one namespace to a Service in another, which was there before this pod.
    #[track_caller]
    pub fn between(
        cluster: &Cluster,
        (from, namespace): (&str, &str),
        service: &str,
        pace: Pace,
        answers: usize,
    ) -> Self {
        let front = pods(cluster, from, "front").remove(0);
        let to = format!("\"{service}.{namespace}:8080\"");
        let answered = || log(cluster, &front).lines().filter(|line| line.contains(&to)).count();
        let before = answered();
        let wrk = in_pod(cluster, &front, "wrk")
            .args(["-c", &pace.callers.to_string(), "-t", "1", "-d", &format!("{}s", pace.seconds)])
            .args(["--timeout", "20s", "-s", &format!("{SCRIPTS}/steady.lua")])
            .args([&format!("http://{service}.{namespace}:8080/"), "--", &pace.pause.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/real/in can be started");
        let load = Load { wrk: Some(wrk) };
        let from = Instant::now();
        while answered() < before + answers {
            assert!(
                from.elapsed().as_secs() < 60,
                "a minute of load, and the access log of {front} has no {answers} lines more about {service}"
            );
            thread::sleep(Duration::from_millis(200));
        }
        load
    }

    /// Ends it before its time.
    pub fn stop(self) -> Answers {
        let interrupt = Command::new("kill")
            .args(["-INT", &self.running().id().to_string()])
            .status()
            .expect("kill can be started");
        assert!(
            interrupt.success(),
            "wrk has ended too early: the load must last longer than what it is measured against"
        );
        self.wait()
    }

    fn running(&self) -> &Child {
        self.wrk.as_ref().expect("it is taken only by what consumes it")
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Answers {
        let wrk = self.wrk.take().expect("it is taken here and when it is dropped");
        let output = wrk.wait_with_output().expect("wrk was started");
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("answers: "))
            .unwrap_or_else(|| panic!("wrk prints no answers: {text}"));
        let figure = |name: &str| {
            let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no figure {name} in: {line}"))
        };
        Answers { ok: figure("200"), unavailable: figure("503"), other: figure("other"), lost: figure("lost") }
    }
}

/// Pods of an app, by name; on the real mesh only those that `tests/real/pod` has made real.
#[track_caller]
pub fn pods(cluster: &Cluster, namespace: &str, app: &str) -> Vec<String> {
    let names = cluster
        .kubectl(&[
            "get",
            "pods",
            "-n",
            namespace,
            "-l",
            &format!("app={app}"),
            "-o",
            "jsonpath={.items[*].metadata.name}",
        ])
        .ok();
    let real = |name: &str| cluster.folder().is_none_or(|folder| folder.join("pods").join(name).join("pid").exists());
    let names: Vec<_> = names.split_whitespace().filter(|name| real(name)).map(str::to_owned).collect();
    assert!(!names.is_empty(), "no pod of {app} in {namespace}");
    names
}

/// A command inside a real pod.
pub fn in_pod(cluster: &Cluster, pod: &str, program: &str) -> Command {
    let mut command = cluster.command(program);
    command.env("POD", pod);
    command
}

/// The default thresholds of each cluster whose name has `part`, as the pod's real Envoy carries them: (cluster, thresholds).
#[track_caller]
pub fn thresholds(cluster: &Cluster, pod: &str, part: &str) -> Vec<(String, Value)> {
    let output = in_pod(cluster, pod, "curl")
        .args(["-sf", "localhost:15000/config_dump?resource=dynamic_active_clusters"])
        .output()
        .expect("curl can be started");
    let dump: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("the config_dump of {pod} is not JSON: {e}"));
    let clusters = dump["configs"].as_array().expect("a config_dump has configs");
    clusters
        .iter()
        .map(|entry| &entry["cluster"])
        .filter(|cluster| cluster["name"].as_str().is_some_and(|name| name.contains(part)))
        .map(|cluster| {
            (
                cluster["name"].as_str().unwrap_or_default().to_owned(),
                cluster["circuit_breakers"]["thresholds"][0].clone(),
            )
        })
        .collect()
}

/// How many lines of a pod's access log carry a response flag.
pub fn logged(cluster: &Cluster, pod: &str, flag: &str) -> usize {
    log(cluster, pod).lines().filter(|line| line.contains(&format!(" 503 {flag} "))).count()
}

/// What a pod's sidecar has logged.
pub fn log(cluster: &Cluster, pod: &str) -> String {
    let folder = cluster.folder().expect("only real pods have a log file");
    fs::read_to_string(folder.join("pods").join(pod).join("proxy.log")).expect("a real pod has a log")
}

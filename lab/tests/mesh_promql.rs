//! The lab's PromQL against Prometheus' own: the same samples, the same queries, the same answers.
//!
//! The samples are those of a world; they are loaded into a real Prometheus (2.42, as the evaluator's documentation
//! says) by `promtool tsdb create-blocks-from openmetrics`. Both binaries come with Debian's package `prometheus`. Where
//! they are missing the test says so and ends; under CI that is a failure.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mesh::Bench;
use serde_json::Value;

/// Queries at one time. `T` is the time of the query in seconds.
const QUERIES: &[&str] = &[
    "sum(rate(istio_requests_total{reporter=\"source\"}[1m])) by (response_code, response_flags)",
    "sum(rate(istio_requests_total{response_code=~\"5..\"}[1m])) / sum(rate(istio_requests_total[1m]))",
    "sum by (pod) (increase(istio_requests_total{response_flags=\"UO\"}[30s]))",
    "rate(istio_requests_total{reporter=\"source\"}[37s])",
    "irate(istio_requests_total{reporter=\"destination\"}[2m])",
    "increase(istio_requests_total[4m] offset 30s)",
    "delta(envoy_cluster_upstream_rq_active[2m])",
    "idelta(envoy_cluster_upstream_rq_active[2m])",
    "deriv(container_cpu_usage_seconds_total[2m])",
    "predict_linear(container_cpu_usage_seconds_total[2m], 3600)",
    "histogram_quantile(0.95, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket[1m])))",
    "histogram_quantile(0.5, rate(istio_request_duration_milliseconds_bucket{reporter=\"destination\"}[1m]))",
    "histogram_quantile(0.99, sum without (pod, instance) (istio_request_duration_milliseconds_bucket))",
    "istio_requests_total @ 1767603800",
    "sum(istio_requests_total offset 2m)",
    "sum(istio_requests_total) - sum(istio_requests_total offset 1m)",
    "topk(2, sum by (pod) (istio_requests_total))",
    "bottomk(3, container_cpu_usage_seconds_total)",
    "quantile(0.9, container_cpu_usage_seconds_total)",
    "stddev(container_cpu_usage_seconds_total)",
    "stdvar by (namespace) (container_cpu_usage_seconds_total)",
    "avg without (pod) (up)",
    "count by (namespace) (up == 1)",
    "count_values(\"value\", up)",
    "group by (job) (up)",
    "min(container_cpu_usage_seconds_total) < bool 1",
    "up == 0",
    "up != bool 0",
    "absent(up{job=\"nobody\"})",
    "absent(up)",
    "absent_over_time(nothing{a=\"b\"}[5m])",
    "sum by (pod) (rate(istio_requests_total[1m])) > 100",
    "sum by (pod) (rate(istio_requests_total{response_flags=\"UO\"}[1m])) / on (pod) sum by (pod) (rate(istio_requests_total{reporter=\"source\"}[1m]))",
    "rate(istio_requests_total[1m]) / ignoring (response_code, response_flags) group_left sum without (response_code, response_flags) (rate(istio_requests_total[1m]))",
    "sum by (pod) (rate(istio_requests_total{reporter=\"source\"}[1m])) * on (pod) group_left (app) up",
    "up and on (pod) istio_requests_total",
    "up unless on (pod) istio_requests_total",
    "up{app=\"front\"} or up{app=\"catalog\"}",
    "avg_over_time(envoy_cluster_upstream_rq_active[2m])",
    "max_over_time(envoy_cluster_upstream_rq_active[2m])",
    "min_over_time(envoy_cluster_upstream_rq_active[2m])",
    "sum_over_time(up[1m])",
    "count_over_time(up[1m])",
    "last_over_time(up[1m])",
    "present_over_time(up[1m])",
    "quantile_over_time(0.5, container_cpu_usage_seconds_total[3m])",
    "stddev_over_time(container_cpu_usage_seconds_total[3m])",
    "changes(envoy_cluster_upstream_rq_active[3m])",
    "resets(istio_requests_total[3m])",
    "max_over_time(sum(rate(istio_requests_total[30s]))[3m:30s])",
    "avg_over_time(sum by (pod) (rate(istio_requests_total[1m]))[2m:])",
    "clamp(container_cpu_usage_seconds_total, 5, 10)",
    "clamp_min(container_cpu_usage_seconds_total, 5)",
    "clamp_max(container_cpu_usage_seconds_total, 5)",
    "round(container_cpu_usage_seconds_total, 0.5)",
    "ceil(container_cpu_usage_seconds_total) - floor(container_cpu_usage_seconds_total)",
    "sqrt(abs(-container_cpu_usage_seconds_total))",
    "ln(container_cpu_usage_seconds_total) + log2(2) ",
    "exp(up) ^ 2 % 3",
    "sgn(up - 1)",
    "label_replace(up, \"short\", \"$1\", \"pod\", \"([a-z]+)-.*\")",
    "label_join(up, \"both\", \"/\", \"namespace\", \"app\")",
    "timestamp(up)",
    "time()",
    "vector(1)",
    "scalar(sum(up))",
    "scalar(up)",
    "hour() + minute()",
    "day_of_week(vector(1767603600))",
    "month(vector(1767603600)) + year(vector(1767603600))",
    "1 + 2 * 3 ^ 2",
    "1 / 0",
    "-1 / 0",
    "0 / 0",
    "1 < bool 2",
    "\"text\"",
    "up[30s]",
    "{__name__=~\"pilot_.*\", type!~\"cds|eds\"}",
    "sort_desc(sum by (pod) (istio_requests_total))",
    "sum(rate(istio_requests_total{response_code=\"5xx\"}[5m]))",
    // Refused by both.
    "up + on (namespace) up",
    "up * on (namespace) group_left up",
    "rate(up)",
    "sum(up",
    "1 < 2",
    "up{}[5m] + 1",
    "nosuch(up)",
];

struct Server(Child, u16);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn binary(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Every sample of the world in OpenMetrics' text form.
async fn open_metrics(bench: &Bench) -> String {
    let pod = bench.pods("istio-system", "prometheus")[0].clone();
    let all = bench.json("istio-system", &pod, 9090, "/api/v1/query?query=%7B__name__%21%3D%22%22%7D%5B1h%5D").await;
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    for series in all["data"]["result"].as_array().unwrap() {
        let mut labels: Vec<String> = Vec::new();
        let mut name = String::new();
        for (label, value) in series["metric"].as_object().unwrap() {
            if label == "__name__" {
                name = value.as_str().unwrap().to_owned();
            } else {
                labels.push(format!("{label}={}", value));
            }
        }
        let out = lines.entry(name.clone()).or_default();
        for point in series["values"].as_array().unwrap() {
            let _ = writeln!(out, "{name}{{{}}} {} {}", labels.join(","), point[1].as_str().unwrap(), point[0]);
        }
    }
    assert!(lines.len() > 20, "{} metrics", lines.len());
    lines.into_values().collect::<String>() + "# EOF\n"
}

fn start(folder: &std::path::Path, prometheus: &PathBuf) -> Server {
    // The kernel names a free port; Prometheus cannot tell which one it took.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    std::fs::write(folder.join("prometheus.yml"), "global: {}\n").unwrap();
    let child = Command::new(prometheus)
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--storage.tsdb.retention.time=100y")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child, port);
    let deadline = Instant::now() + Duration::from_secs(60);
    while get(port, "/-/ready").is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline, "Prometheus does not become ready");
        std::thread::sleep(Duration::from_millis(100));
    }
    server
}

fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// The answer without order, with values as numbers.
fn comparable(answer: &Value, ordered: bool) -> (String, Vec<(String, Vec<f64>)>) {
    let data = &answer["data"];
    let kind = data["resultType"].as_str().unwrap_or("none").to_owned();
    let value = |text: &Value| match text.as_str().unwrap() {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap_or(0.0),
    };
    let mut all: Vec<(String, Vec<f64>)> = match data["result"].as_array() {
        Some(list) if kind == "vector" || kind == "matrix" => list
            .iter()
            .map(|one| {
                let labels: BTreeMap<String, String> = serde_json::from_value(one["metric"].clone()).unwrap();
                let points: Vec<&Value> =
                    one["values"].as_array().map_or_else(|| vec![&one["value"]], |points| points.iter().collect());
                (
                    format!("{labels:?}"),
                    points.iter().flat_map(|point| [point[0].as_f64().unwrap(), value(&point[1])]).collect(),
                )
            })
            .collect(),
        Some(list) => vec![(
            if kind == "string" { list[1].to_string() } else { String::new() },
            vec![list[0].as_f64().unwrap(), value(&list[1])],
        )],
        None => Vec::new(),
    };
    if !ordered {
        all.sort_by(|a, b| a.0.cmp(&b.0));
    }
    (kind, all)
}

fn near(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-6)
}

#[tokio::test]
async fn the_lab_answers_as_a_real_prometheus() {
    let (Some(prometheus), Some(promtool)) = (binary("prometheus"), binary("promtool")) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "prometheus and promtool are missing: install Debian's package prometheus"
        );
        eprintln!("skipped: prometheus and promtool are not installed");
        return;
    };
    let bench = Bench::named("breaker");
    bench.advance(100);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.txt");
    std::fs::write(&file, open_metrics(&bench).await).unwrap();
    let done = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(&file)
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let server = start(folder.path(), &prometheus);
    let pod = bench.pods("istio-system", "prometheus")[0].clone();
    let now = bench.mesh.now().as_second();
    let mut differences = Vec::new();
    for query in QUERIES {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let paths = [
            format!("/api/v1/query?query={escaped}&time={now}"),
            format!("/api/v1/query?query={escaped}&time={}.7", now - 62),
            format!("/api/v1/query_range?query={escaped}&start={}&end={now}&step=13", now - 240),
        ];
        for path in paths {
            let (status, body) = bench.ask("GET", "istio-system", &pod, 9090, &path).await;
            let (real_status, real_body) = get(server.1, &path).unwrap();
            if status.as_u16() != real_status {
                differences.push(format!("{query}: {status} {body}\n  real: {real_status} {real_body}"));
                continue;
            }
            let (own, real): (Value, Value) =
                (serde_json::from_str(&body).unwrap(), serde_json::from_str(&real_body).unwrap());
            if own["errorType"] != real["errorType"] {
                differences.push(format!("{query}: {own}\n  real: {real}"));
                continue;
            }
            // Which of two equals comes first is not said.
            // Which of two equal values comes first is not said: of what is sorted, values alone are compared.
            let ordered = query.starts_with("sort") && path.contains("/query?");
            let (own, real) = (comparable(&own, ordered), comparable(&real, ordered));
            let same = own.0 == real.0
                && own.1.len() == real.1.len()
                && own.1.iter().zip(&real.1).all(|(a, b)| {
                    (ordered || a.0 == b.0) && a.1.len() == b.1.len() && a.1.iter().zip(&b.1).all(|(a, b)| near(*a, *b))
                });
            if !same {
                let first = own
                    .1
                    .iter()
                    .zip(&real.1)
                    .find(|(a, b)| a.0 != b.0 || a.1.iter().zip(&b.1).any(|(a, b)| !near(*a, *b)));
                differences.push(format!(
                    "{query} ({path:.22}): {} {} series, real {} {}; first difference {first:?}",
                    own.0,
                    own.1.len(),
                    real.0,
                    real.1.len()
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

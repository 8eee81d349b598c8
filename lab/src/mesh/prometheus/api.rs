//! Prometheus' HTTP API (`/api/v1`): queries, series, labels, targets, rules, alerts; answers and errors in its JSON envelope.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::eval::{self, Query, QueryError};
use super::exposition;
use super::tsdb::{Database, Labels};
use crate::mesh::State;
use crate::mesh::istiod::plane;
use crate::mesh::page::{Ask, Page};
use crate::world::span;
use crate::world::spec::PrometheusFault;

/// The most points of one series that a range query may ask for.
const MOST_POINTS: i64 = 11_000;

/// What a request to the Prometheus pod comes to.
pub enum Reply {
    /// The page itself.
    Page(Page),
    /// A question to these series, for [`asked`]. Who waits for a long query holds up nobody else, as with a real server.
    Series(Database),
}

/// A page of the Prometheus pod.
pub fn page(state: &State, ask: &Ask) -> Reply {
    if state.spec.faults.prometheus == PrometheusFault::Unavailable {
        return Reply::Page(Page::text("Service Unavailable").with_status(503));
    }
    let page = match ask.path {
        "/-/ready" => Page::text("Prometheus Server is Ready.\n"),
        "/-/healthy" => Page::text("Prometheus Server is Healthy.\n"),
        path => match path.strip_prefix("/api/v1/") {
            None => not_found(),
            Some(_) if ask.method != Method::GET && ask.method != Method::POST => {
                Page::text("Method Not Allowed\n").with_status(405)
            }
            Some("targets") => enveloped(Ok(targets(state))),
            Some("alerts") => enveloped(Ok(state.prometheus.rules.alerts())),
            Some("rules") => enveloped(Ok(state.prometheus.rules.rules())),
            Some("status/buildinfo") => enveloped(Ok(
                json!({"version": "2.42.0", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "go1.19"}),
            )),
            Some(_) => return Reply::Series(state.prometheus.database.snapshot()),
        },
    };
    Reply::Page(page)
}

/// The page of a question to series.
pub fn asked(database: &Database, ask: &Ask, now: Timestamp) -> Page {
    enveloped(match ask.path.strip_prefix("/api/v1/").unwrap_or_default() {
        "query" => instant_query(database, ask, now),
        "query_range" => range_query(database, ask),
        "series" => selected(database, ask, true).map(|all| json!(all)),
        "labels" => selected(database, ask, false)
            .map(|all| json!(all.iter().flat_map(|labels| labels.keys().cloned()).collect::<BTreeSet<_>>())),
        path => match path.strip_prefix("label/").and_then(|rest| rest.strip_suffix("/values")) {
            Some(label) => selected(database, ask, false)
                .map(|all| json!(all.iter().filter_map(|labels| labels.get(label)).collect::<BTreeSet<_>>())),
            None => return not_found(),
        },
    })
}

fn not_found() -> Page {
    Page::text("404 page not found\n").with_status(404)
}

fn enveloped(result: Answer) -> Page {
    match result {
        Ok(data) => Page::json(json!({"status": "success", "data": data}).to_string()),
        Err(error) => {
            let (status, kind, text) = match error {
                QueryError::BadData(text) => (400, "bad_data", text),
                QueryError::Execution(text) => (422, "execution", text),
            };
            Page::json(json!({"status": "error", "errorType": kind, "error": text}).to_string()).with_status(status)
        }
    }
}

type Answer = Result<Value, QueryError>;

/// A number as Go prints it (`strconv.FormatFloat(v, 'f', -1, 64)`).
pub fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        value.to_string()
    }
}

/// Time (ms) as seconds: whole ones without a point.
fn stamp(at: i64) -> Value {
    if at % 1000 == 0 { json!(at / 1000) } else { json!(at as f64 / 1000.0) }
}

fn metric(labels: &Labels) -> Value {
    // Prometheus writes __name__ first, as it sorts first.
    Value::Object(labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}

fn time(ask: &Ask, name: &str) -> Result<Option<i64>, QueryError> {
    let Some(text) = ask.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let seconds: Option<f64> = text.parse().ok().filter(|seconds: &f64| seconds.is_finite());
    let at = match seconds {
        // Years from -9999 to 9999, as in RFC 3339.
        Some(seconds) => Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok(),
        None => text.parse::<Timestamp>().ok(),
    };
    at.map(|at| Some(at.as_millisecond())).ok_or_else(|| {
        QueryError::BadData(format!("invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp"))
    })
}

fn instant_query(database: &Database, ask: &Ask, now: Timestamp) -> Answer {
    let at = time(ask, "time")?.unwrap_or_else(|| now.as_millisecond());
    let query = Query::new(database, eval::parse(ask.get("query").unwrap_or_default())?, at, at);
    let value = query.at(at)?;
    let result = match &value {
        eval::Value::Scalar(value) => json!([stamp(at), number(*value)]),
        eval::Value::Text(text) => json!([stamp(at), text]),
        eval::Value::Vector(samples) => json!(
            samples
                .iter()
                .map(|sample| json!({"metric": metric(&sample.labels), "value": [stamp(at), number(sample.value)]}))
                .collect::<Vec<_>>()
        ),
        eval::Value::Matrix { series, .. } => json!(
            series
                .iter()
                .map(|one| json!({"metric": metric(&one.labels), "values": values(&one.samples)}))
                .collect::<Vec<_>>()
        ),
    };
    Ok(json!({"resultType": value.kind(), "result": result}))
}

fn values(samples: &[(i64, f64)]) -> Value {
    json!(samples.iter().map(|(at, value)| json!([stamp(*at), number(*value)])).collect::<Vec<_>>())
}

fn range_query(database: &Database, ask: &Ask) -> Answer {
    let missing =
        |name: &str| QueryError::BadData(format!("invalid parameter {name:?}: cannot parse \"\" to a valid timestamp"));
    let start = time(ask, "start")?.ok_or_else(|| missing("start"))?;
    let end = time(ask, "end")?.ok_or_else(|| missing("end"))?;
    if end < start {
        return Err(QueryError::BadData(
            "invalid parameter \"end\": end timestamp must not be before start time".into(),
        ));
    }
    let text = ask.get("step").unwrap_or_default();
    let seconds = text.parse::<f64>().ok().or_else(|| span::parse(text).map(|duration| duration.as_secs_f64()));
    let Some(seconds) = seconds else {
        return Err(QueryError::BadData(format!(
            "invalid parameter \"step\": cannot parse {text:?} to a valid duration"
        )));
    };
    let step = (seconds * 1000.0) as i64;
    if step <= 0 {
        return Err(QueryError::BadData("invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer".into()));
    }
    if (end - start) / step > MOST_POINTS {
        return Err(QueryError::BadData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)".into()));
    }
    let query = Query::new(database, eval::parse(ask.get("query").unwrap_or_default())?, start, end);
    let mut series: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
    let mut at = start;
    while at <= end {
        match query.at(at)? {
            eval::Value::Scalar(value) => series.entry(Labels::new()).or_default().push((at, value)),
            eval::Value::Vector(samples) => {
                for sample in samples {
                    series.entry(sample.labels).or_default().push((at, sample.value));
                }
            }
            other => {
                let kind = if other.kind() == "matrix" { "range vector" } else { other.kind() };
                return Err(QueryError::BadData(format!(
                    "invalid parameter \"query\": invalid expression type {kind:?} for range query, must be Scalar or instant Vector"
                )));
            }
        }
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    let result: Vec<Value> =
        series.iter().map(|(labels, samples)| json!({"metric": metric(labels), "values": values(samples)})).collect();
    Ok(json!({"resultType": "matrix", "result": result}))
}

fn selected(database: &Database, ask: &Ask, required: bool) -> Result<Vec<Labels>, QueryError> {
    let matches = ask.all("match[]");
    if matches.is_empty() {
        if required {
            return Err(QueryError::BadData("no match[] parameter provided".into()));
        }
        return Ok(database.select(&[]).iter().map(|series| series.labels.clone()).collect());
    }
    let mut all = BTreeSet::new();
    for text in matches {
        let expression = eval::parse(text).map_err(|error| match error {
            QueryError::BadData(text) => QueryError::BadData(text.replacen("\"query\"", "\"match[]\"", 1)),
            other => other,
        })?;
        all.extend(Query::new(database, expression, 0, 0).series());
    }
    Ok(all.into_iter().collect())
}

fn targets(state: &State) -> Value {
    let last = state.prometheus.last_scrape;
    let active: Vec<Value> = state
        .pods
        .iter()
        .filter(|(key, pod)| state.proxies.contains_key(*key) || plane::is_istiod(pod))
        .map(|(key, pod)| {
            let istiod = !state.proxies.contains_key(key);
            let (port, path) = if istiod { (15014, "/metrics") } else { (15020, "/stats/prometheus") };
            let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
            let down = istiod && (!plane::answers(state, key) || state.shut_to_prometheus.contains(key));
            let url = format!("http://{ip}:{port}{path}");
            let refused = format!("Get \"{url}\": dial tcp {ip}:{port}: connect: connection refused");
            json!({
                "discoveredLabels": {"__address__": format!("{ip}:{port}"), "__meta_kubernetes_namespace": key.0, "__meta_kubernetes_pod_name": key.1},
                "labels": exposition::target_labels(state, key, super::JOB, port),
                "scrapePool": "kubernetes-pods", "scrapeUrl": url, "globalUrl": url,
                "lastError": if down { refused.as_str() } else { "" }, "lastScrape": last.map(|at| at.to_string()).unwrap_or_default(),
                "lastScrapeDuration": 0.005, "health": if last.is_none() { "unknown" } else if down { "down" } else { "up" },
                "scrapeInterval": crate::world::span::Span(state.prometheus.interval()).to_string(), "scrapeTimeout": "10s",
            })
        })
        .collect();
    json!({"activeTargets": active, "droppedTargets": []})
}

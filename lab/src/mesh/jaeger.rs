//! A Jaeger over the simulated mesh: traces of requests, made of the same figures as the metrics.
//!
//! Shape: Jaeger's query API as its page uses it (`/api/services`, `/api/traces`), held against a recorded answer of Jaeger
//! 1.62; `internal/uimodel` of Jaeger 2 has the same: times in microseconds, a span's parent as a `CHILD_OF` reference, services under `processes`.
//! A proxy makes a span for each request that it sends (kind client) and for each that it takes (kind server), as Envoy
//! does; their names are those of Istio's default, `APP.NAMESPACE`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::State;
use super::page::{Ask, Page};
use super::seed;
use super::traffic::counters::Counters;
use crate::mesh::istiod::config::{workload_label, workload_name};

/// One request in so many milliseconds is traced, of each stream that is not sent on behalf of another.
const EVERY: i64 = 5_000;
/// How far back traces are kept.
const KEPT: i64 = 600_000;
/// How many traces an answer has if it is not asked for a number (`defaultQueryLimit`).
const LIMIT: usize = 100;

/// A page of the Jaeger pod.
pub fn page(state: &State, ask: &Ask, now: Timestamp) -> Page {
    // Jaeger counts services, and no traces.
    let (data, total) = match ask.path {
        "/api/services" => {
            let services = services(state);
            (json!(services), services.len())
        }
        "/api/traces" => match traces(state, ask, now) {
            Ok(traces) => (json!(traces), 0),
            Err(why) => {
                let body =
                    json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": 400, "msg": why}]});
                return Page::json(body.to_string()).with_status(400);
            }
        },
        _ => return Page::text("404 page not found\n").with_status(404),
    };
    Page::json(json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null}).to_string())
}

/// One span that is being made.
struct Span {
    service: String,
    operation: String,
    kind: &'static str,
    parent: Option<usize>,
    start: i64,
    duration: i64,
}

/// The name under which a pod's proxy reports: label app and namespace.
fn service_of(pod: &Value) -> String {
    let label = workload_label(pod);
    let mut parts = label.split(';').skip(1);
    let (namespace, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("{name}.{namespace}")
}

/// Mean duration (µs) of what was counted.
fn mean<'a>(counters: impl Iterator<Item = &'a Counters>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for one in counters {
        sum += one.durations.iter().flatten().map(|histogram| histogram.sum).sum::<f64>();
        count += one.requests.iter().sum::<f64>();
    }
    (count > 0.0).then(|| sum / count * 1000.0)
}

fn services(state: &State) -> BTreeSet<String> {
    let now = state.began.as_millisecond() + i64::try_from(state.traffic.ticks).unwrap_or(i64::MAX) * 100;
    all(state, now).into_iter().flat_map(|(_, spans)| spans).map(|span| span.service).collect()
}

/// Every trace that is kept, the newest first, with its id.
fn all(state: &State, now: i64) -> Vec<(u64, Vec<Span>)> {
    let mut traces = Vec::new();
    let oldest = state.began.as_millisecond().max(now - KEPT);
    let mut at = now - now.rem_euclid(EVERY);
    while at > oldest {
        for (index, stream) in state.traffic.streams.iter().enumerate().filter(|(_, stream)| stream.on_behalf.is_none())
        {
            let id = seed::hash(state.spec.seed, &["trace", &index.to_string(), &at.to_string()]);
            // Most requests take about the mean, some twice as long.
            let factor = 0.6 + 1.4 * seed::unit(id).powi(3);
            let mut spans = Vec::new();
            request(state, index, None, at * 1000, factor, &mut spans);
            let finished = spans.iter().all(|span| span.start + span.duration <= now * 1000);
            if !spans.is_empty() && finished && stream.source_cluster == "Kubernetes" {
                traces.push((id, spans));
            }
        }
        at -= EVERY;
    }
    traces
}

/// Adds the spans of one request of a stream, and of what is asked on its behalf. Returns how long it took (µs).
fn request(state: &State, stream: usize, parent: Option<usize>, start: i64, factor: f64, spans: &mut Vec<Span>) -> i64 {
    let traffic = &state.traffic;
    // A circle of dependencies would never end.
    if spans.len() > 40 {
        return 0;
    }
    let flows = || traffic.flows.iter().filter(move |flow| flow.stream == stream);
    let taken =
        traffic.servers.iter().filter(|server| server.from.iter().skip(stream * 2).take(2).flatten().count() > 0);
    let server = taken.clone().next();
    let inside =
        mean(taken.flat_map(|server| server.from.iter().skip(stream * 2).take(2).flatten().map(AsRef::as_ref)));
    let outside = mean(flows().flat_map(|flow| flow.totals.iter().map(|(_, totals)| &totals.counters)));
    let (Some(outside), source) = (outside.or(inside), &traffic.streams[stream].source) else { return 0 };
    let inside = inside.unwrap_or(0.0).min(outside);
    let (outside, inside) = ((outside * factor) as i64, (inside * factor) as i64);
    let caller =
        state.pods.iter().find(|((namespace, _), pod)| *namespace == source.0 && workload_name(pod) == source.1);
    let operation = format!("{}/*", traffic.streams[stream].authority);
    let mut place = parent;
    if let Some((_, pod)) = caller.filter(|(key, pod)| state.proxies.contains_key(*key) && state.sends_spans(pod)) {
        spans.push(Span {
            service: service_of(pod),
            operation: operation.clone(),
            kind: "client",
            parent,
            start,
            duration: outside,
        });
        place = Some(spans.len() - 1);
    }
    let Some(server) = server.filter(|server| state.proxies.contains_key(&server.pod)) else { return outside };
    let Some(pod) = state.pods.get(&server.pod).filter(|pod| state.sends_spans(pod)) else { return outside };
    let begins = start + (outside - inside) / 2;
    spans.push(Span {
        service: service_of(pod),
        operation,
        kind: "server",
        parent: place,
        start: begins,
        duration: inside,
    });
    let here = spans.len() - 1;
    // An application works a little, then asks one dependency after the other.
    let own = (server.own_time * 1e6 * factor) as i64;
    let mut then = begins + own / 2;
    let called = (server.pod.0.clone(), workload_name(pod).to_owned());
    for (index, _) in
        traffic.streams.iter().enumerate().filter(|(_, other)| other.on_behalf.is_some() && other.source == called)
    {
        then += request(state, index, Some(here), then, factor, spans);
    }
    // A mean is no sum of means of other windows: what was asked ends before its asker does.
    let last = spans[here + 1..].iter().map(|span| span.start + span.duration).max().unwrap_or(begins);
    let over = last - (begins + inside);
    if over > 0 {
        let mut outer = Some(here);
        while let Some(index) = outer {
            spans[index].duration += over;
            outer = spans[index].parent;
        }
        return outside + over;
    }
    outside
}

fn traces(state: &State, ask: &Ask, now: Timestamp) -> Result<Vec<Value>, String> {
    let service = ask.get("service").filter(|name| !name.is_empty()).ok_or("parameter 'service' is required")?;
    let number = |name: &str| match ask.get(name).filter(|text| !text.is_empty()) {
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| {
            format!("unable to parse param '{name}': strconv.ParseInt: parsing \"{text}\": invalid syntax")
        }),
        None => Ok(None),
    };
    let (start, end) = (number("start")?.unwrap_or(i64::MIN), number("end")?.unwrap_or(i64::MAX));
    let limit = number("limit")
        .map_err(|why| why.replace("unable to parse param 'limit': ", ""))?
        .map_or(LIMIT, |limit| usize::try_from(limit).unwrap_or(0));
    let least = match ask.get("minDuration").filter(|text| !text.is_empty()) {
        Some(text) => i64::try_from(
            crate::world::span::parse(text)
                .ok_or_else(|| format!("unable to parse param 'minDuration': time: invalid duration \"{text}\""))?
                .as_micros(),
        )
        .unwrap_or(i64::MAX),
        None => 0,
    };
    let fits =
        |span: &Span| span.service == service && span.duration >= least && span.start >= start && span.start <= end;
    let chosen = all(state, now.as_millisecond()).into_iter().filter(|(_, spans)| spans.iter().any(fits));
    Ok(chosen.take(limit).map(|(id, spans)| written(id, &spans)).collect())
}

fn written(id: u64, spans: &[Span]) -> Value {
    let trace = format!("{id:016x}{:016x}", seed::mix(id));
    let span_id = |index: usize| format!("{:016x}", seed::mix(id ^ (index as u64 + 1)));
    let services: Vec<&String> = spans.iter().map(|span| &span.service).collect::<BTreeSet<_>>().into_iter().collect();
    let process =
        |service: &String| format!("p{}", services.iter().position(|one| *one == service).map_or(0, |place| place + 1));
    let one = |(index, span): (usize, &Span)| {
        let references: Vec<Value> = span
            .parent
            .map(|parent| json!({"refType": "CHILD_OF", "traceID": trace, "spanID": span_id(parent)}))
            .into_iter()
            .collect();
        json!({
            "traceID": trace, "spanID": span_id(index), "operationName": span.operation, "references": references,
            "startTime": span.start, "duration": span.duration,
            "tags": [
                {"key": "span.kind", "type": "string", "value": span.kind},
                {"key": "component", "type": "string", "value": "proxy"},
                {"key": "http.status_code", "type": "string", "value": "200"},
            ],
            "logs": [], "processID": process(&span.service), "warnings": null,
        })
    };
    let processes: serde_json::Map<String, Value> =
        services.iter().map(|service| (process(service), json!({"serviceName": service, "tags": []}))).collect();
    json!({
        "traceID": trace, "spans": spans.iter().enumerate().map(one).collect::<Vec<_>>(), "processes": processes,
        "warnings": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path of a value with the type that it has there; tags are data, and a root span has no parent.
    fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) if path.ends_with(".processes") => {
                map.values().for_each(|one| paths(one, &format!("{path}.*"), found));
            }
            Value::Object(map) => map.iter().for_each(|(key, one)| paths(one, &format!("{path}.{key}"), found)),
            Value::Array(list) => list.iter().for_each(|one| paths(one, &format!("{path}[]"), found)),
            Value::Null => drop(found.insert(format!("{path}: null"))),
            Value::String(_) => drop(found.insert(format!("{path}: string"))),
            Value::Number(_) => drop(found.insert(format!("{path}: number"))),
            Value::Bool(_) => drop(found.insert(format!("{path}: bool"))),
        }
    }

    #[test]
    fn a_trace_has_the_shape_of_a_recorded_one() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../testdata/jaeger/traces.json")).expect("the recording is JSON");
        let span = |service: &str, kind, parent| Span {
            service: service.into(),
            operation: "graph-core.summit:8080/*".into(),
            kind,
            parent,
            start: 1_000,
            duration: 10,
        };
        let made = written(7, &[span("front.summit", "client", None), span("graph-core.summit", "server", Some(0))]);
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        paths(&made, "", &mut ours);
        paths(&recorded["data"][0], "", &mut theirs);
        // The one difference: Envoy's process has tags about its SDK, which nobody reads here.
        theirs.retain(|path| !path.starts_with(".processes.*.tags[]"));
        assert_eq!(ours, theirs);
        let tags = |span: &Value| {
            let all = span["tags"].as_array().into_iter().flatten();
            all.map(|tag| format!("{}: {}", tag["key"], tag["type"])).collect::<BTreeSet<_>>()
        };
        let known: BTreeSet<String> =
            recorded["data"][0]["spans"].as_array().into_iter().flatten().flat_map(tags).collect();
        let unknown: Vec<_> = tags(&made["spans"][0]).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "tags that Envoy does not set: {unknown:?}");
    }
}

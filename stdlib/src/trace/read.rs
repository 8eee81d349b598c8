//! What Jaeger answers.
//!
//! Format: `/api/services` and `/api/traces` of Jaeger's query API, as its own page uses it: `data[].{traceID, spans[].{
//! spanID, operationName, references[].{refType, spanID}, startTime, duration (both in microseconds), tags[].{key, value},
//! processID}, processes.ID.serviceName}`.

use meshbook_runtime::effect::{Call, Effect, Reply};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span as Duration};
use serde_json::Value;

use super::{Span, Trace};

/// Reads a page. That Jaeger does not answer is missing data; a stop of the run stays one.
fn page(
    run: &Run,
    page: &str,
    summary: &str,
    parameters: Vec<(String, String)>,
) -> Result<Result<Value, Missing>, Failure> {
    let call = Call::JaegerPage { page: page.to_owned(), parameters };
    Ok(match run.read(Effect::read("Jaeger", summary, call)) {
        Ok(Reply::Json(data)) => Ok(data),
        Ok(_) => Err(Missing::Unreachable("Jaeger gave no JSON".into())),
        Err(failure) => Err(Missing::Unreachable(crate::evidence::absorb(failure)?)),
    })
}

/// The services that have reported spans.
///
/// # Errors
/// What a script may not handle.
pub fn services(run: &Run) -> Result<Result<Vec<String>, Missing>, Failure> {
    let names = |data: Value| {
        let list = data.as_array().ok_or_else(|| Missing::Unreachable("Jaeger: the answer is no list".into()))?;
        Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    Ok(page(run, "services", "services", Vec::new())?.and_then(names))
}

/// Traces in which a service took at least so long, the slowest first.
///
/// # Errors
/// What a script may not handle.
pub fn slow(
    run: &Run,
    service: &str,
    over: Duration,
    least: Duration,
    limit: i64,
) -> Result<Result<Vec<Trace>, Missing>, Failure> {
    let end = run.now()?;
    let start =
        end.saturating_sub(jiff::SignedDuration::try_from(over.0).unwrap_or(jiff::SignedDuration::MAX)).unwrap_or(end);
    let parameters = [
        ("service", service.to_owned()),
        ("start", start.as_microsecond().to_string()),
        ("end", end.as_microsecond().to_string()),
        ("minDuration", least.to_string()),
        ("limit", limit.to_string()),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let summary = format!("traces of {} longer than {least} in {over}", crate::text::first_line(service));
    let found = page(run, "traces", &summary, parameters)?;
    Ok(found.and_then(|data| parse(&data).map_err(|why| Missing::Unreachable(format!("Jaeger: {why}")))))
}

/// Reads `data` of `/api/traces`, the slowest first.
///
/// # Errors
/// A sentence that says why it is none.
pub fn parse(data: &Value) -> Result<Vec<Trace>, String> {
    let traces = data.as_array().ok_or("the answer is no list of traces")?;
    let mut traces = traces.iter().map(trace).collect::<Result<Vec<_>, _>>()?;
    traces.sort_by_key(|trace| std::cmp::Reverse(trace.length()));
    Ok(traces)
}

fn trace(value: &Value) -> Result<Trace, String> {
    let id = value.get("traceID").and_then(Value::as_str).ok_or("a trace has no traceID")?;
    let processes = value.get("processes");
    let span = |span: &Value| {
        let text = |key: &str| span.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number =
            |key: &str| span.get(key).and_then(Value::as_i64).ok_or_else(|| format!("a span of {id} has no {key}"));
        let (start, duration) = (number("startTime")?, number("duration")?);
        if start < 0 || duration < 0 || start.checked_add(duration).is_none() {
            return Err(format!("a span of {id} has a time that is none"));
        }
        let process = processes.and_then(|all| all.get(text("processID")));
        let references = span.get("references").and_then(Value::as_array).into_iter().flatten();
        let parent = references.filter(|one| one["refType"] == "CHILD_OF").find_map(|one| one["spanID"].as_str());
        let tags = span.get("tags").and_then(Value::as_array).into_iter().flatten();
        let kind = tags.filter(|tag| tag["key"] == "span.kind").find_map(|tag| tag["value"].as_str());
        Ok(Span {
            id: text("spanID"),
            parent: parent.map(str::to_owned),
            service: process
                .and_then(|one| one.get("serviceName"))
                .and_then(Value::as_str)
                .unwrap_or("unknown")
                .to_owned(),
            operation: text("operationName"),
            kind: kind.unwrap_or_default().to_owned(),
            time: (start, start + duration),
        })
    };
    let spans = value.get("spans").and_then(Value::as_array).ok_or_else(|| format!("trace {id} has no spans"))?;
    Ok(Trace::new(id, spans.iter().map(span).collect::<Result<_, String>>()?))
}

#[cfg(test)]
mod tests {
    use meshbook_runtime::noun::Noun;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one(start: i64, duration: i64) -> Value {
        json!([{"traceID": "t", "processes": {"p1": {"serviceName": "front.summit"}}, "spans": [
            {"spanID": "a", "operationName": "graph:8080/*", "startTime": start, "duration": duration, "processID": "p1", "references": [], "tags": [{"key": "span.kind", "value": "client"}]},
            {"spanID": "b", "startTime": start, "duration": duration, "processID": "p9", "references": [{"refType": "FOLLOWS_FROM", "spanID": "x"}, {"refType": "CHILD_OF", "spanID": "a"}]},
        ]}])
    }

    #[test]
    fn traces_are_read() {
        let traces = parse(&one(1_700_000_000_000_000, 2_000_000)).expect("a trace");
        assert_eq!(traces[0].own_times().largest(), "unknown");
        assert_eq!(traces[0].text(), "front.summit graph:8080/* in trace t");
        assert_eq!(parse(&json!([])).map(|traces| traces.len()), Ok(0));
        for wrong in [
            json!({}),
            json!([{}]),
            json!([{"traceID": "t"}]),
            json!([{"traceID": "t", "spans": [{}]}]),
            one(-1, 1),
            one(i64::MAX, 1),
            one(1, -1),
        ] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_recorded_answer_of_jaeger_is_read() {
        let recorded: Value = serde_json::from_str(include_str!("../../../lab/testdata/jaeger/traces.json"))
            .expect("the recording is JSON");
        let traces = parse(&recorded["data"]).expect("one trace");
        assert_eq!(traces.len(), 1);
        // The server's proxy saw 101.85 ms of the application; the rest of the request was the way to it.
        assert_eq!(traces[0].own_times().largest(), "graph-core.summit-slow");
        assert!(
            traces[0].text().starts_with("front.summit-slow graph-core.summit-slow.svc.cluster.local:8080/* in trace")
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(start in any::<i64>(), duration in any::<i64>(), text in ".{0,20}") {
            for trace in parse(&one(start, duration)).unwrap_or_default() {
                let _ = (trace.table(), trace.json(), trace.own_times().table());
            }
            let odd = json!([{"traceID": text, "spans": [{"spanID": text, "startTime": 1, "duration": 2, "references": [{"refType": "CHILD_OF", "spanID": text}], "tags": text}], "processes": text}]);
            for trace in parse(&odd).unwrap_or_default() {
                let _ = (trace.table(), trace.json(), trace.own_times().json());
            }
        }
    }
}

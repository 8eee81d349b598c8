//! What Prometheus' HTTP API answers: `{"status": "success", "data": …}`, or an error with its type.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{BAD_ANSWER, FORBIDDEN, Failure, SCRIPT, UNAUTHORIZED, UNREACHABLE};
use crate::transport::status::{excerpt, printable};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Envelope {
    status: String,
    data: Option<Value>,
    error_type: String,
    error: String,
    warnings: Vec<String>,
}

/// The data of an answer. If Prometheus warned, for example that some of its stores did not answer, the warnings
/// stand in it under `warnings`. `what` and `place` are what was asked, and who answered, for messages.
///
/// # Errors
/// What Prometheus, or what stands before it, says instead: a failure whose code tells whose fault it is.
pub fn data(status: StatusCode, body: &[u8], what: &str, place: &str) -> Result<Value, Failure> {
    let Some(envelope) = serde_json::from_slice::<Envelope>(body).ok().filter(|envelope| !envelope.status.is_empty())
    else {
        return Err(foreign(status, body, place));
    };
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(Value::Object(mut data))) if status.is_success() => {
            if !envelope.warnings.is_empty() {
                data.insert("warnings".into(), envelope.warnings.into());
            }
            Ok(Value::Object(data))
        }
        // Names of metrics and labels.
        ("success", Some(Value::Array(names))) if status.is_success() => Ok(Value::Array(names)),
        ("error", _) => Err(error(status, &envelope.error_type, &printable(&envelope.error), &printable(what), place)),
        _ => Err(foreign(status, body, place)),
    }
}

fn error(status: StatusCode, kind: &str, text: &str, what: &str, place: &str) -> Failure {
    match (kind, status.as_u16()) {
        ("bad_data", _) => Failure::new(&SCRIPT, format!("Prometheus does not understand {what}: {text}")),
        ("execution", _) => Failure::new(&SCRIPT, format!("Prometheus cannot evaluate {what}: {text}")),
        (_, 401) => unauthorized(text, place),
        (_, 403) => forbidden(text, place),
        ("timeout" | "canceled" | "unavailable" | "internal" | "too_many_requests", _) | (_, 429 | 500..=599) => {
            Failure::new(&UNREACHABLE, format!("Prometheus at {place} could not answer {what}: {text}"))
        }
        _ => Failure::new(&BAD_ANSWER, format!("Prometheus at {place} answered {status}: {text}")),
    }
}

/// An answer of something else: a proxy, a page to log in, a gateway before Prometheus.
fn foreign(status: StatusCode, body: &[u8], place: &str) -> Failure {
    let text = excerpt(body);
    match status.as_u16() {
        401 => unauthorized(&text, place),
        403 => forbidden(&text, place),
        429 | 500..=599 => Failure::new(&UNREACHABLE, format!("Prometheus at {place} answered {status}: {text}"))
            .hint("is it up and ready?"),
        300..=399 => Failure::new(
            &BAD_ANSWER,
            format!("Prometheus at {place} answered {status}, which is usually a page to log in"),
        )
        .hint("give the credentials in the configuration file (`bearer_token_file` or `basic_auth`)"),
        _ => Failure::new(
            &BAD_ANSWER,
            format!("{place} answered {status} with something that is not Prometheus' API: {text}"),
        )
        .hint("check `prometheus.url` in the configuration file; it ends before `/api/v1`"),
    }
}

fn unauthorized(text: &str, place: &str) -> Failure {
    Failure::new(&UNAUTHORIZED, format!("Prometheus at {place} does not accept the credentials: {text}"))
        .hint("check `bearer_token_file`, `basic_auth` and `tenant` of `prometheus` in the configuration file")
}

fn forbidden(text: &str, place: &str) -> Failure {
    Failure::new(&FORBIDDEN, format!("Prometheus at {place} forbids the query: {text}"))
        .hint("check `tenant` and the credentials of `prometheus` in the configuration file")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<Value, Failure> {
        data(StatusCode::from_u16(status).unwrap(), body.as_bytes(), "the query `up`", "http://prometheus:9090")
    }

    #[test]
    fn success_gives_the_data_and_its_warnings() {
        let plain = answer(200, r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#).unwrap();
        assert_eq!(plain, json!({"resultType": "vector", "result": []}));
        let warned = answer(
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["store a: no answer"]}"#,
        )
        .unwrap();
        assert_eq!(warned["warnings"], json!(["store a: no answer"]));
        assert_eq!(answer(200, r#"{"status":"success","data":["up"]}"#).unwrap(), json!(["up"]));
    }

    #[test]
    fn every_error_has_its_code() {
        for (status, body, name) in [
            (400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#, SCRIPT.name),
            (
                422,
                r#"{"status":"error","errorType":"execution","error":"many-to-many matching not allowed"}"#,
                SCRIPT.name,
            ),
            (503, r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#, UNREACHABLE.name),
            (503, r#"{"status":"error","errorType":"unavailable","error":"not ready"}"#, UNREACHABLE.name),
            (418, r#"{"status":"error","errorType":"new","error":"?"}"#, BAD_ANSWER.name),
            (200, r#"{"status":"success"}"#, BAD_ANSWER.name),
            (200, "<html>log in</html>", BAD_ANSWER.name),
            (302, "", BAD_ANSWER.name),
            (401, "no org id", UNAUTHORIZED.name),
            (403, "denied", FORBIDDEN.name),
            (404, "404 page not found", BAD_ANSWER.name),
            (503, "Service Unavailable", UNREACHABLE.name),
        ] {
            let failure = answer(status, body).unwrap_err();
            assert_eq!(failure.code.name, name, "{status} {body}: {failure}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in 100u16..1000, body in proptest::collection::vec(any::<u8>(), 0..200), error in ".{0,20}") {
            let status = StatusCode::from_u16(status).unwrap();
            let _ = data(status, &body, &error, "here");
            let body = json!({"status": "error", "errorType": error, "error": error, "data": [error]}).to_string();
            prop_assert!(data(status, body.as_bytes(), &error, "here").is_err());
        }
    }
}

//! Jaeger's query API, as its own page uses it: `{"data": …, "errors": [{"code", "msg"}] | null}`.
//!
//! Source: `cmd/query/app/http_handler.go` of Jaeger (`/api/services`, `/api/traces`), the same in versions 1 and 2.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::config::SourceConfig;
use super::kubernetes::Query;
use super::port_forward::Forwards;
use super::server::Server;
use super::source::{Answer, JAEGER, Source};
use super::status::{excerpt, printable};
use crate::failure::{BAD_ANSWER, FORBIDDEN, Failure, SCRIPT, UNAUTHORIZED, UNREACHABLE};

/// The Jaeger of one context.
pub(super) struct Jaeger(Source);

impl Jaeger {
    /// As configured. Nothing is sent before the first question.
    pub(super) fn new(config: SourceConfig) -> Self {
        Jaeger(Source::new(&JAEGER, config))
    }

    /// A page below `/api/`. The answer is its `data`.
    pub(super) async fn page(
        &self,
        server: &Server,
        forwards: &Forwards,
        page: &str,
        given: &[(String, String)],
    ) -> Result<Value, Failure> {
        let read = |answer: &Answer| data(answer.status, &answer.body, page, &answer.place);
        self.0.ask(server, forwards, &format!("/api/{page}"), &Query::of(given), read).await
    }
}

#[derive(Deserialize)]
struct Envelope {
    data: Value,
    #[serde(default)]
    errors: Option<Vec<Problem>>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    msg: String,
}

fn data(status: StatusCode, body: &[u8], page: &str, place: &str) -> Result<Value, Failure> {
    let envelope = serde_json::from_slice::<Envelope>(body).ok();
    let said = envelope.as_ref().and_then(|envelope| envelope.errors.as_ref()?.first()).map(|one| printable(&one.msg));
    let text = said.unwrap_or_else(|| excerpt(body));
    match (status.as_u16(), envelope) {
        (200..=299, Some(Envelope { data, errors })) if errors.as_ref().is_none_or(Vec::is_empty) => Ok(data),
        (401, _) => {
            Err(Failure::new(&UNAUTHORIZED, format!("Jaeger at {place} does not accept the credentials: {text}"))
                .hint("check `bearer_token_file` and `basic_auth` of `jaeger` in the configuration file"))
        }
        (403, _) => Err(Failure::new(&FORBIDDEN, format!("Jaeger at {place} forbids `{page}`: {text}"))
            .hint("check the credentials of `jaeger` in the configuration file")),
        (400, Some(_)) => {
            Err(Failure::new(&SCRIPT, format!("Jaeger does not understand the question for `{page}`: {text}")))
        }
        (429 | 500..=599, _) => {
            Err(Failure::new(&UNREACHABLE, format!("Jaeger at {place} could not answer `{page}`: {text}"))
                .hint("is its storage up?"))
        }
        // Errors beside data name traces that could not be read whole.
        (200..=299, Some(_)) => Err(Failure::new(&BAD_ANSWER, format!("Jaeger at {place} answered in part: {text}"))),
        _ => Err(Failure::new(
            &BAD_ANSWER,
            format!("{place} answered {status} with something that is not Jaeger's API: {text}"),
        )
        .hint("check `jaeger.url` in the configuration file; it ends before `/api`")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<Value, Failure> {
        data(StatusCode::from_u16(status).unwrap(), body.as_bytes(), "services", "http://tracing")
    }

    #[test]
    fn every_answer_has_its_meaning() {
        let good = r#"{"data":["front.summit"],"total":1,"limit":0,"offset":0,"errors":null}"#;
        assert_eq!(answer(200, good).unwrap(), serde_json::json!(["front.summit"]));
        for (status, body, name) in [
            (400, r#"{"data":null,"errors":[{"code":400,"msg":"parameter 'service' is required"}]}"#, SCRIPT.name),
            (500, r#"{"data":null,"errors":[{"code":500,"msg":"no storage"}]}"#, UNREACHABLE.name),
            (200, r#"{"data":[],"errors":[{"msg":"trace not found"}]}"#, BAD_ANSWER.name),
            (200, "<html>", BAD_ANSWER.name),
            (302, "", BAD_ANSWER.name),
            (401, "", UNAUTHORIZED.name),
            (403, "", FORBIDDEN.name),
        ] {
            let failure = answer(status, body).unwrap_err();
            assert_eq!(failure.code.name, name, "{status} {body}: {failure}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in 100u16..1000, body in ".{0,100}") {
            let _ = answer(status, &body);
        }
    }
}

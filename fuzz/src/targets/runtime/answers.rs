//! Error answers of the API server, and Prometheus' envelope; also from proxies that are neither. The first two bytes
//! are the status and the verb.
//!
//! Beyond "no panic": no control character of the answer reaches the message, and only an object is data.

use http::StatusCode;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::transport::prometheus::envelope;
use meshbook_runtime::transport::status::{Asked, failure};

fn is_clean(failure: &Failure) {
    let texts = [Some(&failure.message), failure.unchanged.as_ref()];
    assert!(texts.into_iter().flatten().all(|text| !text.chars().any(char::is_control)), "{failure:?}");
}

/// See the module.
pub fn run(input: &[u8]) {
    let [number, writes, body @ ..] = input else { return };
    let writes = *writes != 0;
    const CODES: [u16; 16] = [200, 302, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503, 504];
    let status = StatusCode::from_u16(CODES[usize::from(*number) % CODES.len()]).expect("codes of HTTP");
    let asked = Asked { verb: "patch", target: "Pod summit/front".into(), writes };
    let refused = failure(status, body, &asked, "https://127.0.0.1");
    is_clean(&refused);
    match envelope::data(status, body, "up", "Prometheus") {
        Ok(data) => assert!(status.is_success() && data.is_object()),
        Err(failure) => is_clean(&failure),
    }
}

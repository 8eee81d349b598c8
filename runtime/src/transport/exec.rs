//! A command in a container of a running pod (`pods/exec`), without a terminal and without input.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::server::Server;
use super::status::Asked;
use crate::effect::{ObjectRef, Reply};
use crate::failure::{BAD_ANSWER, Failure, UNREACHABLE};

/// The most of each stream that is kept.
const LIMIT: u64 = 1 << 20;

/// Runs a command to its end, at most so long. It is sent once: nobody knows what it would do a second time.
pub(super) async fn run(
    server: &Server,
    pod: &ObjectRef,
    container: &str,
    command: &[String],
    within: Duration,
) -> Result<Reply, Failure> {
    let namespace = pod.namespace.as_deref().unwrap_or_default();
    let asked = Asked { verb: "execute a command in", target: pod.to_string(), writes: true };
    let silent = |what: &str, limit: Duration| {
        Failure::new(&UNREACHABLE, format!("cannot execute a command in {pod}: {what} within {} s", limit.as_secs()))
            .unchanged("it is not known whether the command ran")
    };
    let login = server.login();
    let pods: Api<Pod> = Api::namespaced(login.client.clone(), namespace);
    let parameters = AttachParams::default().container(container).stdin(false).stdout(true).stderr(true);
    let limit = server.timeouts().pod;
    let opened = timeout(limit, pods.exec(&pod.name, command, &parameters)).await;
    let mut process = match opened {
        Ok(Ok(process)) => process,
        Ok(Err(error)) => return Err(server.unanswered(&asked, &error).failure),
        Err(_) => return Err(silent("it was not begun", limit)),
    };
    let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
    let ended = timeout(within + limit, async {
        let (stdout, stderr) = tokio::join!(whole(stdout), whole(stderr));
        let status = match status {
            Some(status) => status.await,
            None => None,
        };
        (stdout, stderr, status)
    });
    let ended = ended.await;
    process.abort();
    let Ok((stdout, stderr, status)) = ended else { return Err(silent("it did not end", within + limit)) };
    let status = status.ok_or_else(|| {
        Failure::new(&BAD_ANSWER, format!("{pod}: the API server does not say how the command ended"))
            .unchanged("it is not known whether the command ran")
    })?;
    let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = code.and_then(|cause| cause.message.as_ref()?.parse::<i32>().ok());
    let code = match status.status.as_deref() {
        Some("Success") => Some(0),
        _ => code,
    };
    match code {
        Some(code) => Ok(Reply::Json(json!({ "code": code, "stdout": stdout, "stderr": stderr }))),
        // The runtime could not start it: there is no such program, for example.
        None => Ok(Reply::Json(json!({ "code": 127, "stdout": stdout, "stderr": status.message.unwrap_or(stderr) }))),
    }
}

async fn whole(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is all that there is.
        let _ = stream.take(LIMIT).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

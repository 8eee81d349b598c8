//! What it means that a request could not be sent, or was not answered.

use std::error::Error;

use hyper_util::client::legacy;
use kube::client::AuthError;

use super::status::{Asked, excerpt, printable};
use crate::failure::{CONFIG, Failure, UNAUTHORIZED, UNREACHABLE};

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    /// Whether trying again may help.
    pub(super) passing: bool,
}

/// Sorts the errors that come instead of an answer.
pub(super) fn from(error: &kube::Error, asked: &Asked, server: &str) -> Unanswered {
    let sentence = |what: &str| format!("cannot {} {}: {what}", asked.verb, asked.target);
    let lasting = |failure: Failure| Unanswered { failure, passing: false };
    for cause in causes(error) {
        if let Some(login) = cause.downcast_ref::<AuthError>() {
            return lasting(no_credentials(login, &sentence));
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            let failure = Failure::new(&UNREACHABLE, sentence(&format!("no trusted connection to {server}: {tls}")));
            return lasting(match tls {
                rustls::Error::InvalidCertificate(_) => {
                    failure.hint("the server's certificate does not fit the `certificate-authority-data` of this context: is this the right cluster, and the kubeconfig current?")
                }
                _ => failure,
            });
        }
    }
    let cause = root(error);
    match error {
        kube::Error::ProxyProtocolDisabled { .. }
        | kube::Error::ProxyProtocolUnsupported { .. }
        | kube::Error::RustlsTls(_)
        | kube::Error::InferKubeconfig(_) => lasting(Failure::new(&CONFIG, sentence(&cause))),
        _ => {
            let unsent =
                causes(error).any(|cause| cause.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect));
            let failure = Failure::new(&UNREACHABLE, sentence(&format!("{server} is unreachable: {cause}")))
                .hint("is the address of this context right, and the network (VPN) up?");
            let failure = if unsent && asked.writes {
                failure.unchanged(format!("{} is as it was", asked.target))
            } else {
                failure
            };
            Unanswered { failure, passing: true }
        }
    }
}

fn no_credentials(error: &AuthError, sentence: &dyn Fn(&str) -> String) -> Failure {
    match error {
        AuthError::AuthExecStart(cause) => Failure::new(
            &CONFIG,
            sentence(&format!("the credential plugin of this context cannot be started: {cause}")),
        )
        .hint("install it, or correct `exec.command` in the kubeconfig"),
        AuthError::AuthExecRun { cmd, out } => {
            let stderr = excerpt(&out.stderr);
            let stderr = if stderr.is_empty() { String::new() } else { format!(": {stderr}") };
            let plugin = printable(cmd.split_whitespace().next().unwrap_or(cmd));
            Failure::new(
                &UNAUTHORIZED,
                sentence(&format!("the credential plugin {plugin} failed ({}){stderr}", out.status)),
            )
            .hint("log in again, or run the plugin by hand to see what it wants")
        }
        other => Failure::new(
            &UNAUTHORIZED,
            sentence(&format!("the credentials of this context cannot be used: {}", printable(&other.to_string()))),
        )
        .hint("make what it names readable, or correct the `user` of this context in the kubeconfig"),
    }
}

/// The chain of an error's causes, from the error itself. What an `io::Error` wraps is a cause too, which
/// `source` passes over.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    // A chain could be a circle; sixteen is far beyond any real one.
    std::iter::from_fn(move || {
        let error = next?;
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
        Some(error)
    })
    .take(16)
}

/// The last cause in words, which is the one that says something: `Connection refused (os error 111)`.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or(String::new(), |cause| printable(&cause.to_string()))
}

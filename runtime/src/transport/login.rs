//! Making the client of an API server: credentials, certificates, and the socket's options.

use std::sync::Once;
use std::time::Duration;

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::util::ServiceExt as _;
use tower::{BoxError, ServiceBuilder};

use super::status::Asked;
use super::unanswered;
use crate::failure::{Failure, INTERNAL, UNAUTHORIZED};

/// The one provider of cryptography for rustls in this process.
pub(super) fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only where somebody else has installed one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Runs the credential plugin, if there is one, off the threads that serve requests, and makes the client.
pub(super) async fn log_in(config: Config, limit: Duration, address: &str) -> Result<Client, Failure> {
    let config = with_trimmed_token(config);
    let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
    let made = match &plugin {
        None => client(config),
        Some(name) => {
            let runtime = tokio::runtime::Handle::current();
            let made = tokio::task::spawn_blocking(move || {
                // hyper and the buffer before it want a runtime to spawn on.
                let _entered = runtime.enter();
                client(config)
            });
            match tokio::time::timeout(limit, made).await {
                Ok(Ok(made)) => made,
                Ok(Err(error)) => {
                    return Err(Failure::new(
                        &INTERNAL,
                        format!("the credential plugin `{name}` could not be waited for: {error}"),
                    ));
                }
                Err(_) => {
                    return Err(Failure::new(
                        &UNAUTHORIZED,
                        format!("the credential plugin `{name}` did not end within {} s", limit.as_secs_f64()),
                    )
                    .hint("run it by hand to see what it waits for"));
                }
            }
        }
    };
    made.map_err(|error| {
        let asked = Asked::to("log in at", address);
        unanswered::from(&error, &asked, address).failure
    })
}

/// A token's file may end with a newline, as `echo` leaves it. kubectl trims it; kube sends it, which no header can
/// hold. A token that is read here is renewed like every other: when the server refuses it.
fn with_trimmed_token(mut config: Config) -> Config {
    let user = &mut config.auth_info;
    if user.token.is_none()
        && let Some(path) = &user.token_file
        && let Ok(text) = std::fs::read_to_string(path)
        && text.trim() != text
    {
        user.token = Some(text.trim().to_owned().into());
    }
    config
}

/// The client: like kube's own, but with `TCP_NODELAY`. Port-forwarded requests are small frames each way, and
/// Nagle's algorithm would hold them back until the other side's delayed acknowledgement, some 40 ms.
fn client(config: Config) -> Result<Client, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config)?.build());
    }
    let auth = config.auth_layer()?;
    let mut tls = config.clone();
    if auth.is_some() {
        // A plugin that gave a token gives no client certificate, and need not be run a second time to learn that.
        tls.auth_info.exec = None;
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = tls.rustls_https_connector_with_connector(connector)?;
    let transport: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(auth)
        .layer(config.extra_headers_layer()?)
        .service(transport.map_err(BoxError::from));
    Ok(Client::new(service, config.default_namespace))
}

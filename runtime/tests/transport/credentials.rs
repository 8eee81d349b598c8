//! Certificates and credentials.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use meshbook_runtime::effect::{Call, PodRequest, Reply};
use meshbook_runtime::failure;
use meshbook_runtime::transport::{Transport, WallClock};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::double::{Behaviour, Double, Pods, Received, connect_by, json_answer, kubeconfig, status};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

/// An HTTPS server for 127.0.0.1 whose certificate this authority has signed.
async fn https(
    authority: &Authority,
    answer: impl Fn(&Received, usize) -> Response<Body> + Send + Sync + 'static,
) -> (Double, String) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority.issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let double = Double::start(|_, _| unreachable!("only the other listener is used")).await;
    let router = double.router(Arc::new(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
                    .await;
            });
        }
    });
    (double, url)
}

fn trusting(folder: &Path, authority: &Authority) -> String {
    let file = folder.join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    format!(", certificate-authority: '{}'", file.display())
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (authority(), authority());
    let (_, url) = https(&ours, |_, _| json_answer(200, &json!({"major": "1", "minor": "37"}))).await;
    let connection =
        connect_by(kubeconfig(&url, "{token: t}", &trusting(folder.path(), &ours)), "", Arc::new(WallClock))
            .await
            .unwrap();
    connection.call(&Call::Version).await.unwrap();

    let connection =
        connect_by(kubeconfig(&url, "{token: t}", &trusting(folder.path(), &theirs)), "", Arc::new(WallClock))
            .await
            .unwrap();
    let failure = connection.call(&Call::Version).await.unwrap_err();
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(failure.message.contains("no trusted connection") && !failure.message.contains("tries"), "{failure}");
    assert!(failure.hint.unwrap().contains("certificate-authority-data"));
}

/// A credential plugin that counts its runs, and gives a token with that number.
fn plugin(folder: &Path, expires: &str) -> String {
    let script = folder.join("plugin");
    let count = folder.join("count");
    let text = format!(
        "#!/bin/sh\necho run >> {count}\nn=$(wc -l < {count} | tr -d ' ')\necho \"{{\\\"apiVersion\\\":\\\"client.authentication.k8s.io/v1\\\",\\\"kind\\\":\\\"ExecCredential\\\",\\\"status\\\":{{\\\"token\\\":\\\"token-$n\\\",\\\"expirationTimestamp\\\":\\\"{expires}\\\"}}}}\"\n",
        count = count.display()
    );
    std::fs::write(&script, text).unwrap();
    exec(&script)
}

fn exec(script: &Path) -> String {
    // The shell reads the script: to execute a file that was just written fails where another test forks meanwhile.
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['{}'], interactiveMode: Never}}}}",
        script.display()
    )
}

fn runs(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("count")).unwrap().lines().count()
}

/// Answers only to this token.
async fn guarded(token: &'static str) -> Double {
    Double::start(move |received, _| {
        if received.headers["authorization"] == format!("Bearer {token}") {
            json_answer(200, &json!({"major": "1"}))
        } else {
            status(401, "Unauthorized", "Unauthorized")
        }
    })
    .await
}

#[tokio::test]
async fn a_credential_plugin_is_run_once_while_its_token_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let server = guarded("token-1").await;
    let user = plugin(folder.path(), "2999-01-01T00:00:00Z");
    let connection = connect_by(kubeconfig(&server.url(), &user, ""), "", Arc::new(WallClock)).await.unwrap();
    for _ in 0..3 {
        connection.call(&Call::Version).await.unwrap();
    }
    assert_eq!(runs(folder.path()), 1);
}

#[tokio::test]
async fn a_token_that_runs_out_is_renewed_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let server = guarded("token-2").await;
    let user = plugin(folder.path(), "2001-01-01T00:00:00Z");
    let connection = connect_by(kubeconfig(&server.url(), &user, ""), "", Arc::new(WallClock)).await.unwrap();
    connection.call(&Call::Version).await.unwrap();
    assert_eq!((runs(folder.path()), server.lines().len()), (2, 1));
}

#[tokio::test]
async fn a_token_that_was_revoked_is_renewed_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = guarded("token-2").await;
    let user = plugin(folder.path(), "2999-01-01T00:00:00Z");
    let connection = connect_by(kubeconfig(&server.url(), &user, ""), "", Arc::new(WallClock)).await.unwrap();
    connection.call(&Call::Version).await.unwrap();
    assert_eq!((runs(folder.path()), server.lines().len()), (2, 2));

    let other = guarded("never").await;
    let connection = connect_by(kubeconfig(&other.url(), &user, ""), "", Arc::new(WallClock)).await.unwrap();
    let failure = connection.call(&Call::Version).await.unwrap_err();
    assert_eq!((failure.code.name, other.lines().len()), (failure::UNAUTHORIZED.name, 2));
}

#[tokio::test]
async fn a_revoked_token_is_renewed_for_port_forwards_too() {
    let folder = tempfile::tempdir().unwrap();
    let router = axum::Router::new().fallback(|| async { "LIVE" });
    let pods = Pods::default().with("front-1", Behaviour::Serves(router)).guarded_by("token-2");
    let server = Double::start_with(pods, |received, _| panic!("{}", received.line)).await;
    let user = plugin(folder.path(), "2999-01-01T00:00:00Z");
    let connection = connect_by(kubeconfig(&server.url(), &user, ""), "", Arc::new(WallClock)).await.unwrap();
    let request = PodRequest {
        namespace: "summit".into(),
        pod: "front-1".into(),
        port: 15000,
        method: "GET".into(),
        path: "/ready".into(),
        body: String::new(),
    };
    let answer = connection.call(&Call::Pod(request)).await.unwrap();
    assert_eq!(answer, Reply::Http { status: 200, body: "LIVE".into() });
    assert_eq!((runs(folder.path()), server.lines().len()), (2, 2));
}

#[tokio::test]
async fn a_token_that_is_rotated_on_disk_is_read_anew_when_the_old_one_has_run_out() {
    // As a kubelet writes it, and as `echo` does: kubectl reads both.
    for end in ["", "\n"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, format!("token-1{end}")).unwrap();
        let valid = Arc::new(std::sync::Mutex::new("token-1"));
        let asked = Arc::clone(&valid);
        let server = Double::start(move |received, _| {
            if received.headers["authorization"] == format!("Bearer {}", asked.lock().unwrap()) {
                json_answer(200, &json!({"major": "1"}))
            } else {
                status(401, "Unauthorized", "Unauthorized")
            }
        })
        .await;
        let user = format!("{{tokenFile: '{}'}}", file.display());
        let connection = connect_by(kubeconfig(&server.url(), &user, ""), "", Arc::new(WallClock)).await.unwrap();
        connection.call(&Call::Version).await.unwrap();

        std::fs::write(&file, format!("token-2{end}")).unwrap();
        connection.call(&Call::Version).await.unwrap();
        assert_eq!(server.lines().len(), 2, "the old token still holds");
        *valid.lock().unwrap() = "token-2";
        connection.call(&Call::Version).await.unwrap();
        assert_eq!(server.lines().len(), 4, "it is refused once, and the new one is sent");

        *valid.lock().unwrap() = "token-3";
        let failure = connection.call(&Call::Version).await.unwrap_err();
        assert_eq!(failure.code.name, failure::UNAUTHORIZED.name, "{failure}");
        std::fs::remove_file(&file).unwrap();
        let failure = connection.call(&Call::Version).await.unwrap_err();
        assert_eq!(failure.code.name, failure::UNAUTHORIZED.name, "{failure}");
        assert!(failure.message.contains("token file"), "{failure}");
    }
}

#[tokio::test]
async fn a_plugin_that_fails_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("plugin");
    std::fs::write(&script, "#!/bin/sh\necho 'session expired, run login' >&2\nexit 3\n").unwrap();
    let failure =
        connect_by(kubeconfig("http://127.0.0.1:1", &exec(&script), ""), "", Arc::new(WallClock)).await.err().unwrap();
    assert_eq!(failure.code.name, failure::UNAUTHORIZED.name);
    assert!(
        failure.message.contains("session expired, run login") && failure.message.contains("exit status: 3"),
        "{failure}"
    );

    let failure = connect_by(
        kubeconfig("http://127.0.0.1:1", &exec(&script).replace("command: sh", "command: no-such-plugin"), ""),
        "",
        Arc::new(WallClock),
    )
    .await
    .err()
    .unwrap();
    assert_eq!(failure.code.name, failure::CONFIG.name);
    assert!(failure.hint.unwrap().contains("exec.command"));

    std::fs::write(&script, "#!/bin/sh\nexec sleep 0.5\n").unwrap();
    let failure = connect_by(
        kubeconfig("http://127.0.0.1:1", &exec(&script), ""),
        "timeouts = { login = '100ms' }",
        Arc::new(WallClock),
    )
    .await
    .err()
    .unwrap();
    assert!(failure.message.contains("did not end within 0.1 s"), "{failure}");
}

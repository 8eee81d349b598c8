//! The lab's Kubernetes API server: what a kube-apiserver 1.37 answers to kubectl, kube-rs and scripts.
//!
//! A request goes through `route` (faults, authentication, authorisation, dispatch) to `read`, `watch`, `write`,
//! `delete` or one of the subresources.

mod access;
mod admission;
mod columns;
mod delete;
mod discovery;
mod exec;
mod faults;
mod istio;
mod logs;
mod metrics;
mod openapi;
mod patch;
mod port_forward;
mod protobuf;
mod read;
mod request;
mod review;
mod route;
mod scale;
mod selector;
mod status;
mod table;
mod tls;
mod watch;
pub(crate) mod webhooks;
mod write;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clock::LabClock;
use crate::store::Store;
use access::Users;
use faults::Counted;

pub use exec::Ended;
pub use faults::{Denied, Faults, Interference};
pub(crate) use protobuf::base64;

/// What a pod uses at present.
#[derive(Clone, Debug)]
pub struct PodUsage {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Each container with its CPU, in cores, and its memory, in bytes.
    pub containers: Vec<(String, f64, u64)>,
}

/// What stands behind the pods. The mesh implements it; the API server calls it for port-forward, exec and logs.
pub trait Pods: Send + Sync + 'static {
    /// The HTTP server on a pod's port as port-forward sees it; `None` means connection refused.
    fn port(&self, namespace: &str, pod: &str, port: u16) -> Option<Router>;
    /// The log lines of one container, oldest first, each with its time.
    ///
    /// # Errors
    /// The text says why there is no such log, for example an unknown container.
    fn logs(&self, namespace: &str, pod: &str, container: &str) -> Result<Vec<(Timestamp, String)>, String>;
    /// What a command in a container that is not the sidecar comes to; `None` if the container has no such program.
    fn execute(&self, _namespace: &str, _pod: &str, _container: &str, _words: &[String]) -> Option<exec::Ended> {
        None
    }
    /// What the injector's webhook makes of a pod that a client creates.
    fn inject(&self, _store: &Store, _pod: &mut serde_json::Value) {}
    /// What pods use, for the metrics API; `None` where nothing serves it.
    fn usage(&self) -> Option<Vec<PodUsage>> {
        None
    }
}

/// What every request needs.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) clock: LabClock,
    pub(crate) pods: Arc<dyn Pods>,
    pub(crate) users: Users,
    faults: Mutex<Arc<Counted>>,
}

impl Api {
    pub(crate) fn counted(&self) -> Arc<Counted> {
        self.faults.lock().expect("no holder of the faults panics").clone()
    }

    pub(crate) fn faults(&self) -> Faults {
        self.counted().faults.clone()
    }
}

/// A running API server. It stops when dropped.
pub struct Server {
    address: SocketAddr,
    authority: String,
    admin_token: Mutex<String>,
    viewer_token: String,
    api: Arc<Api>,
    stop: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    /// Listens on a free port of 127.0.0.1, with TLS by a certificate authority of its own.
    ///
    /// # Errors
    /// If no port can be opened or no certificate can be made.
    pub async fn start(store: Store, clock: LabClock, pods: Arc<dyn Pods>, faults: Faults) -> std::io::Result<Server> {
        let identity = tls::identity()?;
        let (admin_token, viewer_token) = (tls::token()?, tls::token()?);
        let api = Arc::new(Api {
            store,
            clock,
            pods,
            users: Users::new(&admin_token, &viewer_token),
            faults: Mutex::new(Arc::new(Counted::new(faults))),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let acceptor = TlsAcceptor::from(identity.config);
        tokio::spawn(accept(listener, acceptor, router(&api), api.clone(), stop.clone()));
        let admin_token = Mutex::new(admin_token);
        Ok(Server { address, authority: identity.authority, admin_token, viewer_token, api, stop })
    }

    /// What answers the requests, to be called without a connection. Upgrades (exec, port-forward) need one.
    pub fn router(&self) -> Router {
        router(&self.api)
    }

    /// Runs a program in a pod's sidecar as `exec` does, without a connection.
    pub async fn execute(&self, namespace: &str, pod: &str, words: &[String]) -> Ended {
        exec::run(&self.api, namespace, pod, exec::SIDECAR, words).await
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig with the contexts `context` (may do everything) and `context-viewer` (may only read).
    pub fn kubeconfig(&self, context: &str, namespace: &str) -> String {
        let authority = protobuf::base64(self.authority.as_bytes());
        let (admin, viewer, port) = (self.admin_token(), &self.viewer_token, self.address.port());
        format!(
            "apiVersion: v1
kind: Config
clusters:
- name: {context}
  cluster:
    server: https://127.0.0.1:{port}
    certificate-authority-data: {authority}
users:
- name: {context}-admin
  user:
    token: {admin}
- name: {context}-viewer
  user:
    token: {viewer}
contexts:
- name: {context}
  context:
    cluster: {context}
    user: {context}-admin
    namespace: {namespace}
- name: {context}-viewer
  context:
    cluster: {context}
    user: {context}-viewer
    namespace: {namespace}
current-context: {context}
"
        )
    }

    /// The administrator's bearer token, for clients that take no kubeconfig.
    pub fn admin_token(&self) -> String {
        self.admin_token.lock().expect("no holder of the token panics").clone()
    }

    /// Gives the administrator a new token and forgets the old one, as when a service account's token has run out.
    ///
    /// # Errors
    /// If the machine has no random numbers.
    pub fn rotate_admin_token(&self) -> std::io::Result<String> {
        let new = tls::token()?;
        let old = std::mem::replace(&mut *self.admin_token.lock().expect("no holder of the token panics"), new.clone());
        self.api.users.rename_token(&old, &new);
        Ok(new)
    }

    /// The certificate authority, PEM, for clients that take no kubeconfig.
    pub fn certificate_authority(&self) -> &str {
        &self.authority
    }

    /// Replaces the faults from the next call on, and restarts their counting.
    pub fn set_faults(&self, faults: Faults) {
        *self.api.faults.lock().expect("no holder of the faults panics") = Arc::new(Counted::new(faults));
    }

    /// How many calls were made since the faults were last set.
    pub fn calls(&self) -> u64 {
        self.api.counted().calls()
    }
}

fn router(api: &Arc<Api>) -> Router {
    Router::new().fallback(route::handle).with_state(api.clone())
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, router: Router, api: Arc<Api>, stop: CancellationToken) {
    loop {
        let connection = tokio::select! {
            () = stop.cancelled() => return,
            connection = listener.accept() => connection,
        };
        let Ok((stream, _)) = connection else { continue };
        if api.counted().faults.down {
            // Dropped without a word, as by a load balancer with nothing behind it.
            continue;
        }
        let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                result = serve(stream, acceptor, router) => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a connection to the lab's API server ended");
                    }
                }
            }
        });
    }
}

type ServeError = Box<dyn std::error::Error + Send + Sync>;

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, router: Router) -> Result<(), ServeError> {
    // Without this each answer on a kept connection waits 40 ms for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let service = TowerToHyperService::new(router);
    auto::Builder::new(TokioExecutor::new()).serve_connection_with_upgrades(TokioIo::new(stream), service).await
}

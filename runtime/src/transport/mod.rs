//! The only code that opens a connection: Kubernetes API, pod ports by port-forward, Prometheus, Jaeger, dashboards, people, the clock.

pub mod clock;
pub mod config;
pub mod files;
pub mod kind;
pub mod kubeconfig;
pub mod log_levels;
pub mod prometheus;
pub mod replay;
pub mod status;

mod dashboard;
mod exec;
mod jaeger;
mod kubernetes;
mod login;
mod lookup;
mod notify;
mod pod;
mod port_forward;
mod retry;
mod server;
mod source;
mod tool;
mod unanswered;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, pending, ready};

use crate::effect::{Call, Reply, ResourceKind};
use crate::failure::{Failure, INTERNAL};

pub use clock::{Clock, WallClock};
pub use config::ConfigFile;
pub use kind::KnownKind;
pub use watch::{ObjectName, Seen};

use config::ContextConfig;
use dashboard::Dashboards;
use jaeger::Jaeger;
use kind::Kinds;
use kubeconfig::{Environment, Source};
use notify::Accounts;
use port_forward::Forwards;
use prometheus::{Prometheus, When};
use server::Server;

/// Carries out calls. The cluster and the lab are reached by the same implementation; tests put their own in its place.
pub trait Transport: Send + Sync + 'static {
    /// Carries out one call.
    ///
    /// # Errors
    /// A failure whose code says how the run ends if nobody handles it.
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>>;

    /// The kubeconfig context (or the lab's world) and the address of the API server, pinned at start.
    fn place(&self) -> (String, String);

    /// Whether a run over it has the files of this machine beside it. A record that is replayed answers for them itself.
    fn has_files(&self) -> bool {
        true
    }

    /// The transport to which this one passes on what it does not answer itself; `None` if it is at the bottom.
    fn beneath(&self) -> Option<&dyn Transport> {
        None
    }

    /// Follows the names of objects of a kind, in a namespace or in all, for whoever types: it stands in no record and
    /// counts against no budget. It ends only when it can no longer follow, and answers why.
    fn follow<'a>(
        &'a self,
        kind: &'a ResourceKind,
        namespace: Option<&'a str>,
        tell: &'a (dyn Fn(Seen) + Send + Sync),
    ) -> BoxFuture<'a, Failure> {
        self.beneath().map_or_else(|| pending().boxed(), |beneath| beneath.follow(kind, namespace, tell))
    }

    /// The kinds that can be named, for whoever types: those that are known, and those that the server says.
    ///
    /// # Errors
    /// When the server does not say.
    fn kinds(&self) -> BoxFuture<'_, Result<Vec<KnownKind>, Failure>> {
        self.beneath().map_or_else(|| ready(Ok(Vec::new())).boxed(), Transport::kinds)
    }
}

/// With what a connection is opened.
#[derive(Clone)]
pub struct Options {
    /// This kubeconfig file and no other.
    pub kubeconfig: Option<PathBuf>,
    /// The text of a kubeconfig, before any file: the lab's.
    pub kubeconfig_text: Option<String>,
    /// The context; `None` is the kubeconfig's current one.
    pub context: Option<String>,
    /// The namespace; `None` is the context's, else `default`.
    pub namespace: Option<String>,
    /// The configuration file.
    pub config: ConfigFile,
    /// The clock of the run.
    pub clock: Arc<dyn Clock>,
    /// Under which name the API server notes our changes (`metadata.managedFields[].manager`).
    pub field_manager: String,
    /// Kinds that the library knows beside Kubernetes' own, so that they need not be looked up.
    pub kinds: Vec<KnownKind>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            kubeconfig: None,
            kubeconfig_text: None,
            context: None,
            namespace: None,
            config: ConfigFile::default(),
            clock: Arc::new(WallClock),
            field_manager: "meshbook".into(),
            kinds: Vec::new(),
        }
    }
}

/// A connection to one context's cluster, its Prometheus, its Jaeger and its dashboards. Context and namespace are pinned when it is opened.
pub struct Connection {
    context: String,
    namespace: String,
    config: ContextConfig,
    clock: Arc<dyn Clock>,
    field_manager: String,
    server: Server,
    kinds: Kinds,
    forwards: Forwards,
    prometheus: Prometheus,
    jaeger: Jaeger,
    dashboards: Dashboards,
    accounts: Accounts,
    tools: BTreeMap<String, PathBuf>,
    /// The largest answer that is accepted, in bytes.
    limit: usize,
}

impl Connection {
    /// Chooses the cluster: by the given kubeconfig, else `$KUBECONFIG`, else `~/.kube/config`, else the service
    /// account of the pod in which this runs. Nothing is sent to the cluster yet, but a credential plugin may run.
    ///
    /// # Errors
    /// `CONFIG` if the kubeconfig or the context cannot be used, `UNAUTHORIZED` if a credential plugin fails.
    pub async fn open(options: Options) -> Result<Connection, Failure> {
        let source = match (&options.kubeconfig_text, &options.kubeconfig) {
            (Some(text), _) => Source::Text(text),
            (None, Some(path)) => Source::File(path),
            (None, None) => Source::Found,
        };
        let chosen = kubeconfig::choose(source, options.context.as_deref(), &Environment::of_process()).await?;
        let config = options.config.context(&chosen.context);
        let namespace = options.namespace.unwrap_or_else(|| chosen.config.default_namespace.clone());
        let limit = config.budget.answer_mib << 20;
        let server = Server::new(chosen.config, config.timeouts.clone(), limit, Arc::clone(&options.clock)).await?;
        Ok(Connection {
            context: chosen.context,
            namespace,
            clock: options.clock,
            field_manager: options.field_manager,
            server,
            kinds: Kinds::new(options.kinds),
            forwards: Forwards::new(config.budget.forwards),
            prometheus: Prometheus::new(config.prometheus.clone().unwrap_or_default()),
            jaeger: Jaeger::new(config.jaeger.clone().unwrap_or_default()),
            dashboards: Dashboards::new(&config),
            accounts: Accounts::new(&config),
            tools: options.config.tools(),
            limit,
            config,
        })
    }

    /// The namespace of the run: the one that was asked for, else the context's, else `default`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the configuration file says about this context.
    pub fn config(&self) -> &ContextConfig {
        &self.config
    }

    async fn perform(&self, call: &Call) -> Result<Reply, Failure> {
        let server = &self.server;
        let forwards = &self.forwards;
        Ok(match call {
            Call::Version => Reply::Json(kubernetes::version(server).await?),
            Call::ResolveKind { name } => {
                let kind = self.kinds.resolve(server, name).await?;
                Reply::Json(serde_json::to_value(kind).expect("a kind has only strings and a bool"))
            }
            Call::ServedKinds { groups } => {
                let kinds = self.kinds.of_groups(server, groups).await?;
                Reply::Json(serde_json::to_value(kinds).expect("a kind has only strings and a bool"))
            }
            // A run answers these itself, before they come here.
            Call::ReadFile { name, .. } => return Err(files::elsewhere(name)),
            Call::Render(rendering) => Reply::Json(tool::render(&self.tools, rendering, self.limit).await?),
            Call::Confirm { what } => {
                return Err(Failure::new(
                    &INTERNAL,
                    format!("a connection was asked whether this is done by hand: {what}"),
                ));
            }
            Call::Get { object } => Reply::Json(kubernetes::get(server, object).await?),
            Call::List { kind, namespace, labels, fields } => Reply::Json(
                kubernetes::list(server, kind, namespace.as_deref(), labels.as_deref(), fields.as_deref()).await?,
            ),
            Call::Logs { namespace, pod, container, since_seconds, limit_bytes, tail_lines, timestamps, previous } => {
                let options = kubernetes::LogOptions {
                    since_seconds: *since_seconds,
                    limit_bytes: *limit_bytes,
                    tail_lines: *tail_lines,
                    timestamps: *timestamps,
                    previous: *previous,
                };
                Reply::Text(kubernetes::logs(server, namespace, pod, container, options).await?)
            }
            Call::AccessReview { verb, group, resource, namespace, name } => Reply::Json(
                kubernetes::access_review(server, verb, group, resource, namespace.as_deref(), name.as_deref())
                    .await?
                    .into(),
            ),
            Call::Patch { object, patch, dry_run } => {
                Reply::Json(kubernetes::patch(server, object, patch, *dry_run, &self.field_manager).await?)
            }
            Call::Apply { object, configuration, force, dry_run } => Reply::Json(
                kubernetes::apply(server, object, configuration, (*force, *dry_run), &self.field_manager).await?,
            ),
            Call::Create { object, content, dry_run } => {
                Reply::Json(kubernetes::create(server, object, content, *dry_run, &self.field_manager).await?)
            }
            Call::Delete { object, uid, resource_version, dry_run } => {
                kubernetes::delete(server, object, uid, resource_version.as_deref(), *dry_run).await?;
                Reply::Done
            }
            Call::TryCreate { kind, namespace, object } => Reply::Json(
                kubernetes::try_create(server, kind, namespace.as_deref(), object, &self.field_manager).await?,
            ),
            Call::TryPatch { object, patch } => {
                Reply::Json(kubernetes::patch(server, object, patch, true, &self.field_manager).await?)
            }
            Call::Exec { pod, container, command, within } => {
                exec::run(server, pod, container, command, *within).await?
            }
            Call::Pod(request) => pod::request(server, forwards, request).await?,
            Call::LogLevels(of) => log_levels::ask(server, forwards, of, &[]).await?,
            Call::SetLogLevels { of, loggers } => log_levels::ask(server, forwards, of, loggers).await?,
            Call::Query { query, at } => {
                Reply::Json(self.prometheus.query(server, forwards, query, When::At(*at)).await?)
            }
            Call::QueryRange { query, start, end, step } => {
                Reply::Json(self.prometheus.query(server, forwards, query, When::Range(*start, *end, *step)).await?)
            }
            Call::PrometheusPage { page, parameters } => {
                Reply::Json(self.prometheus.page(server, forwards, page, parameters).await?)
            }
            Call::JaegerPage { page, parameters } => {
                Reply::Json(self.jaeger.page(server, forwards, page, parameters).await?)
            }
            Call::DashboardPage { of, path } => self.dashboards.page(server, forwards, *of, path).await?,
            Call::Lookup { name } => Reply::Json(lookup::addresses(name).await?),
            Call::Notify(notice) => self.accounts.tell(server, notice).await?,
            Call::Now => Reply::Time(self.clock.now()),
            Call::Sleep { duration } => {
                self.clock.sleep(*duration).await;
                Reply::Done
            }
        })
    }
}

impl Transport for Connection {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        self.perform(call).boxed()
    }

    fn place(&self) -> (String, String) {
        (self.context.clone(), self.server.address().to_owned())
    }

    fn follow<'a>(
        &'a self,
        kind: &'a ResourceKind,
        namespace: Option<&'a str>,
        tell: &'a (dyn Fn(Seen) + Send + Sync),
    ) -> BoxFuture<'a, Failure> {
        watch::follow(&self.server, kind, namespace, tell).boxed()
    }

    fn kinds(&self) -> BoxFuture<'_, Result<Vec<KnownKind>, Failure>> {
        self.kinds.all(&self.server).boxed()
    }
}

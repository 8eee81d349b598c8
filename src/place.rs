//! Where a run acts: a cluster, or a world of the lab in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use meshbook_lab::world::World;
use meshbook_lab::{Lab, Pace};
use meshbook_runtime::effect::{Call, Reply};
use meshbook_runtime::failure::{CONFIG, Failure, INTERNAL};
use meshbook_runtime::transport::config::{ConfigFile, ContextConfig};
use meshbook_runtime::transport::{Clock, Connection, Options, Transport};

use crate::arguments::Target;

/// Where a run acts.
pub struct Place {
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// The namespace of the run.
    pub namespace: String,
    /// The kubeconfig context; `None` is the lab.
    pub context: Option<String>,
    /// What the configuration file says about the context.
    pub config: ContextConfig,
}

impl Place {
    /// The context's name, if it is configured as protected.
    pub fn protected(&self) -> Option<&str> {
        self.context.as_deref().filter(|_| self.config.protected)
    }
}

/// Opens the way to the cluster or to the lab that the command line names.
///
/// # Errors
/// When the kubeconfig, the context or the world cannot be used.
pub async fn open(target: &Target, config: ConfigFile) -> Result<Place, Failure> {
    match &target.lab {
        Some(world) => open_lab(world, target.cluster.namespace.clone()).await,
        None => {
            let cluster = &target.cluster;
            let connection = Connection::open(Options {
                kubeconfig: cluster.kubeconfig.clone(),
                context: cluster.context.clone(),
                namespace: cluster.namespace.clone(),
                config,
                ..Options::default()
            })
            .await?;
            let namespace = connection.namespace().to_owned();
            let config = connection.config().clone();
            let (context, _) = connection.place();
            Ok(Place { transport: Arc::new(connection), namespace, context: Some(context), config })
        }
    }
}

/// The world of a name, or of a file that ends in `.toml`.
///
/// # Errors
/// When there is no such world, with the nearest name, or its file is wrong.
pub fn world(name: &str) -> Result<World, Failure> {
    let wrong = |error: String| Failure::new(&CONFIG, error).hint("`meshbook lab --list` lists the worlds");
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return World::named(name).map_err(|error| wrong(error.to_string()));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("the world file {name} cannot be read: {error}")))?;
    let world = World::parse(&text).map_err(|error| wrong(format!("{name}: {error}")))?;
    Ok(world.with_name(&path.file_stem().unwrap_or_default().to_string_lossy()))
}

async fn open_lab(name: &str, namespace: Option<String>) -> Result<Place, Failure> {
    let world = world(name)?;
    let lab = Lab::start(world, Pace::Virtual)
        .await
        .map_err(|error| Failure::new(&INTERNAL, format!("the lab does not start: {error}")))?;
    let kubeconfig = lab.kubeconfig();
    let connection = Connection::open(Options {
        kubeconfig_text: Some(kubeconfig),
        namespace,
        clock: Arc::new(VirtualClock(lab)),
        // What is configured for clusters says nothing about the lab.
        ..Options::default()
    })
    .await?;
    let namespace = connection.namespace().to_owned();
    let config = connection.config().clone();
    Ok(Place {
        transport: Arc::new(InProcess { connection, context: format!("lab {name}") }),
        namespace,
        context: None,
        config,
    })
}

/// The lab's time as a run's clock: nobody waits, time is moved on, and traffic and propagation with it.
struct VirtualClock(Lab);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        async move { self.0.advance(duration) }.boxed()
    }
}

/// The connection to a lab in this process. Its record says so, because nobody can go there again.
struct InProcess {
    connection: Connection,
    context: String,
}

impl Transport for InProcess {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        self.connection.call(call)
    }

    fn place(&self) -> (String, String) {
        (self.context.clone(), self.connection.place().1)
    }
}

//! Where a run acts: a cluster, or a world of the lab in this process.

use std::sync::Arc;

use meshbook_rehearsal::mesh::{InProcess, world};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::gate::Budget;
use meshbook_runtime::primitive::Library;
use meshbook_runtime::transport::config::{ConfigFile, ContextConfig};
use meshbook_runtime::transport::{Connection, Options, Transport};

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
    /// How much may be asked of it.
    pub fn budget(&self) -> Budget {
        let standard = Budget::default();
        let configured = &self.config.budget;
        Budget {
            reads: configured.reads.unwrap_or(standard.reads),
            in_flight: configured.in_flight.unwrap_or(standard.in_flight),
        }
    }

    /// The context's name, if it is configured as protected.
    pub fn protected(&self) -> Option<&str> {
        self.context.as_deref().filter(|_| self.config.protected)
    }
}

/// Opens the way to the cluster or to the lab that the command line names.
///
/// # Errors
/// When the kubeconfig, the context or the world cannot be used.
pub async fn open(target: &Target, config: ConfigFile, library: &Library) -> Result<Place, Failure> {
    match &target.lab {
        Some(world) => open_lab(world, target.cluster.namespace.clone()).await,
        None => {
            let cluster = &target.cluster;
            let connection = Connection::open(Options {
                kubeconfig: cluster.kubeconfig.clone(),
                context: cluster.context.clone(),
                namespace: cluster.namespace.clone(),
                config,
                kinds: (library.kinds)(),
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

async fn open_lab(name: &str, namespace: Option<String>) -> Result<Place, Failure> {
    let mesh = InProcess::open(world(name)?, namespace).await?.named(name);
    let (namespace, config) = (mesh.namespace().to_owned(), mesh.config().clone());
    Ok(Place { transport: Arc::new(mesh), namespace, context: None, config })
}

//! Where a run acts: a cluster, a world of the lab in this process, or the record of an earlier run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use meshbook_rehearsal::mesh::{self, InProcess, world};
use meshbook_runtime::engine::ParamValue;
use meshbook_runtime::engine::params;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::gate::Budget;
use meshbook_runtime::primitive::Library;
use meshbook_runtime::run::Second;
use meshbook_runtime::transport::config::{ConfigFile, ContextConfig};
use meshbook_runtime::transport::replay::Replay;
use meshbook_runtime::transport::{Connection, Options, Transport};

use crate::arguments::Target;
use crate::records;

/// Where a run acts.
pub struct Place {
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// The namespace of the run.
    pub namespace: String,
    /// What it is.
    pub kind: Kind,
    /// What the configuration file says about the context.
    pub config: ContextConfig,
}

/// What is at a place.
pub enum Kind {
    /// The cluster of this kubeconfig context.
    Cluster(String),
    /// A world of the lab, in this process.
    Lab,
    /// A record.
    Replay(Arc<Replay>),
}

impl Place {
    /// The record, if it is one.
    pub fn replay(&self) -> Option<&Arc<Replay>> {
        match &self.kind {
            Kind::Replay(replay) => Some(replay),
            Kind::Cluster(_) | Kind::Lab => None,
        }
    }

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
        match &self.kind {
            Kind::Cluster(context) if self.config.protected => Some(context),
            _ => None,
        }
    }
}

/// Opens the way to the cluster, the lab or the record that the command line names.
///
/// # Errors
/// When the kubeconfig, the context, the world or the record cannot be used.
pub async fn open(target: &Target, config: ConfigFile, library: &Library, home: &Path) -> Result<Place, Failure> {
    match (&target.lab, &target.replay) {
        (Some(world), _) => open_lab(world, target.cluster.namespace.clone()).await,
        (None, Some(run)) => {
            let replay = Arc::new(Replay::open(&records::find(home, run)?, (library.kinds)())?);
            Ok(Place {
                namespace: target.cluster.namespace.clone().unwrap_or_else(|| replay.started().namespace.clone()),
                transport: Arc::clone(&replay) as _,
                kind: Kind::Replay(replay),
                config: ContextConfig::default(),
            })
        }
        (None, None) => {
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
            Ok(Place { transport: Arc::new(connection), namespace, kind: Kind::Cluster(context), config })
        }
    }
}

/// Opens the way to the second cluster that a value of the runbook names: a context of the same kubeconfig, a world where
/// the run is on the lab, the second cluster of the record where it is a replay.
///
/// # Errors
/// When the context or the world cannot be used, or the record is of a run that read another one.
pub async fn open_second(
    place: &Place,
    target: &Target,
    values: &BTreeMap<String, ParamValue>,
    config: ConfigFile,
    library: &Library,
) -> Result<Option<Second>, Failure> {
    let Some((param, context)) = params::second(values) else { return Ok(None) };
    match &place.kind {
        Kind::Lab => mesh::second(values).await,
        Kind::Replay(replay) => replay.second(context.name()).map(Some),
        Kind::Cluster(_) => {
            let connection = Connection::open(Options {
                kubeconfig: target.cluster.kubeconfig.clone(),
                context: Some(context.name().to_owned()),
                namespace: Some(place.namespace.clone()),
                config,
                kinds: (library.kinds)(),
                ..Options::default()
            });
            let connection = connection.await.map_err(|failure| params::unusable(param, failure))?;
            Ok(Some(Second { transport: Arc::new(connection), namespace: place.namespace.clone() }))
        }
    }
}

async fn open_lab(name: &str, namespace: Option<String>) -> Result<Place, Failure> {
    let mesh = InProcess::open(world(name)?, namespace).await?.named(name);
    let (namespace, config) = (mesh.namespace().to_owned(), mesh.config().clone());
    Ok(Place { transport: Arc::new(mesh), namespace, kind: Kind::Lab, config })
}

//! A world of the lab in this process, as a run's transport.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;
use meshbook_lab::world::World;
use meshbook_lab::world::rendering::{PROFILE, VERSION, rendered, with_values};
use meshbook_lab::{Lab, Pace, Store};
use meshbook_runtime::effect::{Call, Rendering, Reply};
use meshbook_runtime::engine::{ParamValue, params};
use meshbook_runtime::failure::{CONFIG, Failure, INTERNAL, NOT_FOUND, TOOL};
use meshbook_runtime::run::Second;
use meshbook_runtime::transport::config::ContextConfig;
use meshbook_runtime::transport::{Clock, Connection, Options, Transport};
use serde_json::Value;

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

/// The second cluster that values of a runbook name, as a world of the lab: it runs beside the first one.
///
/// # Errors
/// When there is no such world, or it does not start.
pub async fn second(values: &BTreeMap<String, ParamValue>) -> Result<Option<Second>, Failure> {
    let Some((param, context)) = params::second(values) else { return Ok(None) };
    let opened = async { Ok(InProcess::open(world(context.name())?, None).await?.named(context.name())) };
    let mesh = opened.await.map_err(|failure| params::unusable(param, failure))?;
    let namespace = mesh.namespace().to_owned();
    Ok(Some(Second { transport: Arc::new(mesh), namespace }))
}

/// A running world, and the connection to it. Nobody waits for its time: waiting moves it on.
pub struct InProcess {
    connection: Connection,
    store: Store,
    context: String,
    /// What the resolver of whoever rehearses answers.
    names: Mutex<BTreeMap<String, Vec<String>>>,
}

impl InProcess {
    /// Starts a world and connects to it. `namespace` is the run's; `None` is the world's own.
    ///
    /// # Errors
    /// When the lab does not start.
    pub async fn open(world: World, namespace: Option<String>) -> Result<InProcess, Failure> {
        let context = format!("lab {}", world.name());
        let names = Mutex::new(world.spec().names.clone());
        let lab = Lab::start(world, Pace::Virtual)
            .await
            .map_err(|error| Failure::new(&INTERNAL, format!("the lab does not start: {error}")))?;
        let store = lab.store();
        let connection = Connection::open(Options {
            kubeconfig_text: Some(lab.kubeconfig()),
            namespace,
            clock: Arc::new(VirtualClock(lab)),
            kinds: (meshbook_stdlib::LIBRARY.kinds)(),
            // What is configured for clusters says nothing about the lab.
            ..Options::default()
        })
        .await?;
        Ok(InProcess { connection, store, context, names })
    }

    /// The same under the name that the user wrote, such as the path of a world file.
    #[must_use]
    pub fn named(mut self, name: &str) -> InProcess {
        self.context = format!("lab {name}");
        self
    }

    /// The namespace of the run.
    pub fn namespace(&self) -> &str {
        self.connection.namespace()
    }

    /// What holds for a context that no file speaks of.
    pub fn config(&self) -> &ContextConfig {
        self.connection.config()
    }

    /// Makes a public name lead to these addresses, as whoever owns its zone would.
    pub fn lead(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), addresses);
    }

    fn lookup(&self, name: &str) -> Result<Reply, Failure> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let addresses = names.get(name).filter(|addresses| !addresses.is_empty());
        addresses.map(|addresses| Reply::Json(addresses.clone().into())).ok_or_else(|| {
            let shown = name.escape_debug();
            Failure::new(&NOT_FOUND, format!("the name `{shown}` leads to no address: this world's `names` have none"))
        })
    }

    /// The cluster's objects, to look at behind a run's back.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl Transport for InProcess {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        match call {
            // Who rehearses wakes nobody.
            Call::Notify(_) => ready(Ok(Reply::Text("the lab tells nobody".into()))).boxed(),
            // And needs no program of this machine.
            Call::Render(rendering) => ready(render(rendering).map(Reply::Json)).boxed(),
            Call::Lookup { name } => ready(self.lookup(name)).boxed(),
            call => self.connection.call(call),
        }
    }

    /// The record says that it was a lab, because nobody can go there again.
    fn place(&self) -> (String, String) {
        (self.context.clone(), self.connection.place().1)
    }

    fn beneath(&self) -> Option<&dyn Transport> {
        Some(&self.connection)
    }
}

/// What istioctl would render, as it was recorded.
fn render(rendering: &Rendering) -> Result<Value, Failure> {
    let cannot = |why: String| {
        Failure::new(&TOOL, format!("the lab cannot stand in for {} here: {why}", rendering.tool))
            .unchanged("nothing was changed")
            .hint(format!("it has what istioctl {VERSION} renders for the profile {PROFILE}"))
    };
    if rendering.tool != "istioctl" || rendering.version != VERSION {
        return Err(cannot(format!("it has no rendering by {} {}", rendering.tool, rendering.version.escape_debug())));
    }
    let (mut revision, mut first, mut values) = ("default", false, Vec::new());
    for argument in &rendering.arguments {
        if let Some(name) = argument.strip_prefix("--revision=") {
            revision = name;
        } else if argument.starts_with("--set=values.defaultRevision=") {
            first = true;
        } else if let Some(profile) = argument.strip_prefix("--set=profile=") {
            if profile != PROFILE {
                return Err(cannot(format!("it has no rendering of the profile {}", profile.escape_debug())));
            }
        } else if let Some(value) = argument.strip_prefix("--set=") {
            values.push(value);
        }
    }
    with_values(rendered(revision, first), &rendering.input, &values).map(Value::Array).map_err(cannot)
}

/// The lab's time as a run's clock: time is moved on, and traffic and propagation with it.
struct VirtualClock(Lab);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        async move { self.0.advance(duration) }.boxed()
    }
}

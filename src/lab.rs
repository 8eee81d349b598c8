//! `meshbook lab`.

use std::io::Write as _;
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use meshbook_lab::world::World;
use meshbook_lab::{Lab as Mesh, Pace};
use meshbook_rehearsal::mesh;
use meshbook_runtime::failure::{CONFIG, Failure, INTERNAL};
use serde_json::json;

use crate::Session;
use crate::arguments::{Format, Lab};
use crate::interrupt::Signals;
use crate::terminal::{escape, grid};
use crate::trouble::Trouble;
use crate::{document, state};

/// Serves a world until it is told to end, or lists the worlds.
pub fn lab(arguments: &Lab, session: &Session) -> Result<u8, Trouble> {
    let Some(name) = arguments.world.as_deref().filter(|_| !arguments.list) else {
        list(session);
        return Ok(0);
    };
    let world = mesh::world(name)?;
    let runtime = session.runtime()?;
    runtime.block_on(serve(world, arguments.speed, session))?;
    Ok(0)
}

fn list(session: &Session) {
    let worlds = World::names();
    if session.format == Format::Table {
        let rows: Vec<_> = worlds.into_iter().map(|world| vec![world.name, world.summary]).collect();
        document::lines(grid::lines(&["WORLD", "WHAT IS WRONG IN IT"], &rows, session.screen.look(), 0));
    } else {
        let worlds: Vec<_> =
            worlds.into_iter().map(|world| json!({ "name": world.name, "summary": world.summary })).collect();
        document::write(session.format, &worlds);
    }
}

async fn serve(world: World, speed: f64, session: &Session) -> Result<(), Failure> {
    let cannot = |why: String| Failure::new(&INTERNAL, format!("the lab cannot be served: {why}"));
    let mut signals = Signals::catch().map_err(|error| cannot(error.to_string()))?;
    let name = world.name().to_owned();
    let summary = world.spec().summary.clone();
    let lab = Mesh::start(world, Pace::Wall { speed }).await.map_err(|error| cannot(error.to_string()))?;
    let kubeconfig = Kubeconfig::write(&state::home()?.join("lab"), &name, &lab.kubeconfig())?;
    let screen = &session.screen;
    if session.format == Format::Table {
        document::lines([format!("KUBECONFIG={}", kubeconfig.0.display())]);
    } else {
        document::write(session.format, &json!({ "world": name, "kubeconfig": kubeconfig.0, "speed": speed }));
    }
    screen.say(&format!("{name}: {}", escape::joined(&summary)));
    screen.say(&format!(
        "Its time goes {speed} times as fast as the clock on the wall. Ctrl-C ends it. In another terminal:"
    ));
    screen.say(&format!("  export KUBECONFIG={}", kubeconfig.0.display()));
    screen.say("  kubectl get pods,destinationrules");
    signals.next().await;
    Ok(())
}

/// The kubeconfig of a lab that is being served. It holds the lab's tokens, so only this user can read it; it goes
/// when the lab goes.
struct Kubeconfig(PathBuf);

impl Kubeconfig {
    fn write(folder: &Path, world: &str, text: &str) -> Result<Kubeconfig, Failure> {
        let path = folder.join(format!("{world}-{}.yaml", std::process::id()));
        let written = || -> std::io::Result<PathBuf> {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            builder.mode(0o700);
            builder.create(folder)?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            options.mode(0o600);
            options.open(&path)?.write_all(text.as_bytes())?;
            path.canonicalize()
        };
        written().map(Kubeconfig).map_err(|error| {
            Failure::new(&CONFIG, format!("the lab's kubeconfig cannot be written to {}: {error}", path.display()))
                .hint("set MESHBOOK_HOME to a folder that you can write to")
        })
    }
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        // If it is gone already, that is what was wanted.
        let _ = std::fs::remove_file(&self.0);
    }
}

//! What is said beside the report: `-v` to standard error, `--log FILE` as JSON lines.

use std::fs::OpenOptions;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Mutex;

use meshbook_runtime::failure::{CONFIG, Failure};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::arguments::Output;
use crate::terminal::look::Look;

/// The crates whose spans and events are written. Those of others may hold what a record redacts, such as headers.
const OURS: [&str; 4] = ["meshbook", "meshbook_runtime", "meshbook_stdlib", "meshbook_lab"];

/// Starts tracing as the command line asks for it.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start(output: &Output) -> Result<(), Failure> {
    if output.verbose == 0 && output.log.is_none() {
        return Ok(());
    }
    let ours = |level: LevelFilter| Targets::new().with_targets(OURS.map(|target| (target, level)));
    let level = if output.verbose > 1 { LevelFilter::TRACE } else { LevelFilter::DEBUG };
    let said = (output.verbose > 0).then(|| {
        tracing_subscriber::fmt::layer()
            .compact()
            .with_writer(std::io::stderr)
            .with_ansi(Look::of_stderr(output.no_color).colour)
            .with_span_events(FmtSpan::CLOSE)
            .with_filter(ours(level))
    });
    let logged = match &output.log {
        None => None,
        Some(path) => {
            let mut options = OpenOptions::new();
            options.create(true).append(true);
            #[cfg(unix)]
            options.mode(0o600);
            let file = options.open(path).map_err(|error| {
                Failure::new(&CONFIG, format!("the log file {} cannot be written: {error}", path.display()))
                    .unchanged("nothing was tried")
            })?;
            let layer =
                tracing_subscriber::fmt::layer().json().with_writer(Mutex::new(file)).with_span_events(FmtSpan::CLOSE);
            Some(layer.with_filter(ours(LevelFilter::TRACE)))
        }
    };
    tracing_subscriber::registry().with(said).with(logged).init();
    Ok(())
}

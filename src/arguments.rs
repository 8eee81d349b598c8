//! The command line, as it is written. Nothing is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use meshbook_runtime::gate::Approval;
use meshbook_runtime::value::Span;

const ABOUT: &str = "A service mesh's operations manual, made executable.";

const AFTER: &str = "\
Output:
  The report of a run (steps, values, changes, how it ended) goes to standard output, in the order in which it
  happens. Questions, warnings, errors and what is being waited for go to standard error. With -o json or -o yaml
  standard output has exactly one document, and the report goes to standard error.

Exit codes:
  0    the mesh is healthy, or was healed and that is proved
  1    a problem was found that is not fixed
  2    the script, its parameters or the command line are wrong; nothing was tried
  3    refused: policy, permission, scope, approval or lock
  4    unreachable: the cluster, a proxy or a data source
  5    a check failed, and what was not proved was taken back
  6    the plan is stale; nothing changed
  7    LEFT DIRTY: changes stay behind that were not verified or could not be taken back
  8    cannot tell: the evidence is missing; nothing changed
  124  the deadline passed        130  interrupted

Environment:
  MESHBOOK_HOME    records and locks; default $XDG_STATE_HOME/meshbook or ~/.local/state/meshbook
  MESHBOOK_CONFIG  configuration; default $XDG_CONFIG_HOME/meshbook/config.toml or ~/.config/meshbook/config.toml
  KUBECONFIG       as for kubectl
  NO_COLOR         no colours, if it is not empty";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "meshbook", version, about = ABOUT, after_long_help = AFTER, after_help = "More: meshbook --help; what a code means: meshbook explain CODE", max_term_width = 110, disable_help_subcommand = true)]
pub struct Arguments {
    /// What every subcommand takes.
    #[command(flatten)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where output goes and how it looks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// What standard output is for: a report for people, or one document
    #[arg(short, long, value_enum, default_value_t = Format::Table, global = true, value_name = "FORMAT")]
    pub output: Format,
    /// No colours
    #[arg(long, alias = "no-colour", global = true)]
    pub no_color: bool,
    /// Say on standard error what is read; twice: in detail
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Write everything that is done to FILE, as JSON lines
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// The form of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a runbook: on a terminal it asks before each change
    Run(Run),
    /// Say what a runbook would change; the server tries each change, nothing is changed
    Plan(Plan),
    /// Open a prompt: what a runbook says, typed line by line; it asks before each change
    Repl(Repl),
    /// Take back what a run has changed, field by field, newest first
    Undo(Undo),
    /// List the runs, newest first, or show one as a timeline
    Runs(Runs),
    /// List the runbooks under ./runbooks
    List,
    /// Say what a runbook takes, does and needs, without running it
    Describe(Describe),
    /// Check runbooks without running them
    Check(Check),
    /// Run tests of runbooks on the lab: files *.test.rhai
    Test(Test),
    /// Serve a lab: an embedded mesh to rehearse on, for kubectl and meshbook
    Lab(Lab),
    /// Say at length what a code such as meshbook::gate::denied means
    Explain(Explain),
    /// Write what lets a shell complete meshbook's command lines, to be read by its start-up file
    Completions(Completions),
}

/// Which cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct Cluster {
    /// Namespace of the run; default: the context's
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig; default: its current one
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig; default: $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Which cluster, or which world of the lab.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// A cluster.
    #[command(flatten)]
    pub cluster: Cluster,
    /// Instead of a cluster: this world of the lab, in this process, in virtual time. A name (`meshbook lab --list`)
    /// or a world file
    #[arg(long, value_name = "WORLD", conflicts_with_all = ["context", "kubeconfig"], help_heading = "Cluster")]
    pub lab: Option<String>,
    /// Instead of a cluster: the record of this run, which answers what the run has asked for, as it was answered then.
    /// Nothing can be changed. An id, as much of it as is unique, or `last`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["context", "kubeconfig", "lab"], help_heading = "Cluster")]
    pub replay: Option<String>,
}

impl Target {
    /// A cluster.
    pub fn of(cluster: Cluster) -> Target {
        Target { cluster, lab: None, replay: None }
    }
}

/// Which runbook, with which values.
#[derive(Clone, Debug, Args)]
pub struct Book {
    /// The runbook: a file, or a name under ./runbooks
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Values of its parameters; those of a list are separated by commas
    #[arg(value_name = "NAME=VALUE")]
    pub values: Vec<String>,
    /// Values of its parameters from a TOML, YAML or JSON file; those given as NAME=VALUE win
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
}

/// `meshbook run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Which runbook.
    #[command(flatten)]
    pub book: Book,
    /// Where.
    #[command(flatten)]
    pub target: Target,
    /// Approve changes of this kind beforehand, of one object, or so many of them; nothing is asked then. What cannot
    /// be taken back, and what GitOps owns, has to be named: KIND/NAME. Can be repeated
    #[arg(long, value_name = "KIND[/NAME][=COUNT]", value_delimiter = ',')]
    pub approve: Vec<Approval>,
    /// Stop after this time and take back what was not proved: 90s, 15m, 1h30m
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub deadline: Option<Span>,
    /// Refuse every change
    #[arg(long, conflicts_with = "approve")]
    pub read_only: bool,
    /// Let the runbook execute commands in containers of running pods, where it asks for it: without this flag such a
    /// step is refused
    #[arg(long, conflicts_with = "read_only")]
    pub allow_exec: bool,
    /// Where a step fails, open a prompt before anything is taken back: its variables are there, its changes in force
    #[arg(long, conflicts_with = "deadline")]
    pub debug: bool,
}

/// `meshbook repl`.
#[derive(Debug, Args)]
pub struct Repl {
    /// Where.
    #[command(flatten)]
    pub target: Target,
    /// Without a terminal: approve changes of this kind beforehand, of one object, or so many of them. Can be repeated
    #[arg(long, value_name = "KIND[/NAME][=COUNT]", value_delimiter = ',')]
    pub approve: Vec<Approval>,
    /// Refuse every change until `:write`
    #[arg(long, conflicts_with = "approve")]
    pub read_only: bool,
    /// Run this runbook first; where a step of it fails, the prompt opens there, with its variables
    #[arg(short, long, value_name = "FILE", conflicts_with = "approve")]
    pub inside: Option<String>,
    /// Values of its parameters
    #[arg(value_name = "NAME=VALUE", requires = "inside")]
    pub values: Vec<String>,
}

/// `meshbook plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Which runbook.
    #[command(flatten)]
    pub book: Book,
    /// Where.
    #[command(flatten)]
    pub target: Target,
    /// Stop after this time: 90s, 15m, 1h30m
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub deadline: Option<Span>,
}

/// `meshbook undo`.
#[derive(Debug, Args)]
pub struct Undo {
    /// The run: its id, or as much of the id as is unique; `last` is the newest run
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Kubeconfig; default: $KUBECONFIG, ~/.kube/config. The context is the run's
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Another name that the run's context has now
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Take it back although newer runs stand that may build on it
    #[arg(long)]
    pub out_of_order: bool,
}

/// `meshbook runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// One run as a timeline: its id, or as much of the id as is unique; `last` is the newest run
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// List at most so many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
}

/// `meshbook describe`.
#[derive(Debug, Args)]
pub struct Describe {
    /// The runbook: a file, or a name under ./runbooks
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `meshbook check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Runbooks, or folders of them
    #[arg(value_name = "FILE|DIR", required = true)]
    pub paths: Vec<PathBuf>,
}

/// `meshbook test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Files of tests, or folders of them; default: ./runbooks
    #[arg(value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Only tests with this in their title
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    pub only: String,
    /// Check and test again whenever a file is saved, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// `meshbook lab`.
#[derive(Debug, Args)]
pub struct Lab {
    /// The world: a name, or a world file
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    pub world: Option<String>,
    /// How many times faster than the wall clock its time goes
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// List the worlds
    #[arg(long, conflicts_with = "world")]
    pub list: bool,
}

/// `meshbook explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The code, or its end: `meshbook::gate::denied`, `gate::denied`, `denied`; without one: all codes
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// `meshbook completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.1..=1000.0).contains(&speed) { Ok(speed) } else { Err("it is not between 0.1 and 1000".into()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}

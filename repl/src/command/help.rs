//! `:help [TOPIC]`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::value::Table;

use super::{COMMANDS, Command};
use crate::question;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":help",
    takes: "[TOPIC]",
    summary: "lists the commands, or tells about a name",
    help: "A topic is a function (`refusals`, `Host.refusals`), a namespace (`k8s`), a noun (`Host`), a word (`step`),\na variable, or a command (`:watch`). `name?` asks the same, `name??` also what it does to the cluster.",
    body,
};

fn body(session: &mut Session, topic: &str) -> Result<Next, Failure> {
    if !topic.is_empty() {
        return question::about(session, topic, false).map(|()| Next::Go);
    }
    let mut table = Table::new("", &["COMMAND", "WHAT IT DOES"]);
    for command in COMMANDS {
        table.row([command.usage(), command.summary.into()]);
    }
    table.note("name? tells what a name is, name?? what it does to the cluster; Tab completes");
    table.note("_ is the last result, _3 that of input 3, _error the last failure");
    session.front().table(&table);
    Ok(Next::Go)
}

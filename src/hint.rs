//! Command lines that a person can copy: how to undo a run, how to make what was planned.

use std::collections::BTreeSet;

use meshbook_runtime::shell;

use crate::arguments::{Book, Target};
use crate::report::Report;

/// The command that takes a run's changes back.
pub fn undo_of(run: &str, target: &Target) -> String {
    let mut words = vec!["meshbook".to_owned(), "undo".to_owned(), run.to_owned()];
    if let Some(kubeconfig) = &target.cluster.kubeconfig {
        words.extend(["--kubeconfig".to_owned(), kubeconfig.display().to_string()]);
    }
    shell::line(&words)
}

/// The command that makes what a plan has shown.
pub fn make(report: &Report, book: &Book, target: &Target) -> String {
    let mut words = vec!["meshbook".to_owned(), "run".to_owned(), book.file.display().to_string()];
    words.extend(book.values.iter().cloned());
    let cluster = &target.cluster;
    for (option, value) in [
        ("--params", book.params.as_ref().map(|path| path.display().to_string())),
        ("--lab", target.lab.clone()),
        ("--kubeconfig", cluster.kubeconfig.as_ref().map(|path| path.display().to_string())),
        ("--context", cluster.context.clone()),
        ("-n", cluster.namespace.clone()),
    ] {
        if let Some(value) = value {
            words.extend([option.to_owned(), value]);
        }
    }
    let approvals: BTreeSet<_> = report
        .changes
        .iter()
        .map(|change| {
            let kind = change.reference.kind.kind.to_ascii_lowercase();
            // These are approved only if they are named.
            let named = change.gitops.is_some() || change.class > meshbook_runtime::effect::Class::Change;
            if named { format!("{kind}/{}", change.reference.name) } else { kind }
        })
        .collect();
    for approval in approvals {
        words.extend(["--approve".to_owned(), approval]);
    }
    shell::line(&words)
}

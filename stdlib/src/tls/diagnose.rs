//! What a diagnosis of mutual TLS comes to, for whoever asks about several causes at once.

use std::collections::BTreeMap;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;

use super::{Cause, TlsPair, gather};
use crate::finding::{Diagnosis, Finding};
use crate::host::Host;
use crate::text::percent;

/// The runbook that deals with most of them.
const RUNBOOK: &str = "troubleshooting/mtls.rhai";

/// Why callers of a host fail for TLS: each cause once, the one that harms most first. A disagreement by which no request
/// fails is among them, with no harm. And what a person should know besides.
///
/// # Errors
/// What every read of the API server can end in.
pub fn diagnose(run: &Run, host: &Host) -> Result<(Diagnosis, Vec<String>), Failure> {
    let gathered = gather::gather(run, host)?;
    if gathered.pairs.is_empty() {
        return Ok((gathered.unseen.map_or(Ok(Vec::new()), Err), gathered.notes));
    }
    let found = findings(&gathered.pairs, host);
    // What was seen to disagree is a finding, whatever could not be seen.
    let found = match (found, gathered.unlogged) {
        (Ok(found), Some(unlogged)) if found.is_empty() => Err(unlogged),
        (found, _) => found,
    };
    Ok((found, gathered.notes))
}

fn findings(pairs: &[TlsPair], host: &Host) -> Diagnosis {
    let requests: f64 = pairs.iter().filter_map(|pair| pair.known().failed.as_ref().ok()).map(|f| f.total).sum();
    let mut by_cause = BTreeMap::<Cause, Vec<&TlsPair>>::new();
    for pair in pairs {
        if let Ok(Some((cause, _))) = &pair.known().verdict {
            by_cause.entry(*cause).or_default().push(pair);
        }
    }
    if by_cause.is_empty()
        && let Some(missing) = pairs.iter().find_map(TlsPair::missing)
    {
        return Err(missing.clone());
    }
    let finding = |(cause, pairs): (Cause, Vec<&TlsPair>)| {
        let failed: f64 = pairs.iter().filter_map(|pair| pair.known().failed.as_ref().ok()).map(|f| f.failed).sum();
        let mut evidence: Vec<String> = pairs.iter().map(|pair| pair.text()).collect();
        let source = |pair: &&TlsPair| pair.known().failed.as_ref().ok().map(|failed| failed.source);
        evidence.extend(pairs.iter().filter_map(source).map(|source| format!("source: {source}")));
        evidence.dedup();
        let first = pairs[0].advice();
        let what =
            if failed > 0.0 { first } else { format!("{first}; no request has failed by it in the last minute") };
        let harm = if requests > 0.0 { (failed / requests).min(1.0) } else { 0.0 };
        Finding {
            cause: cause.words(),
            what,
            evidence,
            harm,
            harms: format!("{} of the requests to {}", percent(harm), host.text()),
            runbook: cause.runbook(),
            arguments: if cause.runbook() == RUNBOOK { vec![format!("service={}", host.text())] } else { Vec::new() },
        }
    };
    let mut findings: Vec<Finding> = by_cause.into_iter().map(finding).collect();
    findings.sort_by(|a, b| b.harm.total_cmp(&a.harm).then(a.cause.cmp(b.cause)));
    Ok(findings)
}

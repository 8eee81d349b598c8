//! The triage: every diagnosis at once, read-only, and its causes ranked.

pub mod candidates;
mod rank;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use meshbook_runtime::effect::{Effect, ObjectRef};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use crate::causes::Causes;
use crate::evidence::{at_once, ended, moment, survey};
use crate::finding::{Diagnosis, Finding};
use crate::host::{Host, resolve};
use crate::kubernetes::kinds;
use crate::memory::diagnose::Diagnosed;
use crate::symptom::{Domain, Kind};
use crate::workload::resolve::behind;
use crate::{control_plane, latency, memory, refusals, symptom, tls};

/// How many steps a slow dependency is followed: what it waits for, and what that waits for.
const STEPS: usize = 3;

/// What looking came to.
enum Answer {
    /// What one diagnosis says, and what it is about.
    Diagnosed { about: String, diagnosis: Diagnosis },
    /// What a person should know, for nothing was there to be diagnosed.
    Note(String),
}

impl Answer {
    fn found(&self) -> &[Finding] {
        match self {
            Answer::Diagnosed { diagnosis: Ok(found), .. } => found,
            _ => &[],
        }
    }
}

/// Why a service is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// A person named it.
    ByName,
    /// It is one of several.
    AmongOthers,
}

/// Looks for everything that can be wrong with a service and its control plane; without a service, with those of the run's
/// namespace of which telemetry says that they fail or are slow.
///
/// # Errors
/// `HOST_UNKNOWN`, what every read of the API server can end in, and what a script may not handle. A diagnosis that lacks
/// its data is noted instead.
pub fn triage(run: &Run, service: Option<&str>, bound: Span) -> Result<Causes, Failure> {
    moment::during(run, || look_and_rank(run, service, bound))
}

fn look_and_rank(run: &Run, service: Option<&str>, bound: Span) -> Result<Causes, Failure> {
    // Pods above all: they are the longest list, and every diagnosis begins with them.
    let all = |kind| Effect::list(kind, None, None);
    moment::know(
        run,
        &[
            all(kinds::pod()),
            all(kinds::namespace()),
            all(kinds::destination_rule()),
            all(kinds::peer_authentication()),
        ],
    );
    let (subject, hosts, mut notes, mut missing) = match service {
        Some(service) => {
            let host = resolve::resolve(run, service)?;
            (format!("{} and its control plane", host.text()), vec![host], Vec::new(), None)
        }
        None => {
            let chosen = candidates::choose(run, bound)?;
            let subject = format!("the services of {} and their control plane", run.namespace());
            (subject, chosen.hosts, chosen.notes, chosen.missing)
        }
    };
    let asked = if service.is_some() { Asked::ByName } else { Asked::AmongOthers };
    let mut answers = look(run, &hosts, asked, bound, true)?;
    let mut known: BTreeSet<String> = hosts.iter().map(Noun::text).collect();
    for _ in 0..STEPS {
        let next = dependencies(run, &answers, &mut known)?;
        if next.is_empty() {
            break;
        }
        answers.extend(look(run, &next, Asked::ByName, bound, false)?);
    }
    let mut found: Vec<Finding> = Vec::new();
    for answer in answers {
        match answer {
            Answer::Diagnosed { diagnosis: Ok(findings), .. } => found.extend(findings),
            Answer::Diagnosed { about, diagnosis: Err(why) } => {
                notes.push(format!("{about} cannot be told: {why}"));
                missing.get_or_insert(why);
            }
            Answer::Note(note) => notes.push(note),
        }
    }
    for one in found.iter_mut().filter(|one| !one.runbook.is_empty()) {
        let arguments: String = one.arguments.iter().map(|argument| format!(" {argument}")).collect();
        one.evidence.push(format!("next: meshbook run runbooks/{}{arguments}", one.runbook));
    }
    let diagnosis = match missing {
        Some(missing) if found.is_empty() => Err(missing),
        _ => Ok(rank::ranked(found)),
    };
    Ok(Causes::with_notes(subject, diagnosis, notes))
}

/// All hosts at once, each on threads of its own, and the control plane beside them. What two of them ask for is asked
/// once.
fn look(
    run: &Run,
    hosts: &[Host],
    asked: Asked,
    bound: Span,
    with_control_plane: bool,
) -> Result<Vec<Answer>, Failure> {
    thread::scope(|scope| {
        let plane = with_control_plane.then(|| {
            scope.spawn(|| {
                let diagnosis = control_plane::diagnose::diagnose(run)?;
                Ok(vec![Answer::Diagnosed { about: "what is wrong with the control plane".into(), diagnosis }])
            })
        });
        let hosts: Vec<_> = hosts.iter().map(|host| scope.spawn(move || of_host(run, host, asked, bound))).collect();
        let answers: Vec<_> = plane.into_iter().chain(hosts).map(ended).collect();
        answers.into_iter().collect::<Result<Vec<_>, _>>().map(|answers| answers.into_iter().flatten().collect())
    })
}

fn of_host(run: &Run, host: &Host, asked: Asked, bound: Span) -> Result<Vec<Answer>, Failure> {
    if asked == Asked::AmongOthers && is_uncalled(run, host)? {
        // Pods without a sidecar may call it all the same; only mutual TLS can fail for these.
        let (tls, _) = tls::diagnose::diagnose(run, host)?;
        return Ok(vec![match tls {
            Ok(found) if !found.is_empty() => Answer::Diagnosed { about: String::new(), diagnosis: Ok(found) },
            _ => Answer::Note(format!("nobody calls {}", host.text())),
        }]);
    }
    // TLS asks each proxy for all that refusals want of it too.
    let in_turn = || Ok::<_, Failure>((tls::diagnose::diagnose(run, host)?, refusals::diagnose::diagnose(run, host)?));
    let beside = || at_once(|| latency::diagnose(run, host, bound), || memory_behind(run, host));
    let ((slow, memory), ((tls, notes), refusals)) = at_once(beside, in_turn)?;
    // What a diagnosis has a cause for is not a cause of its own.
    let has = |diagnosis: &Diagnosis| diagnosis.as_ref().is_ok_and(|found| !found.is_empty());
    // Where no sidecar of the service's pods runs, it has no endpoint.
    let nothing_runs = !memory.is_empty() && memory.iter().all(|(_, found, takes_down)| *takes_down && has(found));
    let is_explained = |kind: Kind| match kind.domain() {
        _ if kind == Kind::NoHealthyUpstream => nothing_runs,
        Domain::Refusals => has(&refusals),
        Domain::Tls => has(&tls),
        Domain::Latency => has(&slow),
        Domain::Other => false,
    };
    let rest = symptom::diagnose::diagnose(run, host, is_explained)?;
    let about = |what: &str| format!("{what} {}", host.text());
    let mut answers = vec![
        Answer::Diagnosed { about: about("what circuit breakers refuse on the way to"), diagnosis: refusals },
        Answer::Diagnosed { about: about("whether mutual TLS fails on the way to"), diagnosis: tls },
        Answer::Diagnosed { about: about("how slow is"), diagnosis: slow },
        Answer::Diagnosed { about: about("how requests fail on the way to"), diagnosis: rest },
    ];
    answers.extend(notes.into_iter().map(|note| Answer::Note(format!("{}: {note}", host.text()))));
    for (work, diagnosis, _) in memory {
        answers.push(match diagnosis {
            // Many a mesh has no memory over time; that says nothing about the service, so it is no more than a note.
            Err(why) => Answer::Note(format!("the memory of the sidecars of {work} cannot be told: {why}")),
            diagnosis => Answer::Diagnosed { about: String::new(), diagnosis },
        });
    }
    Ok(answers)
}

/// Each workload behind a host, with what its sidecars lack in memory, and whether that takes it down.
fn memory_behind(run: &Run, host: &Host) -> Result<Vec<(ObjectRef, Diagnosis, bool)>, Failure> {
    let mut found = Vec::new();
    for work in behind(run, host)? {
        let Diagnosed { diagnosis, takes_down } = memory::diagnose::diagnose(run, &work)?;
        found.push((work, diagnosis, takes_down));
    }
    Ok(found)
}

/// Whether nobody calls a host. Only asked where several are looked at: of one that a person named, all is said.
fn is_uncalled(run: &Run, host: &Host) -> Result<bool, Failure> {
    let requests = survey::requests(run, host, Span(Duration::from_secs(60)))?;
    Ok(survey::survey(run, host, requests.as_ref().ok())?.is_uncalled())
}

/// The services for which slow ones wait, and which were not looked at yet.
fn dependencies(run: &Run, answers: &[Answer], known: &mut BTreeSet<String>) -> Result<Vec<Host>, Failure> {
    let found = answers.iter().flat_map(Answer::found);
    let names = found.filter(|one| one.cause == latency::SLOW_DEPENDENCY).filter_map(rank::service_of);
    let mut hosts = Vec::new();
    for name in names.map(str::to_owned).collect::<BTreeSet<_>>() {
        let host = match resolve::resolve(run, &name) {
            Ok(host) => host,
            // Not a Service of this cluster: the finding names it, and that is all that can be said.
            Err(failure) => {
                crate::evidence::absorb(failure)?;
                continue;
            }
        };
        if known.insert(host.text()) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}

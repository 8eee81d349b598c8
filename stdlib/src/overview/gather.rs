//! How the overview is gathered: seven pages of each proxy at once, then the istiods.

use std::collections::BTreeMap;

use meshbook_runtime::effect::{Effect, Reply};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;

use super::{Hosts, Overview, Seen, View, judge};
use crate::control_plane::gather as plane;
use crate::control_plane::syncz::Synced;
use crate::envoy::secrets::Secrets;
use crate::envoy::{admin, clusters, dump, memory, server_info};
use crate::evidence::absorb;
use crate::proxies::Proxies;
use crate::proxy::pod::PodFacts;
use crate::text::count;

/// Gathers what the proxies and the istiods say.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, proxies: &Proxies) -> Result<Overview, Failure> {
    let of = proxies.of().to_owned();
    if let Some(missing) = proxies.missing() {
        return Ok(Overview::new(of, Err(missing.clone())));
    }
    run.progress(Some(&format!("asking {}", count(proxies.pods().len(), "proxy", "proxies"))));
    let mut views = pages(run, proxies.pods())?;
    let istiods = synced(run, &mut views)?;
    run.progress(None);
    if let Some(why) = views
        .iter()
        .map(View::silent)
        .collect::<Option<Vec<_>>>()
        .and_then(|all| all.first().map(|why| (*why).to_owned()))
    {
        let what = format!("none of {} answered: {why}", count(views.len(), "proxy", "proxies"));
        return Ok(Overview::new(of, Err(Missing::Unreachable(what))));
    }
    let mut seen = Seen { now: run.now()?, views, istiods, problems: Vec::new() };
    seen.problems = judge::problems(&seen);
    Ok(Overview::new(of, Ok(seen)))
}

fn pages(run: &Run, pods: &[PodFacts]) -> Result<Vec<View>, Failure> {
    let pages = [admin::server_info, admin::hosts, admin::secrets, admin::heap];
    let effects = pods.iter().flat_map(|pod| {
        let others = pages.map(|page| page(&pod.namespace, &pod.name));
        others.into_iter().chain(admin::configuration(&pod.namespace, &pod.name))
    });
    let bodies = bodies(run, effects.collect())?;
    let mut views = Vec::with_capacity(pods.len());
    for (pod, bodies) in pods.iter().zip(bodies.chunks(pages.len() + admin::CONFIGURATION)) {
        let [info, all_hosts, secrets, heap, configuration @ ..] = bodies else {
            unreachable!("each proxy is asked for each page");
        };
        views.push(View {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            info: told(info, server_info::parse),
            dump: dump::of_pages(configuration),
            hosts: told(all_hosts, hosts),
            certificate: told(secrets, Secrets::parse).map(|secrets| secrets.own),
            memory: told(heap, memory::parse),
            #[allow(clippy::cast_precision_loss, reason = "only its part matters")]
            memory_limit: pod.proxy_memory_limit.map(|bytes| bytes as f64),
            synced: None,
        });
    }
    Ok(views)
}

/// The page of an answer, or why there is none.
///
/// # Errors
/// What a script may not handle.
pub fn body(reply: Result<Reply, Failure>) -> Result<Result<String, String>, Failure> {
    Ok(match reply {
        Ok(reply) => admin::body(reply),
        Err(failure) => Err(absorb(failure)?),
    })
}

/// The pages of answers, each or why there is none.
///
/// # Errors
/// What a script may not handle.
pub fn bodies(run: &Run, effects: Vec<Effect>) -> Result<Vec<Result<String, String>>, Failure> {
    run.read_all(effects).into_iter().map(body).collect()
}

/// What a page says, or why that is not known.
///
/// # Errors
/// Why there is no page, or it is none.
pub fn told<T>(page: &Result<String, String>, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
    parse(page.as_ref().map_err(Clone::clone)?)
}

fn hosts(page: &str) -> Result<Hosts, String> {
    let mut hosts = Hosts::default();
    for cluster in clusters::parse(page)?.iter().filter(|cluster| !cluster.name.is_inbound()) {
        let healthy = cluster.hosts.iter().filter(|host| host.healthy).count();
        hosts.healthy += healthy;
        hosts.all += cluster.hosts.len();
        if healthy == 0 && cluster.is_used() {
            hosts.dead.push(cluster.name.to_string());
        }
    }
    Ok(hosts)
}

/// Gives each proxy what the istiod that knows it says. Answers why none could be asked, if so.
fn synced(run: &Run, views: &mut [View]) -> Result<Result<(), String>, Failure> {
    let plane = match plane::gather(run) {
        Ok(plane) => plane,
        Err(failure) => return Ok(Err(absorb(failure)?)),
    };
    let seen = match plane.outcome() {
        Ok(seen) => seen,
        Err(missing) => return Ok(Err(missing.to_string())),
    };
    let mut known: BTreeMap<&str, (&str, &Synced)> = BTreeMap::new();
    let (mut answered, mut asked) = (0, 0);
    for istiod in &seen.istiods {
        asked += 1;
        let Some(says) = istiod.answer() else { continue };
        answered += 1;
        for proxy in &says.proxies {
            // A proxy that has just moved is known to two: the newer push counts.
            let newer = known.get(proxy.proxy.as_str()).is_none_or(|(_, other)| other.pushed < proxy.pushed);
            if newer {
                known.insert(&proxy.proxy, (&istiod.pod, proxy));
            }
        }
    }
    for view in views.iter_mut() {
        let proxy = format!("{}.{}", view.pod, view.namespace);
        view.synced = known.get(proxy.as_str()).map(|(istiod, synced)| ((*istiod).to_owned(), (*synced).clone()));
    }
    Ok(match (answered, asked) {
        (0, 0) => Err(format!("namespace {} has no istiod", plane.root())),
        (0, some) => Err(format!("none of {} answered", count(some, "istiod", "istiods"))),
        (some, all) if some < all => Err(format!("{} of {all} istiods did not answer", all - some)),
        _ => Ok(()),
    })
}

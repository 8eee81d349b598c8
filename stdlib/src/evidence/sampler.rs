//! Envoy's counters, read twice: one memory of snapshots for each run, so that successive questions slide and share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::absorb;
use super::window::{Plan, plan};
use crate::envoy::{admin, clusters, stats};
use crate::host::Host;
use crate::proxy::{Key, Proxy};

/// A page that is read twice.
pub trait Page: Sized + Send + Sync + 'static {
    /// What tells it from other pages.
    const NAME: &'static str;

    /// The effect that reads it.
    fn effect(proxy: &Proxy) -> meshbook_runtime::effect::Effect;

    /// Reads it.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    fn parse(body: &str) -> Result<Self, String>;
}

impl Page for stats::Stats {
    const NAME: &'static str = "stats";

    fn effect(proxy: &Proxy) -> meshbook_runtime::effect::Effect {
        admin::stats(proxy.namespace(), proxy.pod(), proxy.host().fqdn())
    }

    fn parse(body: &str) -> Result<Self, String> {
        stats::Stats::parse(body)
    }
}

/// The clusters of a proxy with their hosts' counters.
pub struct Clusters(pub Vec<clusters::Cluster>);

impl Page for Clusters {
    const NAME: &'static str = "clusters";

    fn effect(proxy: &Proxy) -> meshbook_runtime::effect::Effect {
        admin::clusters(proxy.namespace(), proxy.pod(), proxy.host().fqdn())
    }

    fn parse(body: &str) -> Result<Self, String> {
        clusters::parse(body).map(Clusters)
    }
}

/// What the proxies said at one time; why, for those that did not answer.
pub struct Snapshot<P> {
    /// When.
    pub at: Timestamp,
    /// By proxy.
    pub pages: BTreeMap<Key, Result<P, String>>,
}

impl<P> Snapshot<P> {
    /// The page of a proxy, if it answered.
    pub fn page(&self, proxy: &Proxy) -> Option<&P> {
        self.pages.get(&proxy.key()).and_then(|page| page.as_ref().ok())
    }

    /// Those that did not answer, with the reason.
    pub fn silent(&self) -> impl Iterator<Item = (String, &String)> {
        self.pages
            .iter()
            .filter_map(|((namespace, pod, _), page)| Some((format!("{pod}.{namespace}"), page.as_ref().err()?)))
    }
}

/// The snapshots of a run, by host and page.
pub struct Sampler<P>(Mutex<HashMap<String, Vec<Arc<Snapshot<P>>>>>);

impl<P> Default for Sampler<P> {
    fn default() -> Self {
        Sampler(Mutex::new(HashMap::new()))
    }
}

/// How many snapshots of a host are kept.
const KEPT: usize = 16;

/// Reads a page of every proxy now, and remembers it.
///
/// # Errors
/// What a script may not handle; a proxy that does not answer is none.
pub fn sample<P: Page>(run: &Run, host: &Host, proxies: &[Proxy]) -> Result<Arc<Snapshot<P>>, Failure> {
    let at = run.now()?;
    let replies = run.read_all(proxies.iter().map(P::effect).collect());
    let mut pages = BTreeMap::new();
    for (proxy, reply) in proxies.iter().zip(replies) {
        let page = match reply {
            Ok(reply) => admin::body(reply).and_then(|body| P::parse(&body)),
            Err(failure) => Err(absorb(failure)?),
        };
        pages.insert(proxy.key(), page);
    }
    let snapshot = Arc::new(Snapshot { at, pages });
    let sampler = run.kept::<Sampler<P>>();
    let mut kept = sampler.0.lock().unwrap_or_else(PoisonError::into_inner);
    let of_host = kept.entry(host.fqdn().to_owned()).or_default();
    of_host.push(Arc::clone(&snapshot));
    let surplus = of_host.len().saturating_sub(KEPT);
    of_host.drain(..surplus);
    Ok(snapshot)
}

/// Two reads that lie `span` apart, the second of them now. Waits for what is missing of the span.
///
/// `worth` is asked of the first read: if it says no, there is nothing to wait for, and the answer is `None`.
///
/// # Errors
/// What a script may not handle.
#[allow(clippy::type_complexity, reason = "two snapshots are two snapshots")]
pub fn window<P: Page>(
    run: &Run,
    host: &Host,
    proxies: &[Proxy],
    span: Span,
    worth: impl Fn(&Snapshot<P>) -> bool,
) -> Result<Option<(Arc<Snapshot<P>>, Arc<Snapshot<P>>)>, Failure> {
    // Before the first change of a step, proofs are only asked whether they have data.
    let span = if run.is_rehearsing() { span.0.min(Duration::from_secs(1)) } else { span.0 };
    let earlier = suitable::<P>(run, host, proxies);
    let now = run.now()?;
    let ages: Vec<_> = earlier
        .iter()
        .map(|snapshot| Duration::try_from(now.duration_since(snapshot.at)).unwrap_or_default())
        .collect();
    let (first, rest) = match plan(&ages, span) {
        Plan::Use(index) => (Arc::clone(&earlier[index]), Duration::ZERO),
        Plan::Wait(index, rest) => (Arc::clone(&earlier[index]), rest),
        Plan::Fresh => (sample::<P>(run, host, proxies)?, span),
    };
    if !worth(&first) {
        return Ok(None);
    }
    if !rest.is_zero() {
        run.sleep(rest)?;
    }
    Ok(Some((first, sample::<P>(run, host, proxies)?)))
}

/// Earlier snapshots that know all of these proxies, oldest first.
fn suitable<P: Page>(run: &Run, host: &Host, proxies: &[Proxy]) -> Vec<Arc<Snapshot<P>>> {
    let sampler = run.kept::<Sampler<P>>();
    let kept = sampler.0.lock().unwrap_or_else(PoisonError::into_inner);
    let of_host = kept.get(host.fqdn()).map(Vec::as_slice).unwrap_or_default();
    of_host
        .iter()
        .filter(|snapshot| proxies.iter().all(|proxy| snapshot.pages.contains_key(&proxy.key())))
        .cloned()
        .collect()
}

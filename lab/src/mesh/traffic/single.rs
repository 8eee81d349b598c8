//! Single requests of a pod that is no part of the world's load: each ends as the same request of that load would.

use std::collections::HashMap;

use jiff::Timestamp;

use super::flow::{Flow, Outside, Stream};
use super::outcome::Outcome;
use super::queue::Demand;
use super::tls::{Peer, Shake};
use super::{TICK, Traffic, seed, shaken};
use crate::mesh::access_log::Journal;
use crate::mesh::ca::Identity;
use crate::mesh::istiod::config::ProxyConfig;
use crate::mesh::kubernetes::PodKey;

/// So little that no limit and no queue feels it (1/s).
const HARDLY: f64 = 1e-4;

/// How one request ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Single {
    /// How.
    pub outcome: Outcome,
    /// How long it took (s), as the caller's proxy sees it.
    pub seconds: f64,
    /// The status with which the application answers where it answers with an error.
    pub error_code: u16,
}

/// Who asks.
pub struct Asker<'a> {
    /// The pod.
    pub pod: &'a PodKey,
    /// Its sidecar's identity; `None` if it has none.
    pub sidecar: Option<Identity>,
    /// What its proxy has from istiod, or what holds without one.
    pub config: &'a ProxyConfig,
    /// What becomes of requests to hosts that its proxy does not know.
    pub outside: Outside<'a>,
    /// Whether the proxy of a pod denies the request; whether the caller's certificate said who it is.
    pub denies: &'a dyn Fn(&PodKey, bool) -> bool,
}

impl Traffic {
    /// The ends of `count` requests, one after the other, and what access logs are made of.
    pub fn singles(
        &self,
        stream: &Stream,
        asker: &Asker,
        peers: &HashMap<&PodKey, Peer>,
        count: u32,
        began: Timestamp,
    ) -> (Vec<Single>, Journal) {
        let demand = Demand::Open(HARDLY);
        let mut flow = Flow {
            stream: 0,
            caller: Some(asker.pod.clone()),
            ordinal: (0, 1),
            proxied: asker.sidecar.is_some(),
            demand,
            legs: Vec::new(),
            totals: Vec::new(),
            journal: Journal::default(),
        };
        let shake = shaken(peers, asker.sidecar.unwrap_or_default(), flow.proxied, false);
        flow.resolve(stream, asker.config, asker.outside, &self.servers, |key| self.index.get(key).copied(), shake);
        for leg in &mut flow.legs {
            leg.settle(demand, stream, &self.servers, TICK);
        }
        let mut at = began;
        let mut singles = Vec::new();
        for number in 0..count {
            let draw = |what: &str| {
                seed::unit(seed::hash(self.seed, &[what, &asker.pod.1, &stream.authority, &number.to_string()]))
            };
            let leg = pick(&flow.legs, draw("way"), |leg| leg.share());
            let mut outcome = *pick(&Outcome::ALL, draw("end"), |outcome| leg.rates[**outcome as usize]);
            let answers = matches!(outcome, Outcome::Ok | Outcome::ApplicationError);
            let mutual = leg.shakes.first() == Some(&Shake::Mutual);
            if answers && leg.servers.first().is_some_and(|index| (asker.denies)(&self.servers[*index].pod, mutual)) {
                outcome = Outcome::Denied;
            }
            let error_code = leg.servers.first().map_or(500, |index| self.servers[*index].error_code);
            let millis = flow.journal.note_one(at, leg, outcome, (&asker.pod.1, &stream.authority));
            let seconds = millis / 1000.0;
            at += std::time::Duration::from_secs_f64(seconds);
            singles.push(Single { outcome, seconds, error_code });
        }
        (singles, flow.journal)
    }
}

/// One of several, by weight; the last if rounding leaves none.
fn pick<T>(of: &[T], draw: f64, weight: impl Fn(&&T) -> f64) -> &T {
    let total: f64 = of.iter().map(|one| weight(&one)).sum();
    let mut left = draw * total;
    for one in of {
        left -= weight(&one);
        if left < 0.0 {
            return one;
        }
    }
    let heaviest = of.iter().max_by(|a, b| weight(a).total_cmp(&weight(b)));
    heaviest.expect("a flow has a leg, and a request an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide() {
        let of = [("a", 0.0), ("b", 1.0), ("c", 3.0)];
        let by = |draw| pick(&of, draw, |one| one.1).0;
        assert_eq!((by(0.0), by(0.24), by(0.26), by(0.999)), ("b", "b", "c", "c"));
        assert_eq!(pick(&[("a", 0.0)], 0.5, |one| one.1).0, "a");
    }
}

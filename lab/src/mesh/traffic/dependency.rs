//! Services that a service asks before it answers: its requests follow from what it answers, and their time is part of
//! its own.

use std::time::Duration;

use super::flow::Stream;
use super::queue::Demand;
use super::{PodFacts, Traffic};
use crate::world::Spec;
use crate::world::objects::workloads;

/// The streams that workloads send on behalf of their callers.
pub fn streams(spec: &Spec) -> impl Iterator<Item = Stream> {
    workloads(spec).flat_map(|(namespace, workload)| {
        workload.calls.iter().map(move |call| Stream {
            source: (namespace.to_owned(), workload.name.clone()),
            source_cluster: "Kubernetes".into(),
            authority: call.to.clone(),
            path: call.path.clone(),
            headers: Vec::new(),
            rate: 0.0,
            clients: None,
            think: 0.0,
            shares: Vec::new(),
            changes: Vec::new(),
            // An application asks on after its own caller has left: nobody tells it.
            client_timeout: Duration::from_secs(60),
            on_behalf: Some(call.times),
        })
    })
}

impl Traffic {
    /// Makes the first pods of a workload err, as its world says.
    pub(super) fn sicken(&mut self, pods: &[PodFacts]) {
        for (namespace, workload) in &self.workloads {
            let Some(faulty) = workload.faulty else { continue };
            let own = pods.iter().filter(|pod| pod.key.0 == *namespace && pod.workload == workload.name);
            for pod in own.take(faulty.pods) {
                if let Some(server) = self.servers.iter_mut().find(|server| server.pod == pod.key) {
                    server.error_rate = faulty.error_rate;
                    server.faulty_rate = faulty.error_rate;
                }
            }
        }
    }

    /// Hands load on to dependencies, and their time back to who asks. Returns whether nothing has changed.
    pub(super) fn pass_on(&mut self) -> bool {
        let mut rest = true;
        let mut waits = vec![(0.0, 1.0); self.servers.len()];
        for flow in &mut self.flows {
            let Some(times) = self.streams[flow.stream].on_behalf else { continue };
            let Some(index) = flow.caller.as_ref().and_then(|key| self.index.get(key).copied()) else { continue };
            let rate = times * self.servers[index].worked();
            if let Demand::Open(before) = flow.demand {
                rest &= (rate - before).abs() <= 1e-6 * rate.max(1e-3);
            }
            flow.demand = Demand::Open(rate);
            let ends = flow.legs.iter().filter_map(|leg| Some((leg.share(), leg.response()?)));
            let (time, failed) =
                ends.fold((0.0, 0.0), |sum, (share, (time, failed))| (sum.0 + share * time, sum.1 + share * failed));
            waits[index].0 += times * time;
            waits[index].1 *= (1.0 - failed.clamp(0.0, 1.0)).powf(times);
        }
        for (server, (time, answered)) in self.servers.iter_mut().zip(waits) {
            rest &= server.adapt(time, 1.0 - answered);
        }
        rest
    }
}

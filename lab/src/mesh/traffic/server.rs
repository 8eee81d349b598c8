//! The answering side: one pod's application with its capacity, and the limits of its proxy's inbound cluster.

use super::counters::Counters;
use super::flow::WORKERS;
use super::queue;
use super::throttle::{PERIOD, throttle};
use crate::mesh::istiod::rules::Thresholds;
use crate::mesh::kubernetes::PodKey;
use crate::world::causes::CpuLimit;

/// What the server's proxy does to arriving requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inbound {
    /// The share that it refuses.
    pub refused: f64,
    /// The mean wait (s) of the others for a connection to the application.
    pub wait: f64,
    /// Of the refused, the share that the requests' limit refuses.
    pub by_requests: f64,
}

/// One pod that answers requests.
pub struct Server {
    /// The pod.
    pub pod: PodKey,
    /// Mean time (s) of an answer once work on it has begun: the pod's own, and its dependencies'.
    pub service_time: f64,
    /// Mean time (s) of an idle pod's own work, without dependencies and CPU limit.
    pub own_time: f64,
    /// What limits its CPU.
    pub cpu: Option<CpuLimit>,
    /// Periods of the kernel's CPU control since the pod started: all in which it ran, and those that were throttled.
    pub periods: (f64, f64),
    /// Share of requests that it answers with an error because a dependency failed.
    pub failing: f64,
    /// Share of errors of its own: what outlier detection tells hosts apart by.
    pub faulty_rate: f64,
    /// Requests that the application works on at once.
    pub capacity: f64,
    /// Share of requests that it answers with an error.
    pub error_rate: f64,
    /// The status of those.
    pub error_code: u16,
    /// The application does not listen.
    pub down: bool,
    /// Limits of the inbound cluster; `None` without a sidecar.
    pub limits: Option<Thresholds>,
    /// Name of the inbound cluster.
    pub inbound_name: String,
    /// The wait (s) in the application's own queue.
    pub wait: f64,
    /// Whether that queue is growing.
    pub growing: bool,
    /// What the proxy does.
    pub inbound: Inbound,
    /// Requests that arrive (1/s).
    pub arrivals: f64,
    /// The most that can be on their way to it at once, from the callers' limits.
    pub peak: f64,
    /// CPU time (s) since the pod started; a request costs one core its service time, spread over the capacity.
    pub cpu_seconds: f64,
    /// What was counted, by stream and, as the last bit, whether by mutual TLS.
    pub from: Vec<Option<Box<Counters>>>,
    /// `upstream_rq_pending_overflow` and `upstream_rq_active_overflow` of the inbound cluster.
    pub overflow: (f64, f64),
    /// `upstream_rq_total` of the inbound cluster.
    pub attempts: f64,
    /// The most connections to the application there have been.
    pub connections: f64,
}

impl Server {
    /// Time (s) of an attempt from the caller's connection on, without network.
    pub fn latency(&self) -> f64 {
        (self.service_time + self.wait + self.inbound.wait) * (1.0 - self.inbound.refused)
            + 0.001 * self.inbound.refused
    }

    /// Time (s) that an attempt waits here before it is worked on.
    pub fn queueing(&self) -> f64 {
        self.wait + self.inbound.wait
    }

    /// Answers a second at most.
    pub fn ceiling(&self) -> f64 {
        self.capacity / self.service_time
    }

    /// The share of arrivals that is answered; the queue keeps the rest while it grows.
    pub fn completed(&self) -> f64 {
        let arrivals = self.arrivals * (1.0 - self.inbound.refused);
        if self.growing { (self.ceiling() / arrivals.max(1e-9)).min(1.0) } else { 1.0 }
    }

    /// The share of the capacity in use.
    pub fn usage(&self) -> f64 {
        (self.arrivals * (1.0 - self.inbound.refused) / self.ceiling()).min(1.0)
    }

    /// What the inbound limits do to so many arrivals while the application takes so long.
    pub fn refuse(&self, arrivals: f64, wait: f64) -> Inbound {
        let Some(limits) = self.limits else { return Inbound::default() };
        let (servers, waiting, by_requests) = queue::places(limits, WORKERS);
        // Fewer can be on their way than there is room for: the callers' own limits stand before these.
        if self.peak <= servers + waiting {
            return Inbound::default();
        }
        let latency = self.service_time + wait;
        let loss = queue::loss(arrivals * latency, servers, waiting);
        let accepted = arrivals * (1.0 - loss.refused);
        let connections = f64::from(limits.max_connections.max(WORKERS));
        Inbound {
            refused: loss.refused,
            wait: if accepted > 0.0 { (loss.waiting / accepted).min(60.0) } else { 0.0 },
            by_requests: if by_requests { (connections - servers) / connections } else { 0.0 },
        }
    }

    /// The share of requests that it answers with an error of any cause.
    pub fn errors(&self) -> f64 {
        1.0 - (1.0 - self.error_rate) * (1.0 - self.failing)
    }

    /// Requests (1/s) that it works on and finishes.
    pub fn worked(&self) -> f64 {
        self.arrivals * (1.0 - self.inbound.refused) * self.completed()
    }

    /// Moves its service time towards its own work under its CPU limit plus `dependencies` seconds. Returns whether it
    /// was there already. Half the way at a time: what it answers feeds back on what it asks.
    pub fn adapt(&mut self, dependencies: f64, failing: f64) -> bool {
        let work = self.cpu.map_or(0.0, |limit| throttle(limit, self.worked()).time);
        let target = self.own_time + work + dependencies;
        let step = target - self.service_time;
        let rest = step.abs() < 1e-6 * target && (failing - self.failing).abs() < 1e-6;
        self.service_time = if step.abs() < 1e-6 * target { target } else { self.service_time + step / 2.0 };
        self.failing = failing;
        rest
    }

    /// The CPU that it uses at the present load, in cores.
    pub fn busy(&self) -> f64 {
        let idle = 0.002;
        let busy = match self.cpu {
            // One core when its whole capacity is at work of its own.
            None => self.usage() * self.own_time / self.service_time,
            Some(limit) => (self.worked() * limit.time.seconds()).min(f64::from(limit.milli) / 1000.0),
        };
        busy + idle
    }

    /// Adds `dt` seconds of CPU at the present load.
    pub fn work(&mut self, dt: f64) {
        self.cpu_seconds += self.busy() * dt;
        let periods = dt / PERIOD;
        self.periods.0 += periods;
        self.periods.1 += periods * self.cpu.map_or(0.0, |limit| throttle(limit, self.worked()).periods);
    }

    /// The wait in the application's queue that so many arrivals lead to in the end.
    pub fn steady_wait(&self, arrivals: f64) -> f64 {
        queue::wait(arrivals, self.service_time, self.capacity)
    }

    /// Requests that the proxy has on connections to the application, by Little's law.
    pub fn active(&self) -> f64 {
        self.arrivals * (1.0 - self.inbound.refused) * (self.service_time + self.wait)
    }

    /// Requests that wait in the proxy for a connection to the application.
    pub fn pending(&self) -> f64 {
        self.arrivals * (1.0 - self.inbound.refused) * self.inbound.wait
    }

    /// Counters for what a stream sends by mutual TLS, or without.
    pub fn counters(&mut self, stream: usize, mutual: bool) -> &mut Counters {
        let place = 2 * stream + usize::from(mutual);
        if self.from.len() <= place {
            self.from.resize(place + 1, None);
        }
        self.from[place].get_or_insert_with(Box::default)
    }
}

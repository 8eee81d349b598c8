//! The load of a service, and how many pods it needs.

pub mod gather;
pub mod replicas;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Span};
use serde_json::{Value, json};

use crate::host::Host;
use crate::text::{count, figure};

/// What a service has to answer, and what it answers.
#[derive(Clone, Debug)]
pub struct Load(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    measured: Result<Measured, Missing>,
}

/// Figures of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Requests a second, as callers sent them: attempts of one request are one.
    pub sent: f64,
    /// Requests a second that the service answered.
    pub answered: f64,
    /// Requests under way, by Little's law: requests a second times their mean time.
    pub inside: f64,
    /// What each request may take, if that was asked.
    pub within: Option<Span>,
    /// Pods that are ready.
    pub pods: usize,
    /// CPU use as a part of the limit, of the pod that uses most of it; `None` if it is not known.
    pub cpu: Option<f64>,
}

impl Measured {
    /// Requests a second that have to be answered: what is sent; and if requests are under way that wait for each other,
    /// so many that all of them are done within the time (Little's law again: rate = requests inside / time).
    pub fn needed(&self) -> f64 {
        let waiting = self.within.map_or(0.0, |within| self.inside / within.0.as_secs_f64());
        self.sent.max(waiting)
    }

    /// Requests a second that one pod can answer: what it answers now, if its CPU is in full use; so many times more as
    /// is left of it. Where CPU is not known, what it answers now.
    pub fn of_a_pod(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of pods")]
        let pods = self.pods.max(1) as f64;
        self.answered / pods / self.cpu.filter(|cpu| *cpu >= 0.05).map_or(1.0, |cpu| cpu.min(1.0))
    }
}

impl Load {
    /// What was measured.
    pub fn new(host: Host, measured: Result<Measured, Missing>) -> Self {
        let measured = measured.and_then(|measured| {
            let sound = [measured.sent, measured.answered, measured.inside].iter().all(|n| n.is_finite());
            if sound && measured.answered > 0.0 {
                Ok(measured)
            } else {
                Err(Missing::NotANumber(format!("{} answered no request", host.text())))
            }
        });
        Load(Arc::new(Inner { host, measured }))
    }

    /// What was measured.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn measured(&self) -> Result<Measured, Failure> {
        let what = || format!("the load of {}", self.0.host.text());
        self.0.measured.as_ref().copied().map_err(|missing| missing.failure(&what()))
    }
}

impl Noun for Load {
    const NAME: &'static str = "Load";
    const DOC: &'static str =
        "What a service has to answer, in requests a second, and what each of its pods answers. May be missing.";

    fn text(&self) -> String {
        let host = self.0.host.text();
        match &self.0.measured {
            Err(missing) => format!("the load of {host} has no data: {missing}"),
            Ok(measured) => format!(
                "{host} has to answer {} requests a second, and its {} answer {}",
                figure(measured.needed()),
                count(measured.pods, "pod", "pods"),
                figure(measured.answered)
            ),
        }
    }

    fn json(&self) -> Value {
        let host = self.0.host.fqdn();
        match &self.0.measured {
            Err(missing) => json!({ "host": host, "missing": missing.to_string() }),
            Ok(m) => {
                json!({ "host": host, "sentPerSecond": m.sent, "answeredPerSecond": m.answered, "inside": m.inside, "neededPerSecond": m.needed(), "pods": m.pods, "cpuOfLimit": m.cpu })
            }
        }
    }
}

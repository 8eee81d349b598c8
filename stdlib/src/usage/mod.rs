//! What a workload's pods use of CPU and memory, by the metrics API.

pub mod gather;

use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::metric::{Metric, Unit};
use crate::text::{bytes, count, figure};

/// What the pods of a workload use, or why nobody knows.
#[derive(Clone, Debug)]
pub struct Usage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `Deployment summit/front`, with the container if there is one.
    what: String,
    pods: Result<Vec<PodUsage>, Missing>,
}

/// What one pod uses.
#[derive(Clone, Debug, PartialEq)]
pub struct PodUsage {
    /// Its name.
    pub pod: String,
    /// Cores.
    pub cpu: f64,
    /// Bytes of the working set.
    pub memory: f64,
}

impl Usage {
    /// What was measured.
    pub fn new(what: String, pods: Result<Vec<PodUsage>, Missing>) -> Self {
        Usage(Arc::new(Inner { what, pods }))
    }

    fn sum(&self, of: impl Fn(&PodUsage) -> f64) -> Result<f64, Missing> {
        self.0.pods.as_ref().map(|pods| pods.iter().map(of).sum()).map_err(Clone::clone)
    }

    /// The CPU of all pods, in cores.
    pub fn cpu(&self) -> Metric {
        Metric::of(format!("CPU of {} in cores", self.0.what), Unit::Plain, self.sum(|pod| pod.cpu))
    }

    /// The memory of all pods.
    pub fn memory(&self) -> Metric {
        Metric::of(format!("memory of {}", self.0.what), Unit::Bytes, self.sum(|pod| pod.memory))
    }

    /// Why there are no data, if there are none.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.pods.as_ref().err()
    }
}

impl Noun for Usage {
    const NAME: &'static str = "Usage";
    const DOC: &'static str =
        "What the pods of a workload use of CPU and memory at present, or the reason why nobody knows.";

    fn text(&self) -> String {
        match &self.0.pods {
            Ok(pods) => format!(
                "{} uses {} cores and {} in {}",
                self.0.what,
                figure(pods.iter().map(|pod| pod.cpu).sum()),
                bytes(pods.iter().map(|pod| pod.memory).sum()),
                count(pods.len(), "pod", "pods")
            ),
            Err(missing) => format!("{}: no data: {missing}", self.0.what),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        if let Ok(pods) = &self.0.pods {
            table.columns = ["POD", "CPU (CORES)", "MEMORY"].map(str::to_owned).to_vec();
            for pod in pods {
                table.row([pod.pod.clone(), figure(pod.cpu), bytes(pod.memory)]);
            }
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.pods {
            Ok(pods) => {
                let pods: Vec<Value> =
                    pods.iter().map(|pod| json!({ "pod": pod.pod, "cores": pod.cpu, "bytes": pod.memory })).collect();
                json!({ "what": self.0.what, "pods": pods })
            }
            Err(missing) => json!({ "what": self.0.what, "missing": missing.to_string() }),
        }
    }
}

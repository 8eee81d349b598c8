//! Workloads, pods and namespaces, as nouns.

pub mod moving;
pub mod resolve;
pub mod rollout;
pub mod scaling;
pub mod sent;

use std::sync::Arc;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::noun::Noun;
use serde_json::{Value, json};

/// A Deployment, StatefulSet or DaemonSet.
#[derive(Clone, Debug)]
pub struct Workload(Arc<ObjectRef>);

/// A Pod.
#[derive(Clone, Debug)]
pub struct Pod(Arc<ObjectRef>);

/// A Namespace.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<str>);

macro_rules! of_object {
    ($noun:ident) => {
        impl $noun {
            /// The object behind it.
            pub fn new(object: ObjectRef) -> Self {
                $noun(Arc::new(object))
            }

            /// The object behind it.
            pub fn object(&self) -> &ObjectRef {
                &self.0
            }
        }
    };
}
of_object!(Workload);
of_object!(Pod);

impl Namespace {
    /// A namespace of this name.
    pub fn new(name: &str) -> Self {
        Namespace(name.into())
    }
}

impl Noun for Workload {
    const NAME: &'static str = "Workload";
    const DOC: &'static str = "What keeps pods running: a Deployment, StatefulSet or DaemonSet.";

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn json(&self) -> Value {
        json!({ "kind": self.0.kind.kind, "namespace": self.0.namespace, "name": self.0.name })
    }
}

impl Noun for Pod {
    const NAME: &'static str = "Pod";
    const DOC: &'static str = "One pod, by its name. Pods' names die at every restart: prefer a workload.";

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn json(&self) -> Value {
        json!({ "namespace": self.0.namespace, "name": self.0.name })
    }
}

impl Noun for Namespace {
    const NAME: &'static str = "Namespace";
    const DOC: &'static str = "A namespace; the run's is the one that `-n` or the kubeconfig context names.";

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn json(&self) -> Value {
        json!({ "namespace": &*self.0 })
    }
}

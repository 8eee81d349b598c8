//! The objects that are analysed, and how they are looked up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Message;
use crate::proxy::pod::{PodFacts, strings};
use crate::rule::lookup::match_of;

/// Namespaces of the cluster itself, which istioctl does not analyse.
const SYSTEM: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];
/// Suppresses codes for an object; `*` is all of them.
const SUPPRESS: &str = "galley.istio.io/analyze-suppress";

/// The objects.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    by_kind: BTreeMap<String, Vec<Value>>,
    pods: Vec<PodFacts>,
    root: String,
    domain: String,
    suppressed: BTreeMap<String, BTreeSet<String>>,
}

/// A text at a pointer; empty if there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list at a pointer; empty if there is none.
pub fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The strings of a list at a pointer.
pub fn texts<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    list(object, pointer).iter().filter_map(Value::as_str)
}

/// An object's namespace.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// An object's name.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// Whether an object is seen from a namespace, by its `exportTo`. Without one it is seen everywhere.
pub fn is_exported(object: &Value, to: &str) -> bool {
    let mut scopes = texts(object, "/spec/exportTo").peekable();
    scopes.peek().is_none()
        || scopes.any(|scope| scope == "*" || scope == to || scope == "." && namespace(object) == to)
}

impl Objects {
    /// Objects of any kinds; `root` is Istio's root namespace.
    pub fn of(objects: Vec<Value>, root: &str) -> Self {
        let mut all = Objects { root: root.into(), ..Objects::default() };
        for object in objects {
            let suppressed =
                object.pointer("/metadata/annotations").and_then(|all| all.get(SUPPRESS)).and_then(Value::as_str);
            if let Some(codes) = suppressed {
                let about = Message::about(&object, &super::REFERENCE, String::new()).object;
                all.suppressed.insert(about, codes.split(',').map(|code| code.trim().to_owned()).collect());
            }
            all.by_kind.entry(text(&object, "/kind").to_owned()).or_default().push(object);
        }
        all.pods = all.of_kind("Pod").iter().map(PodFacts::of).collect();
        all.domain = all.pods.iter().find_map(|pod| pod.domain.clone()).unwrap_or_else(|| "cluster.local".into());
        all
    }

    /// All objects of a kind.
    pub fn of_kind(&self, kind: &str) -> &[Value] {
        self.by_kind.get(kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_kind.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Facts of all pods.
    pub fn pods(&self) -> &[PodFacts] {
        &self.pods
    }

    /// Istio's root namespace.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The cluster's DNS domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether the object itself says that it wants no such message.
    pub fn is_suppressed(&self, message: &Message) -> bool {
        self.suppressed
            .get(&message.object)
            .is_some_and(|codes| codes.contains("*") || codes.contains(message.code.code))
    }

    /// Whether a namespace belongs to the cluster or to Istio itself.
    pub fn is_system(&self, namespace: &str) -> bool {
        SYSTEM.contains(&namespace) || namespace == self.root
    }

    /// Labels of a namespace.
    pub fn namespace_labels(&self, namespace: &str) -> BTreeMap<String, String> {
        let found = self.of_kind("Namespace").iter().find(|one| name(one) == namespace);
        strings(found.and_then(|one| one.pointer("/metadata/labels")))
    }

    /// Whether new pods of a namespace get a proxy, by its labels. `istio-injection` wins over `istio.io/rev`.
    pub fn is_injected(&self, namespace: &str) -> bool {
        let labels = self.namespace_labels(namespace);
        match labels.get("istio-injection").map(String::as_str) {
            Some(value) => value == "enabled",
            None => labels.contains_key("istio.io/rev"),
        }
    }

    /// The Service of a full name.
    pub fn service(&self, fqdn: &str) -> Option<&Value> {
        let (service, rest) = fqdn.split_once('.')?;
        let (place, rest) = rest.split_once('.')?;
        if rest.trim_end_matches('.') != format!("svc.{}", self.domain) {
            return None;
        }
        self.of_kind("Service").iter().find(|one| name(one) == service && namespace(one) == place)
    }

    /// The full names of all Services.
    pub fn service_names(&self) -> impl Iterator<Item = String> {
        self.of_kind("Service").iter().map(|one| format!("{}.{}.svc.{}", name(one), namespace(one), self.domain))
    }

    /// Whether requests from a namespace to this full name lead anywhere: a Service, or the host of a ServiceEntry.
    pub fn is_known(&self, fqdn: &str, from: &str) -> bool {
        let entries = self.of_kind("ServiceEntry").iter().filter(|entry| is_exported(entry, from));
        self.service(fqdn).is_some()
            || entries.flat_map(|entry| texts(entry, "/spec/hosts")).any(|host| match_of(host, fqdn).is_some())
    }

    /// The pods behind a Service.
    pub fn behind<'a>(&'a self, service: &'a Value) -> impl Iterator<Item = &'a PodFacts> {
        let selector = strings(service.pointer("/spec/selector"));
        let place = namespace(service);
        self.pods.iter().filter(move |pod| pod.namespace == place && !pod.is_terminating && pod.is_selected(&selector))
    }
}

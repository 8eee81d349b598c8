//! The DestinationRules of the mesh, as istiod would choose among them.

use std::collections::BTreeMap;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::root;
use crate::envoy::config_dump::Configured;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::proxy::Proxy;
use crate::rule::lookup::{self, Candidate};
use crate::rule::policy::{self, Level};
use crate::rule::tls;

/// All DestinationRules that were read.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    objects: Vec<Value>,
    candidates: Vec<Candidate>,
    root: String,
    /// What could not be read.
    pub note: Option<String>,
}

impl Rules {
    /// Reads them.
    ///
    /// # Errors
    /// What every read of the API server can end in.
    pub fn read(run: &Run, host: &Host, callers: &[Proxy]) -> Result<Self, Failure> {
        Rules::read_in(run, host, &callers.iter().map(Proxy::namespace).collect::<Vec<_>>())
    }

    /// Reads those that can concern callers of a namespace.
    ///
    /// # Errors
    /// As [`Rules::read`].
    pub fn read_for(run: &Run, host: &Host, from: &str) -> Result<Self, Failure> {
        Rules::read_in(run, host, &[from])
    }

    fn read_in(run: &Run, host: &Host, callers: &[&str]) -> Result<Self, Failure> {
        let root = root::namespace(run)?;
        let namespaces = [&[host.namespace(), run.namespace(), root.as_str()], callers].concat();
        let (objects, narrowed) = read::list_widely(run, &kinds::destination_rule(), &namespaces)?;
        Ok(Rules::of(objects, host.domain(), root, narrowed.map(|note| format!("read {note}"))))
    }

    /// These, with this root namespace.
    pub fn of(objects: Vec<Value>, domain: &str, root: String, note: Option<String>) -> Self {
        let candidates =
            objects.iter().enumerate().filter_map(|(index, object)| Candidate::of(index, object, domain)).collect();
        Rules { objects, candidates, root, note }
    }

    /// The rule objects that apply to a host for a proxy, the one that counts first.
    pub fn for_proxy(&self, proxy: &Proxy) -> Vec<&Value> {
        let asker = lookup::Proxy { namespace: proxy.namespace(), labels: proxy.labels() };
        let found = lookup::find(&self.candidates, proxy.host().fqdn(), proxy.host().namespace(), &self.root, asker);
        found.into_iter().filter_map(|candidate| self.objects.get(candidate.index)).collect()
    }

    /// Every rule object whose host matches, with the reason why it applies to pods with these labels of a namespace or not.
    pub fn judge(
        &self,
        host: &Host,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Vec<(&Value, lookup::Verdict)> {
        let asker = lookup::Proxy { namespace, labels };
        let judged = lookup::judge(&self.candidates, host.fqdn(), host.namespace(), &self.root, asker);
        judged
            .into_iter()
            .filter_map(|(candidate, verdict)| Some((self.objects.get(candidate.index)?, verdict)))
            .collect()
    }

    /// The rule objects that apply to a host for pods without particular labels of a namespace.
    pub fn for_namespace(&self, host: &Host, namespace: &str) -> Vec<&Value> {
        let labels = BTreeMap::new();
        let found = lookup::find(
            &self.candidates,
            host.fqdn(),
            host.namespace(),
            &self.root,
            lookup::Proxy { namespace, labels: &labels },
        );
        found.into_iter().filter_map(|candidate| self.objects.get(candidate.index)).collect()
    }

    fn named(&self, namespace: &str, name: &str) -> Option<&Value> {
        self.candidates
            .iter()
            .find(|c| c.namespace == namespace && c.name == name)
            .and_then(|c| self.objects.get(c.index))
    }

    /// The rule that sets the limits of one cluster of a proxy, and where in it they stand.
    ///
    /// What the proxy itself says comes first: istiod writes the rule's name into the cluster. Where it does not, or
    /// where that rule sets no limits there because istiod merged several, the lookup decides.
    pub fn setting(&self, proxy: &Proxy, cluster: &Configured) -> Option<(&Value, Level)> {
        let (port, subset) = place(proxy.host(), cluster);
        let said = cluster.rule.as_ref().and_then(|(namespace, name)| self.named(namespace, name));
        said.into_iter().chain(self.for_proxy(proxy)).find_map(|object| {
            let level = policy::governing(object.get("spec")?, port, subset)?;
            Some((object, level))
        })
    }

    /// The rule that sets the TLS mode of one cluster of a proxy, and the places in it from which the mode must go.
    pub fn switching(&self, proxy: &Proxy, cluster: &Configured) -> Option<(&Value, Vec<Level>)> {
        let (port, subset) = place(proxy.host(), cluster);
        let said = cluster.rule.as_ref().and_then(|(namespace, name)| self.named(namespace, name));
        said.into_iter().chain(self.for_proxy(proxy)).find_map(|object| {
            let levels = tls::governing(object.get("spec")?, port, subset);
            (!levels.is_empty()).then_some((object, levels))
        })
    }
}

/// The port and subset by which a rule knows a cluster: a rule speaks of the Service's ports.
pub fn place<'a>(host: &Host, cluster: &'a Configured) -> (u16, &'a str) {
    if cluster.name.is_inbound() {
        (host.service_port(cluster.name.port), "")
    } else {
        (cluster.name.port, cluster.name.subset.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::envoy::ClusterName;
    use crate::host::tests::graph_core;
    use crate::proxy::Side;
    use crate::proxy::pod::PodFacts;
    use crate::rule::Limits;

    fn object(namespace: &str, name: &str, policy: Value) -> Value {
        json!({ "metadata": { "namespace": namespace, "name": name }, "spec": { "host": "graph-core.summit.svc.cluster.local", "trafficPolicy": policy } })
    }

    fn configured(name: &str, rule: Option<(&str, &str)>) -> Configured {
        let name = ClusterName::parse(name).expect("an Istio name");
        Configured {
            name,
            limits: Limits::UNLIMITED,
            rule: rule.map(|(a, b)| (a.to_owned(), b.to_owned())),
            transport: crate::envoy::transport::Transport::Automatic,
            services: vec![],
        }
    }

    #[test]
    fn the_proxys_own_word_comes_first_then_the_lookup() {
        let pool = json!({ "connectionPool": { "tcp": { "maxConnections": 1 } } });
        let objects = vec![
            object("summit", "own", pool.clone()),
            object("shop", "theirs", pool),
            object("summit", "empty", json!({})),
        ];
        let rules = Rules::of(objects, "cluster.local", "istio-system".into(), None);
        let proxy =
            Proxy::new(&PodFacts { namespace: "shop".into(), ..PodFacts::default() }, Side::Caller, &graph_core());
        let name = |cluster: &Configured| {
            rules.setting(&proxy, cluster).and_then(|(rule, _)| rule.pointer("/metadata/name").cloned())
        };
        let outbound = "outbound|8080||graph-core.summit.svc.cluster.local";
        assert_eq!(name(&configured(outbound, Some(("summit", "own")))), Some(json!("own")));
        assert_eq!(name(&configured(outbound, None)), Some(json!("theirs")));
        assert_eq!(
            name(&configured(outbound, Some(("summit", "empty")))),
            Some(json!("theirs")),
            "it sets no limits there"
        );
        assert_eq!(name(&configured(outbound, Some(("summit", "gone")))), Some(json!("theirs")));
    }

    #[test]
    fn a_rule_knows_the_services_port() {
        assert_eq!(place(&graph_core(), &configured("inbound|9090||", None)), (90, ""));
    }
}

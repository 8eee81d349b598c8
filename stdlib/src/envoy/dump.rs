//! A proxy's whole configuration by resource: clusters, listeners and routes of `/config_dump`, in a form in which two
//! proxies can be compared.
//!
//! Format: `envoy.admin.v3.{Clusters,Listeners,Routes}ConfigDump`. Envoy keeps beside each listener, and newer versions
//! beside clusters and routes, the update that it refused (`error_state`) and the one that waits for something
//! (`warming_state`, `dynamic_warming_clusters`).

use std::collections::BTreeMap;

use serde_json::Value;

/// What a proxy is configured with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dump {
    /// Each resource that came from istiod, by `cluster NAME`, `listener NAME`, `route NAME`.
    pub resources: BTreeMap<String, Value>,
    /// Resources whose newest update was refused, with Envoy's reason.
    pub refused: Vec<(String, String)>,
    /// Resources that wait for something before they are used.
    pub warming: Vec<String>,
}

impl Dump {
    /// How many resources of a kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.resources.keys().filter(|name| name.split(' ').next() == Some(kind)).count()
    }
}

/// Reads the pages of [`admin::configuration`](super::admin::configuration), or says why there is none.
///
/// # Errors
/// The sentence of the first page that there is not, or that is none.
pub fn of_pages(pages: &[Result<String, String>]) -> Result<Dump, String> {
    let mut whole = Dump::default();
    for page in pages {
        let part = parse(page.as_ref().map_err(Clone::clone)?)?;
        whole.resources.extend(part.resources);
        whole.refused.extend(part.refused);
        whole.warming.extend(part.warming);
    }
    Ok(whole)
}

/// Reads one page. Everything that differs from one fetch to the next without a meaning is left out: versions, times.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn parse(page: &str) -> Result<Dump, String> {
    let page: Value =
        serde_json::from_str(page).map_err(|error| format!("its /config_dump page is not JSON: {error}"))?;
    let object = page.as_object().ok_or("its /config_dump page is not an object")?;
    let configs = object.get("configs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut dump = Dump::default();
    for config in configs {
        let list = |name: &str| config.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for one in list("dynamic_active_clusters") {
            dump.add("cluster", one.get("cluster"), one);
        }
        for one in list("dynamic_warming_clusters") {
            if let Some(name) = named(one.get("cluster")) {
                dump.warming.push(format!("cluster {name}"));
            }
        }
        for one in list("dynamic_listeners") {
            dump.add("listener", one.pointer("/active_state/listener"), one);
            if one.get("warming_state").is_some() {
                let name = one.get("name").and_then(Value::as_str).unwrap_or_default();
                dump.warming.push(format!("listener {name}"));
            }
        }
        for one in list("dynamic_route_configs") {
            dump.add("route", one.get("route_config"), one);
        }
    }
    Ok(dump)
}

fn named(resource: Option<&Value>) -> Option<&str> {
    resource?.get("name")?.as_str()
}

impl Dump {
    fn add(&mut self, kind: &str, resource: Option<&Value>, entry: &Value) {
        let name = named(resource).or_else(|| named(Some(entry))).unwrap_or_default();
        let key = format!("{kind} {name}");
        if let Some(error) = entry.get("error_state") {
            let details = error.get("details").and_then(Value::as_str).unwrap_or("Envoy gives no reason");
            self.refused.push((key.clone(), crate::text::first_line(details)));
        }
        if let Some(resource) = resource {
            self.resources.insert(key, in_order(resource.clone()));
        }
    }
}

/// Virtual hosts are told apart by their names: istiod gives them no order.
fn in_order(mut resource: Value) -> Value {
    if let Some(hosts) = resource.get_mut("virtual_hosts").and_then(Value::as_array_mut) {
        hosts.sort_by_cached_key(|host| named(Some(host)).unwrap_or_default().to_owned());
    }
    resource
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PAGE: &str = include_str!("../../testdata/istio-1.31/config_dump.front.json");

    #[test]
    fn a_recorded_page() {
        let dump = parse(PAGE).expect("a page");
        assert_eq!((dump.count("cluster"), dump.count("listener"), dump.count("route")), (17, 13, 5));
        assert!(dump.refused.is_empty() && dump.warming.is_empty());
        assert!(dump.resources.contains_key("cluster outbound|8080||graph-core.summit.svc.cluster.local"));
        assert!(dump.resources.contains_key("listener virtualInbound"));
    }

    #[test]
    fn what_was_refused_and_what_waits() {
        let page = json!({ "configs": [
            { "dynamic_listeners": [
                { "name": "0.0.0.0_80", "active_state": { "listener": { "name": "0.0.0.0_80" } }, "error_state": { "details": "error adding listener: duplicate filter chain\nmore" } },
                { "name": "0.0.0.0_81", "warming_state": { "listener": { "name": "0.0.0.0_81" } } },
            ] },
            { "dynamic_warming_clusters": [{ "cluster": { "name": "outbound|80||a" } }] },
        ] });
        let dump = parse(&page.to_string()).expect("a page");
        assert_eq!(
            dump.refused,
            [("listener 0.0.0.0_80".into(), "error adding listener: duplicate filter chain".into())]
        );
        assert_eq!(dump.warming, ["listener 0.0.0.0_81", "cluster outbound|80||a"]);
        assert_eq!(dump.count("listener"), 1, "what never became active is no configuration");
        assert_eq!(parse("{}"), Ok(Dump::default()));
        let configs = page["configs"].as_array().expect("it was written above").iter();
        let mut pages: Vec<_> = configs.map(|one| Ok(json!({ "configs": [one] }).to_string())).collect();
        assert_eq!(of_pages(&pages), Ok(dump), "in pages it is the same");
        pages.push(Err("no answer".into()));
        assert_eq!(of_pages(&pages), Err("no answer".into()));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z_]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!(r#"{{"configs":[{{"dynamic_listeners":[{text}]}}]}}"#));
        }
    }
}

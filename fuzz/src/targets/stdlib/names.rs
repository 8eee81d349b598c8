//! Names: of Envoy clusters, of hosts, paths of fields, and names on their way into PromQL.
//!
//! Beyond "no panic": a cluster's name prints what reads back as itself; a host's name is made of DNS labels; a key in
//! quotes is one step; and a name that is quoted for PromQL is read back as this name, so that nothing leaves its place.

use meshbook_stdlib::envoy::cluster_name::ClusterName;
use meshbook_stdlib::host::resolve;
use meshbook_stdlib::object::path::{Step, parse};
use meshbook_stdlib::prometheus::quote;
use promql_parser::parser::{self, Expr};

/// See the module.
pub fn run(name: &str) {
    if let Some(cluster) = ClusterName::parse(name) {
        assert_eq!(ClusterName::parse(&cluster.to_string()), Some(cluster));
    }
    if let Some(host) = resolve::parse(name) {
        let parts = [Some(host.name), host.namespace, host.domain];
        assert!(
            parts
                .into_iter()
                .flatten()
                .all(|part| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)))
        );
    }
    let _ = parse(name);
    if !name.contains("\"]") {
        assert_eq!(parse(&format!("[\"{name}\"]")), Ok(vec![Step::Key(name.to_owned())]));
    }
    let query = format!("istio_requests_total{{a={},b=\"c\"}}", quote(name));
    let Ok(Expr::VectorSelector(selector)) = parser::parse(&query) else { panic!("{query:?} is not a selector") };
    let values: Vec<&str> = selector.matchers.matchers.iter().map(|matcher| matcher.value.as_str()).collect();
    assert_eq!(values, [name, "c"], "{query:?}");
}

//! How addresses are found.

use std::collections::BTreeSet;

use meshbook_runtime::effect::{Call, Effect, ObjectRef, Reply};
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::Addresses;
use crate::evidence::absorb;
use crate::host::resolve;
use crate::kubernetes::{kinds, read};

/// Those of a Service, from outside its cluster.
///
/// # Errors
/// `HOST_UNKNOWN` for what is no name of a Service; what a script may not handle.
pub fn of_service(run: &Run, name: &str) -> Result<Addresses, Failure> {
    let object = service(run, name)?;
    let service = match read::find(run, &object) {
        Ok(service) => service.unwrap_or_default(),
        Err(failure) => {
            let missing = Missing::Unreachable(absorb(failure)?);
            return Ok(Addresses::new(object.to_string(), None, Err(missing)));
        }
    };
    let (mut addresses, names) = outside(&service);
    for name in &names {
        match look_up(run, name)? {
            Ok(found) => addresses.extend(found),
            Err(why) => return Ok(Addresses::new(object.to_string(), None, Err(why))),
        }
    }
    let by = (!names.is_empty()).then(|| names.join(", "));
    Ok(Addresses::new(object.to_string(), by, Ok(addresses)))
}

/// The Service that people name by `name` or `name.namespace`.
///
/// # Errors
/// `HOST_UNKNOWN` for what is no name of one.
pub fn service(run: &Run, name: &str) -> Result<ObjectRef, Failure> {
    let named = resolve::named(name)?;
    Ok(ObjectRef::new(kinds::service(), named.namespace.unwrap_or(run.namespace()), named.name))
}

/// Addresses and names of its load balancer (`core/v1`, `LoadBalancerIngress`), and `spec.externalIPs`.
fn outside(service: &Value) -> (BTreeSet<String>, Vec<String>) {
    let balancers = service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array).into_iter().flatten();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let (mut addresses, mut names) = (BTreeSet::new(), Vec::new());
    for balancer in balancers {
        match text(balancer.get("ip")) {
            Some(ip) => drop(addresses.insert(ip)),
            None => names.extend(text(balancer.get("hostname"))),
        }
    }
    let external = service.pointer("/spec/externalIPs").and_then(Value::as_array).into_iter().flatten();
    addresses.extend(external.filter_map(|ip| text(Some(ip))));
    (addresses, names)
}

/// Those of a DNS name.
///
/// # Errors
/// What a script may not handle.
pub fn of_name(run: &Run, name: &str) -> Result<Addresses, Failure> {
    Ok(Addresses::new(crate::text::first_line(name), None, look_up(run, name)?))
}

fn look_up(run: &Run, name: &str) -> Result<Result<BTreeSet<String>, Missing>, Failure> {
    let name = name.trim_end_matches('.').to_owned();
    let effect = Effect::read(format!("name {}", crate::text::first_line(&name)), "look up", Call::Lookup { name });
    Ok(match run.read(effect) {
        Ok(Reply::Json(Value::Array(found))) => {
            Ok(found.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
        }
        Ok(_) => return Err(Failure::new(&BAD_ANSWER, "the resolver answered with something else than addresses")),
        Err(failure) => Err(Missing::Unreachable(absorb(failure)?)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_balancer_has_an_address_or_a_name() {
        let service = json!({
            "spec": {"externalIPs": ["203.0.113.9"]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}, {"hostname": "a.elb.example"}]}},
        });
        let (addresses, names) = outside(&service);
        assert_eq!(addresses.into_iter().collect::<Vec<_>>(), ["192.0.2.1", "203.0.113.9"]);
        assert_eq!(names, ["a.elb.example"]);
        assert!(outside(&json!({"status": {"loadBalancer": {}}})).0.is_empty());
    }
}

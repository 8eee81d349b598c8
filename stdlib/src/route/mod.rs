//! The route: what a caller's proxy does with requests to a host, and which object says so.

pub mod bound;
pub mod lookup;
pub mod policy;

use std::sync::Arc;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::code::ROUTE;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::text::{first_line, some};
use policy::Policy;

/// The route that requests to a host take.
#[derive(Clone, Debug)]
pub struct Route(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fqdn: String,
    place: Option<Place>,
    policy: Policy,
    chain: Vec<String>,
}

/// Where a route stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The VirtualService.
    pub object: ObjectRef,
    /// The entry of `spec.http`.
    pub index: usize,
    /// What people call it.
    pub label: String,
}

impl Route {
    /// The object and entry that set it; `None` if nothing does.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// What it says of time and retries.
    pub fn policy(&self) -> Policy {
        self.0.policy
    }
}

/// The VirtualServices that could concern a host.
///
/// # Errors
/// What every read of the API server can end in.
pub fn virtual_services(run: &Run, host: &Host, from: &str) -> Result<(Vec<Value>, Option<String>), Failure> {
    read::list_widely(run, &kinds::virtual_service(), &[host.namespace(), from, run.namespace()])
}

/// The route of a host for callers of a namespace: the one of this name, else the one that takes every request.
///
/// # Errors
/// `ROUTE` if no route has that name, or none takes every request.
pub fn find(objects: &[Value], fqdn: &str, domain: &str, from: &str, name: Option<&str>) -> Result<Route, Failure> {
    find_imported(objects, fqdn, domain, from, name, |_| true)
}

/// As [`find`], among the VirtualServices that the callers' Sidecar imports.
///
/// # Errors
/// As [`find`].
pub fn find_imported(
    objects: &[Value],
    fqdn: &str,
    domain: &str,
    from: &str,
    name: Option<&str>,
    imports: impl Fn(&Value) -> bool,
) -> Result<Route, Failure> {
    let found = lookup::virtual_service(objects, fqdn, from, domain, imports);
    let mut chain = found.chain;
    let Some(object) = found.object else {
        if let Some(name) = name {
            return Err(none(fqdn, &format!("has no route `{}`: no VirtualService applies to it", first_line(name))));
        }
        return Ok(Route(Arc::new(Inner { fqdn: fqdn.to_owned(), place: None, policy: policy::DEFAULT, chain })));
    };
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let reference = ObjectRef::new(kinds::virtual_service(), text("/metadata/namespace"), text("/metadata/name"));
    let all = lookup::routes(object);
    let labels = || all.iter().enumerate().map(|(place, http)| lookup::label(http, place)).collect::<Vec<_>>();
    let index = match name {
        Some(name) => {
            all.iter().position(|http| http.get("name").and_then(Value::as_str) == Some(name)).ok_or_else(|| {
                none(fqdn, &format!("has no route `{}` in {reference}", first_line(name)))
                    .hint(format!("it has {}", some(&labels(), 8)))
            })?
        }
        None => lookup::catch_all(object, from, &mut chain).ok_or_else(|| {
            none(fqdn, &format!("has no route in {reference} that takes every request"))
                .hint(format!("say which by its name, host.route(\"NAME\"): it has {}", some(&labels(), 8)))
        })?,
    };
    let http = &all[index];
    if http.get("delegate").is_some() {
        return Err(none(
            fqdn,
            &format!("hands {} of {reference} to another VirtualService", lookup::label(http, index)),
        )
        .hint("look at the VirtualService that `delegate` names: its routes are not looked up here"));
    }
    let place = Place { object: reference, index, label: lookup::label(http, index) };
    Ok(Route(Arc::new(Inner { fqdn: fqdn.to_owned(), place: Some(place), policy: Policy::of(http), chain })))
}

fn none(fqdn: &str, what: &str) -> Failure {
    Failure::new(&ROUTE, format!("{fqdn} {what}")).unchanged("nothing was changed")
}

impl Noun for Route {
    const NAME: &'static str = "Route";
    const DOC: &'static str = "The route that requests to a host take in their callers' proxies: the VirtualService and the entry of its `http` list that apply, or Istio's defaults where none does, with the chain of what was passed over.";

    fn text(&self) -> String {
        let of = match &self.0.place {
            Some(place) => format!("{} of {}", place.label, place.object),
            None => format!("{} without a VirtualService", crate::time_spent::short(&self.0.fqdn)),
        };
        format!("{of}: {}", self.0.policy.text())
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        for step in &self.0.chain {
            table.note(step.clone());
        }
        table
    }

    fn json(&self) -> Value {
        let place = self.0.place.as_ref().map(|place| {
            json!({ "namespace": place.object.namespace, "virtualService": place.object.name, "index": place.index, "route": place.label })
        });
        json!({ "host": self.0.fqdn, "setBy": place, "policy": self.0.policy.json(), "chain": self.0.chain })
    }
}

//! Pages of the istiods as rows: what each says of every proxy, of its pushes, of the services that it knows; and the root
//! certificate as each namespace has it.
//!
//! Formats: `pilot/pkg/xds/debug.go` of Istio: `/debug/syncz` (`SyncStatus`), `/debug/push_status`
//! (`PushContext.ProxyStatus`: metric, then name, then the proxy and a message), `/debug/registryz` (`model.Service`).

use std::collections::BTreeMap;

use meshbook_runtime::effect::Effect;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::{Value, json};

use super::ControlPlane;
use super::gather::{get, page};
use super::istiod::Istiod;
use crate::envoy::secrets::{Certificate, certificates};
use crate::evidence::absorb;
use crate::kubernetes::{kinds, read};
use crate::page::{Page, Row, Seen};
use crate::text::some;

/// The types of configuration, by the last part of their URLs.
const TYPES: [(&str, &str); 4] =
    [("cds", "Cluster"), ("lds", "Listener"), ("eds", "ClusterLoadAssignment"), ("rds", "RouteConfiguration")];

/// An empty page, and what was seen of the control plane to fill it with; where nothing was, the page that says why.
fn begin<'a>(
    what: &str,
    plane: &'a ControlPlane,
    columns: &'static [&'static str],
    who: &'static str,
) -> Result<(Seen, &'a super::Seen), Page> {
    let of =
        if plane.root().is_empty() { "the control plane".to_owned() } else { format!("istiod in {}", plane.root()) };
    let (told, silent, notes) = (Vec::new(), Vec::new(), Vec::new());
    let seen = |missing| Seen { what: what.into(), of, columns, who, told, silent, notes, missing };
    match plane.outcome() {
        Ok(state) => Ok((seen(None), state)),
        Err(missing) => Err(Page::new(seen(Some(missing)))),
    }
}

/// Why an istiod says nothing, with its name.
fn silence(istiod: &Istiod) -> String {
    match &istiod.says {
        Some(Err(why)) => format!("{}: {why}", istiod.pod),
        _ => format!("{}: {}", istiod.pod, istiod.state()),
    }
}

/// The sync state of every proxy, from every istiod of every revision.
pub fn sync(plane: &ControlPlane) -> Page {
    const COLUMNS: &[&str] = &["PROXY", "REVISION", "ISTIOD", "VERSION", "CDS", "LDS", "EDS", "RDS"];
    let (mut seen, state) = match begin("sync state", plane, COLUMNS, "") {
        Ok(begun) => begun,
        Err(page) => return page,
    };
    let mut rows = Vec::new();
    let mut by_proxy: BTreeMap<&str, Vec<(&str, &super::syncz::Synced)>> = BTreeMap::new();
    for istiod in &state.istiods {
        match istiod.answer() {
            Some(says) => {
                says.proxies
                    .iter()
                    .for_each(|proxy| by_proxy.entry(&proxy.proxy).or_default().push((&istiod.pod, proxy)));
            }
            None => seen.silent.push(silence(istiod)),
        }
    }
    let revisions: BTreeMap<&str, &str> =
        state.connections.iter().map(|one| (one.proxy.as_str(), one.revision.as_str())).collect();
    for (proxy, known) in &by_proxy {
        // A proxy that has just moved is known to two istiods: both are shown.
        for (istiod, synced) in known {
            let revision = revisions.get(proxy).copied().unwrap_or("-");
            let mut cells =
                vec![(*proxy).to_owned(), revision.to_owned(), (*istiod).to_owned(), synced.version.clone()];
            let mut fields =
                json!({ "proxy": proxy, "revision": revision, "istiod": istiod, "version": synced.version });
            for (short, kind) in TYPES {
                let word = synced.states.get(kind).copied().unwrap_or("-");
                cells.push(word.to_owned());
                fields[short] = json!(word);
            }
            fields["refused"] =
                json!(synced.refused.iter().map(|(kind, why)| format!("{kind}: {why}")).collect::<Vec<_>>());
            fields["synced"] = json!(
                !synced.states.is_empty()
                    && synced.states.values().all(|word| *word == "SYNCED" || *word == "NOT SENT")
            );
            rows.push(Row { cells, fields });
        }
    }
    let strangers: Vec<_> = state.connections.iter().filter(|one| !by_proxy.contains_key(one.proxy.as_str())).collect();
    for one in &strangers {
        let mut cells = vec![one.proxy.clone(), one.revision.clone(), "nobody".into(), "-".into()];
        let mut fields = json!({ "proxy": one.proxy, "revision": one.revision, "istiod": "", "version": "", "synced": false, "refused": [] });
        for (short, _) in TYPES {
            cells.push("-".into());
            fields[short] = json!("-");
        }
        rows.push(Row { cells, fields });
    }
    // What ails comes first.
    rows.sort_by_key(|row| (row.fields["synced"] == true, row.cells[0].clone()));
    let (all, behind) = (rows.len(), rows.iter().filter(|row| row.fields["synced"] != true).count());
    if behind == 0 && all > 0 {
        seen.notes.push("every proxy has acknowledged what was sent to it".into());
    } else if behind > 0 {
        seen.notes.push(format!("{behind} of {all} have not acknowledged everything, or are known to no istiod"));
    }
    for istiod in &state.istiods {
        if let Some(why) = &istiod.stale {
            seen.notes.push(format!("what {} sends is stale: {why}", istiod.pod));
        }
    }
    if !strangers.is_empty() {
        let names: Vec<String> = strangers.iter().map(|one| one.proxy.clone()).collect();
        seen.notes.push(format!("known to no istiod that answered: {}", some(&names, 5)));
    }
    if rows.is_empty() && !seen.silent.is_empty() {
        seen.missing = Some(Missing::Unreachable(some(&seen.silent, 3)));
    }
    seen.told.push((String::new(), rows));
    Page::new(seen)
}

/// Asks every istiod that runs for a page.
///
/// # Errors
/// What a script may not handle.
fn ask(
    run: &Run,
    plane: &ControlPlane,
    what: &str,
    path: &str,
    columns: &'static [&'static str],
    rows: impl Fn(&Value) -> Result<Vec<Row>, String>,
) -> Result<Page, Failure> {
    let (mut seen, state) = match begin(what, plane, columns, "istiod") {
        Ok(begun) => begun,
        Err(page) => return Ok(page),
    };
    let (running, idle): (Vec<_>, Vec<_>) = state.istiods.iter().partition(|istiod| istiod.answer().is_some());
    seen.silent.extend(idle.into_iter().map(silence));
    let effects: Vec<Effect> = running.iter().map(|istiod| get(istiod, what, path)).collect();
    for (istiod, reply) in running.iter().zip(run.read_all(effects)) {
        let body = match reply {
            Ok(reply) => page(reply),
            Err(failure) => Err(absorb(failure)?),
        };
        let read = |body: String| {
            let page: Value =
                serde_json::from_str(&body).map_err(|error| format!("its {path} is not JSON: {error}"))?;
            rows(&page)
        };
        match body.and_then(read) {
            Ok(rows) => seen.told.push((istiod.pod.clone(), rows)),
            Err(why) => seen.silent.push(format!("{}: {why}", istiod.pod)),
        }
    }
    if seen.told.is_empty() {
        let why = if seen.silent.is_empty() {
            format!("namespace {} has no istiod", plane.root())
        } else {
            some(&seen.silent, 3)
        };
        seen.missing = Some(Missing::Unreachable(why));
    }
    Ok(Page::new(seen))
}

/// What the istiods noted of their last push: clusters without endpoints, conflicts, duplicates.
///
/// # Errors
/// What a script may not handle.
pub fn push_status(run: &Run, plane: &ControlPlane) -> Result<Page, Failure> {
    ask(run, plane, "push status", "/debug/push_status", &["METRIC", "NAME", "PROXY", "MESSAGE"], pushes)
}

fn pushes(page: &Value) -> Result<Vec<Row>, String> {
    // An istiod that has not pushed yet answers null.
    if page.is_null() {
        return Ok(Vec::new());
    }
    let metrics = page.as_object().ok_or("its /debug/push_status is not an object")?;
    let mut rows = Vec::new();
    for (metric, names) in metrics {
        for (name, about) in names.as_object().into_iter().flatten() {
            let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or_default();
            let (proxy, message) = (text("proxy"), text("message"));
            let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { crate::text::first_line(text) };
            rows.push(Row {
                cells: vec![metric.clone(), name.clone(), dash(proxy), dash(message)],
                fields: json!({ "metric": metric, "name": name, "of_proxy": proxy, "message": message }),
            });
        }
    }
    Ok(rows)
}

/// The services that the istiods know.
///
/// # Errors
/// What a script may not handle.
pub fn registry(run: &Run, plane: &ControlPlane) -> Result<Page, Failure> {
    ask(run, plane, "registry", "/debug/registryz", &["HOSTNAME", "REGISTRY", "ADDRESS", "PORTS"], services)
}

fn services(page: &Value) -> Result<Vec<Row>, String> {
    if page.is_null() {
        return Ok(Vec::new());
    }
    let all = page.as_array().ok_or("its /debug/registryz is not a list")?;
    let mut rows: Vec<Row> = all
        .iter()
        .map(|service| {
            let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let ports: Vec<Value> = service
                .get("ports")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(|port| json!({ "name": port["name"], "port": port["port"], "protocol": port["protocol"] }))
                .collect();
            let shown: Vec<String> = ports
                .iter()
                .map(|port| format!("{}/{}", port["port"], port["protocol"].as_str().unwrap_or_default()))
                .collect();
            let (host, registry, address) = (text("/hostname"), text("/Attributes/ServiceRegistry"), text("/defaultAddress"));
            Row {
                cells: vec![host.clone(), registry.clone(), address.clone(), shown.join(", ")],
                fields: json!({ "hostname": host, "namespace": text("/Attributes/Namespace"), "registry": registry, "address": address, "ports": ports, "created": text("/creationTime") }),
            }
        })
        .collect();
    rows.sort_by(|a, b| a.cells.cmp(&b.cells));
    Ok(rows)
}

/// The mesh's root certificate as each namespace has it, held against the one in istiod's own namespace.
///
/// # Errors
/// What every read of the API server can end in.
pub fn roots(run: &Run, plane: &ControlPlane) -> Result<Page, Failure> {
    const COLUMNS: &[&str] = &["NAMESPACE", "AGREES", "SERIAL NUMBER", "NOT AFTER", "SUBJECT"];
    let (mut seen, state) = match begin("root certificate", plane, COLUMNS, "") {
        Ok(begun) => begun,
        Err(page) => return Ok(page),
    };
    let Some(reference) = &state.root_certificate else {
        seen.missing =
            Some(Missing::NotExported(format!("namespace {} has no ConfigMap istio-ca-root-cert", plane.root())));
        return Ok(Page::new(seen));
    };
    // istiod labels what it distributes itself.
    let maps = read::list(run, kinds::config_map(), None, Some("istio.io/config=true"))?;
    let held: BTreeMap<String, String> = maps
        .iter()
        .filter(|one| one.pointer("/metadata/name") == Some(&json!("istio-ca-root-cert")))
        .filter_map(|one| {
            let namespace = one.pointer("/metadata/namespace")?.as_str()?.to_owned();
            let pem = one.pointer("/data")?.get("root-cert.pem").and_then(Value::as_str).unwrap_or_default();
            Some((namespace, pem.to_owned()))
        })
        .collect();
    let with_proxies = state.pods.iter().filter(|pod| pod.has_proxy).map(|pod| pod.namespace.clone());
    let mut namespaces: Vec<String> =
        held.keys().cloned().chain(with_proxies).chain([plane.root().to_owned()]).collect();
    namespaces.sort();
    namespaces.dedup();
    let own = certificates(reference.as_bytes());
    // A combined bundle holds roots of other authorities too, so that only one of them need be istiod's.
    let ends: Vec<jiff::Timestamp> =
        own.iter().filter_map(|der| Certificate::of(der)).map(|certificate| certificate.until).collect();
    let mut rows: Vec<Row> = Vec::new();
    for namespace in namespaces {
        let pem = if namespace == plane.root() { Some(reference) } else { held.get(&namespace) };
        rows.extend(root_rows(&namespace, pem.map(String::as_str), &own, state.now));
    }
    rows.sort_by_key(|row| (row.fields["agrees"] == true, row.cells[0].clone()));
    let apart: Vec<String> =
        rows.iter().filter(|row| row.fields["agrees"] != true).map(|row| row.cells[0].clone()).collect();
    match apart.is_empty() {
        true => seen.notes.push(format!("every namespace has the root of {}", plane.root())),
        false => seen.notes.push(format!("not as in {}: {}", plane.root(), some(&apart, 5))),
    }
    for istiod in &state.istiods {
        let Some(seconds) = istiod.answer().and_then(|says| says.root_expires) else { continue };
        #[allow(clippy::cast_possible_truncation, reason = "a time of this age is far below 2^53")]
        let says = jiff::Timestamp::from_second(seconds as i64).ok();
        if let Some(says) = says.filter(|says| !ends.contains(says)) {
            let distributed = ends.iter().min().map_or_else(|| "unreadable".into(), ToString::to_string);
            seen.notes.push(format!(
                "{} signs by a root that expires at {says}; the distributed one expires at {distributed}",
                istiod.pod
            ));
        }
    }
    seen.told.push((String::new(), rows));
    Ok(Page::new(seen))
}

fn root_rows(namespace: &str, pem: Option<&str>, own: &[Vec<u8>], now: jiff::Timestamp) -> Vec<Row> {
    let held = pem.map(|pem| certificates(pem.as_bytes())).unwrap_or_default();
    if held.is_empty() {
        let cells = [namespace, "no", "-", "-", "it has none"].map(str::to_owned).to_vec();
        return vec![Row { cells, fields: json!({ "namespace": namespace, "agrees": false }) }];
    }
    held.iter()
        .map(|der| {
            let agrees = own.contains(der) && held.len() == own.len();
            let read = Certificate::of(der);
            let of = |what: &dyn Fn(&Certificate) -> String| read.as_ref().map_or("unreadable".into(), what);
            let (serial, until, subject) = (of(&|one| one.serial.clone()), of(&|one| one.until.to_string()), of(&|one| one.subject.clone()));
            Row {
                cells: vec![namespace.to_owned(), if agrees { "yes" } else { "no" }.into(), serial.clone(), until.clone(), subject.clone()],
                fields: json!({
                    "namespace": namespace, "agrees": agrees, "serial": serial, "subject": subject, "not_after": until,
                    "not_before": of(&|one| one.from.to_string()), "valid": read.as_ref().is_some_and(|one| !one.is_expired(now)),
                    "seconds_left": read.as_ref().map(|one| one.until.as_second() - now.as_second()),
                }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn recorded_pages() {
        let page: Value =
            serde_json::from_str(include_str!("../../testdata/istio-1.31/istiod.push_status.json")).expect("JSON");
        let rows = pushes(&page).expect("a page");
        assert_eq!(
            rows[0].cells,
            ["pilot_eds_no_instances", "outbound|443||kubernetes.default.svc.cluster.local", "-", "-"]
        );
        let page: Value =
            serde_json::from_str(include_str!("../../testdata/istio-1.31/istiod.registryz.json")).expect("JSON");
        let rows = services(&page).expect("a page");
        let own =
            rows.iter().find(|row| row.fields["hostname"] == "graph-core.summit.svc.cluster.local").expect("a service");
        assert_eq!(own.cells[1..], ["Kubernetes", "10.96.245.141", "8080/HTTP"]);
    }

    #[test]
    fn a_namespace_with_another_root_or_none_is_told() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let pem = |text: &str| format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        let own = certificates(pem("AAAA").as_bytes());
        assert_eq!(root_rows("a", Some(&pem("AAAA")), &own, now)[0].fields["agrees"], true);
        assert_eq!(root_rows("a", Some(&pem("BBBB")), &own, now)[0].fields["agrees"], false);
        assert_eq!(
            root_rows("a", Some(&format!("{}{}", pem("AAAA"), pem("BBBB"))), &own, now)[0].fields["agrees"],
            false,
            "it trusts another one too"
        );
        assert_eq!(root_rows("a", None, &own, now)[0].cells[4], "it has none");
    }

    proptest! {
        #[test]
        fn nothing_panics(json in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let page: Value = serde_json::from_str(&json).unwrap_or(json!([{ "ports": [json], "a": { "b": json } }]));
            let _ = (pushes(&page), services(&page));
        }
    }
}

//! What is told from what was seen.

use super::*;
use crate::control_plane::connection::{Connection, Own};
use crate::control_plane::istiod::Says;
use crate::control_plane::selector::Labels;
use crate::control_plane::service::Service;
use crate::control_plane::tests::seen;

fn istiod(pod: &str) -> Istiod {
    Istiod {
        pod: pod.into(),
        revision: "default".into(),
        ready: true,
        running: true,
        says: Some(Ok(Says::default())),
        ..Istiod::default()
    }
}

fn crashing(pod: &str) -> Istiod {
    Istiod {
        ready: false,
        running: false,
        says: None,
        waiting: Some("CrashLoopBackOff".into()),
        ended: Some("Error, exit code 255".into()),
        restarts: 6,
        last_words: vec!["no certificate".into()],
        ..istiod(pod)
    }
}

fn proxy(name: &str, istiod: Option<&str>) -> Connection {
    let own = istiod.is_none().then_some(Ok(Own { active: 0.0, total: 9.0 }));
    Connection {
        proxy: format!("{name}.summit"),
        revision: "default".into(),
        istiod: istiod.map(Into::into),
        own,
        agent: None,
        behind: vec![],
    }
}

fn service(selects: bool, ready: usize) -> Service {
    Service {
        name: "istiod".into(),
        revision: "default".into(),
        selector: Labels::new(),
        ready,
        selects,
        correct: None,
        object: Value::Null,
    }
}

fn webhook(endpoints: Option<usize>) -> Webhook {
    Webhook {
        kind: "MutatingWebhookConfiguration",
        configuration: "istio-sidecar-injector".into(),
        name: "namespace.sidecar-injector.istio.io".into(),
        service: ("istio-system".into(), "istiod".into()),
        fails: true,
        endpoints,
        shut_off: false,
        bundle: String::new(),
        namespaces: vec!["summit".into()],
    }
}

fn words(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|one| one.cause).collect()
}

#[test]
fn a_crash_explains_what_follows_from_it() {
    let mut seen = seen(vec![crashing("istiod-1")]);
    seen.connections = vec![proxy("a", None), proxy("b", None)];
    seen.services = vec![service(true, 0)];
    seen.webhooks = vec![webhook(Some(0))];
    let found = causes("istio-system", &seen).expect("it can be told");
    assert_eq!(words(&found), [cause::CRASH_LOOP]);
    assert_eq!(found[0].harm, 1.0);
    assert!(found[0].evidence.iter().any(|line| line.contains("no certificate")));
    assert!(found[0].evidence.iter().any(|line| line.contains("unblock_new_pods")));
}

#[test]
fn a_healthy_one_has_no_cause_and_a_silent_one_cannot_be_told() {
    let mut seen = seen(vec![istiod("istiod-1")]);
    seen.connections = vec![proxy("a", Some("istiod-1"))];
    seen.services = vec![service(true, 1)];
    assert_eq!(causes("istio-system", &seen), Ok(vec![]));
    seen.istiods[0].says = Some(Err("connection refused".into()));
    assert!(causes("istio-system", &seen).is_err());
    let empty = crate::control_plane::tests::seen(vec![]);
    assert!(causes("istio-system", &empty).is_err(), "nothing installed is not healthy");
}

#[test]
fn a_policy_counts_only_where_proxies_miss_their_istiod() {
    let mut seen = seen(vec![istiod("istiod-1")]);
    seen.shut_off = crate::control_plane::ShutOff {
        proxies: vec!["a.summit".into(), "b.summit".into()],
        webhooks: true,
        policies: vec!["deny".into()],
    };
    seen.connections = vec![proxy("a", Some("istiod-1")), proxy("b", Some("istiod-1"))];
    assert_eq!(causes("istio-system", &seen), Ok(vec![]), "nobody obeys it");
    seen.connections = vec![proxy("a", None), proxy("b", Some("istiod-1"))];
    let found = causes("istio-system", &seen).expect("it can be told");
    assert_eq!(words(&found), [cause::NETWORK_POLICY]);
    assert_eq!(found[0].harm, 0.5);
    assert!(
        found[0].evidence.iter().any(|line| line.contains("\"port\":15012")),
        "the exact patch: {:?}",
        found[0].evidence
    );
}

#[test]
fn selector_webhook_and_api_server_are_told_apart() {
    let mut seen = seen(vec![istiod("istiod-1")]);
    seen.connections = vec![proxy("a", None)];
    seen.services = vec![service(false, 0)];
    seen.webhooks = vec![webhook(Some(0))];
    assert_eq!(words(&causes("istio-system", &seen).expect("told")), [cause::WRONG_SELECTOR]);
    seen.services = vec![service(true, 1)];
    seen.connections = vec![proxy("a", Some("istiod-1"))];
    seen.webhooks = vec![Webhook { service: ("istio-system".into(), "istiod-1-30".into()), ..webhook(None) }];
    seen.late = 7;
    let found = causes("istio-system", &seen).expect("told");
    assert_eq!(words(&found), [cause::WEBHOOK, cause::SLOW_API]);
    seen.connections.push(proxy("b", None));
    assert!(words(&causes("istio-system", &seen).expect("told")).contains(&cause::DISCONNECTED));
}

#[test]
fn the_authority_is_told_by_its_date_and_by_who_trusts_it() {
    let mut seen = seen(vec![Istiod {
        says: Some(Ok(Says { root_expires: Some(1_000_000.0), ..Says::default() })),
        ..istiod("istiod-1")
    }]);
    assert_eq!(words(&causes("istio-system", &seen).expect("told")), [cause::AUTHORITY]);
    seen.istiods = vec![istiod("istiod-1")];
    seen.root_certificate = Some("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n".into());
    seen.services = vec![service(true, 1)];
    seen.webhooks = vec![webhook(Some(1))];
    assert_eq!(
        words(&causes("istio-system", &seen).expect("told")),
        [cause::AUTHORITY],
        "an empty caBundle trusts nobody"
    );
    // The same certificate, with other line ends.
    seen.webhooks[0].bundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tDQpRVUpEDQotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0t".into();
    assert_eq!(causes("istio-system", &seen), Ok(vec![]));
}

#[test]
fn one_stale_istiod_of_three_harms_its_own_proxies() {
    let mut seen = seen(vec![
        istiod("istiod-1"),
        Istiod { stale: Some("older".into()), ..istiod("istiod-2") },
        istiod("istiod-3"),
    ]);
    seen.connections = vec![proxy("a", Some("istiod-1")), proxy("b", Some("istiod-2")), proxy("c", Some("istiod-3"))];
    let found = causes("istio-system", &seen).expect("told");
    assert_eq!(words(&found), [cause::STALE]);
    assert!(found[0].what.contains("istiod-2") && (found[0].harm - 1.0 / 3.0).abs() < 1e-9);
}

fn silent(pod: &str) -> Istiod {
    Istiod { says: Some(Err("nothing answered within 10 s".into())), ..istiod(pod) }
}

fn holding(name: &str) -> Connection {
    Connection { own: Some(Ok(Own { active: 1.0, total: 1.0 })), ..proxy(name, None) }
}

#[test]
fn one_istiod_that_does_not_answer_is_named_where_others_do() {
    // As three istiods of a real mesh are seen, one of them stopped by SIGSTOP: it still counts as ready, and its proxy
    // still has its connection.
    let mut seen = seen(vec![istiod("istiod-1"), silent("istiod-2"), istiod("istiod-3")]);
    seen.connections = vec![proxy("a", Some("istiod-1")), holding("b"), proxy("c", Some("istiod-3"))];
    let found = causes("istio-system", &seen).expect("it can be told");
    assert_eq!(words(&found), [cause::SILENT]);
    assert!(found[0].what.contains("istiod-2") && !found[0].what.contains("istiod-1"), "{}", found[0].what);
    assert!(found[0].what.contains("1 proxy learns of no change"), "{}", found[0].what);
    assert!((found[0].harm - 1.0 / 3.0).abs() < 1e-9);
}

#[test]
fn harm_counts_the_proxies_of_the_revision_and_not_its_istiods() {
    // Three istiods of a canary with one proxy of four, as on a real mesh.
    let canary = |istiod: Istiod| Istiod { revision: "canary".into(), ..istiod };
    let mut seen = seen(vec![
        istiod("istiod-1"),
        canary(silent("istiod-canary-1")),
        canary(silent("istiod-canary-2")),
        canary(silent("istiod-canary-3")),
    ]);
    let of_canary = Connection { revision: "canary".into(), ..proxy("d", None) };
    let others = ["a", "b", "c"].map(|name| proxy(name, Some("istiod-1")));
    seen.connections = others.into_iter().chain([of_canary]).collect();
    let found = causes("istio-system", &seen).expect("it can be told");
    assert_eq!(words(&found), [cause::SILENT]);
    assert_eq!(found[0].harm, 0.25);
    // The kubelet has seen it, and the proxies have not.
    for istiod in &mut seen.istiods[1..] {
        *istiod = canary(crashing(&istiod.pod));
    }
    let found = causes("istio-system", &seen).expect("it can be told");
    assert_eq!((words(&found), found[0].harm), (vec![cause::CRASH_LOOP], 0.25));
    // One of three: its proxy has another one.
    seen.istiods = vec![istiod("istiod-1"), canary(istiod("istiod-canary-1")), canary(crashing("istiod-canary-2"))];
    seen.connections[3].istiod = Some("istiod-canary-1".into());
    let found = causes("istio-system", &seen).expect("it can be told");
    assert_eq!((found[0].harm, found[0].harms.as_str()), (0.0, "no proxy yet"));
}

#[test]
fn a_revision_whose_istiods_have_ended_is_not_blamed_on_its_proxies() {
    // As the proxies of a real mesh are seen after SIGTERM of the only istiod, before the kubelet says so.
    let mut seen = seen(vec![silent("istiod-1")]);
    seen.connections = vec![proxy("a", None), proxy("b", None)];
    let found = causes("istio-system", &seen).expect("it can be told");
    assert_eq!(words(&found), [cause::SILENT], "the lost connections follow from it");
    assert_eq!(found[0].harm, 1.0);
    // Where nothing speaks for it, the way to it may be what is broken.
    seen.connections = vec![holding("a")];
    assert!(causes("istio-system", &seen).is_err());
}

//! kube 5.0, the client that meshbook itself uses, against the lab: patches, dry run, watches, port-forward.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod api;

use std::time::Duration;

use api::{Cluster, summit};
use futures::TryStreamExt;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, LogParams, Patch, PatchParams, PostParams,
    Preconditions, WatchEvent, WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

async fn client(cluster: &Cluster, context: &str) -> Client {
    // Whoever comes first sets the process's default; they all set the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::from_yaml(&cluster.server.kubeconfig("lab", "summit")).unwrap();
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

fn rules(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "DestinationRule");
    Api::default_namespaced_with(client.clone(), &ApiResource::from_gvk(&kind))
}

#[tokio::test]
async fn patches_of_every_kind_dry_run_and_preconditions() {
    let cluster = Cluster::with(&summit()).await;
    let client = client(&cluster, "lab").await;
    let rules = rules(&client);
    let before = rules.get("graph-core").await.unwrap();
    let limit = json!({"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 500}}}}});
    let parameters = PatchParams { field_manager: Some("meshbook".into()), ..PatchParams::default() };
    let dry = PatchParams { dry_run: true, ..parameters.clone() };
    let planned = rules.patch("graph-core", &dry, &Patch::Merge(&limit)).await.unwrap();
    assert_eq!(planned.data["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 500);
    assert_eq!(rules.get("graph-core").await.unwrap(), before);
    let mut stale = limit.clone();
    stale["metadata"]["resourceVersion"] = "1".into();
    let error = rules.patch("graph-core", &parameters, &Patch::Merge(&stale)).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(ref status) if status.code == 409), "{error}");
    let mut fresh = limit.clone();
    fresh["metadata"]["resourceVersion"] = before.metadata.resource_version.clone().into();
    let changed = rules.patch("graph-core", &parameters, &Patch::Merge(&fresh)).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
    let managers: Vec<String> =
        changed.metadata.managed_fields.unwrap().into_iter().filter_map(|entry| entry.manager).collect();
    assert_eq!(managers, ["meshbook", "world"]);
    let host =
        json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "spec": {"host": "graph-core"}});
    let error = rules.patch("graph-core", &PatchParams::apply("other"), &Patch::Apply(&host)).await.unwrap_err();
    assert!(error.to_string().contains("conflict with \"world\""), "{error}");
    let forced = PatchParams::apply("other").force();
    assert_eq!(
        rules.patch("graph-core", &forced, &Patch::Apply(&host)).await.unwrap().data["spec"]["host"],
        "graph-core"
    );
    let test = serde_json::from_value(json!([{"op": "test", "path": "/spec/host", "value": "other"}])).unwrap();
    let error = rules.patch("graph-core", &parameters, &Patch::<()>::Json(test)).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(ref status) if status.code == 422), "{error}");
}

#[tokio::test]
async fn ownership_is_given_back_by_a_write_of_the_entries() {
    let cluster = Cluster::with(&summit()).await;
    let client = client(&cluster, "lab").await;
    let rules = rules(&client);
    let before = rules.get("graph-core").await.unwrap();
    let parameters = PatchParams { field_manager: Some("meshbook".into()), ..PatchParams::default() };
    for limit in [500, 1] {
        let patch = json!({"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": limit}}}}});
        rules.patch("graph-core", &parameters, &Patch::Merge(&patch)).await.unwrap();
    }
    let entries = json!({"metadata": {"managedFields": before.metadata.managed_fields}});
    let after = rules.patch("graph-core", &parameters, &Patch::Merge(&entries)).await.unwrap();
    assert_eq!(after.metadata.managed_fields, before.metadata.managed_fields);
    assert_eq!(after.data, before.data);
    assert_eq!(after.metadata.generation, Some(3), "a write of entries alone is no new generation");
}

#[tokio::test]
async fn lists_come_in_pages_and_watches_stream_them() {
    let cluster = Cluster::with(&summit()).await;
    let client = client(&cluster, "lab").await;
    for name in ["a", "b", "c"] {
        cluster.store.put(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "summit"}}),
            "world",
        );
    }
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::default_namespaced(client.clone());
    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!((first.items.len(), first.metadata.remaining_item_count), (2, Some(1)));
    let token = first.metadata.continue_.unwrap();
    let rest = maps.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(rest.items[0].metadata.name.as_deref(), Some("c"));
    let mut events = Box::pin(maps.watch(&WatchParams::default().initial_events(), "0").await.unwrap());
    let mut names = Vec::new();
    while let Some(event) = events.try_next().await.unwrap() {
        match event {
            WatchEvent::Added(map) => names.push(map.metadata.name.unwrap()),
            WatchEvent::Bookmark(bookmark) => {
                assert_eq!(
                    bookmark.metadata.annotations.get("k8s.io/initial-events-end").map(String::as_str),
                    Some("true")
                );
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
    cluster.store.delete("", "configmaps", "summit", "b");
    let event = tokio::time::timeout(Duration::from_secs(10), events.try_next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Deleted(map) if map.metadata.name.as_deref() == Some("b")));
    cluster.store.compact();
    let mut expired = Box::pin(maps.watch(&WatchParams::default(), "1").await.unwrap());
    let event = expired.try_next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Error(ref status) if status.code == 410), "{event:?}");
}

#[tokio::test]
async fn ports_are_forwarded_and_one_stream_carries_many_requests() {
    let cluster = Cluster::with(&summit()).await;
    let client = client(&cluster, "lab").await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let mut forward = pods.portforward("graph-core-1", &[15000, 8080, 9]).await.unwrap();
    let stream = forward.take_stream(15000).unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<axum::body::Bytes>>(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let request = http::Request::get("/ready").header("host", "localhost").body(Empty::new()).unwrap();
        let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"LIVE\n");
        let request = http::Request::get("/big").header("host", "localhost").body(Empty::new()).unwrap();
        let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 300_000);
    }
    let error = forward.take_error(9).unwrap().await;
    assert!(error.is_some_and(|text| text.contains("connection refused")));
    let stream = forward.take_stream(8080).unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<axum::body::Bytes>>(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/x?y=1").header("host", "localhost").body(Empty::new()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"graph-core-1 /x?y=1");
    forward.abort();
    assert!(pods.portforward("absent", &[15000]).await.is_err());
}

#[tokio::test]
async fn scale_restart_logs_create_and_delete() {
    let cluster = Cluster::with(&summit()).await;
    let client = client(&cluster, "lab").await;
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let scale = json!({"spec": {"replicas": 4}});
    let scaled = deployments.patch_scale("graph-core", &PatchParams::default(), &Patch::Merge(&scale)).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(4));
    let restarted = deployments.restart("graph-core").await.unwrap();
    assert_eq!(restarted.metadata.generation, Some(3));
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let parameters = LogParams { container: Some("app".into()), tail_lines: Some(1), ..LogParams::default() };
    assert_eq!(pods.logs("graph-core-1", &parameters).await.unwrap(), "line 3\n");
    let map = serde_json::from_value(json!({"metadata": {"generateName": "note-"}, "data": {"a": "b"}})).unwrap();
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::default_namespaced(client);
    let created = maps.create(&PostParams::default(), &map).await.unwrap();
    let name = created.metadata.name.unwrap();
    assert!(name.starts_with("note-") && name.len() == 10, "{name}");
    let wrong = Preconditions { resource_version: Some("1".into()), uid: None };
    let error = maps.delete(&name, &DeleteParams::default().preconditions(wrong)).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(ref status) if status.code == 409), "{error}");
    maps.delete(&name, &DeleteParams::default().dry_run()).await.unwrap();
    maps.delete(&name, &DeleteParams::default()).await.unwrap();
    assert!(maps.get_opt(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn the_viewer_reads_and_forwards_but_changes_nothing() {
    let cluster = Cluster::with(&summit()).await;
    let client = client(&cluster, "lab-viewer").await;
    let rules = rules(&client);
    assert!(rules.get("graph-core").await.is_ok());
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    assert!(pods.portforward("graph-core-1", &[15000]).await.is_ok());
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::default_namespaced(client);
    for error in [
        rules.patch("graph-core", &PatchParams::default(), &Patch::Merge(json!({}))).await.unwrap_err(),
        secrets.list(&ListParams::default()).await.unwrap_err(),
    ] {
        assert!(matches!(error, kube::Error::Api(ref status) if status.code == 403), "{error}");
    }
}

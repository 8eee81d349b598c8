//! Two real clusters side by side: a public name moves from one that cannot serve it to the mesh, whose real ingress gateway
//! has a real route for it; first while the lost cluster still answers, then when it is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cluster::{Cluster, Outcome};
use crate::control_plane::{CANARY, Finally, until_well};

const FAILOVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/disaster-recovery/failover.rhai");
/// Whose service is behind the name.
const NAMESPACE: &str = "summit-canary";
/// The addresses of both gateways (RFC 5737): nothing provides load balancers here, so the test writes what one would.
const LOST: &str = "192.0.2.1";
const MESH: &str = "198.51.100.1";

const ROUTE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: summit-canary}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: summit-canary}
spec:
  hosts: [shop.example.com]
  gateways: [shop]
  http:
  - route: [{destination: {host: graph-core.summit-canary.svc.cluster.local, port: {number: 8080}}}]
";

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_name_moves_from_a_lost_cluster_to_the_mesh() {
    let _alone = CANARY.lock();
    let real = Cluster::real();
    until_well(&real, NAMESPACE);
    let folder = real.folder().expect("the real mesh has a folder").to_owned();
    let file = PathBuf::from(real.home()).join("route.yaml");
    fs::write(&file, ROUTE).expect("the folder can be written");
    let file = file.display().to_string();
    real.kubectl(&["apply", "-f", &file]).ok();
    let _gone = Finally(|| drop(real.kubectl(&["delete", "-f", &file, "--wait=false"])));
    let status = format!(r#"{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{MESH}"}}]}}}}}}"#);
    let gateway = ["patch", "service", "istio-ingressgateway", "-n", "istio-system", "--subresource=status"];
    real.kubectl(&[&gateway[..], &["--type=merge", "-p", &status]].concat()).ok();
    let before = everything(&real);

    let refused = failover(&real, &folder, LOST);
    println!("{refused}");
    assert_eq!(refused.code, 3, "nobody can be asked to move the name: {refused}");
    let text = format!("{}{}", refused.stdout, refused.stderr);
    let gate = format!("move shop.example.com in DNS from {LOST} to {MESH}");
    assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(&gate), "{refused}");
    let record = real.newest_record();
    let asked =
        |context: Option<&str>| record.events("looked").filter(|read| read["beside"].as_str() == context).count();
    assert!(asked(None) > 5 && asked(Some("real")) > 5, "{} and {} reads", asked(None), asked(Some("real")));
    assert!(record.changed().is_empty());

    let first = fs::read_to_string(folder.join("first.pid")).expect("the mesh runs");
    let lost = fs::read_to_string(folder.join("second/kube-apiserver.pid")).expect("the second cluster runs");
    let kill = ["--target", first.trim(), "--pid", "--mount", "kill", "-KILL", lost.trim()];
    assert!(Command::new("nsenter").args(kill).status().expect("nsenter can be started").success());
    let address = real.kubectl(&[
        "get",
        "pods",
        "-n",
        "istio-system",
        "-l",
        "app=istio-ingressgateway",
        "-o",
        "jsonpath={.items[0].status.podIP}",
    ]);
    let clients =
        "while :; do curl -s -m 2 -o /dev/null -H 'Host: shop.example.com' \"http://$0:8080/\"; sleep 0.05; done";
    let mut clients = real.command("bash").args(["-c", clients, &address.ok()]).spawn().expect("bash can be started");
    let moved = failover(&real, &folder, MESH);
    // It is this test's own child.
    clients.kill().expect("the clients run until they are ended");
    clients.wait().expect("they were started here");
    println!("{moved}");
    assert_eq!(moved.code, 0, "{moved}");
    assert_eq!(real.newest_record().ending(), "fixed", "{moved}");
    assert_eq!(everything(&real), before, "a failover changes nothing");
}

/// Fails over from the second cluster to the mesh, on a machine whose resolver leads the name to an address.
fn failover(real: &Cluster, folder: &Path, address: &str) -> Outcome {
    let hosts = PathBuf::from(real.home()).join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost\n{address} shop.example.com\n")).expect("the folder can be written");
    let kubeconfig = folder.join("second/both.kubeconfig");
    let mut command = real.command("unshare");
    command
        .args(["--mount", "bash", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""])
        .arg(hosts)
        .arg(crate::cluster::meshbook())
        .args(["run", FAILOVER, "secondary=real", "name=shop.example.com", "services=graph-core", "one_mesh=false"])
        .args(["-n", NAMESPACE, "--context", "second", "--kubeconfig"])
        .arg(kubeconfig)
        .stdin(Stdio::null());
    Outcome::of(command.output().expect("unshare can be started"))
}

/// The versions of everything that a failover looks at and people have written.
fn everything(real: &Cluster) -> String {
    let version = "jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.generation} {end}";
    real.kubectl(&["get", "deployments,gateways.networking.istio.io,virtualservices", "-n", NAMESPACE, "-o", version])
        .ok()
}

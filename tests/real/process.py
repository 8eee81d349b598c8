"""What `pod`, `istiod` and `kubelet` share: a pod of kwok gets the processes that its containers would have, and loses them again."""
import json, os, shlex, signal, sys, time, zlib

from mesh import API_SERVER, BINARIES, HERE, kwok, port_forward


def folder_of(pod):
    """The name of a pod's folder: names that no controller has made unique may be there in several namespaces."""
    metadata = pod["metadata"]
    is_unique = metadata.get("ownerReferences") or metadata.get("labels", {}).get("kubelet") != "real"
    return metadata["name"] if is_unique else f"{metadata['namespace']}.{metadata['name']}"


def is_istiod(pod):
    return pod["spec"]["containers"][0]["name"] == "discovery"


def sidecar_of(pod):
    """The container of its Envoy, ordinary or native; a gateway's proxy is one as well."""
    containers = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
    return next((container for container in containers if container["name"] == "istio-proxy"), None)


def environment(pod, sidecar):
    """The environment that the injector wrote, with its references resolved as a kubelet does."""
    fields = {"metadata.name": pod["metadata"]["name"], "metadata.namespace": pod["metadata"]["namespace"], "spec.nodeName": pod["spec"]["nodeName"],
              "spec.serviceAccountName": pod["spec"]["serviceAccountName"], "status.podIP": pod["status"]["podIP"],
              "status.hostIP": pod["status"].get("hostIP", "127.0.0.1")}
    resources = {"limits.cpu": "2", "limits.memory": str(1 << 30)}
    values = {}
    for entry in sidecar["env"]:
        source = entry.get("valueFrom", {})
        if "fieldRef" in source:
            values[entry["name"]] = fields[source["fieldRef"]["fieldPath"]]
        elif "resourceFieldRef" in source:
            values[entry["name"]] = resources[source["resourceFieldRef"]["resource"]]
        else:
            values[entry["name"]] = entry.get("value", "")
    return values


def istiod_of(mesh, discovery, pod):
    """The address of one of the istiods behind a name. A pod that was made together with them waits for the first address."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        services = mesh.get("service", "-n", "istio-system")["items"]
        control_plane = next((service for service in services if service["metadata"]["name"] == discovery.split(".")[0]), None)
        if control_plane:
            selector = ",".join(f"{key}={value}" for key, value in control_plane["spec"]["selector"].items())
            istiods = mesh.get("pod", "-n", "istio-system", "-l", selector)["items"]
            addresses = [istiod["status"]["podIP"] for istiod in istiods if "deletionTimestamp" not in istiod["metadata"] and istiod["status"].get("podIP")]
            if addresses:
                return addresses[zlib.crc32(pod.encode()) % len(addresses)]
        time.sleep(0.2)
    raise RuntimeError(f"no istiod behind {discovery} has an address")


def hosts(mesh, namespace, discovery, pod):
    """There is no cluster DNS. istiod's name leads to one of its pods, every other Service's to its ClusterIP, which the capture hands to Envoy."""
    services = mesh.get("service", "-A")["items"]
    lines = ["127.0.0.1 localhost"]
    if discovery:
        lines.append(f"{istiod_of(mesh, discovery, pod)} {discovery}")
    for service in services:
        name, where, address = service["metadata"]["name"], service["metadata"]["namespace"], service["spec"].get("clusterIP", "None")
        if address != "None" and not name.startswith("istiod"):
            short = f" {name}" if where == namespace else ""
            lines.append(f"{address} {name}.{where}.svc.cluster.local {name}.{where}.svc {name}.{where}{short}")
    return "\n".join(lines) + "\n"


def start_istiod(mesh, pod):
    """Runs pilot-discovery in a network of its own with the pod's address, and waits until it is ready."""
    name, address = pod["metadata"]["name"], pod["status"]["podIP"]
    home = mesh.home(name)
    home.mkdir(exist_ok=True)
    container = pod["spec"]["containers"][0]
    variables = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry and entry["name"] != "KUBECONFIG"}
    # The last two because upstream Envoy lacks Istio's own filters.
    variables.update(POD_NAME=name, POD_NAMESPACE="istio-system", SERVICE_ACCOUNT=pod["spec"]["serviceAccountName"],
                     PILOT_ENABLE_METADATA_EXCHANGE="false", PILOT_ENABLE_ALPN_FILTER="false")
    assignments = " ".join(f"{key}='{value}'" for key, value in variables.items())
    (home / "kubeconfig").write_text((mesh.root / "admin.kubeconfig").read_text().replace("127.0.0.1", API_SERVER))
    pid = mesh.start(name, address, f"""
exec env -u KUBECONFIG {assignments} pilot-discovery {" ".join(container["args"])} --kubeconfig {home}/kubeconfig > istiod.log 2>&1
""")
    mesh.apply(port_forward("istio-system", name, (8080, 15010, 15012, 15014, 15017), pid))
    targets = mesh.root / "targets/istiod"
    targets.mkdir(exist_ok=True)
    (targets / f"{name}.json").write_text(json.dumps([{"targets": [f"{address}:15014"], "labels": {"app": "istiod", "pod": name, "namespace": "istio-system"}}]))
    mesh.wait_for(f"http://{address}:8080/ready", f"{name} is not ready, see {home}/istiod.log")
    print(f"{name} {address} real, istiod of revision {pod['metadata']['labels'].get('istio.io/rev', 'default')}", flush=True)


def start_plain(mesh, pod, application):
    """A pod without a sidecar: its network, and its application if it has one."""
    namespace, name, address = pod["metadata"]["namespace"], pod["metadata"]["name"], pod["status"]["podIP"]
    folder = folder_of(pod)
    mesh.home(folder).mkdir(parents=True, exist_ok=True)
    (mesh.home(folder) / "hosts").write_text(hosts(mesh, namespace, "", name))
    run = 'exec "$@" > application.log 2>&1' if application else "exec sleep infinity"
    pid = mesh.start(folder, address, f"mount --bind hosts /etc/hosts\n{run}", *application)
    ports = [port["containerPort"] for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    if ports:
        mesh.apply(port_forward(namespace, name, ports, pid))
    print(f"{name} {address} real, without a sidecar", flush=True)


def start_meshed(mesh, pod, sidecar, application):
    """A pod with Istio's traffic capture, pilot-agent, Envoy and its application; waits until the sidecar is ready."""
    metadata, namespace, name = pod["metadata"], pod["metadata"]["namespace"], pod["metadata"]["name"]
    address, account = pod["status"]["podIP"], pod["spec"]["serviceAccountName"]
    home = mesh.home(folder_of(pod))
    for part in ("var/run/secrets/tokens", "var/run/secrets/istio", "var/lib/istio/envoy", "etc/istio/proxy", "etc/istio/pod"):
        (home / part).mkdir(parents=True, exist_ok=True)

    def write(path, text):
        (home / path).write_text(text)

    def downward(pairs):
        return "".join(f"{key}={json.dumps(value)}\n" for key, value in pairs.items())

    write("etc/istio/pod/labels", downward(metadata.get("labels", {})))
    write("etc/istio/pod/annotations", downward(metadata.get("annotations", {})))
    write("var/run/secrets/tokens/istio-token", mesh.run("kubectl", "create", "token", account, "-n", namespace, "--audience", "istio-ca",
          "--duration", "12h", "--bound-object-kind", "Pod", "--bound-object-name", name))
    # istiod writes it into a new namespace in its own time; a kubelet waits for it as well.
    mesh.run("kubectl", "wait", "-n", namespace, "configmap/istio-ca-root-cert", "--for=create", "--timeout=30s")
    write("var/run/secrets/istio/root-cert.pem", mesh.get("configmap", "-n", namespace, "istio-ca-root-cert")["data"]["root-cert.pem"])
    write("var/lib/istio/envoy/envoy_bootstrap_tmpl.json", (BINARIES.parent / "src/istio-files/envoy_bootstrap.json").read_text())
    variables = environment(pod, sidecar)
    proxy = json.loads(variables.get("PROXY_CONFIG") or "{}")
    proxy.update(binaryPath=str(BINARIES / "envoy"), configPath=str(home / "etc/istio/proxy"))
    variables["PROXY_CONFIG"] = json.dumps(proxy)
    write("environment", "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items()))
    write("hosts", hosts(mesh, namespace, proxy.get("discoveryAddress", "istiod.istio-system.svc:15012").split(":")[0], name))
    arguments = " ".join(argument.replace("$(POD_NAMESPACE)", namespace) for argument in sidecar["args"])
    # A gateway listens on its own ports, and nothing is captured in its pod.
    capture = "" if "router" in sidecar["args"] else "pilot-agent istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -x '' -b '*' -d 15090,15091,15021,15020 > capture.log 2>&1\n"
    settings = "".join(f"echo {shlex.quote(entry['value'])} > /proc/sys/{entry['name'].replace('.', '/')}\n" for entry in pod["spec"].get("securityContext", {}).get("sysctls", []))
    pid = mesh.start(folder_of(pod), address, f"""
mount --bind hosts /etc/hosts
{settings}{capture}chown -R 1337:1337 .
if [ $# -gt 0 ]; then "$@" > application.log 2>&1 & fi
rm -f output
mkfifo -m 666 output
python3 {HERE}/telemetry {namespace} {metadata['labels'].get('app', name)} < output > proxy.log 2> telemetry.log &
exec > output 2>&1
. ./environment
exec setpriv --reuid 1337 --regid 1337 --clear-groups pilot-agent {arguments}
""", *application)
    logs = [{"containers": [container["name"]], "logsFile": str(home / f"{container['name']}.log"), "follow": True} for container in commanded(pod)]
    mesh.apply(
        port_forward(namespace, name, (15000, 15020, 15021, 15090), pid),
        kwok("Logs", namespace, name, logs=[{"containers": ["istio-proxy"], "logsFile": str(home / "proxy.log"), "follow": True}, *logs]),
        kwok("Exec", namespace, name, execs=[{"local": {"workDir": str(home), "envs": [{"name": "POD_PID", "value": pid}]}}]))
    (mesh.root / "targets" / f"{folder_of(pod)}.json").write_text(json.dumps([{"targets": [f"{address}:15091"], "labels": {"pod": name, "namespace": namespace}}]))
    mesh.wait_for(f"http://{address}:15021/healthz/ready", f"the sidecar of {name} is not ready, see {home}/proxy.log")
    print(f"{name} {address} real", flush=True)


def commanded(pod):
    """The containers that say themselves what they run."""
    return [container for container in pod["spec"]["containers"] if container.get("command")]


def end(mesh, pod, grace):
    """Ends the processes of a pod as a kubelet does: the sidecar drains first, and what is left after the grace (seconds) is killed."""
    name = folder_of(pod)
    mine = processes(mesh, name)
    agents = [process for process in mine if b"pilot-agent" in command_line(process)]
    for process in agents:
        signal_to(process, signal.SIGTERM)
    until = time.monotonic() + grace
    while time.monotonic() < until and any(os.path.exists(f"/proc/{process}") for process in agents):
        time.sleep(0.1)
    for process in processes(mesh, name):
        signal_to(process, signal.SIGKILL)
    for file in (mesh.home(name) / "pid", mesh.root / "targets" / f"{name}.json", mesh.root / "targets/istiod" / f"{name}.json"):
        file.unlink(missing_ok=True)


def processes(mesh, pod):
    """The process ids, as seen from here, of all that run in a pod's network."""
    try:
        pid = (mesh.home(pod) / "pid").read_text().strip()
        network = os.readlink(f"/proc/{mesh.first}/root/proc/{pid}/ns/net")
    except FileNotFoundError:
        return []
    if network == os.readlink(f"/proc/{mesh.first}/ns/net"):
        return []  # It has ended, and its number is another's.
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{process}/ns/net") == network:
                found.append(int(process))
        except OSError:
            pass  # It has ended meanwhile.
    return found


def command_line(process):
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def signal_to(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass

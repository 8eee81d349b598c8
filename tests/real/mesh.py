"""What `istiod` and `pod` share: kubectl inside the mesh, and network namespaces that carry a pod's address."""
import json, os, pathlib, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
BINARIES = pathlib.Path(os.environ.get("REAL_MESH_BIN", "/var/cache/real-mesh/bin"))
API_SERVER = "10.245.0.1"


class Mesh:
    def __init__(self, folder):
        self.root = pathlib.Path(folder).resolve()
        self.first = (self.root / "first.pid").read_text().strip()

    def run(self, *command, stdin=None):
        """Standard output of a command in the mesh's own network."""
        done = subprocess.run([HERE / "in", self.root, *command], input=stdin, text=True, stdout=subprocess.PIPE)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}")
        return done.stdout

    def get(self, *what):
        return json.loads(self.run("kubectl", "get", *what, "-o", "json"))

    def apply(self, *objects):
        self.run("kubectl", "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def home(self, pod):
        return self.root / "pods" / pod

    def lives(self, pod):
        """Whether the process of a pod that was made real still runs."""
        try:
            pid = (self.home(pod) / "pid").read_text().strip()
            status = pathlib.Path(f"/proc/{self.first}/root/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return False
        return "State:\tZ" not in status

    def start(self, pod, address, script, *arguments):
        """Runs a bash script in namespaces of its own that have the pod's address; returns the process id as seen inside the mesh."""
        home = self.home(pod)
        home.mkdir(parents=True, exist_ok=True)
        (home / "pid").unlink(missing_ok=True)
        (home / "start").write_text(f"""set -e
echo $$ > {home}/pid.new
mv {home}/pid.new {home}/pid
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip link set lo up
ip link set eth0 up
ip address add {address}/32 dev eth0
ip route add default dev eth0
cd {home}
{script}""")
        # Left to the first process at once: an nsenter that waited for it would stop when it is stopped, and go on for ever.
        subprocess.run(["nsenter", "--target", self.first, "--net", "--pid", "--mount", "bash", "-c", '"$@" &', "start", "unshare", "--net", "--mount",
                        "env", f"PATH={BINARIES}:{os.environ['PATH']}", "bash", home / "start", *arguments], check=True,
                       start_new_session=True, stdin=subprocess.DEVNULL, stdout=open(home / "start.log", "w"), stderr=subprocess.STDOUT)
        while not (home / "pid").exists():
            time.sleep(0.01)
        pid = (home / "pid").read_text().strip()
        link = "v" + "-".join(address.split(".")[2:])
        # A deleted pod's address is given to the next pod: the old link goes, and with it the old pod's network.
        subprocess.run(["nsenter", "--target", self.first, "--net", "--pid", "--mount", "bash", "-ec", f"""
ip link delete {link} 2>/dev/null || true
ip link add {link} type veth peer name eth0 netns {pid}
ip link set {link} up
ip address add {API_SERVER}/32 dev {link}
echo 1 > /proc/sys/net/ipv4/conf/{link}/proxy_arp
ip route add {address}/32 dev {link}"""], check=True)
        return pid

    def wait_for(self, url, otherwise):
        """Until the URL answers 200, for half a minute."""
        loop = f"for i in {{1..300}}; do curl -sf -m 2 -o /dev/null {url} && exit 0; sleep 0.1; done; exit 1"
        if subprocess.run([HERE / "in", self.root, "bash", "-c", loop]).returncode:
            sys.exit(otherwise)


def kwok(kind, namespace, pod, **spec):
    """One of the objects by which kwok knows what a pod answers."""
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": {"name": pod, "namespace": namespace}, "spec": spec}


def port_forward(namespace, pod, ports, pid=None):
    """Port-forward into the namespaces of process `pid`, or into the mesh's own network."""
    enter = ["nsenter", "--target", pid, "--net"] if pid else []
    return kwok("PortForward", namespace, pod, forwards=[
        {"ports": [port], "command": [*enter, "socat", "-", f"TCP:127.0.0.1:{port},nodelay"]} for port in ports])

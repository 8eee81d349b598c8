#!/usr/bin/env python3
"""Makes istio.json, gateway-api.json and kubernetes.json from the Go modules that publish them (see README.md).

Usage: extract.py ISTIO_API_DIR GATEWAY_API_DIR KUBERNETES_DIR      (folders of the Go module cache)

Descriptions, examples and localisation notes are dropped; nothing else of a schema is changed.
"""
import json, pathlib, sys, yaml

here = pathlib.Path(__file__).parent
istio_api, gateway_api, kubernetes = map(pathlib.Path, sys.argv[1:])
PROSE = {"description", "example", "externalDocs"}


def lean(node, names=False):
    """A schema without prose. `names`: the keys are property names, not schema words."""
    if isinstance(node, list):
        return [lean(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: lean(value, names=not names and key in ("properties", "patternProperties"))
        for key, value in node.items()
        if names or key not in PROSE or not isinstance(value, (str, dict))
    }


def write(name, value):
    (here / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def custom(name, documents):
    schemas, definitions = [], []
    for document in filter(None, documents):
        spec = document["spec"]
        versions = []
        for version in spec["versions"]:
            schema = lean(version["schema"]["openAPIV3Schema"])
            if schema not in schemas:
                schemas.append(schema)
            versions.append({**{k: v for k, v in version.items() if k != "schema"}, "schema": schemas.index(schema)})
        definitions.append({"metadata": document["metadata"], "spec": {**spec, "versions": versions}})
    write(name, {"schemas": schemas, "definitions": definitions})


def istio():
    text = (istio_api / "kubernetes/customresourcedefinitions.gen.yaml").read_text()
    custom("istio.json", yaml.safe_load_all(text))


def gateways():
    folder = gateway_api / "config/crd/standard"
    names = ["gatewayclasses", "gateways", "httproutes"]
    files = [folder / f"gateway.networking.k8s.io_{name}.yaml" for name in names]
    custom("gateway-api.json", [yaml.safe_load(file.read_text()) for file in files])


KINDS = {
    "api/v1": ["Namespace", "Pod", "Service", "Endpoints", "ConfigMap", "Secret", "ServiceAccount", "Event", "Node"],
    "apis/apps/v1": ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"],
    "apis/autoscaling/v2": ["HorizontalPodAutoscaler"],
    "apis/discovery.k8s.io/v1": ["EndpointSlice"],
    "apis/coordination.k8s.io/v1": ["Lease"],
    "apis/policy/v1": ["PodDisruptionBudget"],
    "apis/events.k8s.io/v1": ["Event"],
    "apis/networking.k8s.io/v1": ["NetworkPolicy"],
    "apis/rbac.authorization.k8s.io/v1": ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    "apis/admissionregistration.k8s.io/v1": ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"],
    "apis/apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
    "apis/authentication.k8s.io/v1": ["TokenReview", "SelfSubjectReview"],
    "apis/authorization.k8s.io/v1": ["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview", "LocalSubjectAccessReview"],
}


def builtin():
    kept = {}
    for path, kinds in KINDS.items():
        document = json.loads((kubernetes / "api/openapi-spec/v3" / (path.replace("/", "__") + "_openapi.json")).read_text())
        components = document["components"]["schemas"]

        def keep(name):
            if name in kept:
                return
            kept[name] = lean(components[name])
            for reference in references(kept[name]):
                keep(reference)

        group, version = ("", path.split("/")[1]) if path.startswith("api/") else path.split("/")[1:]
        for name, schema in components.items():
            for gvk in schema.get("x-kubernetes-group-version-kind", []):
                if (gvk["group"], gvk["version"]) == (group, version) and gvk["kind"] in kinds:
                    keep(name)
    write("kubernetes.json", kept)


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rsplit("/", 1)[1]
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


istio()
gateways()
builtin()

#!/usr/bin/env bash
# What is wrong in a namespace, and what with its control plane? As it is asked today, by kubectl, jq and PromQL.
# triage.bash NAMESPACE [JOBS]: proxies are asked by xargs, JOBS at once.
# Prints CAUSE OBJECT for each cause, sorted.
set -euo pipefail
export LC_ALL=C
namespace=$1 jobs=${2:-16}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cause() { echo "$1 $2" >>"$work/causes"; }
: >"$work/causes"

# The objects that everything below looks into, side by side.
cat >"$work/objects" <<END
pods -A
endpointslices -n istio-system
mutatingwebhookconfigurations
networkpolicies -n istio-system
services -n $namespace
destinationrules -A
peerauthentications -A
END
# shellcheck disable=SC2016 # the inner shell expands them
xargs -P "$jobs" -I OBJECTS sh -c 'set -- OBJECTS; exec kubectl get "$@" -o json >"$0/$1"' "$work" <"$work/objects"

# The control plane: its pods, what leads to them, who keeps others off, how many proxies they serve.
jq -r '.items[] | select(.metadata.namespace == "istio-system" and .metadata.labels.app == "istiod")
  | "\(.metadata.name) \(any(.status.conditions[]; .type == "Ready" and .status == "True"))"' "$work/pods" >"$work/istiods"
if grep -q ' false$' "$work/istiods"; then cause istiod-not-ready istio-system; fi
jq -r '.items[].webhooks[].clientConfig.service // empty | .name' "$work/mutatingwebhookconfigurations" | sort -u >"$work/called"
while read -r service; do
  jq -e --arg service "$service" 'any(.items[] | select(.metadata.labels["kubernetes.io/service-name"] == $service)
    | .endpoints[]?; .conditions.ready)' "$work/endpointslices" >/dev/null || cause webhook-without-endpoints "$service"
done <"$work/called"
if jq -e 'any(.items[]; .spec.podSelector.matchLabels.app == "istiod")' "$work/networkpolicies" >/dev/null; then cause network-policy istiod; fi
served=0
while read -r pod _; do
  here=$(kubectl get --raw "/api/v1/namespaces/istio-system/pods/$pod:15014/proxy/metrics" | awk '/^pilot_xds[{ ]/ { n += $NF } END { print n + 0 }')
  served=$((served + here))
done <"$work/istiods"
sidecars=$(jq '[.items[] | select(.status.phase == "Running")
  | select(any((.spec.containers + (.spec.initContainers // []))[]; .name == "istio-proxy"))] | length' "$work/pods")
[ "$served" -ge "$sidecars" ] || cause proxies-without-istiod "$((sidecars - served))"

# Which services fail, which are slow, which sidecars are near their limit: one query for all of them.
prometheus=$(jq -r '[.items[] | select(.metadata.namespace == "istio-system")
  | select(.metadata.labels["app.kubernetes.io/name"] == "prometheus" or .metadata.labels.app == "prometheus")][0].metadata.name' "$work/pods")
query() {
  kubectl get --raw "/api/v1/namespaces/istio-system/pods/$prometheus:9090/proxy/api/v1/query?query=$(jq -rn --arg q "$1" '$q | @uri')"
}
here="destination_service_namespace=\"$namespace\""
query "sum by (destination_service, response_flags) (increase(istio_requests_total{$here,response_code=~\"5..|0\"}[1m])) > 0" |
  jq -r '.data.result[].metric | "\(.destination_service) \(.response_flags)"' | sort >"$work/failing"
query "histogram_quantile(0.95, sum by (destination_service, le) (rate(istio_request_duration_milliseconds_bucket{$here}[5m]))) > 2000" |
  jq -r '.data.result[].metric.destination_service' >"$work/slow"
while read -r service; do cause slow "$service"; done <"$work/slow"
query "max by (pod) (container_memory_working_set_bytes{namespace=\"$namespace\",container=\"istio-proxy\"})" |
  jq -r '.data.result[] | "\(.metric.pod) \(.value[1])"' | sort >"$work/memory"
jq -r --arg namespace "$namespace" '.items[] | select(.metadata.namespace == $namespace) | .metadata.name as $pod
  | (.spec.containers + (.spec.initContainers // []))[] | select(.name == "istio-proxy") | .resources.limits.memory // empty
  | {"Ki": 1024, "Mi": 1048576, "Gi": 1073741824} as $units
  | "\($pod) \((.[:-2] | tonumber) * $units[.[-2:]])"' "$work/pods" | sort >"$work/limits"
join "$work/memory" "$work/limits" | awk '$2 > 0.9 * $3 { print $1 }' >"$work/full"
while read -r pod; do cause sidecar-memory "$pod"; done <"$work/full"

# Of each service that fails: who calls it, what both sides are configured with, and whether it has room. A full dump has
# the limits, the mode of TLS and the certificates of a proxy in one answer.
cut -d' ' -f1 "$work/failing" | sort -u >"$work/services-that-fail"
while read -r service; do
  name=${service%%.*}
  jq -r --arg namespace "$namespace" --arg name "$name" --slurpfile services "$work/services" '
    ($services[0].items[] | select(.metadata.name == $name).spec.selector) as $selector
    | .items[] | select(.metadata.namespace == $namespace) | .metadata.labels as $labels
    | select($selector | to_entries | all(.[]; $labels[.key] == .value)) | .metadata.name' "$work/pods" >"$work/servers"
  query "count by (source_workload) (istio_requests_total{reporter=\"source\",destination_service=\"$service\"})" |
    jq -r '.data.result[].metric.source_workload' | sort >"$work/workloads"
  jq -r --arg namespace "$namespace" --rawfile workloads "$work/workloads" '($workloads | split("\n")) as $names
    | .items[].metadata | select(.namespace == $namespace and (.name | sub("-[^-]+-[^-]+$"; "") | IN($names[]))) | .name' "$work/pods" >"$work/callers"
  mkdir -p "$work/$name"
  # shellcheck disable=SC2016
  sort -u "$work/servers" "$work/callers" |
    xargs -P "$jobs" -I POD sh -c 'kubectl exec -n "$1" POD -c istio-proxy -- pilot-agent request GET config_dump |
      jq -r --arg service "$2" ".configs[] | (.dynamic_active_clusters[]?.cluster | select(.name | endswith(\"||\" + \$service))
        | \"limits POD \(.circuit_breakers.thresholds[0].max_requests) \(.transport_socket.name // .transport_socket_matches[0].name // \"plain\")\"),
        (.dynamic_active_secrets[]? | select(.name == \"default\") | \"certificate POD\")" >"$0/POD"' "$work/$name" "$namespace" "$service"
  cat "$work/$name"/* >"$work/told"
  # Callers without TLS where it is demanded, and proxies without a certificate.
  strict=$(jq --arg namespace "$namespace" 'any(.items[]; (.metadata.namespace == $namespace or .metadata.namespace == "istio-system") and .spec.mtls.mode == "STRICT")' "$work/peerauthentications")
  if [ "$strict" = true ] && grep -q '^limits .* plain$' "$work/told"; then cause plain-text-under-strict "$service"; fi
  for pod in "$work/$name"/*; do
    grep -q '^certificate' "$pod" || cause no-certificate "${pod##*/}"
  done
  # Refusals: overload if its pods have no processor left, else the limits of a rule.
  if grep -q "^$service .*UO" "$work/failing"; then
    busiest=$(query "max(sum by (pod) (rate(container_cpu_usage_seconds_total{namespace=\"$namespace\",pod=~\"$name-.*\",container!=\"istio-proxy\"}[2m])))" | jq -r '.data.result[0].value[1] // "0"')
    rule=$(jq -r --arg service "$service" --arg name "$name" 'any(.items[].spec; .host == $service or .host == $name)' "$work/destinationrules")
    least=$(awk '$1 == "limits" { print $3 }' "$work/told" | sort -n | head -1)
    if awk -v busiest="$busiest" 'BEGIN { exit !(busiest >= 0.9) }'; then
      cause overload "$service"
    elif [ "$rule" = true ] && [ "${least:-4294967295}" -lt 4294967295 ]; then
      cause full-circuit-breaker "$service"
    fi
  fi
done <"$work/services-that-fail"
sort -u "$work/causes"

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

# The control plane: its pods, what leads to them, who calls them, how many proxies they serve.
kubectl get pods -n istio-system -o json >"$work/system"
kubectl get endpointslices -n istio-system -o json >"$work/slices"
kubectl get mutatingwebhookconfigurations -o json >"$work/webhooks"
kubectl get networkpolicies -n istio-system -o json >"$work/policies"
jq -r '.items[] | select(.metadata.labels.app == "istiod") | .metadata.name' "$work/system" >"$work/istiods"
ready=$(jq '[.items[] | select(.metadata.labels.app == "istiod" and any(.status.conditions[]; .type == "Ready" and .status == "True"))] | length' "$work/system")
[ "$ready" = "$(wc -l <"$work/istiods")" ] || cause istiod-not-ready istio-system
jq -r '.webhooks[]? // .items[].webhooks[] | .clientConfig.service // empty | "\(.namespace)/\(.name)"' "$work/webhooks" | sort -u |
  while IFS=/ read -r _ service; do
    endpoints=$(jq --arg service "$service" '[.items[] | select(.metadata.labels["kubernetes.io/service-name"] == $service) | .endpoints[]? | select(.conditions.ready)] | length' "$work/slices")
    [ "$endpoints" -gt 0 ] || cause webhook-without-endpoints "$service"
  done
jq -e '[.items[] | select(.spec.podSelector.matchLabels.app == "istiod")] | length == 0' "$work/policies" >/dev/null || cause networkpolicy istiod
served=0
while read -r pod; do
  here=$(kubectl get --raw "/api/v1/namespaces/istio-system/pods/$pod:15014/proxy/metrics" | awk '/^pilot_xds\{/ { n += $2 } END { print n + 0 }')
  served=$((served + here))
done <"$work/istiods"
kubectl get pods -A -o json >"$work/pods"
sidecars=$(jq '[.items[] | select(any((.spec.containers + (.spec.initContainers // []))[]; .name == "istio-proxy"))] | length' "$work/pods")
[ "$served" -ge "$sidecars" ] || cause proxies-without-istiod "$((sidecars - served))"

# Which services fail, and how: one query for counts by flag, one for P95.
prometheus=$(jq -r '[.items[] | select(.metadata.labels["app.kubernetes.io/name"] == "prometheus" or .metadata.labels.app == "prometheus")][0].metadata.name' "$work/system")
query() {
  kubectl get --raw "/api/v1/namespaces/istio-system/pods/$prometheus:9090/proxy/api/v1/query?query=$(jq -rn --arg q "$1" '$q | @uri')"
}
query "sum by (destination_service, response_flags) (increase(istio_requests_total{destination_service_namespace=\"$namespace\",response_code=~\"5..|0\"}[1m])) > 0" |
  jq -r '.data.result[] | "\(.metric.destination_service) \(.metric.response_flags)"' | sort >"$work/failing"
query "histogram_quantile(0.95, sum by (destination_service, le) (rate(istio_request_duration_milliseconds_bucket{destination_service_namespace=\"$namespace\"}[5m]))) > 2000" |
  jq -r '.data.result[].metric.destination_service' | sort | while read -r service; do cause slow "$service"; done

# For each that fails: its rules, its room, and what the proxies on both sides are configured with.
cut -d' ' -f1 "$work/failing" | sort -u | while read -r service; do
  name=${service%%.*}
  kubectl get destinationrules -n "$namespace" -o json >"$work/rules"
  kubectl get peerauthentications -A -o json >"$work/authentications"
  kubectl get virtualservices -n "$namespace" -o json >"$work/routes"
  selector=$(kubectl get service "$name" -n "$namespace" -o json | jq -r '.spec.selector | to_entries | map("\(.key)=\(.value)") | join(",")')
  kubectl get pods -n "$namespace" -l "$selector" -o name | sed 's|^pod/||' | sort >"$work/servers"
  query "sum by (pod, source_workload) (increase(istio_requests_total{reporter=\"source\",destination_service=\"$service\",response_flags=~\".*UO.*\"}[1m])) > 0" |
    jq -r '.data.result[].metric.source_workload' | sort -u >"$work/workloads"
  jq -r --rawfile workloads "$work/workloads" '($workloads | split("\n")[] | select(. != "")) as $name | .items[].metadata.name | select(startswith($name + "-"))' "$work/pods" | sort -u >"$work/callers"
  # shellcheck disable=SC2016 # the inner shell expands them
  sort -u "$work/servers" "$work/callers" |
    xargs -P "$jobs" -I POD sh -c 'kubectl exec -n "$1" POD -c istio-proxy -- pilot-agent request GET certs >"$0/POD.certs"; kubectl exec -n "$1" POD -c istio-proxy -- pilot-agent request GET config_dump | jq -c "[.configs[] | select(.\"@type\" | endswith(\"ClustersConfigDump\")).dynamic_active_clusters[].cluster | {name, limits: .circuit_breakers.thresholds[0].max_connections, tls: (.transport_socket.name // (.transport_socket_matches // [])[0].name)}]" >"$0/POD.clusters"' "$work" "$namespace"
  cpu=$(query "max(sum by (pod) (rate(container_cpu_usage_seconds_total{namespace=\"$namespace\",pod=~\"$name-.*\",container!=\"istio-proxy\"}[2m])))" | jq -r '.data.result[0].value[1] // "0"')
  if grep -q "^$service .*UO" "$work/failing"; then
    if jq -en --arg cpu "$cpu" '($cpu | tonumber) >= 0.9' >/dev/null; then
      cause overload "$service"
    elif grep -l "\"name\":\"outbound|[0-9]*||$service\",\"limits\":[0-9]" "$work"/*.clusters >/dev/null; then
      cause full-circuit-breaker "$service"
    fi
  fi
done
sort -u "$work/causes"

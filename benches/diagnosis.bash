#!/usr/bin/env bash
# Who refuses requests to a service, with which limits, and whose are they? As it is asked today, by kubectl and jq.
# diagnosis.bash SERVICE [JOBS]: one kubectl after the other, or JOBS at once by xargs.
# Prints POD SIDE CONNECTIONS/PENDING/REQUESTS RULE for each proxy that refuses, sorted.
set -euo pipefail
export LC_ALL=C
service=$1 jobs=${2:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Writes what every pod on standard input answers to PATH into FOLDER/POD; through FILTER, if there is one.
ask() { # FOLDER PATH [FILTER]
  local folder=$work/$1 path=$2 filter=${3:-} pod
  mkdir "$folder"
  if [ "$jobs" = 1 ]; then
    while read -r pod; do
      if [ -z "$filter" ]; then
        kubectl exec "$pod" -c istio-proxy -- pilot-agent request GET "$path" </dev/null >"$folder/$pod"
      else
        kubectl exec "$pod" -c istio-proxy -- pilot-agent request GET "$path" </dev/null | jq -r "$filter" >"$folder/$pod"
      fi
    done
  elif [ -z "$filter" ]; then
    # shellcheck disable=SC2016 # the inner shell expands them
    xargs -P "$jobs" -I POD sh -c 'exec kubectl exec POD -c istio-proxy -- pilot-agent request GET "$1" >"$0/POD"' "$folder" "$path"
  else
    # shellcheck disable=SC2016
    xargs -P "$jobs" -I POD sh -c 'kubectl exec POD -c istio-proxy -- pilot-agent request GET "$1" | jq -r "$2" >"$0/POD"' "$folder" "$path" "$filter"
  fi
}

# The service, its pods, every pod with a sidecar, and the rule for its host.
read -r namespace port selector < <(kubectl get service "$service" -o json |
  jq -r '[.metadata.namespace, (.spec.ports[0] | .targetPort // .port), (.spec.selector | to_entries | map("\(.key)=\(.value)") | join(","))] | map(tostring) | join(" ")')
fqdn=$service.$namespace.svc.cluster.local
kubectl get pods -l "$selector" -o name | sed 's|^pod/||' | sort >"$work/servers"
kubectl get pods -o json |
  jq -r '.items[] | select(any(.spec.containers[], (.spec.initContainers // [])[]; .name == "istio-proxy")) | .metadata.name' >"$work/pods"
rule=$(kubectl get destinationrules -o json | jq -r --arg fqdn "$fqdn" --arg service "$service" \
  '.items[] | select(.spec.host == $fqdn or .spec.host == $service) | "\(.metadata.namespace)/\(.metadata.name)"')

# What each has refused on the way to the service since it started, twice. Reading all of them takes longer than the
# span over which an increase is wanted, so nothing has to be waited for in between.
counters="stats?filter=^cluster[.](inbound[|]${port}[|]|outbound[|][0-9]*[|][^|]*[|]${fqdn}).*upstream_rq_(pending|active)_overflow"
ask before "$counters" <"$work/pods"
ask after "$counters" <"$work/pods"

# Servers count on their inbound side, everybody else on the outbound side.
awk -v before="$work/before/" -v after="$work/after/" '
  NR == FNR { server[$1] = 1; next }
  {
    side = $1 in server ? "inbound" : "outbound"
    count[before] = count[after] = 0
    for (folder in count)
      while ((getline line < (folder $1)) > 0)
        if (index(line, "cluster." side) == 1) { sub(/.*: /, "", line); count[folder] += line }
    if (count[after] > count[before]) print $1
  }' "$work/servers" "$work/pods" >"$work/refusing"

# The limits that those have.
limits='.configs[] | select(."@type" | endswith("ClustersConfigDump")).dynamic_active_clusters[].cluster
  | select(.name | test("^inbound[|]'$port'[|]|^outbound[|][0-9]+[|][^|]*[|]'$fqdn'$"))
  | .circuit_breakers.thresholds[0] as $limits
  | "\(.name) \($limits.max_connections)/\($limits.max_pending_requests)/\($limits.max_requests)"'
ask limits config_dump "$limits" <"$work/refusing"
while read -r pod; do
  side=caller prefix=outbound
  if grep -qx "$pod" "$work/servers"; then side=server prefix=inbound; fi
  echo "$pod $side $(grep "^$prefix" "$work/limits/$pod" | cut -d' ' -f2) $rule"
done <"$work/refusing" | sort

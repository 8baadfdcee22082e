#!/usr/bin/env bash
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What a careful operator writes without the collection: one cluster after another, CRDs first, then wait for each.
set -euo pipefail
PATH=$BIN:$PATH
cd "$FOLDER"
system=clusterlink-system

clusterlink create fabric --name bench
for name in east west north; do
  clusterlink create peer-cert --name "$name" --fabric bench
  kubectl config use-context "kind-bench-$name"
  kubectl apply -f "$CRDS"
  kubectl wait --for=condition=Established --timeout=60s -f "$CRDS"
  kubectl create namespace "$system"
  clusterlink deploy peer --name "$name" --fabric bench --ingress NodePort --ingress-port 30443 --tag v0.4.1
  until kubectl -n "$system" get deployment cl-controlplane cl-dataplane; do sleep 0.5; done
  kubectl -n "$system" rollout status --timeout=120s deployment cl-controlplane
  kubectl -n "$system" rollout status --timeout=120s deployment cl-dataplane
done

policy() { # NAMESPACE-WIDE permission for the demo's client
  cat <<YAML
apiVersion: clusterlink.net/v1alpha1
kind: AccessPolicy
metadata: {name: web, namespace: default}
spec:
  action: allow
  from: [{workloadSelector: {matchLabels: {client.clusterlink.net/labels.app: frontend}}}]
  to: [{workloadSelector: {matchLabels: {export.clusterlink.net/name: web}}}]
YAML
}

for name in east west; do
  policy | kubectl --context "kind-bench-$name" apply -f - -f <(cat <<YAML
apiVersion: clusterlink.net/v1alpha1
kind: Export
metadata: {name: web, namespace: default}
spec: {port: 80}
YAML
  )
  node=$(kubectl --context "kind-bench-$name" get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  kubectl --context kind-bench-north apply -f - <<YAML
apiVersion: clusterlink.net/v1alpha1
kind: Peer
metadata: {name: $name, namespace: $system}
spec: {gateways: [{host: $node, port: 30443}]}
YAML
done
policy | kubectl --context kind-bench-north apply -f - -f <(cat <<YAML
apiVersion: clusterlink.net/v1alpha1
kind: Import
metadata: {name: web, namespace: default}
spec:
  port: 80
  lbScheme: round-robin
  sources:
    - {peer: east, exportName: web, exportNamespace: default}
    - {peer: west, exportName: web, exportNamespace: default}
YAML
)
for _ in $(seq 300); do
  kubectl --context kind-bench-north exec deployment/client -- curl --silent --fail --max-time 2 http://web && exit 0
  sleep 0.2
done
exit 1

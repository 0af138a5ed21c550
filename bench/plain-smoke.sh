#!/usr/bin/env bash
# What `verify --profile smoke` has to do before its first probe, as a person would type it: the same cluster, the same Istio,
# the same pods. Paths come from bench/smoke.ts. Ends when every pod is ready, and leaves the clean-up to its caller.
set -euo pipefail
: "${KIND:?}" "${KIND_CONFIG:?}" "${KUBECONFIG:?}" "${NODE:?}" "${ISTIO:?}" "${SCENES:?}" "${NAMESPACES:?}"
kubectl() { docker exec -i "$NODE" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

"$KIND" create cluster --config "$KIND_CONFIG" --kubeconfig "$KUBECONFIG" --quiet
kubectl wait --for=condition=Ready node --all --timeout=120s
kubectl create namespace istio-system
# Twice, as definitions must be there before what uses them.
kubectl apply --server-side --force-conflicts -f - <"$ISTIO" || kubectl apply --server-side --force-conflicts -f - <"$ISTIO"
kubectl -n istio-system rollout status deployment --timeout=120s
kubectl apply --server-side -f - <"$SCENES"
for namespace in $NAMESPACES; do
  kubectl -n "$namespace" rollout status deployment --timeout=180s
done

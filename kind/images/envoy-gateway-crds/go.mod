module meshwitness.local/envoy-gateway-crds

go 1.24

require github.com/envoyproxy/gateway v1.9.1

module meshwitness.dev/images/istio-older

go 1.26.0

replace (
	github.com/imdario/mergo => github.com/imdario/mergo v0.3.5
	istio.io/api => istio.io/api v1.22.0
	istio.io/client-go => istio.io/client-go v1.22.0
)

tool (
	istio.io/istio/istioctl/cmd/istioctl
	istio.io/istio/pilot/cmd/pilot-agent
	istio.io/istio/pilot/cmd/pilot-discovery
)

require istio.io/istio v0.0.0-20240221233722-55f12a68b4f9

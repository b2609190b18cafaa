{{/* What a service's values are unless its chart, or whoever installs it, says otherwise. */}}
{{- define "madang.defaults" -}}
image:
  registry: ""
  repository: madang/{{ .Chart.Name }}
  tag: {{ .Chart.AppVersion | quote }}
  digest: ""
  pullPolicy: IfNotPresent
replicas: 1
env: {}
logLevel: info
traceRatio: 1
faults: false
resources:
  requests: {cpu: 20m, memory: 32Mi}
  limits: {memory: 128Mi}
drain:
  # Endpoints and sidecars elsewhere need this long to hear that a pod goes, before it stops to listen.
  preStopSeconds: 5
  timeoutSeconds: 10
scaling:
  enabled: true
  minReplicas: 1
  maxReplicas: 4
  # Of the pod as a whole, the sidecar's part included.
  targetCpuPerPod: 200m
disruption:
  maxUnavailable: 1
canary:
  enabled: false
  weight: 0
  replicas: 1
  image: {tag: ""}
database:
  connections: 8
  # The name of a Secret with ca.crt: the authority that a managed server is checked against.
  caSecret: ""
  # A managed server: make Secret <service>-database with the `url` that the provider gave, before the Job looks for it.
  managed: {enabled: false, host: "", port: 5432, addresses: []}
postgres:
  image: {registry: "", repository: postgres, tag: 17.6-bookworm, digest: "", pullPolicy: IfNotPresent}
  user: 999
  maxConnections: 100
  storage: {size: 1Gi, className: ""}
  resources:
    requests: {cpu: 20m, memory: 64Mi}
    limits: {memory: 256Mi}
mesh:
  # For calls that change nothing.
  read: {timeout: 10s, perTryTimeout: 2s, retries: 2}
  # For calls that carry a key, so that a repeat has no second effect.
  write: {timeout: 20s, retries: 1}
  pool: {maxConnections: 256, maxRequests: 1024, maxPending: 1024, maxRetries: 16}
  outlier: {consecutiveGatewayErrors: 5, interval: 2s, baseEjectionTime: 5s, maxEjectionPercent: 50, minHealthPercent: 0}
global:
  imageRegistry: ""
  imageTag: ""
  trustDomain: cluster.local
  # One PostgreSQL server for all services, a database and credentials each; else a server each.
  joinPostgres: false
  nats: {enabled: true, url: "nats://nats:4222", replicas: 1, caSecret: "", host: "", port: 4222, addresses: []}
  telemetry: {enabled: true, namespace: observability, service: jaeger, port: 4317}
  prometheusNamespace: observability
{{- end -}}

{{/* What the mesh knows of a service: who may call it, how calls to it are routed and tried again, what it may call itself. */}}
{{- define "madang.mesh" -}}
{{ include "madang.mesh.authorization" . }}
---
{{ include "madang.mesh.destination" . }}
---
{{ include "madang.mesh.routes" . }}
---
{{ include "madang.mesh.sidecar" . }}
{{- end -}}

{{/* Exactly the table's cells; the namespace denies the rest. */}}
{{- define "madang.mesh.authorization" -}}
{{- $at := . -}}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "madang.selector" . | nindent 6 }}
  action: ALLOW
  rules:
  {{- range (include "madang.callers" (dict "name" .name) | fromYaml).callers }}
  {{- $caller := . }}
  - from:
    - source: {principals: ["{{ include "madang.principal" (dict "global" $at.values.global "root" $at.root "identity" $caller) }}"]}
    to:
    - operation:
        ports: ["{{ $at.entry.port }}"]
        methods: [POST]
        paths:
        {{- range $service, $rpcs := $at.entry.rpcs }}
        {{- range $rpc, $row := $rpcs }}
        {{- if has $caller (rest $row) }}
        - /{{ $service }}/{{ $rpc }}
        {{- end }}
        {{- end }}
        {{- end }}
  {{- end }}
  {{- if eq .name "gateway" }}
  # The edge passes what comes from outside; the gateway's own list says which RPCs that may be.
  - from:
    - source: {principals: ["{{ include "madang.principal" (dict "global" .values.global "root" .root "identity" "edge-istio") }}"]}
    to:
    - operation: {ports: ["{{ .entry.port }}"]}
  {{- end }}
  - from:
    - source: {principals: ["{{ include "madang.principal" (dict "global" .values.global "root" .root "identity" "console") }}"]}
    to:
    - operation: {ports: ["{{ add .entry.port 100 }}"], methods: [GET], paths: [/info, /readyz]}
{{- end -}}

{{- define "madang.mesh.destination" -}}
{{- $mesh := .values.mesh -}}
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
  annotations:
    # The canary's subset is there before its pods, or a route could come before the subset that it names. No weight leads there.
    galley.istio.io/analyze-suppress: IST0173
spec:
  host: {{ .name }}.{{ .root.Release.Namespace }}.svc.cluster.local
  exportTo: [.]
  trafficPolicy:
    loadBalancer: {simple: LEAST_REQUEST}
    connectionPool:
      tcp:
        maxConnections: {{ $mesh.pool.maxConnections }}
        connectTimeout: 1s
        # A peer that vanished without a word is noticed in about 15 s.
        tcpKeepalive: {time: 10s, interval: 2s, probes: 3}
      http:
        http1MaxPendingRequests: {{ $mesh.pool.maxPending }}
        http2MaxRequests: {{ $mesh.pool.maxRequests }}
        maxRetries: {{ $mesh.pool.maxRetries }}
        idleTimeout: 1h
    outlierDetection:
      # UNAVAILABLE counts as 503. What a service refuses by its rules never ejects it.
      consecutiveGatewayErrors: {{ $mesh.outlier.consecutiveGatewayErrors }}
      consecutive5xxErrors: 0
      interval: {{ $mesh.outlier.interval }}
      baseEjectionTime: {{ $mesh.outlier.baseEjectionTime }}
      maxEjectionPercent: {{ $mesh.outlier.maxEjectionPercent }}
      minHealthPercent: {{ $mesh.outlier.minHealthPercent }}
  subsets:
  - name: stable
    labels: {madang.dev/track: stable}
  - name: canary
    labels: {madang.dev/track: canary}
{{- end -}}

{{/* A route for each RPC that somebody may call, then one for all the rest. Each states its retries: without a word Istio makes two. */}}
{{- define "madang.mesh.routes" -}}
{{- $mesh := .values.mesh -}}
{{- $at := . -}}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
  annotations:
    # No destination names a port: a call goes to the port that it was for, the service's or the admin port.
    galley.istio.io/analyze-suppress: IST0112
spec:
  hosts: [{{ .name }}.{{ .root.Release.Namespace }}.svc.cluster.local]
  exportTo: [.]
  http:
  {{- range list "read" "write" }}
  {{- $kind := . }}
  {{- $paths := list }}
  {{- range $service, $rpcs := $at.entry.rpcs }}
  {{- range $rpc, $row := $rpcs }}
  {{- if and (eq (first $row) $kind) (rest $row) }}{{ $paths = append $paths (printf "/%s/%s" $service $rpc) }}{{ end }}
  {{- end }}
  {{- end }}
  {{- if $paths }}
  - name: {{ $kind }}
    match:
    {{- range $paths }}
    - uri: {exact: {{ . }}}
    {{- end }}
    {{- if eq $kind "read" }}
    timeout: {{ $mesh.read.timeout }}
    retries:
      attempts: {{ $mesh.read.retries }}
      perTryTimeout: {{ $mesh.read.perTryTimeout }}
      retryOn: connect-failure,refused-stream,reset,unavailable
    {{- else }}
    timeout: {{ $mesh.write.timeout }}
    retries:
      attempts: {{ $mesh.write.retries }}
      retryOn: connect-failure,refused-stream,reset-before-request,unavailable
    {{- end }}
    route:
    {{- include "madang.mesh.split" $at | nindent 4 }}
  {{- end }}
  {{- end }}
  # Streams, and what no service calls: no time-out, no retry.
  - name: other
    retries: {attempts: 0}
    route:
    {{- include "madang.mesh.split" $at | nindent 4 }}
{{- end -}}

{{- define "madang.mesh.split" -}}
{{- $host := printf "%s.%s.svc.cluster.local" .name .root.Release.Namespace -}}
{{- $weight := ternary (.values.canary.weight | int) 0 .values.canary.enabled -}}
- destination: {host: {{ $host }}, subset: stable}
  weight: {{ sub 100 $weight }}
{{- if $weight }}
- destination: {host: {{ $host }}, subset: canary}
  weight: {{ $weight }}
{{- end }}
{{- end -}}

{{/* What the sidecar hears of, and so can reach: the table's callees, its database, its broker, its collector. */}}
{{- define "madang.mesh.sidecar" -}}
{{- $v := .values -}}
{{- $table := include "madang.table" . | fromYaml -}}
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  workloadSelector:
    labels:
      {{- include "madang.selector" . | nindent 6 }}
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress:
  - hosts:
    {{- if eq .name "console" }}
    {{- range $other, $entry := $table }}
    - ./{{ $other }}.{{ $.root.Release.Namespace }}.svc.cluster.local
    {{- end }}
    {{- end }}
    {{- range (include "madang.callees" (dict "name" .name) | fromYaml).callees }}
    - ./{{ . }}.{{ $.root.Release.Namespace }}.svc.cluster.local
    {{- end }}
    {{- if .entry.database }}
    {{- if $v.database.managed.enabled }}
    - ./{{ $v.database.managed.host }}
    {{- else }}
    - ./{{ ternary "postgres" (printf "%s-postgres" .name) $v.global.joinPostgres }}.{{ .root.Release.Namespace }}.svc.cluster.local
    {{- end }}
    {{- end }}
    {{- if .events }}
    - ./{{ $v.global.nats.host | default (printf "nats.%s.svc.cluster.local" .root.Release.Namespace) }}
    {{- end }}
    {{- with $v.global.telemetry }}{{ if .enabled }}
    - {{ .namespace }}/{{ .service }}.{{ .namespace }}.svc.cluster.local
    {{- end }}{{ end }}
    - istio-system/*
{{- end -}}

{{/* A server outside of the mesh, which the sidecar passes through as it is: TLS is the service's own. */}}
{{- define "madang.external" -}}
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: {{ .name }}-{{ .what }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  hosts: [{{ .host }}]
  exportTo: [.]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
  - {number: {{ .port }}, name: tcp-{{ .what }}, protocol: TCP}
{{- end -}}

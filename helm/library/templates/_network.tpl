{{/* Who may open a connection: what the policy table and the settings name, both ends, and nothing else. */}}
{{- define "madang.network" -}}
{{- $v := .values -}}
{{- $table := include "madang.table" . | fromYaml -}}
{{- $callers := (include "madang.callers" (dict "name" .name) | fromYaml).callers | default list -}}
{{- $callees := (include "madang.callees" (dict "name" .name) | fromYaml).callees -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "madang.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
  {{- if $callers }}
  - from:
    {{- range $callers }}
    - podSelector: {matchLabels: {app.kubernetes.io/name: {{ . }}}}
    {{- end }}
    ports: [{protocol: TCP, port: {{ .entry.port }}}]
  {{- end }}
  {{- if eq .name "gateway" }}
  - from:
    - podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: edge}}
    ports: [{protocol: TCP, port: {{ .entry.port }}}]
  {{- end }}
  - from:
    - podSelector: {matchLabels: {app.kubernetes.io/name: console}}
    ports: [{protocol: TCP, port: {{ add .entry.port 100 }}}]
  {{- include "madang.network.scrape" . | nindent 2 }}
  egress:
  {{- include "madang.network.platform" . | nindent 2 }}
  {{- range $callees }}
  - to: [{podSelector: {matchLabels: {app.kubernetes.io/name: {{ . }}}}}]
    ports: [{protocol: TCP, port: {{ (get $table .).port }}}]
  {{- end }}
  {{- if eq .name "console" }}
  {{- range $other, $entry := $table }}
  - to: [{podSelector: {matchLabels: {app.kubernetes.io/name: {{ $other }}}}}]
    ports: [{protocol: TCP, port: {{ add $entry.port 100 }}}]
  {{- end }}
  {{- end }}
  {{- if .entry.database }}
  {{- if $v.database.managed.enabled }}
  {{- include "madang.network.outside" $v.database.managed | nindent 2 }}
  {{- else }}
  - to: [{podSelector: {matchLabels: {app.kubernetes.io/name: {{ ternary "postgres" (printf "%s-postgres" .name) $v.global.joinPostgres }}}}}]
    ports: [{protocol: TCP, port: 5432}]
  {{- end }}
  {{- end }}
  {{- if .events }}
  {{- if $v.global.nats.host }}
  {{- include "madang.network.outside" $v.global.nats | nindent 2 }}
  {{- else }}
  - to: [{podSelector: {matchLabels: {app.kubernetes.io/name: nats}}}]
    ports: [{protocol: TCP, port: 4222}]
  {{- end }}
  {{- end }}
{{- end -}}

{{/* What every pod with a sidecar needs: names, its certificate and routes, its spans. */}}
{{- define "madang.network.platform" -}}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}, podSelector: {matchLabels: {app: istiod}}}]
  ports: [{protocol: TCP, port: 15012}]
{{- if ne (.spans | default "yes") "none" }}
{{- with .values.global.telemetry }}{{ if .enabled }}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .namespace }}}}, podSelector: {matchLabels: {app.kubernetes.io/name: {{ .service }}}}}]
  ports: [{protocol: TCP, port: {{ .port }}}]
{{- end }}{{ end }}
{{- end }}
{{- end -}}

{{/* Prometheus asks the sidecar's agent. */}}
{{- define "madang.network.scrape" -}}
- from:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .values.global.prometheusNamespace }}}}
    podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}
  ports: [{protocol: TCP, port: 15020}]
{{- end -}}

{{/* A server outside of the cluster: NetworkPolicy knows addresses alone. Without any, the port is open to all of them. */}}
{{- define "madang.network.outside" -}}
- to:
  {{- range .addresses | default (list "0.0.0.0/0") }}
  - ipBlock: {cidr: {{ . }}}
  {{- end }}
  ports: [{protocol: TCP, port: {{ .port }}}]
{{- end -}}

{{/*
A small PostgreSQL server: `server` is its name, `services` those that have a database in it, `admin` the one whose Secret holds the
administrator's password.
*/}}
{{- define "madang.postgres" -}}
{{- $at := set (omit . "name") "name" .server -}}
{{- $settings := include "madang.postgres.databases" . -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .server }}
  labels:
    {{- include "madang.labels" $at | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .server }}
  labels:
    {{- include "madang.labels" $at | nindent 4 }}
data:
  # Runs once, on an empty volume. Each service is the owner of its own database and nobody elsewhere.
  databases.sql: |
    {{- $settings | trim | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .server }}
  labels:
    {{- include "madang.labels" $at | nindent 4 }}
spec:
  selector:
    {{- include "madang.selector" $at | nindent 4 }}
  ports:
  - {name: tcp-postgres, port: 5432, targetPort: 5432, appProtocol: tcp}
---
{{- $parts := dict "container" (include "madang.postgres.container" $at) "volumes" (include "madang.postgres.volumes" $at) }}
{{ include "madang.stateful" (merge (dict "settings" $settings "data" "/var/lib/postgresql/data") $parts $at) }}
---
{{ include "madang.guards" (set $at "port" 5432) }}
{{- end -}}

{{- define "madang.postgres.databases" -}}
{{- range .services }}
\getenv password {{ upper . }}_PASSWORD
CREATE ROLE {{ . }} LOGIN PASSWORD :'password';
CREATE DATABASE {{ . }} OWNER {{ . }} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE {{ . }} FROM PUBLIC;
{{- end }}
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
{{- end -}}

{{- define "madang.postgres.container" -}}
name: postgres
args:
- postgres
- -c
- max_connections={{ .config.maxConnections }}
- -c
- shared_buffers=32MB
# A client that vanished behind its sidecar holds no connection for long.
- -c
- tcp_keepalives_idle=10
- -c
- tcp_keepalives_interval=5
- -c
- tcp_keepalives_count=3
env:
- {name: PGDATA, value: /var/lib/postgresql/data/pgdata}
# Nobody is trusted by address, not even who is in the pod.
- {name: POSTGRES_INITDB_ARGS, value: --auth-host=scram-sha-256}
- {name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: {{ .admin }}-database, key: admin-password}}}
{{- range .services }}
- {name: {{ upper . }}_PASSWORD, valueFrom: {secretKeyRef: {name: {{ . }}-database, key: password}}}
{{- end }}
ports:
- {name: postgres, containerPort: 5432}
readinessProbe:
  tcpSocket: {port: 5432}
  periodSeconds: 2
  timeoutSeconds: 3
livenessProbe:
  tcpSocket: {port: 5432}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
startupProbe:
  tcpSocket: {port: 5432}
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: 300
volumeMounts:
- {name: run, mountPath: /var/run/postgresql}
- {name: databases, mountPath: /docker-entrypoint-initdb.d, readOnly: true}
{{- end -}}

{{- define "madang.postgres.volumes" -}}
- {name: run, emptyDir: {}}
- {name: databases, configMap: {name: {{ .name }}}}
{{- end -}}

{{/* Who may speak to a server that has a protocol of its own, the `services`, at its `port`; and how the mesh reaches it. */}}
{{- define "madang.guards" -}}
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
  - from:
    - source:
        principals:
        {{- range .services }}
        - {{ include "madang.principal" (dict "global" $at.values.global "root" $at.root "identity" .) }}
        {{- end }}
    to:
    - operation: {ports: ["{{ .port }}"]}
---
{{ include "madang.tcp" . }}
---
{{ include "madang.leaf" . }}
{{- end -}}

{{/* How the mesh reaches a server that speaks a protocol of its own. */}}
{{- define "madang.tcp" -}}
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  host: {{ .name }}.{{ .root.Release.Namespace }}.svc.cluster.local
  exportTo: [.]
  trafficPolicy:
    connectionPool:
      tcp:
        connectTimeout: 2s
        tcpKeepalive: {time: 10s, interval: 2s, probes: 3}
---
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
  - from:
    {{- range .services }}
    - podSelector: {matchLabels: {app.kubernetes.io/name: {{ . }}}}
    {{- end }}
    ports: [{protocol: TCP, port: {{ .port }}}]
  {{- include "madang.network.scrape" . | nindent 2 }}
  egress:
  {{- include "madang.network.platform" (merge (dict "spans" "none") .) | nindent 2 }}
{{- end -}}

{{/* The sidecar of a server that calls nobody. */}}
{{- define "madang.leaf" -}}
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
  - hosts: [istio-system/*]
{{- end -}}

{{/* The Deployment of one track of a service. */}}
{{- define "madang.deployment" -}}
{{- $v := .values -}}
{{- $canary := eq .track "canary" -}}
{{- $tag := $v.global.imageTag -}}
{{- if $canary }}{{ $tag = $v.canary.image.tag | default $tag }}{{ end -}}
{{- $version := include "madang.version" ($tag | default $v.image.tag) -}}
{{- $image := include "madang.image" (dict "image" (ternary (omit $v.image "digest") $v.image $canary) "registry" $v.global.imageRegistry "tag" $tag) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}{{ if $canary }}-canary{{ end }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
    app.kubernetes.io/version: {{ $version | quote }}
    madang.dev/track: {{ .track }}
spec:
  {{- if $canary }}
  replicas: {{ $v.canary.replicas }}
  {{- else if not $v.scaling.enabled }}
  replicas: {{ $v.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  progressDeadlineSeconds: 300
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      {{- include "madang.selector" . | nindent 6 }}
      madang.dev/track: {{ .track }}
  template:
    metadata:
      labels:
        {{- include "madang.labels" . | nindent 8 }}
        app.kubernetes.io/version: {{ $version | quote }}
        madang.dev/track: {{ .track }}
      annotations:
        # The settings' digest: a change of settings alone rolls the pods, too.
        madang.dev/config: {{ include "madang.env" . | sha256sum | trunc 16 | quote }}
        # What the mesh did for a call is counted too: tries again, and pods that get no calls for a while.
        proxy.istio.io/config: '{"terminationDrainDuration": "{{ add $v.drain.timeoutSeconds 2 }}s", "proxyStatsMatcher": {"inclusionSuffixes": ["upstream_rq_retry", "upstream_rq_retry_success", "outlier_detection.ejections_enforced_total"]}}'
        prometheus.io/scrape: "true"
        prometheus.io/port: {{ add .entry.port 100 | quote }}
        prometheus.io/path: /metrics
    spec:
      serviceAccountName: {{ .name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ add $v.drain.preStopSeconds $v.drain.timeoutSeconds 15 }}
      securityContext:
        {{- include "madang.pod.security" (dict "user" 65532) | nindent 8 }}
        # The sidecar starts first, and the kernel takes the ports of its connections from a range with ours in it: a service whose
        # port is taken could not start, however often it is tried.
        sysctls: [{name: net.ipv4.ip_local_reserved_ports, value: "{{ .entry.port }},{{ add .entry.port 100 }}"}]
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            {{- include "madang.selector" . | nindent 12 }}
        # Else the pods that an update replaces would count, and the new ones share a node.
        matchLabelKeys: [pod-template-hash]
      containers:
      - name: {{ .name }}
        image: {{ $image }}
        imagePullPolicy: {{ $v.image.pullPolicy }}
        env:
          {{- include "madang.env" . | nindent 10 }}
        ports:
        - {name: {{ ternary "http" "grpc" (.entry.http | default false) }}, containerPort: {{ .entry.port }}}
        - {name: admin, containerPort: {{ add .entry.port 100 }}}
        # Ready by the health service that callers would ask themselves; alive as long as the process answers at all.
        readinessProbe:
          {{- if .entry.http }}
          httpGet: {path: /readyz, port: {{ add .entry.port 100 }}}
          {{- else }}
          grpc: {port: {{ .entry.port }}}
          {{- end }}
          periodSeconds: 2
          timeoutSeconds: 2
          failureThreshold: 2
        livenessProbe:
          httpGet: {path: /livez, port: {{ add .entry.port 100 }}}
          periodSeconds: 10
          timeoutSeconds: 5
          failureThreshold: 6
        startupProbe:
          httpGet: {path: /livez, port: {{ add .entry.port 100 }}}
          periodSeconds: 1
          timeoutSeconds: 2
          failureThreshold: 120
        lifecycle:
          preStop:
            sleep: {seconds: {{ $v.drain.preStopSeconds }}}
        resources:
          {{- toYaml $v.resources | nindent 10 }}
        securityContext:
          {{- include "madang.container.security" . | nindent 10 }}
        {{- with include "madang.mounts" . | fromYaml }}
        volumeMounts:
          {{- toYaml .mounts | nindent 10 }}
        {{- end }}
      {{- with include "madang.mounts" . | fromYaml }}
      volumes:
        {{- toYaml .volumes | nindent 8 }}
      {{- end }}
{{- end -}}

{{/* The environment: where to listen, where others are, whose keys to use. */}}
{{- define "madang.env" -}}
{{- $v := .values -}}
{{- $admin := list -}}
{{- $urls := concat (include "madang.callees" (dict "name" .name) | fromYaml).callees (.entry.consumes | default list) | uniq | sortAlpha -}}
{{- $table := include "madang.table" . | fromYaml -}}
- {name: MADANG_LISTEN, value: "0.0.0.0:{{ .entry.port }}"}
- {name: MADANG_ADMIN_LISTEN, value: "0.0.0.0:{{ add .entry.port 100 }}"}
- {name: MADANG_DRAIN_TIMEOUT, value: "{{ $v.drain.timeoutSeconds }}s"}
- {name: MADANG_LOG_LEVEL, value: {{ $v.logLevel | quote }}}
{{- if $v.faults }}
- {name: MADANG_FAULTS, value: "true"}
{{- end }}
{{- with $v.global.telemetry }}{{ if .enabled }}
- {name: MADANG_OTLP_ENDPOINT, value: "http://{{ .service }}.{{ .namespace }}.svc.cluster.local:{{ .port }}"}
- {name: MADANG_TRACE_RATIO, value: {{ $v.traceRatio | quote }}}
{{- end }}{{ end }}
{{- range $urls }}
- {name: MADANG_{{ upper . }}_URL, value: "http://{{ . }}:{{ (get $table .).port }}"}
{{- end }}
{{- if .entry.database }}
- {name: MADANG_DATABASE, valueFrom: {secretKeyRef: {name: {{ .name }}-database, key: url}}}
- {name: MADANG_DATABASE_CONNECTIONS, value: {{ $v.database.connections | quote }}}
{{- if $v.database.caSecret }}
- {name: MADANG_DATABASE_CA, value: /etc/madang/database-ca/ca.crt}
{{- end }}
{{- end }}
{{- if .events }}
- {name: MADANG_NATS_URL, value: {{ $v.global.nats.url | quote }}}
- {name: MADANG_NATS_USER, value: {{ .name }}}
- {name: MADANG_NATS_PASSWORD_FILE, value: /etc/madang/nats/password}
- {name: MADANG_NATS_REPLICAS, value: {{ $v.global.nats.replicas | quote }}}
{{- if $v.global.nats.caSecret }}
- {name: MADANG_NATS_CA, value: /etc/madang/nats-ca/ca.crt}
{{- end }}
{{- end }}
{{- if eq .name "console" }}
{{- range $name, $entry := $table }}{{ $admin = append $admin (printf "%s=http://%s:%d" $name $name (add $entry.port 100)) }}{{ end }}
- {name: MADANG_ADMIN_URLS, value: {{ join "," $admin | quote }}}
{{- end }}
{{- range $name, $value := $v.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{/* Files that the pod reads, all from Secrets; nothing where there are none. */}}
{{- define "madang.mounts" -}}
{{- $v := .values -}}
{{- $mounts := list -}}
{{- $volumes := list -}}
{{- if and .entry.database $v.database.caSecret -}}
{{- $mounts = append $mounts (dict "name" "database-ca" "mountPath" "/etc/madang/database-ca" "readOnly" true) -}}
{{- $volumes = append $volumes (dict "name" "database-ca" "secret" (dict "secretName" $v.database.caSecret)) -}}
{{- end -}}
{{- if .events -}}
{{- $mounts = append $mounts (dict "name" "nats" "mountPath" "/etc/madang/nats" "readOnly" true) -}}
{{- $items := list (dict "key" .name "path" "password") -}}
{{- $volumes = append $volumes (dict "name" "nats" "secret" (dict "secretName" "nats-users" "items" $items)) -}}
{{- if $v.global.nats.caSecret -}}
{{- $mounts = append $mounts (dict "name" "nats-ca" "mountPath" "/etc/madang/nats-ca" "readOnly" true) -}}
{{- $volumes = append $volumes (dict "name" "nats-ca" "secret" (dict "secretName" $v.global.nats.caSecret)) -}}
{{- end -}}
{{- end -}}
{{- if $mounts -}}{{- dict "mounts" $mounts "volumes" $volumes | toYaml -}}{{- end -}}
{{- end -}}

{{/*
A user publishes its own subjects, and reads the streams of the producers it consumes. Passwords come from the environment, so
from a Secret, never from this file.
*/}}
{{- define "commons.nats.config" -}}
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
server_name: $POD_NAME
max_payload: 1MB
ping_interval: 10s
ping_max: 2
jetstream {
  store_dir: /data
  max_memory_store: 64MB
  max_file_store: 1500MB
}
authorization {
  timeout: 5
  users: [
    {{- range $name, $entry := include "madang.table" . | fromYaml }}
    {{- if or $entry.publishes $entry.consumes }}
    { user: {{ $name }}, password: ${{ upper $name }}_PASSWORD, permissions: {
      publish: [
        {{- if $entry.publishes }}
        "madang.{{ $name }}.>"
        {{- $stream := printf "MADANG_%s" (upper $name) }}
        "$JS.API.STREAM.CREATE.{{ $stream }}", "$JS.API.STREAM.INFO.{{ $stream }}", "$JS.API.STREAM.MSG.GET.{{ $stream }}"
        {{- end }}
        {{- range $entry.consumes }}
        {{- $stream := printf "MADANG_%s" (upper .) }}
        "$JS.API.STREAM.INFO.{{ $stream }}", "$JS.API.STREAM.MSG.GET.{{ $stream }}"
        "$JS.API.CONSUMER.CREATE.{{ $stream }}.>", "$JS.API.CONSUMER.CREATE.{{ $stream }}", "$JS.API.CONSUMER.INFO.{{ $stream }}.>", "$JS.API.CONSUMER.DELETE.{{ $stream }}.>"
        "$JS.FC.{{ $stream }}.>"
        {{- end }}
        "$JS.API.INFO"
      ]
      subscribe: ["_INBOX.>"]
    } }
    {{- end }}
    {{- end }}
  ]
}
{{- end -}}

{{- define "commons.nats.container" -}}
name: nats
args: [--config, /etc/nats/nats.conf]
env:
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- range .users }}
- {name: {{ upper . }}_PASSWORD, valueFrom: {secretKeyRef: {name: nats-users, key: {{ . }}}}}
{{- end }}
ports:
- {name: nats, containerPort: 4222}
- {name: monitor, containerPort: 8222}
readinessProbe:
  httpGet: {path: "/healthz?js-server-only=true", port: 8222}
  periodSeconds: 2
  timeoutSeconds: 2
livenessProbe:
  httpGet: {path: "/healthz?js-enabled-only=true", port: 8222}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
startupProbe:
  httpGet: {path: "/healthz?js-enabled-only=true", port: 8222}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 300
volumeMounts:
- {name: config, mountPath: /etc/nats, readOnly: true}
{{- end -}}

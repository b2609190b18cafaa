{{/* One port for callers, one for operators and the console. The gateway speaks HTTP/1.1 and HTTP/2 on one port: the mesh takes HTTP/2. */}}
{{- define "madang.service" -}}
{{- $protocol := "grpc" -}}
{{- if .entry.http }}{{ $protocol = ternary "http2" "http" (eq .name "gateway") }}{{ end -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  # Both tracks: the mesh splits between them.
  selector:
    {{- include "madang.selector" . | nindent 4 }}
  ports:
  - {name: {{ $protocol }}, port: {{ .entry.port }}, targetPort: {{ .entry.port }}, appProtocol: {{ $protocol }}}
  - {name: admin, port: {{ add .entry.port 100 }}, targetPort: {{ add .entry.port 100 }}, appProtocol: http}
{{- end -}}

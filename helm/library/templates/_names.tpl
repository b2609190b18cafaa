{{/* The values of a chart laid over the library's own, so that a chart states only what differs. */}}
{{- define "madang.values" -}}
{{- mergeOverwrite (include "madang.defaults" . | fromYaml) (deepCopy .Values) | toYaml -}}
{{- end -}}

{{/* Labels that never change: what selectors use. The track alone tells stable from canary; never a version. */}}
{{- define "madang.selector" -}}
app.kubernetes.io/name: {{ .name }}
{{- end -}}

{{- define "madang.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: madang
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{/* What a label can hold of an image's tag, which may be longer than a label, and begin and end otherwise. */}}
{{- define "madang.version" -}}
{{- . | trunc 63 | trimAll "._-" -}}
{{- end -}}

{{/* An image's reference: by digest where one is given. */}}
{{- define "madang.image" -}}
{{- $image := .image -}}
{{- $registry := $image.registry | default .registry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ .tag | default $image.tag }}{{ end -}}
{{- end -}}

{{- define "madang.principal" -}}
{{ .global.trustDomain | default "cluster.local" }}/ns/{{ .root.Release.Namespace }}/sa/{{ .identity }}
{{- end -}}

{{/* What Pod Security `restricted` wants of a container, and a root that nobody can write to. */}}
{{- define "madang.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "madang.pod.security" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

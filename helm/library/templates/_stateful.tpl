{{/*
A server with a volume, one pod. `container`, which ends with its volumeMounts, and `volumes` are its own parts, as YAML; `config`
has its values; `settings` is what it reads when it starts, so that another text starts it anew; `data` is where its volume goes.
*/}}
{{- define "madang.stateful" -}}
{{- $c := .config -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  serviceName: {{ .name }}
  replicas: 1
  revisionHistoryLimit: 5
  selector:
    matchLabels:
      {{- include "madang.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "madang.labels" . | nindent 8 }}
      annotations:
        madang.dev/config: {{ .settings | sha256sum | trunc 16 | quote }}
    spec:
      serviceAccountName: {{ .name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext:
        {{- include "madang.pod.security" (dict "user" $c.user) | nindent 8 }}
        fsGroupChangePolicy: OnRootMismatch
      containers:
      - image: {{ include "madang.image" (dict "image" $c.image "registry" "") }}
        imagePullPolicy: {{ $c.image.pullPolicy }}
        {{- .container | nindent 8 }}
        - {name: data, mountPath: {{ .data }}}
        - {name: tmp, mountPath: /tmp}
        resources:
          {{- toYaml $c.resources | nindent 10 }}
        securityContext:
          {{- include "madang.container.security" . | nindent 10 }}
      volumes:
      - {name: tmp, emptyDir: {}}
      {{- .volumes | nindent 6 }}
  volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with $c.storage.className }}
      storageClassName: {{ . }}
      {{- end }}
      resources: {requests: {storage: {{ $c.storage.size }}}}
{{- end -}}

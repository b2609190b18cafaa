{{/* What to do next, for each service's NOTES.txt. */}}
{{- define "madang.notes" -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} is installed in namespace {{ .Release.Namespace }}.

  kubectl -n {{ .Release.Namespace }} rollout status deployment/{{ .Chart.Name }}
  kubectl -n {{ .Release.Namespace }} logs deployment/{{ .Chart.Name }} -c {{ .Chart.Name }} -f
  madang canary {{ .Chart.Name }} --weight 10 --image-tag TAG    another version for a tenth of the calls
{{- end -}}

{{/* HPA for the stable track, by the CPU of whole pods; PDB over both tracks. */}}
{{- define "madang.scaling" -}}
{{- $v := .values -}}
{{- if $v.scaling.enabled }}
{{- if gt (int $v.scaling.minReplicas) (int $v.scaling.maxReplicas) }}
{{- fail (printf "%s: scaling.minReplicas is %v, more than scaling.maxReplicas, %v" .name $v.scaling.minReplicas $v.scaling.maxReplicas) }}
{{- end }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .name }}}
  minReplicas: {{ $v.scaling.minReplicas }}
  maxReplicas: {{ $v.scaling.maxReplicas }}
  metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: AverageValue, averageValue: {{ $v.scaling.targetCpuPerPod }}}
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 0
      policies: [{type: Pods, value: 2, periodSeconds: 15}]
    scaleDown:
      stabilizationWindowSeconds: 120
      policies: [{type: Pods, value: 1, periodSeconds: 30}]
---
{{- end }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels:
    {{- include "madang.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ $v.disruption.maxUnavailable }}
  # A pod that is not ready yet, or no more, does not hold up a drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "madang.selector" . | nindent 6 }}
{{- end -}}

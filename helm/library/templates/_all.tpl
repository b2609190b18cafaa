{{/* Everything that a service is on Kubernetes: the one include of its chart. */}}
{{- define "madang.all" -}}
{{- $values := include "madang.values" . | fromYaml -}}
{{- $name := .Chart.Name -}}
{{- with $values.global.nats }}{{- if and .enabled .host (not (contains .host .url)) -}}
{{- fail (printf "global.nats.host is %s, and global.nats.url leads elsewhere: %s" .host .url) -}}
{{- end -}}{{- end -}}
{{- $entry := include "madang.entry" (dict "name" $name) | fromYaml -}}
{{/* Whether it is a client of NATS. */}}
{{- $events := and (or $entry.publishes $entry.consumes) $values.global.nats.enabled -}}
{{- $at := dict "root" . "name" $name "values" $values "entry" $entry "events" $events "track" "stable" -}}
{{ include "madang.service" $at }}
---
{{ include "madang.deployment" $at }}
{{- if $values.canary.enabled }}
---
{{ include "madang.deployment" (merge (dict "track" "canary") $at) }}
{{- end }}
---
{{ include "madang.scaling" $at }}
---
{{ include "madang.network" $at }}
---
{{ include "madang.mesh" $at }}
{{- if $entry.database }}
{{- if $values.database.managed.enabled }}
---
{{ include "madang.external" (merge (dict "host" $values.database.managed.host "port" $values.database.managed.port "what" "database") $at) }}
{{- else if not $values.global.joinPostgres }}
---
{{ include "madang.postgres" (merge (dict "server" (printf "%s-postgres" $name) "services" (list $name) "config" $values.postgres "admin" $name) $at) }}
{{- end }}
{{- end }}
{{- end -}}

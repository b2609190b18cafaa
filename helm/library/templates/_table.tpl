{{/*
Who may call what: the one table behind the AuthorizationPolicies, the routes with their retries, the Sidecars' scopes, the
NetworkPolicies and docs/policies.md. A test holds it against proto/: every RPC stands here exactly once.

A row is the kind of an RPC, then the identities that may call it.
  read      changes nothing: tried again twice, each try has a time-out
  write     carries a request_id or an order's id, so a repeat has no second effect: tried again once, where the first try was
            not processed or its outcome is safe to ask for again
  stream    no time-out, no retry: the client goes on from where it was
  operator  no identity of the mesh may call it: a port-forward reaches it, guarded by the rights of Kubernetes
*/}}
{{- define "madang.table" -}}
catalog:
  port: 50051
  database: true
  rpcs:
    madang.catalog.v1.CatalogService:
      GetProduct: [read, gateway]
      BatchGetProducts: [read, gateway, orders]
      ListProducts: [read, gateway]
      SearchProducts: [read, gateway]
      UpsertProduct: [operator]
inventory:
  port: 50052
  database: true
  consumes: [orders]
  rpcs:
    madang.inventory.v1.InventoryService:
      GetStock: [read, gateway]
      BatchGetStock: [operator]
      Restock: [operator]
      ReserveStock: [write, orders]
      ReleaseStock: [write, orders]
payments:
  port: 50053
  database: true
  publishes: true
  consumes: [orders]
  rpcs:
    madang.payments.v1.PaymentsService:
      AuthorizePayment: [write, orders]
      VoidPayment: [write, orders]
      CapturePayment: [operator]
      RefundPayment: [operator]
      GetPayment: [operator]
      AuditLedger: [operator]
shipping:
  port: 50054
  database: true
  publishes: true
  consumes: [payments]
  rpcs:
    madang.shipping.v1.ShippingService:
      QuoteShipping: [read, orders]
      ArrangeShipment: [write, orders]
      CancelShipment: [write, orders]
      GetShipment: [operator]
      TrackShipment: [operator]
orders:
  port: 50055
  database: true
  publishes: true
  rpcs:
    madang.orders.v1.OrdersService:
      PlaceOrder: [write, gateway]
      GetOrder: [read, gateway]
      ListOrders: [read, gateway]
      CancelOrder: [write, gateway]
      WatchOrder: [stream, gateway]
    madang.orders.v1.OrdersOperatorService:
      AuditOrders: [operator]
      ResumeOrder: [operator]
      ListSagas: [operator]
notifications:
  port: 50056
  database: true
  consumes: [orders, payments, shipping]
  rpcs:
    madang.notifications.v1.NotificationsService:
      ListNotifications: [read, gateway]
      WatchNotifications: [stream, gateway]
gateway:
  port: 8080
  http: true
console:
  port: 8081
  http: true
{{- end -}}

{{/*
The whole entry of a service: what stands in the table, and what follows from it. Events are read from their producer's feed; a
consumer's dead letters and cursors, and everyone's faults, are an operator's; `tester`, the identity of tests and of people who
try grpcurl in a pod, may ask for health and reflection.
*/}}
{{- define "madang.entry" -}}
{{- $table := include "madang.table" . | fromYaml -}}
{{- $name := .name -}}
{{- $entry := get $table $name -}}
{{- if not $entry -}}{{- fail (printf "the policy table has no service %q" $name) -}}{{- end -}}
{{- $rpcs := deepCopy ($entry.rpcs | default dict) -}}
{{- if $entry.publishes -}}
{{- $readers := list -}}
{{- range $reader, $other := $table -}}{{- if has $name ($other.consumes | default list) -}}{{- $readers = append $readers $reader -}}{{- end -}}{{- end -}}
{{- $_ := set $rpcs "madang.events.v1.EventFeedService" (dict "Subscribe" (prepend $readers "stream") "GetLastPosition" (prepend $readers "read")) -}}
{{- end -}}
{{- if $entry.consumes -}}
{{- $_ := set $rpcs "madang.events.v1.DeadLetterService" (dict "ListDeadLetters" (list "operator") "RedriveDeadLetter" (list "operator") "DiscardDeadLetter" (list "operator")) -}}
{{- $_ := set $rpcs "madang.events.v1.CursorService" (dict "ListCursors" (list "operator")) -}}
{{- end -}}
{{- if not $entry.http -}}
{{- $_ := set $rpcs "madang.faults.v1.FaultService" (dict "SetFault" (list "operator") "ListFaults" (list "operator") "ClearFaults" (list "operator")) -}}
{{- $_ := set $rpcs "grpc.health.v1.Health" (dict "Check" (list "read" "tester") "Watch" (list "stream" "tester")) -}}
{{- range list "grpc.reflection.v1.ServerReflection" "grpc.reflection.v1alpha.ServerReflection" -}}
{{- $_ := set $rpcs . (dict "ServerReflectionInfo" (list "stream" "tester")) -}}
{{- end -}}
{{- end -}}
{{- set (deepCopy $entry) "rpcs" $rpcs | toYaml -}}
{{- end -}}

{{/* The identities that call a service, sorted. */}}
{{- define "madang.callers" -}}
{{- $entry := include "madang.entry" . | fromYaml -}}
{{- $callers := list -}}
{{- range $service, $rpcs := $entry.rpcs -}}{{- range $rpc, $row := $rpcs -}}{{- $callers = concat $callers (rest $row) -}}{{- end -}}{{- end -}}
{{- dict "callers" ($callers | uniq | sortAlpha) | toYaml -}}
{{- end -}}

{{/* The services that a service calls, sorted. */}}
{{- define "madang.callees" -}}
{{- $name := .name -}}
{{- $callees := list -}}
{{- range $other, $entry := include "madang.table" . | fromYaml -}}
{{- $callers := (include "madang.callers" (dict "name" $other) | fromYaml).callers | default list -}}
{{- if has $name $callers -}}{{- $callees = append $callees $other -}}{{- end -}}
{{- end -}}
{{- dict "callees" ($callees | sortAlpha) | toYaml -}}
{{- end -}}

{{/* The services whose entries have any of these, sorted: `database`, `publishes`, `consumes`. */}}
{{- define "madang.having" -}}
{{- $any := .any -}}
{{- $names := list -}}
{{- range $name, $entry := include "madang.table" . | fromYaml -}}
{{- range $any -}}{{- if get $entry . -}}{{- $names = append $names $name -}}{{- end -}}{{- end -}}
{{- end -}}
{{- dict "names" ($names | uniq) | toYaml -}}
{{- end -}}

//! What the dashboards show. A panel of services is on the dashboard of each service that has all its metrics.

/// One panel: its title, its unit as Grafana names it, and its queries with their legends. `$service` is the service.
#[derive(Clone, Copy)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) queries: &'static [(&'static str, &'static str)],
}

/// A row of panels.
pub(crate) type Row = (&'static str, &'static [Panel]);

macro_rules! panel {
    ($title:literal, $unit:literal, $($query:expr => $legend:literal),+ $(,)?) => {
        Panel { title: $title, unit: $unit, queries: &[$(($query, $legend)),+] }
    };
}

/// A quantile of a duration by one label.
macro_rules! quantile {
    ($quantile:literal, $metric:literal, $by:literal) => {
        concat!(
            "histogram_quantile(",
            $quantile,
            ", sum by (le, ",
            $by,
            ") (rate(",
            $metric,
            "_bucket{service=\"$service\"}[$__rate_interval])))"
        )
    };
}

/// The rate of a counter by labels.
macro_rules! rate {
    ($metric:literal, $by:literal) => {
        concat!("sum by (", $by, ") (rate(", $metric, "{service=\"$service\"}[$__rate_interval]))")
    };
}

/// A gauge by labels: the largest of all replicas.
macro_rules! gauge {
    ($metric:literal, $by:literal) => {
        concat!("max by (", $by, ") (", $metric, "{service=\"$service\"})")
    };
}

/// Of each service.
pub(crate) const SERVICE: &[Row] = &[
    (
        "Calls that are answered",
        &[
            panel!("Calls by method", "reqps",
            rate!("madang_rpc_server_duration_seconds_count", "method") => "{{method}}"),
            panel!("Calls by code, but OK", "reqps",
            "sum by (code) (rate(madang_rpc_server_duration_seconds_count{service=\"$service\",code!=\"OK\"}[$__rate_interval]))" => "{{code}}"),
            panel!("Duration, 99th percentile by method", "s",
            quantile!("0.99", "madang_rpc_server_duration_seconds", "method") => "{{method}}"),
            panel!("Places taken", "short",
            gauge!("madang_rpc_server_places_taken", "pod, class") => "{{pod}} {{class}}"),
        ],
    ),
    (
        "HTTP requests",
        &[
            panel!("Requests by route", "reqps",
            rate!("madang_http_server_duration_seconds_count", "route, method") => "{{method}} {{route}}"),
            panel!("Requests by status", "reqps",
            rate!("madang_http_server_duration_seconds_count", "status") => "{{status}}"),
            panel!("Duration, 99th percentile by route", "s",
            quantile!("0.99", "madang_http_server_duration_seconds", "route") => "{{route}}"),
        ],
    ),
    (
        "Calls to other services",
        &[
            panel!("Calls by method and code", "reqps",
            rate!("madang_rpc_client_duration_seconds_count", "method, code") => "{{method}} {{code}}"),
            panel!("Duration, 99th percentile by method", "s",
            quantile!("0.99", "madang_rpc_client_duration_seconds", "method") => "{{method}}"),
        ],
    ),
    (
        "Sagas",
        &[
            panel!("Begun, resumed", "ops",
            rate!("madang_saga_started_total", "service") => "begun",
            rate!("madang_saga_resumed_total", "service") => "resumed"),
            panel!("Ended by outcome", "ops", rate!("madang_saga_finished_total", "outcome") => "{{outcome}}"),
            panel!("In flight", "short",
            "sum(madang_saga_in_flight{service=\"$service\"})" => "in flight",
            gauge!("madang_orders_stuck", "service") => "stuck"),
            panel!("Age of the oldest", "s", gauge!("madang_saga_oldest_age_seconds", "pod") => "{{pod}}"),
            panel!("Steps asked again", "ops",
            rate!("madang_saga_steps_retried_total", "step, direction") => "{{step}} {{direction}}"),
        ],
    ),
    (
        "Database",
        &[
            panel!("Transactions by purpose", "ops",
            rate!("madang_db_closures_committed_total", "kind") => "{{kind}}"),
            panel!("Duration of a transaction, 99th percentile", "s",
            quantile!("0.99", "madang_db_transaction_duration_seconds", "operation, kind") => "{{operation}} {{kind}}"),
            panel!("Duration of COMMIT", "s",
            quantile!("0.5", "madang_db_commit_duration_seconds", "service") => "median",
            quantile!("0.99", "madang_db_commit_duration_seconds", "service") => "99th percentile"),
            panel!("Closures in a group, mean", "short",
            "sum(rate(madang_db_group_closures_sum{service=\"$service\"}[$__rate_interval])) / sum(rate(madang_db_group_closures_count{service=\"$service\"}[$__rate_interval]))" => "closures"),
            panel!("Queue", "short", gauge!("madang_db_queue_length", "pod, operation") => "{{pod}} {{operation}}"),
            panel!("Trouble", "ops",
            rate!("madang_db_overloaded_total", "service") => "refused, the queue is full",
            rate!("madang_db_closures_rerun_total", "service") => "run again",
            rate!("madang_db_groups_failed_total", "service") => "groups lost"),
        ],
    ),
    (
        "Events published",
        &[
            panel!("Rows that wait", "short",
            gauge!("madang_outbox_unstamped", "service") => "for their position",
            gauge!("madang_outbox_publisher_lag", "service") => "for the stream"),
            panel!("How long they wait", "s",
            gauge!("madang_outbox_unstamped_age_seconds", "service") => "for their position",
            gauge!("madang_outbox_publisher_lag_age_seconds", "service") => "for the stream"),
            panel!("Events", "ops",
            "max(deriv(madang_outbox_position{service=\"$service\"}[1m]))" => "positions given"),
        ],
    ),
    (
        "Events consumed",
        &[
            panel!("Lag", "short", gauge!("madang_events_lag", "producer") => "{{producer}}"),
            panel!("Age of the oldest event that waits", "s",
            gauge!("madang_events_lag_age_seconds", "producer") => "{{producer}}"),
            panel!("Dead letters, parked", "short",
            gauge!("madang_events_dead_letters", "producer") => "dead letters of {{producer}}",
            gauge!("madang_events_parked", "producer") => "parked behind them, of {{producer}}"),
            panel!("By NATS (1) or by the feed (0)", "short", gauge!("madang_events_by_nats", "pod, producer") => "{{pod}} {{producer}}"),
        ],
    ),
    (
        "Process",
        &[
            panel!("CPU", "none", rate!("madang_process_cpu_seconds_total", "pod") => "{{pod}}"),
            panel!("Memory", "bytes", gauge!("madang_process_resident_memory_bytes", "pod") => "{{pod}}"),
            panel!("Files and sockets", "short", gauge!("madang_process_open_fds", "pod") => "{{pod}}"),
            panel!("Threads", "short", gauge!("madang_process_threads", "pod") => "{{pod}}"),
            panel!("Time since the start", "s",
            "time() - max by (pod) (madang_process_start_time_seconds{service=\"$service\"})" => "{{pod}}"),
            panel!("Versions", "short",
            "count by (version, track) (madang_build_info{service=\"$service\"})" => "{{version}} {{track}}"),
        ],
    ),
];

/// Of the shop.
pub(crate) const SHOP: &[Row] = &[
    (
        "Service level objectives",
        &[
            panel!("Share of errors, 1 hour", "percentunit", "madang:slo_error_ratio:1h" => "{{slo}}"),
            panel!("Budget burnt, 1 hour: 1 uses it up in 30 days", "none",
            "madang:slo_error_ratio:1h / on (slo) madang:slo_budget" => "{{slo}}"),
            panel!("Alerts", "short",
            "sum by (alertname, severity) (ALERTS{alertstate=\"firing\"})" => "{{severity}} {{alertname}}"),
        ],
    ),
    (
        "Orders",
        &[
            panel!("Begun, ended by outcome", "ops",
            "sum(rate(madang_saga_started_total[$__rate_interval]))" => "begun",
            "sum by (outcome) (rate(madang_saga_finished_total[$__rate_interval]))" => "{{outcome}}"),
            panel!("In flight, stuck", "short",
            "sum(madang_saga_in_flight)" => "in flight", "max(madang_orders_stuck)" => "stuck"),
            panel!("Age of the oldest saga", "s", "max(madang_saga_oldest_age_seconds)" => "oldest"),
            panel!("Steps asked again", "ops",
            "sum by (step, direction) (rate(madang_saga_steps_retried_total[$__rate_interval]))" => "{{step}} {{direction}}"),
        ],
    ),
    (
        "Services",
        &[
            panel!("Replicas", "short", "count by (service) (madang_build_info)" => "{{service}}"),
            panel!("Calls answered", "reqps",
            "sum by (service) (rate(madang_rpc_server_duration_seconds_count[$__rate_interval]))" => "{{service}}"),
            panel!("Server errors", "reqps",
            "sum by (service, code) (rate(madang_rpc_server_duration_seconds_count{code=~\"UNKNOWN|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|DATA_LOSS\"}[$__rate_interval]))" => "{{service}} {{code}}"),
            panel!("Duration of a call, 99th percentile", "s",
            "histogram_quantile(0.99, sum by (le, service) (rate(madang_rpc_server_duration_seconds_bucket[$__rate_interval])))" => "{{service}}"),
            panel!("Requests at the edge", "reqps",
            "sum by (route, status) (rate(madang_http_server_duration_seconds_count{service=\"gateway\"}[$__rate_interval]))" => "{{route}} {{status}}"),
            panel!("Requests by Istio's proxies", "reqps",
            "sum by (destination_service_name, response_code) (rate(istio_requests_total{reporter=\"destination\"}[$__rate_interval]))" => "{{destination_service_name}} {{response_code}}"),
        ],
    ),
    (
        "Events and databases",
        &[
            panel!("Lag of the consumers", "short", "max by (service, producer) (madang_events_lag)" => "{{service}} of {{producer}}"),
            panel!("Age of the oldest event that waits", "s", "max by (service, producer) (madang_events_lag_age_seconds)" => "{{service}} of {{producer}}"),
            panel!("Dead letters", "short", "max by (service, producer) (madang_events_dead_letters)" => "{{service}} of {{producer}}"),
            panel!("Duration of COMMIT, 99th percentile", "s",
            "histogram_quantile(0.99, sum by (le, service) (rate(madang_db_commit_duration_seconds_bucket[$__rate_interval])))" => "{{service}}"),
            panel!("Refused, the database's queue is full", "ops",
            "sum by (service) (rate(madang_db_overloaded_total[$__rate_interval]))" => "{{service}}"),
        ],
    ),
    (
        "Processes",
        &[
            panel!("CPU", "none", "sum by (service) (rate(madang_process_cpu_seconds_total[$__rate_interval]))" => "{{service}}"),
            panel!("Memory", "bytes", "sum by (service) (madang_process_resident_memory_bytes)" => "{{service}}"),
            panel!("Spans exported, dropped", "ops",
            "sum by (service) (rate(madang_telemetry_spans_exported_total[$__rate_interval]))" => "{{service}} exported",
            "sum by (service, reason) (rate(madang_telemetry_spans_dropped_total[$__rate_interval]))" => "{{service}} dropped: {{reason}}"),
        ],
    ),
];

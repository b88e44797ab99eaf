//! What `/metrics` shows, in the text format of Prometheus.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Name of the histogram of request durations, in seconds.
pub const REQUEST_SECONDS: &str = "latchkey_http_request_seconds";

/// Seconds; from a cached verdict to a sign-in that waited its turn.
const REQUEST_BUCKETS: &[f64] = &[0.0002, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0];

/// There is one recorder in a process.
pub fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets(REQUEST_BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder was there first");
        }
        metrics::describe_histogram!(
            REQUEST_SECONDS,
            metrics::Unit::Seconds,
            "Requests answered, by listener and outcome"
        );
        metrics::describe_counter!("latchkey_judged_total", "Requests judged, by door and code");
        metrics::describe_counter!("latchkey_usage_rows_total", "Usage rows written");
        metrics::describe_counter!(
            "latchkey_usage_write_failures_total",
            "Tries to write usage rows that failed"
        );
        metrics::describe_counter!(
            "latchkey_webhook_attempts_total",
            "Tries to deliver an event, by outcome: delivered, refused (another status than 2xx), unreachable"
        );
        metrics::describe_gauge!(
            "latchkey_webhook_waiting",
            "Deliveries that wait for a try, now or later; counted once a minute"
        );
        handle
    })
}

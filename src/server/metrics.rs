//! What `/metrics` shows, in the text format of Prometheus.

use std::{
    fmt::Write,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Microseconds; from a cached verdict to a sign-in that waited its turn.
const BUCKETS: [u64; 7] = [200, 1_000, 5_000, 20_000, 100_000, 500_000, 2_000_000];

#[derive(Clone, Copy, Debug)]
pub enum Listener {
    Portal,
    Api,
    Gateway,
}

const LISTENERS: [&str; 3] = ["portal", "api", "gateway"];
const OUTCOMES: [&str; 3] = ["ok", "refused", "failed"];

/// How long requests of one kind took.
struct Durations {
    /// By the bucket that they fall into; the last is that of those beyond all.
    counts: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

/// Counted here rather than by the recorder, which keeps every single duration until somebody asks.
static DURATIONS: [[Durations; OUTCOMES.len()]; LISTENERS.len()] = [const {
    [const {
        Durations {
            counts: [const { AtomicU64::new(0) }; BUCKETS.len() + 1],
            micros: AtomicU64::new(0),
        }
    }; OUTCOMES.len()]
}; LISTENERS.len()];

/// Counts a request that was answered.
pub fn observe(listener: Listener, status: StatusCode, took: Duration) {
    let outcome = match status.as_u16() {
        ..400 => 0,
        400..500 => 1,
        _ => 2,
    };
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let durations = &DURATIONS[listener as usize][outcome];
    let bucket = BUCKETS.iter().position(|most| micros <= *most);
    durations.counts[bucket.unwrap_or(BUCKETS.len())].fetch_add(1, Ordering::Relaxed);
    durations.micros.fetch_add(micros, Ordering::Relaxed);
}

/// All there is to show.
pub fn render() -> String {
    const NAME: &str = "latchkey_http_request_seconds";
    let mut text = handle().render();
    let _ = write!(
        text,
        "# HELP {NAME} Requests answered, by listener and outcome\n# TYPE {NAME} histogram\n"
    );
    for (listener, outcomes) in LISTENERS.iter().zip(&DURATIONS) {
        for (outcome, durations) in OUTCOMES.iter().zip(outcomes) {
            let labels = format!("listener=\"{listener}\",outcome=\"{outcome}\"");
            let mut requests = 0;
            for (i, count) in durations.counts.iter().enumerate() {
                requests += count.load(Ordering::Relaxed);
                let most = match BUCKETS.get(i) {
                    Some(micros) => Duration::from_micros(*micros).as_secs_f64().to_string(),
                    None => "+Inf".to_owned(),
                };
                let _ = writeln!(text, "{NAME}_bucket{{{labels},le=\"{most}\"}} {requests}");
            }
            let micros = durations.micros.load(Ordering::Relaxed);
            let seconds = Duration::from_micros(micros).as_secs_f64();
            let _ = writeln!(text, "{NAME}_sum{{{labels}}} {seconds}");
            let _ = writeln!(text, "{NAME}_count{{{labels}}} {requests}");
        }
    }
    text
}

/// There is one recorder in a process.
pub fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder was there first");
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_a_histogram() {
        observe(
            Listener::Portal,
            StatusCode::BAD_GATEWAY,
            Duration::from_millis(3),
        );
        observe(
            Listener::Portal,
            StatusCode::BAD_GATEWAY,
            Duration::from_secs(3),
        );
        let text = render();
        for line in [
            "bucket{listener=\"portal\",outcome=\"failed\",le=\"0.001\"} 0",
            "bucket{listener=\"portal\",outcome=\"failed\",le=\"0.005\"} 1",
            "bucket{listener=\"portal\",outcome=\"failed\",le=\"2\"} 1",
            "bucket{listener=\"portal\",outcome=\"failed\",le=\"+Inf\"} 2",
            "sum{listener=\"portal\",outcome=\"failed\"} 3.003",
            "count{listener=\"portal\",outcome=\"failed\"} 2",
        ] {
            assert!(
                text.contains(&format!("latchkey_http_request_seconds_{line}\n")),
                "{line}"
            );
        }
    }
}

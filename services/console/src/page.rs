use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use crate::probe::{Found, State};
use crate::traces::page::Orders;

const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

#[derive(Debug, Template)]
#[template(path = "page.html")]
struct Page {
    services: Vec<Found>,
    ready: usize,
    time: String,
    orders: Orders,
}

/// The page of all services and the recent orders.
pub(crate) fn render(services: Vec<Found>, orders: Orders, now: Timestamp) -> Response {
    let ready = services.iter().filter(|found| matches!(found.state, State::Ready(_))).count();
    let time = now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    answer(StatusCode::OK, &Page { services, ready, time, orders })
}

/// A page as all are: nothing on it is loaded from elsewhere, and nothing runs on it.
pub(crate) fn answer(status: StatusCode, page: &impl Template) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    match page.render() {
        Ok(html) => (status, headers, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
        }
    }
}

/// A time in the two largest units that it has.
fn uptime(seconds: &u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_two_units() {
        let told = [59, 61, 3_660, 90_000].map(|seconds| uptime(&seconds));
        assert_eq!(told, ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}

use axum::response::{Html, IntoResponse};
use http::header;

/// Names the API; the storefront is to come here.
pub(crate) async fn page() -> impl IntoResponse {
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (headers, Html(include_str!("landing.html")))
}

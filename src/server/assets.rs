//! The site's files: inside the binary when built for release, read from `target/site` otherwise.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "target/site"]
#[allow_missing = true]
struct Site;

/// Changes whenever a file of the site does, so that a URL with it may be kept for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Site::iter().collect();
    names.sort_unstable();
    let mut digest = Sha256::new();
    for name in names {
        if let Some(file) = Site::get(&name) {
            digest.update(name.as_bytes());
            digest.update(file.metadata.sha256_hash());
        }
    }
    hex::encode(&digest.finalize()[..6])
});

/// Where the current files stand; put before their paths.
pub fn root() -> String {
    format!("/v/{}", *VERSION)
}

/// `GET /v/{version}/{*path}`: whatever the version, the current file; kept for ever if it is the current version.
pub async fn versioned(
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let lasting = version == *VERSION && !cfg!(debug_assertions);
    serve(
        &path,
        &headers,
        if lasting {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        },
    )
}

/// `GET /fonts/{*path}`: named by the style sheet without a version.
pub async fn font(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("fonts/{path}"), &headers, "public, max-age=604800")
}

pub async fn favicon(headers: HeaderMap) -> Response {
    serve("favicon.svg", &headers, "public, max-age=86400")
}

/// Brotli or gzip where the build made them and the browser takes them.
fn serve(path: &str, headers: &HeaderMap, cache: &'static str) -> Response {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (file, encoding) = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(coding, _)| {
            accepted
                .split(',')
                .any(|one| one.trim().split(';').next() == Some(coding))
        })
        .find_map(|(coding, ending)| Some((Site::get(&format!("{path}{ending}"))?, Some(coding))))
        .or_else(|| Some((Site::get(path)?, None)))
        .map_or((None, None), |(file, coding)| (Some(file), coding));
    let Some(file) = file else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = file.data.into_owned().into_response();
    let out = response.headers_mut();
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    if let Ok(kind) = HeaderValue::from_str(kind.as_ref()) {
        out.insert(header::CONTENT_TYPE, kind);
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

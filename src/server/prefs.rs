//! What a browser remembers for its person in plain cookies: theme, time zone, last environment. None of it decides
//! anything but looks.

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};

use crate::{
    profiles::{Environment, Profile},
    ui::layout::Theme,
};

const A_YEAR: u32 = 365 * 24 * 60 * 60;

pub fn theme(headers: &HeaderMap) -> Theme {
    cookie(headers, "theme").map_or(Theme::System, Theme::parse)
}

/// Whether shortcuts of one letter are off.
pub fn single_letters_off(headers: &HeaderMap) -> bool {
    cookie(headers, "shortcuts") == Some("off")
}

/// The person's time zone, an IANA name that is known to be one; UTC if the browser has not said.
pub fn zone(headers: &HeaderMap) -> String {
    cookie(headers, "zone")
        // Slashes may stand encoded in a cookie.
        .map(|name| name.replace("%2F", "/"))
        .filter(|name| jiff::tz::TimeZone::get(name).is_ok())
        .unwrap_or_else(|| "UTC".to_owned())
}

/// The environment of a page: `?env=`, else the one chosen last, else the profile's first.
pub fn environment<'a>(parts: &Parts, profile: &'a Profile) -> &'a Environment {
    asked_environment(parts, profile)
        .or_else(|| cookie(&parts.headers, "env").and_then(|id| profile.environment(id)))
        .unwrap_or(&profile.environments[0])
}

/// The environment that the URL names, if it names one.
pub fn asked_environment<'a>(parts: &Parts, profile: &'a Profile) -> Option<&'a Environment> {
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "env")
        .and_then(|(_, id)| profile.environment(&id))
}

/// A cookie that lasts a year and that scripts may not need to hide from: it holds no secret.
pub fn remember(name: &str, value: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Max-Age={A_YEAR}; SameSite=Lax"
    ))
    .ok()
}

/// The value of a cookie as the browser sent it.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

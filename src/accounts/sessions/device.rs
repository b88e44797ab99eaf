//! Browsers: what one is in words, and whether a person has signed in with it before.
//!
//! A browser is known by a cookie of 128 random bits; the table holds its keyed hash for each person who signed in
//! there. The cookie opens nothing: it only spares a person the notice about a browser that is new to them.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue};

use super::store;
use crate::{
    db::{Reader, SecretHash, Tx},
    notices::{self, Kind, Notice},
    server::{
        clock::{DAY, Millis},
        config::Config,
        error::AppError,
        prefs,
        state::AppState,
    },
    ui::time,
};

pub const UNKNOWN: &str = "Unknown browser";

/// How long a browser is known after it was last signed in with; browsers keep a cookie no longer.
const KEPT_DAYS: i64 = 400;

/// What came of remembering a browser.
pub struct Remembered {
    /// The value that the browser's cookie is to have from now on.
    pub cookie: String,
    /// The person has not signed in with it before.
    pub is_new: bool,
}

/// Programs that name themselves plainly, by how they begin.
const PROGRAMS: &[(&str, &str)] = &[
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("HTTPie/", "HTTPie"),
    ("PostmanRuntime/", "Postman"),
    ("python-", "A Python program"),
    ("Python", "A Python program"),
    ("Go-http-client/", "A Go program"),
    ("okhttp/", "An Android app"),
    ("node", "A Node program"),
];

/// Browsers by their mark, the more particular first: most name those that they are built on, too.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems by their mark; Android names Linux, and an iPhone names the Mac.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
    ("X11", "Linux"),
];

/// A browser as its person knows it: "Chrome on Linux". All words are ours; what a browser says is never repeated.
pub fn words(agent: &str) -> String {
    if let Some((_, program)) = PROGRAMS.iter().find(|(mark, _)| agent.starts_with(mark)) {
        return (*program).to_owned();
    }
    let find = |marks: &[(&str, &'static str)]| {
        marks
            .iter()
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, word)| *word)
    };
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("{UNKNOWN} on {system}"),
        (None, None) => UNKNOWN.to_owned(),
    }
}

/// The cookie that the browser sent, if it has the shape of one of ours.
pub fn cookie<'a>(headers: &'a HeaderMap, config: &Config) -> Option<&'a str> {
    prefs::cookie(headers, name(config)).filter(|value| {
        value.len() == 32
            && value
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The header that gives the browser its cookie.
pub fn set_cookie(config: &Config, value: &str) -> Option<HeaderValue> {
    let secure = if config.https() { "; Secure" } else { "" };
    let seconds = KEPT_DAYS * DAY / 1000;
    HeaderValue::from_str(&format!(
        "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
        name(config)
    ))
    .ok()
}

fn name(config: &Config) -> &'static str {
    if config.https() {
        "__Host-latchkey-device"
    } else {
        "latchkey-device"
    }
}

fn hashes(state: &AppState, cookie: &str) -> Vec<SecretHash> {
    let text = format!("device:{cookie}");
    state.peppers.hashes(text.as_bytes()).collect()
}

/// Whether the person has signed in with this browser before.
pub async fn known(
    reader: &mut Reader,
    state: &AppState,
    user_id: &str,
    cookie: Option<&str>,
) -> Result<bool, AppError> {
    for hash in cookie
        .map(|cookie| hashes(state, cookie))
        .unwrap_or_default()
    {
        if store::device_known(reader, user_id, hash).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Remembers that the person signed in with this browser, in the caller's transaction. Tells them of it if it is new
/// and they had others before.
pub async fn remember(
    tx: &mut Tx,
    state: &AppState,
    user_id: &str,
    cookie: Option<&str>,
    agent: &str,
    address: Option<IpAddr>,
) -> Result<Remembered, AppError> {
    let now = state.clock.now();
    let is_new = !known(tx, state, user_id, cookie).await?;
    let had_others = store::has_device(tx, user_id).await?;
    // A value that we gave nobody was planted, and whoever planted it would be taken for this browser.
    let cookie = match cookie {
        Some(cookie) if !is_new || given_out(tx, state, cookie).await? => cookie.to_owned(),
        _ => hex::encode(state.rng.bytes::<16>()),
    };
    let words = words(agent);
    let hash = state.peppers.hash(format!("device:{cookie}").as_bytes());
    store::delete_devices_unseen_since(tx, user_id, now - KEPT_DAYS * DAY).await?;
    store::see_device(tx, user_id, hash, &words, now).await?;
    if is_new && had_others {
        notices::tell(tx, state, user_id, &notice(&words, address, now)).await?;
    }
    Ok(Remembered { cookie, is_new })
}

/// Whether this cookie is known of anybody: people share browsers.
async fn given_out(reader: &mut Reader, state: &AppState, cookie: &str) -> Result<bool, AppError> {
    for hash in hashes(state, cookie) {
        if store::device_of_anyone(reader, hash).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn notice(words: &str, address: Option<IpAddr>, now: Millis) -> Notice<'static> {
    let place = address.map_or_else(
        || "an unknown address".to_owned(),
        |address| address.to_string(),
    );
    Notice {
        kind: Kind::Security,
        workspace_id: None,
        subject: format!("New sign-in from {words}"),
        text: format!(
            "Your account was signed in to from {words}, {place}, at {}. If that was you, there is nothing to do. \
             If it was not: end that session, then change your password.",
            time::absolute(now, "UTC")
        ),
        action: "See your sessions",
        path: "/settings/sessions".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn browsers_are_named_as_their_people_know_them() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                "Safari on Mac",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/144.0 Mobile/15E148 Safari/605.1.15",
                "Firefox on iPad",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 OPR/125.0.0.0",
                "Opera on Mac",
            ),
            ("curl/8.14.1", "curl"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) Something/1.0",
                "Unknown browser on Linux",
            ),
            ("<script>alert(1)</script>", "Unknown browser"),
            ("", "Unknown browser"),
        ] {
            assert_eq!(words(agent), expected, "{agent}");
        }
    }
}

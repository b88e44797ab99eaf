//! `latchkey listen` and `latchkey trigger`: the side of the machine that somebody develops on. They know the portal by its
//! URL alone; neither database nor settings are there.

use std::{io::Write, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderValue, Request, StatusCode, Uri, header},
};
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pooled, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::{
    admin::commands::Failed,
    server::clock::{Clock, Millis, Rng},
    webhooks::{sign::SigningSecret, types::Signing},
};

/// How long the program on this machine may take, as long as an endpoint.
const PATIENCE: Duration = Duration::from_secs(15);
/// The portal says every 15 s that it is there; after this the connection is taken for dead.
const SILENCE: Duration = Duration::from_secs(40);
/// Between two tries to reach the portal: the first, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Largest event that is taken, and largest error that is read.
const MAX_EVENT: usize = 1024 * 1024;

/// Which portal, and by which token.
#[derive(Args, Debug)]
pub struct Portal {
    /// A token that the portal has made under Settings, Command line
    #[arg(long, env = "LATCHKEY_CLI_TOKEN", hide_env_values = true)]
    token: Token,
    /// The portal's URL
    #[arg(long, default_value = "http://localhost:3000", value_parser = web_url)]
    url: url::Url,
}

/// Cannot be printed.
#[derive(Clone)]
struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }
}

#[derive(Args, Debug)]
pub struct Listen {
    #[command(flatten)]
    portal: Portal,
    /// Where each event is sent on to: a program on this machine, or wherever you say
    #[arg(long, value_name = "URL", value_parser = web_url)]
    forward_to: url::Url,
    /// Event types, separated by commas; all of them if absent
    #[arg(long, value_delimiter = ',', value_name = "TYPES")]
    events: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Trigger {
    /// Which event: transaction.completed
    #[arg(value_name = "TYPE")]
    event_type: String,
    #[command(flatten)]
    portal: Portal,
    /// The test environment; the first, if absent
    #[arg(long)]
    environment: Option<String>,
    /// The event's data as a JSON object; the catalogue's example, if absent
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
}

fn web_url(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err("it must be an http or https URL".to_owned())
    }
}

/// Sends one event, and prints its id.
pub async fn trigger(asked: Trigger, out: &mut impl Write) -> Result<(), Failed> {
    let mut body = json!({ "type": asked.event_type });
    if let Some(environment) = asked.environment {
        body["environment"] = json!(environment);
    }
    if let Some(data) = asked.data {
        body["data"] = serde_json::from_str(&data)
            .map_err(|error| Failed(format!("--data is no JSON: {error}")))?;
    }
    let client = client([&asked.portal.url])?;
    let request = asked
        .portal
        .request("POST", "/cli/trigger")?
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body.to_string()))
        .map_err(|error| Failed(error.to_string()))?;
    let sent = timeout(PATIENCE, client.request(request)).await;
    let answer = sent
        .map_err(|_| Failed(format!("{} does not answer", asked.portal.url)))?
        .map_err(|error| Failed(unreachable_portal(&asked.portal.url, &error)))?;
    let status = answer.status();
    let answer = read(answer.into_body()).await;
    if status != StatusCode::ACCEPTED {
        return Err(Failed(told(status, &answer)));
    }
    let answer: Value = serde_json::from_slice(&answer)
        .map_err(|error| Failed(format!("the portal's answer is no JSON: {error}")))?;
    writeln!(out, "{answer}").map_err(|error| Failed(error.to_string()))
}

/// Sends events on as they come, until the token ends or the process is stopped. A line for each goes to `out`.
pub async fn listen(asked: Listen, out: &mut impl Write) -> Result<(), Failed> {
    let client = client([&asked.portal.url, &asked.forward_to])?;
    let secret = SigningSecret::generate(&Rng::system(), Signing::Hmac);
    let mut session = Session {
        to: uri(asked.forward_to.as_str())?,
        events: asked.events,
        portal: asked.portal,
        clock: Clock::system(),
        last: None,
        secret,
        client,
    };
    say(
        out,
        &format!(
            "Signing secret of this session: {}",
            &*session.secret.shown()
        ),
    )?;
    let mut wait = BACKOFF.0;
    loop {
        match session.hear(out).await? {
            Ended::Over(reason) => return Err(Failed(reason)),
            Ended::Lost { reason, heard } => {
                if heard {
                    wait = BACKOFF.0;
                }
                eprintln!(
                    "{reason}; trying again in {} s. What happens meanwhile is not lost.",
                    wait.as_secs()
                );
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(BACKOFF.1);
            }
        }
    }
}

fn say(out: &mut impl Write, line: &str) -> Result<(), Failed> {
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failed(error.to_string()))
}

type Client = Pooled<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// How a connection to the portal ended.
enum Ended {
    /// For good.
    Over(String),
    /// It is worth another try. `heard`: the portal had answered.
    Lost { reason: String, heard: bool },
}

struct Session {
    client: Client,
    portal: Portal,
    to: Uri,
    /// Of which types; all, if empty.
    events: Vec<String>,
    secret: SigningSecret,
    clock: Clock,
    /// What to take up after: the last event that was sent on, or where the portal said that it begins.
    last: Option<String>,
}

impl Session {
    /// Listens over one connection.
    async fn hear(&mut self, out: &mut impl Write) -> Result<Ended, Failed> {
        let lost = |reason: String, heard| Ok(Ended::Lost { reason, heard });
        let mut request = self
            .portal
            .request("GET", "/cli/listen")?
            .header(header::ACCEPT, "text/event-stream");
        if let Some(last) = &self.last {
            request = request.header("last-event-id", last);
        }
        let request = request
            .body(Full::default())
            .map_err(|error| Failed(error.to_string()))?;
        let answer = match timeout(PATIENCE, self.client.request(request)).await {
            Err(_) => return lost(format!("{} does not answer", self.portal.url), false),
            Ok(Err(error)) => return lost(unreachable_portal(&self.portal.url, &error), false),
            Ok(Ok(answer)) => answer,
        };
        let status = answer.status();
        if status != StatusCode::OK {
            let reason = told(status, &read(answer.into_body()).await);
            return if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                lost(reason, false)
            } else {
                Ok(Ended::Over(reason))
            };
        }
        eprintln!(
            "Listening to {}; events go on to {}. Ctrl-C ends it.",
            self.portal.url, self.to
        );
        let mut body = answer.into_body();
        let mut lines = Lines::default();
        let mut event = Event::default();
        loop {
            let frame = match timeout(SILENCE, body.frame()).await {
                Err(_) => return lost("The portal has fallen silent".to_owned(), true),
                Ok(None) => return lost("The portal has closed the connection".to_owned(), true),
                Ok(Some(Err(error))) => {
                    return lost(format!("The connection broke: {error}"), true);
                }
                Ok(Some(Ok(frame))) => frame,
            };
            lines.add(frame.data_ref().map_or(&[][..], |bytes| &bytes[..]));
            if lines.0.len() > MAX_EVENT {
                return lost("The portal sends what is no event".to_owned(), true);
            }
            while let Some(line) = lines.next() {
                if !line.is_empty() {
                    event.take(&line);
                    continue;
                }
                let event = std::mem::take(&mut event);
                if event.name == "end" {
                    let told: Value = serde_json::from_str(&event.data).unwrap_or_default();
                    let reason = told["reason"]
                        .as_str()
                        .unwrap_or("The portal has ended it.");
                    return Ok(Ended::Over(reason.to_owned()));
                }
                if event.id.is_empty() {
                    continue;
                }
                if !event.data.is_empty() {
                    self.pass_on(&event, out).await?;
                }
                self.last = Some(event.id);
            }
        }
    }

    /// Sends one event to the program, and says what came of it.
    async fn pass_on(&self, event: &Event, out: &mut impl Write) -> Result<(), Failed> {
        let body: Value = serde_json::from_str(&event.data).unwrap_or_default();
        let event_type = body["type"].as_str().unwrap_or("?");
        if !self.events.is_empty() && !self.events.iter().any(|asked| asked == event_type) {
            return Ok(());
        }
        let now = self.clock.now();
        let second = now.div_euclid(1000);
        let request = Request::post(self.to.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, AGENT)
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", second)
            .header(
                "webhook-signature",
                self.secret.sign(&event.id, second, event.data.as_bytes()),
            )
            .body(Full::from(event.data.clone()))
            .map_err(|error| Failed(error.to_string()))?;
        let answer = timeout(PATIENCE, async {
            let answer = self.client.request(request).await?;
            let status = answer.status();
            // Read to its end, so that the connection serves the next event.
            read(answer.into_body()).await;
            Ok::<_, hyper_util::client::legacy::Error>(status)
        });
        let came = match answer.await {
            Ok(Ok(status)) => status.as_u16().to_string(),
            Ok(Err(error)) if error.is_connect() => "no connection".to_owned(),
            Ok(Err(_)) => "no answer".to_owned(),
            Err(_) => "no answer within 15 s".to_owned(),
        };
        let at = time_of_day(now);
        say(out, &format!("{at}  {event_type}  {}  {came}", event.id))
    }
}

const AGENT: &str = concat!("Latchkey/", env!("CARGO_PKG_VERSION"));

/// Of this machine's zone.
fn time_of_day(now: Millis) -> String {
    jiff::Timestamp::from_millisecond(now).map_or_else(
        |_| String::new(),
        |at| {
            at.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%H:%M:%S")
                .to_string()
        },
    )
}

impl Portal {
    fn request(&self, method: &str, path: &str) -> Result<axum::http::request::Builder, Failed> {
        let base = self.url.as_str().trim_end_matches('/');
        let mut token = HeaderValue::from_str(&format!("Bearer {}", &*self.token.0))
            .map_err(|_| Failed("the token holds what no token does".to_owned()))?;
        token.set_sensitive(true);
        Ok(Request::builder()
            .method(method)
            .uri(uri(&format!("{base}{path}"))?)
            .header(header::USER_AGENT, AGENT)
            .header(header::AUTHORIZATION, token))
    }
}

fn uri(text: &str) -> Result<Uri, Failed> {
    text.parse()
        .map_err(|error| Failed(format!("{text}: {error}")))
}

/// A client for these URLs; the machine's certificates are read only if one of them needs it. It follows no redirect and
/// reads no proxy variables.
fn client<'a>(urls: impl IntoIterator<Item = &'a url::Url>) -> Result<Client, Failed> {
    let mut roots = rustls::RootCertStore::empty();
    if urls.into_iter().any(|url| url.scheme() == "https") {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(Failed(
                "this machine has no certificates to check https by; install ca-certificates"
                    .to_owned(),
            ));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failed(format!("TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(Duration::from_secs(5)));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(Pooled::builder(TokioExecutor::new()).build(connector))
}

/// The body as far as it is worth reading; nothing if it breaks off.
async fn read(body: Incoming) -> Bytes {
    let read = Limited::new(body, MAX_EVENT).collect().await;
    read.map(http_body_util::Collected::to_bytes)
        .unwrap_or_default()
}

/// What the portal says is wrong.
fn told(status: StatusCode, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body["error"]["message"].as_str() {
        Some(message) => message.to_owned(),
        None => format!("the portal answered {status}; is --url a Latchkey portal?"),
    }
}

fn unreachable_portal(url: &url::Url, error: &hyper_util::client::legacy::Error) -> String {
    let why = if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off"
    };
    format!("{url} {why}")
}

/// Bytes, taken line by line.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole line, without its end.
    fn next(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let rest = self.0.split_off(end + 1);
        let line = std::mem::replace(&mut self.0, rest);
        let line = String::from_utf8_lossy(&line);
        Some(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// A server-sent event, as far as it has come.
#[derive(Default)]
struct Event {
    id: String,
    name: String,
    data: String,
}

impl Event {
    fn take(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.id),
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push_str(value),
            // Comments and what else there is mean nothing here.
            _ => {}
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn events_are_put_together_however_they_are_cut() {
        let text = ": alive\n\nid: evt_1\ndata: {\"a\":1}\n\nevent: end\r\ndata: x\r\n\r\n";
        for size in 1..text.len() {
            let (mut lines, mut event, mut found) = (Lines::default(), Event::default(), vec![]);
            for part in text.as_bytes().chunks(size) {
                lines.add(part);
                while let Some(line) = lines.next() {
                    if line.is_empty() {
                        let done = std::mem::take(&mut event);
                        found.push((done.id, done.name, done.data));
                    } else {
                        event.take(&line);
                    }
                }
            }
            let event = |id: &str, name: &str, data: &str| {
                (id.to_owned(), name.to_owned(), data.to_owned())
            };
            assert_eq!(
                found,
                [
                    event("", "", ""),
                    event("evt_1", "", "{\"a\":1}"),
                    event("", "end", "x")
                ]
            );
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = Token::from("lk_cli_canary");
        assert_eq!(format!("{token:?}"), "Token");
    }
}

//! Settings: a flag, else the environment, else `latchkey.toml`, else the default.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use clap::Args;
use ipnet::IpNet;
use serde::Deserialize;

use crate::{
    gateway::upstream::{Upstream, Upstreams},
    mail::deliver,
    server::clock::{DAY, Millis},
    webhooks::target::Reach,
};

/// What may be set, before defaults. Field names are those of the file; the flag is `--database-url`, the
/// variable `LATCHKEY_DATABASE_URL`, and so on.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite://path` (created if missing) or `postgres://…`
    #[arg(
        long,
        env = "LATCHKEY_DATABASE_URL",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// Where pepper and master key are kept
    #[arg(long, env = "LATCHKEY_SECRETS_FILE", global = true)]
    pub secrets_file: Option<PathBuf>,
    /// Name of a built-in profile, or path of a .toml file with one
    #[arg(long, env = "LATCHKEY_PROFILE", global = true)]
    pub profile: Option<String>,
    /// Address of the portal
    #[arg(long, env = "LATCHKEY_PORTAL_ADDR", global = true)]
    pub portal_addr: Option<SocketAddr>,
    /// Address of the api: verify, health, metrics
    #[arg(long, env = "LATCHKEY_API_ADDR", global = true)]
    pub api_addr: Option<SocketAddr>,
    /// Address of the gateway
    #[arg(long, env = "LATCHKEY_GATEWAY_ADDR", global = true)]
    pub gateway_addr: Option<SocketAddr>,
    /// Where people reach the portal
    #[arg(long, env = "LATCHKEY_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,
    /// Where programs reach the gateway; shown in examples
    #[arg(long, env = "LATCHKEY_GATEWAY_URL", global = true)]
    pub gateway_url: Option<String>,
    /// What stands behind the gateway: `sandbox`, a URL, or one per environment (`live=https://…,test=sandbox`)
    #[arg(long, env = "LATCHKEY_UPSTREAM", global = true)]
    pub upstream: Option<String>,
    /// CIDRs of the proxies whose X-Forwarded-For is believed, comma-separated
    #[arg(
        long,
        env = "LATCHKEY_TRUSTED_PROXIES",
        global = true,
        value_delimiter = ','
    )]
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// What is logged: `info`, `debug`, `latchkey=debug,sqlx=warn` …
    #[arg(long, env = "LATCHKEY_LOG", global = true)]
    pub log: Option<String>,
    /// `redis://…`: where several nodes share rates and quotas
    #[arg(
        long,
        env = "LATCHKEY_REDIS_URL",
        global = true,
        hide_env_values = true
    )]
    pub redis_url: Option<String>,
    /// Let several nodes serve from one Postgres without Redis, each with limits of its own
    #[arg(long, env = "LATCHKEY_LIMITS_PER_NODE", global = true)]
    pub limits_per_node: bool,
    /// Judge requests and log none, to measure what logging costs
    #[arg(long, global = true, hide = true)]
    #[serde(skip)]
    pub without_usage_log: bool,
    /// The mail server: `smtps://user:password@host`, or `smtp://…?tls=required`; without it nothing is mailed
    #[arg(long, env = "LATCHKEY_SMTP_URL", global = true, hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// Whom letters are from; `no-reply@` the public URL's host if absent
    #[arg(long, env = "LATCHKEY_MAIL_FROM", global = true)]
    pub mail_from: Option<String>,
    /// CIDRs that webhooks may reach though they are not public, comma-separated; the demo allows loopback
    #[arg(
        long,
        env = "LATCHKEY_WEBHOOK_ALLOW",
        global = true,
        value_delimiter = ','
    )]
    pub webhook_allow: Option<Vec<IpNet>>,
    /// Days that events, deliveries and their tries are kept; 30 if absent
    #[arg(long, env = "LATCHKEY_WEBHOOK_RETENTION_DAYS", global = true)]
    pub webhook_retention_days: Option<u16>,
    /// Not available in this version
    #[arg(long, env = "LATCHKEY_OTLP_ENDPOINT", global = true, hide = true)]
    pub otlp_endpoint: Option<String>,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    pub database_url: String,
    pub secrets_file: PathBuf,
    pub profile: String,
    pub portal_addr: SocketAddr,
    pub api_addr: SocketAddr,
    pub gateway_addr: SocketAddr,
    pub public_url: String,
    pub gateway_url: String,
    pub trusted_proxies: Vec<IpNet>,
    pub log: String,
    /// Where letters are handed over. It may hold a password.
    pub smtp_url: Option<String>,
    /// The address that letters are from.
    pub mail_from: String,
    /// Where nodes share their limits. It may hold a password.
    pub redis_url: Option<String>,
    /// Several nodes may serve though they share no limits.
    pub limits_per_node: bool,
    /// Requests are judged and leave no row: to measure what rows cost, and for nothing else.
    pub without_usage_log: bool,
    /// Where webhooks may go.
    pub webhook_reach: Reach,
    /// How long events, deliveries and their tries are kept.
    pub webhook_retention: Millis,
    /// What stands behind the gateway; `serve` asks for it.
    pub upstreams: Option<Upstreams>,
    /// The demo's sign-ins are shown, its pages for looking at pieces are there, and only loopback is listened on.
    pub demo: bool,
}

const FILE: &str = "latchkey.toml";
/// Long enough to look into what went wrong last month.
const WEBHOOKS_KEPT_DAYS: u16 = 30;
/// The tries of one event take up to four days.
const WEBHOOKS_KEPT_LEAST: u16 = 5;

impl Config {
    /// Fills in what neither flag nor environment gave. Errors say which setting is wrong and how.
    pub fn resolve(given: Settings, demo: bool) -> Result<Self, String> {
        let file = match std::fs::read_to_string(FILE) {
            Ok(text) => {
                toml::from_str::<Settings>(&text).map_err(|error| format!("{FILE}: {error}"))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
            Err(error) => return Err(format!("{FILE}: {error}")),
        };
        for (name, value) in [(
            "LATCHKEY_OTLP_ENDPOINT",
            given.otlp_endpoint.or(file.otlp_endpoint),
        )] {
            if value.is_some_and(|value| !value.is_empty()) {
                return Err(format!("{name} is not available in this version; unset it"));
            }
        }
        let upstreams = match given.upstream.or(file.upstream) {
            Some(text) => Some(Upstreams::parse(&text)?),
            None => demo.then_some(Upstreams::Every(Upstream::Sandbox)),
        };
        let database = if demo {
            "sqlite://data/demo.db"
        } else {
            "sqlite://data/latchkey.db"
        };
        let port = |addr: Option<SocketAddr>, port| {
            addr.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
        };
        let portal_addr = port(given.portal_addr.or(file.portal_addr), 3000);
        let gateway_addr = port(given.gateway_addr.or(file.gateway_addr), 3200);
        let url = |given: Option<String>, name: &str, addr: SocketAddr| {
            let text = given.unwrap_or_else(|| format!("http://localhost:{}", addr.port()));
            match url::Url::parse(&text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                    Ok(url.as_str().trim_end_matches('/').to_owned())
                }
                _ => Err(format!("{name}={text}: must be an http or https URL")),
            }
        };
        let public_url = url(
            given.public_url.or(file.public_url),
            "LATCHKEY_PUBLIC_URL",
            portal_addr,
        )?;
        let smtp_url = given
            .smtp_url
            .or(file.smtp_url)
            .filter(|url| !url.is_empty());
        if let Some(url) = &smtp_url {
            deliver::transport(url)?;
        }
        let mail_from = given
            .mail_from
            .or(file.mail_from)
            .unwrap_or_else(|| format!("no-reply@{}", mail_domain(&public_url)));
        deliver::address(&mail_from)?;
        let webhook_allow = given.webhook_allow.or(file.webhook_allow);
        let webhook_reach = Reach {
            allow: webhook_allow.unwrap_or_else(|| if demo { loopback() } else { Vec::new() }),
        };
        let retention = given
            .webhook_retention_days
            .or(file.webhook_retention_days)
            .unwrap_or(WEBHOOKS_KEPT_DAYS);
        if retention < WEBHOOKS_KEPT_LEAST {
            return Err(format!(
                "LATCHKEY_WEBHOOK_RETENTION_DAYS={retention}: must be {WEBHOOKS_KEPT_LEAST} or more; \
                 an event is tried for up to four days"
            ));
        }
        let config = Self {
            database_url: given
                .database_url
                .or(file.database_url)
                .unwrap_or_else(|| database.to_owned()),
            secrets_file: given
                .secrets_file
                .or(file.secrets_file)
                .unwrap_or_else(|| PathBuf::from("data/secrets.toml")),
            profile: given
                .profile
                .or(file.profile)
                .unwrap_or_else(|| "revkeen".to_owned()),
            portal_addr,
            api_addr: port(given.api_addr.or(file.api_addr), 3100),
            gateway_addr,
            public_url,
            gateway_url: url(
                given.gateway_url.or(file.gateway_url),
                "LATCHKEY_GATEWAY_URL",
                gateway_addr,
            )?,
            trusted_proxies: given
                .trusted_proxies
                .or(file.trusted_proxies)
                .unwrap_or_default(),
            log: given.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            smtp_url,
            mail_from,
            redis_url: given
                .redis_url
                .or(file.redis_url)
                .filter(|url| !url.is_empty()),
            limits_per_node: given.limits_per_node || file.limits_per_node,
            without_usage_log: given.without_usage_log,
            webhook_reach,
            webhook_retention: i64::from(retention) * DAY,
            upstreams,
            demo,
        };
        if demo {
            for (name, addr) in [
                ("LATCHKEY_PORTAL_ADDR", config.portal_addr),
                ("LATCHKEY_API_ADDR", config.api_addr),
                ("LATCHKEY_GATEWAY_ADDR", config.gateway_addr),
            ] {
                if !addr.ip().is_loopback() {
                    return Err(format!(
                        "{name}={addr}: the demo has well-known passwords and listens on loopback only"
                    ));
                }
            }
        }
        Ok(config)
    }

    /// Whether cookies may carry `Secure` and the `__Host-` prefix.
    pub fn https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// This machine, as the demo's webhooks reach it.
pub fn loopback() -> Vec<IpNet> {
    [
        IpNet::new_assert(Ipv4Addr::LOCALHOST.into(), 8),
        IpNet::new_assert(Ipv6Addr::LOCALHOST.into(), 128),
    ]
    .into()
}

/// The public URL's host as the domain of an e-mail address (RFC 5321 puts an IP address in brackets).
fn mail_domain(public_url: &str) -> String {
    let url = url::Url::parse(public_url).ok();
    match url.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name.to_owned(),
        Some(url::Host::Ipv4(address)) => format!("[{address}]"),
        Some(url::Host::Ipv6(address)) => format!("[{address}]"),
        None => "localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Settings};

    fn resolve(smtp: &str, from: Option<&str>, public: &str) -> Result<Config, String> {
        let given = Settings {
            smtp_url: Some(smtp.to_owned()),
            mail_from: from.map(str::to_owned),
            public_url: Some(public.to_owned()),
            ..Settings::default()
        };
        Config::resolve(given, false)
    }

    #[test]
    fn mail_is_from_the_public_host_unless_told_otherwise() {
        for (public, from) in [
            (
                "https://keys.example.com/portal",
                "no-reply@keys.example.com",
            ),
            ("http://127.0.0.1:3000", "no-reply@[127.0.0.1]"),
            ("http://[::1]:3000", "no-reply@[::1]"),
            ("http://localhost:3000", "no-reply@localhost"),
        ] {
            let config = resolve("smtp://127.0.0.1:25", None, public).expect("resolved");
            assert_eq!(config.mail_from, from);
        }
        let config = resolve("", Some("keys@example.com"), "https://a.example").expect("resolved");
        assert_eq!(
            (config.mail_from.as_str(), config.smtp_url),
            ("keys@example.com", None)
        );
    }

    #[test]
    fn a_wrong_mail_setting_is_refused_by_its_name() {
        let error = resolve("mail.example.com", None, "https://a.example").expect_err("refused");
        assert!(error.starts_with("LATCHKEY_SMTP_URL: "), "{error}");
        let error = resolve("", Some("nobody"), "https://a.example").expect_err("refused");
        assert!(error.starts_with("LATCHKEY_MAIL_FROM=nobody: "), "{error}");
    }
}

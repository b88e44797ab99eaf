//! Sends letters from the table.
//!
//! A letter is claimed for a while, durably, before it is sent, so that of several processes one sends it. If that one
//! dies, the claim runs out and another tries: the same letter then keeps its Message-ID. What the mail server refuses
//! for now is tried again at [`RETRIES`].

use std::time::{Duration, SystemTime};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{self, AsyncSmtpTransportBuilder, extension::ClientId},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    Letter, open,
    render::{one_line, render},
    store::{self, MailRow},
};
use crate::{
    db::DbError,
    server::{
        clock::{DAY, HOUR, MINUTE, Millis},
        config::Config,
        state::AppState,
    },
};

/// How long after a failed try the next one is made: after the first, the second, and so on; after the last, none.
const RETRIES: [Millis; 5] = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR];
/// Older letters are not sent: their links are dead, their news is old.
const TOO_OLD: Millis = DAY;
/// How long a claim holds: longer than a try can take.
const LEASE: Millis = 3 * MINUTE;
/// How many letters are claimed, and sent side by side, at a time.
const BATCH: i64 = 8;
/// How often the table is looked at; a letter leaves within two seconds.
const EVERY: Duration = Duration::from_secs(1);
/// Longest wait for one answer of the mail server.
const ANSWER: Duration = Duration::from_secs(20);
/// Longest try; it takes several answers.
const TRY: Duration = Duration::from_secs(90);
/// How long letters on their way are waited for once the process was asked to stop.
const DRAIN: Duration = Duration::from_secs(4);
/// As much of an error as is kept, in characters.
const MAX_ERROR: usize = 300;
/// Answers that speak of the recipient or the letter. Other refusals (of our sign-in, of our address) are about how
/// this installation is set up: somebody may mend that, so the letter is tried again.
const FINAL: [u16; 6] = [550, 551, 552, 553, 555, 556];

/// The way to the mail server, and whom letters are from.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    brand: String,
    home: String,
}

impl Mailer {
    /// To the mail server at `url`. Must be called within the runtime, which tends the open connections.
    pub fn new(url: &str, config: &Config, brand: &str) -> Result<Self, String> {
        let from = address(&config.mail_from)?;
        let mut transport = transport(url)?;
        if let Ok(parsed) = Url::parse(url)
            && parsed.path().trim_matches('/').is_empty()
            && !from.domain().starts_with('[')
        {
            transport = transport.hello_name(ClientId::Domain(from.domain().to_owned()));
        }
        Ok(Self {
            transport: transport.timeout(Some(ANSWER)).build(),
            from: Mailbox::new(Some(one_line(brand)), from),
            brand: brand.to_owned(),
            home: config.public_url.clone(),
        })
    }

    fn message(&self, id: &str, letter: &Letter, at: Millis) -> Result<Message, String> {
        let to = letter
            .to
            .parse::<Address>()
            .map_err(|error| format!("the address can't be written to: {error}"))?;
        let rendered = render(letter, &self.brand, &self.home);
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or(0));
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(rendered.subject)
            .date(date)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            // No machine should answer it (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(MultiPart::alternative_plain_html(
                rendered.text,
                rendered.html,
            ))
            .map_err(|error| format!("the letter can't be written: {error}"))
    }
}

/// What `LATCHKEY_SMTP_URL` leads to, not connected yet. The error never repeats the URL, which holds a password.
pub fn transport(url: &str) -> Result<AsyncSmtpTransportBuilder, String> {
    let wrong = |what: String| {
        format!(
            "LATCHKEY_SMTP_URL: {what}; it must be like smtps://user:password@host:465, \
             or smtp://user:password@host:587?tls=required"
        )
    };
    let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
    if !matches!(parsed.scheme(), "smtp" | "smtps") {
        return Err(wrong(format!(
            "{}:// is no way to a mail server",
            parsed.scheme()
        )));
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host".to_owned()));
    }
    if parsed.username().is_empty() != parsed.password().is_none() {
        return Err(wrong(
            "user and password are given together or not at all".to_owned(),
        ));
    }
    for (name, value) in parsed.query_pairs() {
        if name != "tls" || !matches!(&*value, "required" | "opportunistic") {
            return Err(wrong(format!("?{name}={value} is not known")));
        }
    }
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|error| wrong(error.to_string()))
}

/// The address that letters are from.
pub fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error| {
        format!("LATCHKEY_MAIL_FROM={text}: {error}; it must be like no-reply@example.com")
    })
}

/// Sends what is due, again and again, until `stop`.
pub async fn run(state: AppState, mailer: Mailer, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let mut round = Box::pin(round(&state, &mailer));
        let done = tokio::select! {
            done = &mut round => done,
            () = stop.cancelled() => {
                // What is cut off here is tried again when its claim has run out.
                if tokio::time::timeout(DRAIN, round).await.is_err() {
                    tracing::warn!("some letters take too long and are cut off");
                }
                return;
            }
        };
        match done {
            Ok(claimed) => {
                failing = false;
                if claimed > 0 && !stop.is_cancelled() {
                    continue;
                }
            }
            // Said once, not every second.
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "letters can't be read; they wait");
                }
                failing = true;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Sends up to [`BATCH`] letters that are due. Gives how many it tried.
pub async fn round(state: &AppState, mailer: &Mailer) -> Result<usize, DbError> {
    let now = state.clock.now();
    let mut reader = state.db.read().await?;
    let due = store::any_due(&mut reader, now).await?;
    drop(reader);
    if !due {
        return Ok(0);
    }
    let mut tx = state.db.begin().await?;
    let claimed = store::claim(&mut tx, now, now + LEASE, BATCH).await?;
    tx.commit().await?;
    let count = claimed.len();
    let mut tries = JoinSet::new();
    for mail in claimed {
        let (state, mailer) = (state.clone(), mailer.clone());
        tries.spawn(async move {
            let outcome = attempt(&state, &mailer, &mail).await;
            if let Err(error) = settle(&state, &mail, outcome).await {
                tracing::error!(%error, mail = mail.id, "what became of a letter could not be written; it may be sent twice");
            }
        });
    }
    while tries.join_next().await.is_some() {}
    Ok(count)
}

/// What came of a try.
enum Outcome {
    Sent,
    /// Worth another try, if any is left.
    Later(Failure),
    Never(Failure),
}

struct Failure {
    /// Kept with the letter.
    text: String,
    /// For the log: nothing that the mail server says of the recipient.
    log: String,
}

impl Failure {
    fn of_ours(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            log: text.clone(),
            text,
        }
    }

    fn of_server(error: &smtp::Error, recipient: &str) -> Self {
        let text = one_line(&error.to_string()).replace(recipient, "the recipient");
        Self {
            log: match error.status() {
                Some(code) => format!("the mail server answered {code}"),
                None => text.clone(),
            },
            text: text.chars().take(MAX_ERROR).collect(),
        }
    }
}

async fn attempt(state: &AppState, mailer: &Mailer, mail: &MailRow) -> Outcome {
    if state.clock.now() - mail.created_at > TOO_OLD {
        return Outcome::Never(Failure::of_ours("older than 24 h when its turn came"));
    }
    let letter = mail
        .sealed
        .as_deref()
        .and_then(|sealed| open(state, &mail.id, sealed));
    let Some(letter) = letter else {
        return Outcome::Never(Failure::of_ours(
            "it can't be opened with the master key of this process",
        ));
    };
    let message = match mailer.message(&mail.id, &letter, mail.created_at) {
        Ok(message) => message,
        Err(reason) => return Outcome::Never(Failure::of_ours(reason)),
    };
    match tokio::time::timeout(TRY, mailer.transport.send(message)).await {
        Ok(Ok(_)) => Outcome::Sent,
        Ok(Err(error)) => {
            let failure = Failure::of_server(&error, &letter.to);
            match error.status() {
                Some(code) if FINAL.contains(&u16::from(code)) => Outcome::Never(failure),
                _ => Outcome::Later(failure),
            }
        }
        Err(_) => Outcome::Later(Failure::of_ours("the mail server took too long")),
    }
}

/// When the next try is made after so many; none after the last.
fn next_try(attempts: i64, now: Millis) -> Option<Millis> {
    let made = usize::try_from(attempts).ok()?;
    RETRIES.get(made.checked_sub(1)?).map(|delay| now + delay)
}

async fn settle(state: &AppState, mail: &MailRow, outcome: Outcome) -> Result<(), DbError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    match outcome {
        Outcome::Sent => store::sent(&mut tx, &mail.id, now).await?,
        Outcome::Later(failure) => {
            let next = next_try(mail.attempts, now);
            store::failed(&mut tx, mail, next, &failure.text).await?;
            if next.is_none() {
                tracing::error!(
                    mail = mail.id,
                    reason = failure.log,
                    "a letter is given up after its last try"
                );
            } else if mail.attempts == 1 {
                tracing::warn!(
                    mail = mail.id,
                    reason = failure.log,
                    "a letter could not be sent and is tried again"
                );
            } else {
                tracing::debug!(
                    mail = mail.id,
                    attempt = mail.attempts,
                    reason = failure.log,
                    "a letter could not be sent and is tried again"
                );
            }
        }
        Outcome::Never(failure) => {
            store::failed(&mut tx, mail, None, &failure.text).await?;
            tracing::error!(mail = mail.id, reason = failure.log, "a letter is given up");
        }
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::{MINUTE, address, next_try, transport};

    #[test]
    fn tries_are_made_at_the_stated_times() {
        let after: Vec<Option<i64>> = (1..=7)
            .map(|made| next_try(made, 1_000_000).map(|at| (at - 1_000_000) / MINUTE))
            .collect();
        assert_eq!(
            after,
            [Some(1), Some(5), Some(30), Some(120), Some(360), None, None]
        );
        assert_eq!(next_try(0, 0), None);
    }

    #[test]
    fn a_wrong_url_is_refused_in_words_that_hold_no_password() {
        for url in [
            "mail.example.com:587",
            "http://user:hunter2@mail.example.com",
            "smtp://",
            "smtp:///",
            "smtp://user@mail.example.com",
            "smtp://:hunter2@mail.example.com",
            "smtp://user:hunter2@mail.example.com?tls=maybe",
            "smtp://user:hunter2@mail.example.com?starttls=1",
            "smtp://user:hunter2@mail.example.com:99999",
            "",
        ] {
            let Err(error) = transport(url) else {
                panic!("{url} was taken");
            };
            assert!(error.starts_with("LATCHKEY_SMTP_URL: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        for url in [
            "smtp://127.0.0.1:2525",
            "smtp://user:p%40ss@mail.example.com:587?tls=required",
            "smtp://[::1]:25/portal.example",
        ] {
            assert!(transport(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn the_sender_is_an_address() {
        for good in ["no-reply@localhost", "a@portal.example", "a@[127.0.0.1]"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "portal.example",
            "a@b\r\nBcc: c@d.example",
            "Ada <a@b.example>",
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
    }
}

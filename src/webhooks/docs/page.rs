//! How to receive webhooks: with the viewer's own endpoint, and code that the tests run.

use leptos::prelude::*;

use crate::{
    frame::{Head, Here, Span, framed, loaded},
    profiles::Profile,
    server::clock::first_id,
    ui::{
        code_block::{CodeBlock, Lang, Sample},
        layout::Width,
        table::{Column, Row, Slot, Table},
        time,
    },
    webhooks::{
        catalogue, outbox, retry::DELAYS, sign::SigningSecret, store::EndpointRow, types::Signing,
    },
};

/// How each language verifies a signature.
const VERIFY: &[(Lang, &str)] = &[
    (Lang::Curl, include_str!("../samples/verify.sh")),
    (Lang::JavaScript, include_str!("../samples/verify.mjs")),
    (Lang::Python, include_str!("../samples/verify.py")),
    (Lang::Rust, include_str!("../samples/verify.rs")),
    (Lang::Go, include_str!("../samples/verify.go")),
    (Lang::Php, include_str!("../samples/verify.php")),
];
const SEND: &str = include_str!("../samples/send.sh");
const ED25519: &str = include_str!("../samples/verify_ed25519.mjs");

#[component]
pub fn WebhookDocsPage() -> impl IntoView {
    loaded(super::here_with_own(), |(state, here, own)| {
        docs(&state.profile, &here, &own)
    })
}

fn docs(profile: &Profile, here: &Here, own: &[EndpointRow]) -> AnyView {
    let verify = VERIFY
        .iter()
        .map(|(lang, code)| Sample::new(*lang, code.trim_end()))
        .collect();
    let url = own
        .first()
        .map_or("https://example.com/hooks", |row| row.url.as_str());
    let try_it = format!(
        "export WEBHOOK_URL='{}' WEBHOOK_SECRET='whsec_\u{2026}'\n\n{}",
        url.replace('\'', "%27"),
        SEND.trim_end()
    );
    let yours = if own.is_empty() {
        view! {
            <p>
                {format!("You have no endpoint in {} yet. ", here.environment.word)}
                "Once there is one, the code below speaks of it."
            </p>
        }
        .into_any()
    } else {
        let items = own
            .iter()
            .map(|row| {
                view! {
                    <li>
                        <a class="link wrap-anywhere" href=format!("/webhooks/{}", row.id)>
                            {row.url.clone()}
                        </a>
                        " "
                        <code class="wrap-anywhere">{row.id.clone()}</code>
                    </li>
                }
            })
            .collect_view();
        view! {
            <p>{format!("Yours in {}:", here.environment.word)}</p>
            <ul>{items}</ul>
        }
        .into_any()
    };
    framed(
        Head {
            heading: "Receiving webhooks".to_owned(),
            purpose: "Each event is a signed POST to your endpoint, at least once.",
            span: Span::One,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <div class="space-y-8">
                {contents()}
                <section class="space-y-4" aria-labelledby="request">
                    <div class="prose">
                    <h2 id="request">"What arrives"</h2>
                    {yours}
                    <p>
                        "Answer with any 2xx within 15 seconds, before you do anything that takes time. The body is JSON: "
                        <a href="/webhooks/events">"every type of event"</a> " with its shape."
                    </p>
                    </div>
                    <CodeBlock id="request-sample" title="An event" samples=vec![Sample::new(Lang::Http, request(profile, url))] />
                    <div class="prose">
                    <ul>
                        <li><code>"webhook-id"</code> " is the event's id: the same at every try."</li>
                        <li><code>"webhook-timestamp"</code> " is the second of this try."</li>
                        <li>
                            <code>"webhook-signature"</code>
                            " has one signature, or two with a space between while a secret is rotated. It is enough that one fits."
                        </li>
                    </ul>
                    <p>
                        "These are the headers of " <a href="https://www.standardwebhooks.com">"Standard Webhooks"</a>
                        ", so its libraries work as they are."
                    </p>
                    </div>
                </section>
                <section class="space-y-4" aria-labelledby="verify">
                    <div class="prose">
                    <h2 id="verify">"Verify it"</h2>
                    <p>
                        "Anyone who knows the address can send to it. Only those who know the secret can sign: " <code>"whsec_\u{2026}"</code>
                        " was shown when the endpoint was made; a new one is shown when it is rotated. Verify the bytes as they came, before they are parsed, and refuse what is older than five minutes: somebody who listened may be sending it again."
                    </p>
                    </div>
                    <CodeBlock id="verify-sample" title="Verify a signature" samples=verify />
                    <div class="prose">
                    <h3>"Try yours"</h3>
                    <p>"This sends your endpoint an event that is signed like ours. Change one letter of the body after signing, and it must be refused."</p>
                    </div>
                    <CodeBlock id="send-sample" title="Send a signed event" samples=vec![Sample::new(Lang::Curl, try_it)] />
                    <div class="prose">
                    <h3>"With a public key"</h3>
                    <p>
                        "An endpoint can be signed for with Ed25519 instead. Its signatures begin with " <code>"v1a,"</code>
                        ", and its page shows the public key: " <code>"whpk_\u{2026}"</code> ". Nothing on your side is secret then."
                    </p>
                    </div>
                    <CodeBlock id="ed25519-sample" title="Verify by a public key" samples=vec![Sample::new(Lang::JavaScript, ED25519.trim_end())] />
                </section>
                <section class="space-y-4" aria-labelledby="twice">
                    <div class="prose">
                    <h2 id="twice">"Twice, late, out of order"</h2>
                    <p>
                        "An event comes at least once. If your answer is lost on its way, it comes again: remember each " <code>"webhook-id"</code>
                        " that you have served, and answer 200 to one that you know."
                    </p>
                    <p>
                        "Order is not promised. " <code>"timestamp"</code>
                        " in the body says when it happened; where order matters, ask the API how things stand rather than believing the event."
                    </p>
                    </div>
                </section>
                <section aria-labelledby="retries">
                    <div class="prose">
                        <h2 id="retries">"When your endpoint fails"</h2>
                        <p>
                            "Anything but a 2xx within 15 seconds is a failure; redirects are not followed. It is tried ten times, each time up to a fifth sooner or later than this. "
                            <code>"Retry-After"</code> " is honoured, up to a day."
                        </p>
                    </div>
                    <div class="mt-4">{schedule()}</div>
                    <div class="prose mt-4">
                        <p>
                            "Answer " <strong>"410 Gone"</strong>
                            " and the endpoint is switched off at once. One that fails for five days without a success between is switched off too. Either way we tell your developers and admins; nothing is lost: what it missed can be sent again from its page once it is on."
                        </p>
                    </div>
                </section>
                <section class="space-y-4" aria-labelledby="local">
                    <div class="prose">
                    <h2 id="local">"On your own machine"</h2>
                    <p>
                        "The command line brings the events of a test environment to a program that no other can reach. "
                        <a href="/settings/cli">"Make a token"</a> " and run " <code>"latchkey listen"</code> "."
                    </p>
                    </div>
                </section>
            </div>
        },
    )
}

/// The way to each part of a long page.
fn contents() -> AnyView {
    let links = [
        ("#request", "What arrives"),
        ("#verify", "Verify it"),
        ("#twice", "Twice, late, out of order"),
        ("#retries", "When your endpoint fails"),
        ("#local", "On your own machine"),
    ]
    .map(|(href, words)| {
        view! {
            <li>
                <a class="link" href=href>
                    {words}
                </a>
            </li>
        }
    })
    .collect_view();
    view! {
        <nav aria-label="On this page">
            <ul class="flex flex-wrap gap-x-4 gap-y-1">{links}</ul>
        </nav>
    }
    .into_any()
}

/// A request as it travels, signed by a secret that nobody has.
fn request(profile: &Profile, url: &str) -> String {
    let url = url::Url::parse(url).ok();
    let (host, path) = url.as_ref().map_or(("example.com", "/"), |url| {
        (url.host_str().unwrap_or_default(), url.path())
    });
    // 2026-01-01T00:00:00Z
    let second = 1_767_225_600;
    let kind = "transaction.completed";
    let data =
        catalogue::find(profile, kind).map_or_else(String::new, |kind| kind.example.to_string());
    let body = outbox::body(kind, second * 1000, &data);
    let id = first_id("evt", second * 1000);
    let signature = SigningSecret::from_bytes(Signing::Hmac, &[0; 32])
        .map_or_else(String::new, |secret| {
            secret.sign(&id, second + 1, body.as_bytes())
        });
    format!(
        "POST {path} HTTP/1.1\nhost: {host}\ncontent-type: application/json\nwebhook-id: {id}\n\
         webhook-timestamp: {}\nwebhook-signature: {signature}\n\n{body}",
        second + 1
    )
}

fn schedule() -> AnyView {
    let columns = vec![
        Column::lead("Try"),
        Column::new("After the one before").slot(Slot::Fact),
        Column::new("After the event, about").slot(Slot::FactEnd),
    ];
    let mut since = 0;
    let rows = std::iter::once(0)
        .chain(DELAYS)
        .enumerate()
        .map(|(at, delay)| {
            since += delay;
            let (after, about) = if at == 0 {
                ("at once".to_owned(), "at once".to_owned())
            } else {
                (time::rough(delay), time::rough(since))
            };
            Row {
                cells: vec![
                    (at + 1).to_string().into_any(),
                    after.into_any(),
                    about.into_any(),
                ],
                ..Row::default()
            }
        })
        .collect();
    view! { <Table caption="When a failed event is tried again" columns=columns rows=rows /> }
        .into_any()
}

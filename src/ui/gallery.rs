//! The page `/dev/ui`: every piece in every state, to be looked at. It takes nothing and shows nothing real.

use leptos::prelude::*;

use super::{
    badge::{Badge, EnvTag, Shape, Status, StatusBadge, Tone},
    banner::Banner,
    button::{Button, Kind, LinkButton, Size},
    chart::{BarChart, LineChart, Meaning, Series, Sparkline},
    code_block::{CodeBlock, Lang, Sample},
    copy_field::CopyField,
    dialog::{DialogBody, DialogFoot, DialogPage},
    empty_state::EmptyState,
    filters::{ActiveFilter, Filters},
    form::{
        Checkbox, Choice, ErrorSummary, Field, FieldKind, FieldState, RadioCard, RadioCards,
        Select, Switch, TextArea,
    },
    icon::{Icon, IconName, IconSprite},
    key_plate::{KeyPlate, Plate},
    key_value::{Fact, KeyValue},
    layout::{
        Environment, Environments, ErrorKind, ErrorPage, Frame, NavGroup, NavItem, Page, Person,
        PrimaryAction, Workspace,
    },
    meter::Meter,
    pagination::Pagination,
    proof::{Factor, Proof},
    scope_picker::{Flag, Preset, Scope, ScopeGroup, ScopePicker},
    secret_panel::SecretPanel,
    segmented::{Segment, Segmented, SegmentedRadios},
    stat::Stat,
    statement::{Difference, Differences, Grant, Risk, RiskView, Statement, StatementView},
    stepper::{Step, StepState, Stepper},
    table::{Bulk, Column, Direction, NoMatch, Row, RowMenu, Slot, Table, TableSkeleton},
    tabs::{Tab, Tabs},
    time::{AbsoluteTime, RelativeTime},
    toast::{Toast, ToastAction},
    trace::{Trace, TraceStep},
};

/// 2027-03-14T13:02:07Z: the page never changes, so pictures of it can be compared.
const NOW: i64 = 1_805_029_327_000;
const ZONE: &str = "Africa/Lagos";

/// The whole page with its frame; the sprite comes with it.
#[component]
pub fn Gallery() -> impl IntoView {
    view! {
        <IconSprite />
        <Frame page=page()>
            <Section title="Buttons">{buttons()}</Section>
            <Section title="Badges and tags">{badges()}</Section>
            <Section title="Key list">{list()}</Section>
            <Section title="Nothing here, nothing matches, not here yet">{nothing()}</Section>
            <Section title="Form">{form()}</Section>
            <Section title="Scopes">{scopes()}</Section>
            <Section title="Proof">{proofs()}</Section>
            <Section title="Statement, difference, risk">{statement()}</Section>
            <Section title="Trace">{trace()}</Section>
            <Section title="Numbers">{numbers()}</Section>
            <Section title="Code and facts">{code()}</Section>
            <Section title="Dialog">{dialog()}</Section>
            <Section title="Errors">{errors()}</Section>
            <Section title="Icons">{icons()}</Section>
        </Frame>
    }
}

/// The secret moment covers its page, so it has one of its own.
#[component]
pub fn SecretGallery() -> impl IntoView {
    view! {
        <IconSprite />
        <Frame page=page()>
            <p>"Behind the panel."</p>
        </Frame>
        <SecretPanel
            key_label="Production POS"
            env="Live"
            live=true
            secret="rk_live_7Qf2mXw0bT9uKdLr4sVzEoYp1HnCgAj6iN8e_x9KdA1"
            variable="REVKEEN_API_KEY"
            action="/keys/k1/stored"
        >
            <CodeBlock
                id="try"
                title="Make a first call"
                samples=vec![
                    Sample::new(Lang::Curl, "curl https://api.example.com/customers \\\n  -H \"X-API-KEY: $REVKEEN_API_KEY\""),
                    Sample::new(Lang::Python, "import os, requests\n\nrequests.get(\n    \"https://api.example.com/customers\",\n    headers={\"X-API-KEY\": os.environ[\"REVKEEN_API_KEY\"]},\n)"),
                ]
            />
        </SecretPanel>
    }
}

#[component]
fn Section(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <section class="mb-12">
            <h2 class="mb-4 text-h2">{title}</h2>
            {children()}
        </section>
    }
}

fn page() -> Page {
    let item = |label: &str, href: &str, icon, current| NavItem::new(label, href, icon, current);
    Page {
        title: "Pieces".into(),
        breadcrumbs: vec![super::layout::Crumb::new("API keys", "/keys")],
        purpose: "Every piece in every state. Each does only what was approved.".into(),
        action: Some(PrimaryAction {
            label: "Create key".into(),
            href: "/keys/new".into(),
            create: true,
            dialog: false,
        }),
        nav: vec![
            NavGroup {
                title: String::new(),
                items: vec![item("Overview", "/", IconName::Home, false)],
            },
            NavGroup {
                title: "Build".into(),
                items: vec![
                    item("API keys", "/keys", IconName::Key, true),
                    item("Webhooks", "/webhooks", IconName::Webhook, false),
                    item("Logs", "/logs", IconName::Logs, false),
                    item("Usage", "/usage", IconName::Usage, false),
                    item("Docs", "/docs", IconName::Docs, false),
                ],
            },
            NavGroup {
                title: "Control".into(),
                items: vec![
                    item("Approvals", "/approvals", IconName::Approvals, false).count(3),
                    item("Audit", "/audit", IconName::Audit, false),
                    item("Members", "/members", IconName::Members, false),
                    item("Plans", "/plans", IconName::Plans, false),
                ],
            },
        ],
        nav_foot: vec![item("Settings", "/settings", IconName::Settings, false)],
        workspace: "Harbour Foods".into(),
        workspaces: vec![
            Workspace {
                id: "w1".into(),
                name: "Harbour Foods".into(),
                current: true,
            },
            Workspace {
                id: "w2".into(),
                name: "A workspace with a rather long name".into(),
                current: false,
            },
        ],
        environments: Environments::Of(vec![
            Environment {
                href: "?env=test".into(),
                word: "Test".into(),
                live: false,
                current: true,
            },
            Environment {
                href: "?env=live".into(),
                word: "Live".into(),
                live: true,
                current: false,
            },
        ]),
        person: Person {
            name: "Ada Obi".into(),
            email: "ada@harbour.example".into(),
        },
        banners: vec![
            Banner {
                tone: Tone::Warning,
                lead: "Operator Kim is acting in this workspace".into(),
                text: "since 14:02: “ticket 812”. Secrets and approvals stay out of reach.".into(),
                link: Some(("See what was done".into(), "/audit".into())),
            },
            Banner {
                tone: Tone::Danger,
                lead: "The audit record fails its check from entry 4,182.".into(),
                text: "Entries before it hold. Changes are stopped.".into(),
                link: None,
            },
            Banner {
                tone: Tone::Info,
                lead: "Maintenance on Sunday".into(),
                text: "from 02:00 to 02:10 UTC.".into(),
                link: None,
            },
            Banner {
                tone: Tone::Neutral,
                lead: "Live is locked:".into(),
                text: "2 of 4 done.".into(),
                link: None,
            },
        ],
        toasts: vec![Toast {
            text: "“Production POS” is disabled.".into(),
            action: Some(ToastAction {
                label: "Undo".into(),
                href: "/keys/k1/enable".into(),
                post: true,
            }),
        }],
        ..Page::default()
    }
}

fn buttons() -> impl IntoView {
    view! {
        <div class="space-y-3">
            <div class="flex flex-wrap gap-2">
                <Button kind=Kind::Solid>"Create key"</Button>
                <Button>"Edit"</Button>
                <Button kind=Kind::Ghost icon=Some(IconName::Copy)>"Copy id"</Button>
                <Button kind=Kind::Danger>"Revoke key"</Button>
                <Button kind=Kind::DangerSolid>"Revoke key"</Button>
                <LinkButton href="#" icon=Some(IconName::Rotate)>"Rotate"</LinkButton>
                <Button kind=Kind::Ghost icon=Some(IconName::More) label="More actions" />
            </div>
            <div class="flex flex-wrap items-center gap-2">
                <Button size=Size::Row>"Add"</Button>
                <Button size=Size::Row kind=Kind::Solid>"Reveal secret"</Button>
                <button type="button" class="btn btn-solid" data-busy="Create key" aria-disabled="true">
                    <span>"Creating…"</span>
                </button>
                <Button kind=Kind::Solid disabled_because="Live is locked until a second factor is set.">"Create live key"</Button>
            </div>
        </div>
    }
}

fn badges() -> impl IntoView {
    let all = [
        Status::Active,
        Status::Waiting,
        Status::Ready,
        Status::Rotating,
        Status::Expiring("Expires in 6 days".into()),
        Status::Disabled,
        Status::Revoked,
        Status::Rejected,
        Status::Expired,
        Status::Lapsed,
        Status::Withdrawn,
        Status::Approved,
        Status::Healthy,
        Status::Failing,
    ];
    view! {
        <div class="flex flex-wrap items-center gap-2">
            {all.into_iter().map(|status| view! { <StatusBadge status=status /> }).collect_view()}
            <Badge tone=Tone::Info shape=Shape::Check word="Any word" /> <EnvTag word="Live" live=true /> <EnvTag word="Test" live=false />
        </div>
    }
}

fn plate(id: &str, label: &str, live: bool) -> Plate {
    Plate {
        id: id.into(),
        label: label.into(),
        prefix: if live {
            "rk_live_".into()
        } else {
            "rk_test_".into()
        },
        first: "7Qf2".into(),
        last: "KdA1".into(),
        live,
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::lead("Key"),
        Column::new("Scopes").from_medium(),
        Column::new("State").slot(Slot::Badge),
        Column::new("Owner").from_wide(),
        Column::new("Last used")
            .slot(Slot::Fact)
            .sort("?sort=used", Some(Direction::Descending)),
        Column::new("24 h")
            .slot(Slot::FactEnd)
            .number()
            .sort("?sort=requests", None),
    ]
}

fn key_row(id: &str, label: &str, live: bool, status: Status, points: &[f64]) -> Row {
    Row {
        href: format!("/keys/{id}"),
        id: id.into(),
        select_label: format!("Select {label}"),
        cells: vec![
            view! { <KeyPlate plate=plate(id, label, live) /> }.into_any(),
            view! { <span class="font-mono text-mono">"customers:read"</span> " +3" }.into_any(),
            view! { <StatusBadge status=status /> }.into_any(),
            "Ada Obi".into_any(),
            view! {
                <RelativeTime at=NOW - 120_000 now=NOW zone=ZONE />
                <span class="text-ink-2">", 203.0.113.9"</span>
            }
            .into_any(),
            view! {
                <span class="inline-flex items-center gap-2">
                    <span class="max-md:hidden">
                        <Sparkline title="Requests in the last 24 hours" points=points.to_vec() />
                    </span>
                    "12,408"
                </span>
            }
            .into_any(),
        ],
        menu: Some(
            view! {
                <RowMenu label=format!("Actions for {label}")>
                    <a class="menu-item" href="#">
                        "Rotate"
                    </a>
                    <a class="menu-item" href="#">
                        "Disable"
                    </a>
                    <a class="menu-item text-danger!" href="/dev/ui/dialog" data-dialog>
                        "Revoke"
                    </a>
                </RowMenu>
            }
            .into_any(),
        ),
    }
}

fn list() -> impl IntoView {
    let points = [
        2.0, 4.0, 0.0, 0.0, 1.0, 3.0, 7.0, 9.0, 8.0, 6.0, 9.0, 12.0, 11.0, 14.0, 9.0, 6.0,
    ];
    let long = "A label of sixty characters, which is as long as one may get";
    view! {
        <Tabs
            label="Keys"
            tabs=vec![
                Tab::new("Active", "?tab=active", true).count(12),
                Tab::new("Pending", "?tab=pending", false).count(2).waiting("a secret is ready to reveal"),
                Tab::new("Inactive", "?tab=inactive", false).count(1_031),
            ]
        />
        <Filters
            action="/keys"
            env="test"
            clear="/keys"
            active=vec![
                ActiveFilter { label: "Label".into(), value: "pos".into(), without: "/keys?scope=x".into() },
                ActiveFilter { label: "Scope".into(), value: "customers:read".into(), without: "/keys?q=pos".into() },
            ]
        >
            <Field label="Label or last four" name="q" kind=FieldKind::Search placeholder="Label, last four" hide_label=true state=FieldState::new("pos") />
            <Select label="Scope" name="scope" hide_label=true options=vec![Choice::new("", "Any scope"), Choice::new("customers:read", "customers:read")] state=FieldState::new("customers:read") />
            <Select label="Owner" name="owner" hide_label=true options=vec![Choice::new("", "Any owner"), Choice::new("ada", "Ada Obi")] />
        </Filters>
        <Table
            caption="Active keys"
            columns=columns()
            plates=true
            rows=vec![
                key_row("k1", "Production POS", true, Status::Active, &points),
                key_row("k2", "Checkout", false, Status::Rotating, &points),
                key_row("k3", long, true, Status::Expiring("Expires in 6 days".into()), &points),
                key_row("k4", "Nightly export", false, Status::Disabled, &[0.0; 16]),
            ]
            bulk=Some(Bulk {
                form: "bulk".into(),
                action: "/keys/bulk".into(),
                buttons: view! {
                    <Button size=Size::Row>"Disable"</Button>
                    <Button size=Size::Row kind=Kind::Danger>"Revoke"</Button>
                }
                    .into_any(),
            })
        />
        <Pagination newer="?before=a" older="?after=b" summary="50 of 12,408" />
    }
}

fn nothing() -> impl IntoView {
    view! {
        <div class="space-y-4">
            <EmptyState
                text="No keys yet. Create a test key and make your first call in a minute."
                action=Some(view! { <LinkButton href="/keys/new" kind=Kind::Solid>"Create test key"</LinkButton> }.into_any())
                link_label="How keys work"
                link_href="/docs/keys"
            />
            <NoMatch thing="key" filter="label: pos" clear="/keys" />
            <TableSkeleton caption="Keys, on their way" columns=columns() rows=3 plates=true />
        </div>
    }
}

fn form() -> impl IntoView {
    let wrong = FieldState::new("Ünïcode & <b>")
        .error("Another key is called that. Choose a label that tells them apart.");
    view! {
        <form method="post" action="#" class="max-w-[680px] space-y-4" novalidate>
            <ErrorSummary errors=vec![
                ("label".into(), "Another key is called that".into()),
                ("purpose".into(), "Purpose is too long by 12 characters".into()),
            ] />
            <Stepper
                label="Create a key"
                steps=vec![
                    Step::new("Basics", "/keys/new?step=1", StepState::Done),
                    Step::new("Permissions", "/keys/new?step=2", StepState::Current),
                    Step::new("Guard rails", "", StepState::Ahead),
                    Step::new("Review", "", StepState::Ahead),
                ]
            />
            <RadioCards
                legend="Environment"
                name="env"
                state=FieldState::new("test")
                cards=vec![
                    RadioCard { value: "test".into(), label: "Test".into(), text: "Made-up data; nothing moves.".into(), live: Some(false), locked: false },
                    RadioCard { value: "live".into(), label: "Live".into(), text: "Locked: 2 of 4 done.".into(), live: Some(true), locked: true },
                ]
            />
            <Field label="Label" name="label" state=wrong hint="Seen in lists, logs and mails." />
            <TextArea label="Purpose" name="purpose" optional=true hint="What uses this key, and where does it run?" state=FieldState::new("</textarea><b>Till 3</b>") />
            <Field label="Rate" name="rate" kind=FieldKind::Number suffix="requests a minute" state=FieldState::new("60") />
            <Field label="E-mail" name="email" kind=FieldKind::Email placeholder="ada@harbour.example" />
            <Field label="PIN" name="pin" kind=FieldKind::Pin />
            <Field label="Id" name="id" mono=true disabled=true state=FieldState::new("key_01J9Z") />
            <Select label="Expires" name="expires" options=vec![Choice::new("90", "In 90 days"), Choice::new("never", "Never")] state=FieldState::new("never").error("A Live key must expire.") />
            <SegmentedRadios legend="Old secret keeps working for" name="grace" value="24" options=vec![Choice::new("0", "0: stop now"), Choice::new("24", "24 h"), Choice::new("168", "7 days")] />
            <Checkbox label="Mail me when it is used from a new address" name="mail" checked=true hint="At most one mail an hour." />
            <Checkbox label="I have read the terms" name="terms" error="Tick this to go on." />
            <Checkbox label="Not for you to change" name="fixed" checked=true disabled=true />
            <Switch label="Single-letter shortcuts" name="shortcuts" hint="g k, c, j, k and ?" checked=true />
            <div class="flex gap-2">
                <Button kind=Kind::Solid busy="Saving…">"Save and go on"</Button>
                <LinkButton href="#" kind=Kind::Ghost>"Cancel"</LinkButton>
            </div>
        </form>
    }
}

fn scopes() -> impl IntoView {
    let scope = |id: &str, description: &str, flags: &[Flag]| Scope {
        id: id.into(),
        description: description.into(),
        flags: flags.to_vec(),
        read: id.ends_with(":read"),
        broad: id.ends_with('*'),
        locked: String::new(),
    };
    let groups = vec![
        ScopeGroup {
            name: "Customers".into(),
            scopes: vec![
                scope(
                    "customers:read",
                    "See names, contacts and addresses.",
                    &[Flag::PersonalData],
                ),
                scope(
                    "customers:write",
                    "Add and change customers.",
                    &[Flag::PersonalData],
                ),
                scope(
                    "customers:*",
                    "Everything with customers.",
                    &[Flag::PersonalData],
                ),
            ],
        },
        ScopeGroup {
            name: "Payments".into(),
            scopes: vec![
                scope("payments:read", "See payments and their state.", &[]),
                scope(
                    "payments:create",
                    "Take payments up to the limits of the key.",
                    &[Flag::MovesMoney],
                ),
                Scope {
                    locked: "Needs the Growth plan.".into(),
                    ..scope(
                        "payouts:create",
                        "Send money to bank accounts.",
                        &[Flag::MovesMoney],
                    )
                },
            ],
        },
    ];
    view! {
        <form method="post" action="#" class="max-w-[680px]">
            <ScopePicker
                groups=groups
                presets=vec![
                    Preset { name: "Point of sale".into(), scopes: vec!["customers:read".into(), "payments:create".into()] },
                    Preset { name: "Reports".into(), scopes: vec!["customers:read".into(), "payments:read".into()] },
                ]
                selected=vec!["customers:read".into(), "customers:*".into()]
            />
        </form>
    }
}

fn proofs() -> impl IntoView {
    view! {
        <form method="post" action="#" class="max-w-[680px]">
            <Proof
                action="create the Live key “Production POS” with 3 scopes"
                factor=Factor::Password
                others=vec![Factor::Passkey, Factor::Code, Factor::Pin]
                submit="Create key"
                busy="Creating…"
                cancel="/keys"
                error="That password isn’t right. 3 tries left. Your key’s details are kept."
            />
        </form>
    }
}

fn statement() -> impl IntoView {
    let safe = Statement {
        may: Grant::from_scopes(["customers:read", "invoices:read", "payments:create"]),
        moves_money: true,
        per_request: "NGN 100,000.00".into(),
        per_day: "NGN 1,000,000.00".into(),
        addresses: 2,
        rate: "60 requests a minute".into(),
        until: "14 Mar 2027".into(),
        ..Statement::default()
    };
    let loose = Statement {
        may: Grant::from_scopes(["payments:*"]),
        moves_money: true,
        ..Statement::default()
    };
    view! {
        <div class="max-w-[760px] space-y-4">
            <StatementView statement=safe />
            <StatementView statement=loose />
            <Differences
                against="Compared with the nearest key, Checkout"
                rows=vec![
                    Difference { label: "Scopes".into(), added: vec!["payments:create".into()], removed: vec!["invoices:read".into()], ..Difference::default() },
                    Difference { label: "A day".into(), now: "NGN 1,000,000.00".into(), asked: "no limit".into(), ..Difference::default() },
                    Difference { label: "Rate".into(), now: "60 a minute".into(), asked: "60 a minute".into(), ..Difference::default() },
                ]
            />
            <RiskView risk=Risk::High reasons=vec!["It moves money without a day limit.".into(), "It is live and can be used from any address.".into()] />
            <RiskView risk=Risk::Elevated reasons=vec!["It never expires.".into()] />
            <RiskView risk=Risk::Low reasons=Vec::new() />
        </div>
    }
}

fn trace() -> impl IntoView {
    view! {
        <div class="card max-w-[680px] p-4">
            <Trace steps=vec![
                TraceStep::passed("KEY_KNOWN", "The key is known"),
                TraceStep::passed("KEY_ACTIVE", "It is active"),
                TraceStep::failed("IP_NOT_ALLOWED", "The address is not on the list")
                    .because("203.0.113.9", "198.51.100.0/24, 192.0.2.7")
                    .change("Add 203.0.113.9 …", "/keys/k1/security?add=203.0.113.9"),
                TraceStep::not_reached("SCOPE_MISSING", "The scope is granted"),
                TraceStep::not_reached("RATE_LIMITED", "The rate is kept"),
            ] />
        </div>
    }
}

fn numbers() -> impl IntoView {
    let labels: Vec<String> = (8..15).map(|day| format!("{day} Mar")).collect();
    let allowed = vec![820.0, 940.0, 1210.0, 1190.0, 610.0, 540.0, 1320.0];
    let denied = vec![40.0, 32.0, 90.0, 410.0, 30.0, 12.0, 64.0];
    let failed = vec![0.0, 2.0, 9.0, 60.0, 0.0, 0.0, 12.0];
    let series = || {
        vec![
            Series::new("Allowed", Meaning::Allowed, allowed.clone()),
            Series::new("Denied", Meaning::Denied, denied.clone()),
            Series::new("Failed", Meaning::Failed, failed.clone()),
        ]
    };
    view! {
        <div class="mb-4 grid grid-cols-2 gap-4 md:grid-cols-4">
            <Stat label="Requests, 24 h" value="12,408" note="12 % more than yesterday" href="/logs" />
            <Stat label="Denied, 24 h" value="64" />
            <Stat label="p95" value="14" unit="ms" />
            <Stat label="Failing endpoints" value="1" alert=true href="/webhooks" />
        </div>
        <div class="mb-4 grid gap-4 wide:grid-cols-2">
            <div class="card p-4">
                <h3 class="mb-3 font-medium">"Requests by outcome, 7 days"</h3>
                <BarChart title="Requests by outcome, 7 days" labels=labels.clone() series=series() />
            </div>
            <div class="card p-4">
                <h3 class="mb-3 font-medium">"Requests by outcome, lines"</h3>
                <LineChart title="Requests by outcome, 7 days, as lines" labels=labels series=series() />
            </div>
        </div>
        <div class="card grid gap-6 p-4 md:grid-cols-3">
            <Meter label="Amount today" value=410_000.0 max=1_000_000.0 text="NGN 410,000.00 of 1,000,000.00" note="Resets in 6 h 12 min (00:00 UTC)" />
            <Meter label="Requests this month" value=9_120.0 max=10_000.0 text="9,120 of 10,000" />
            <Meter label="Keys" value=10.0 max=10.0 text="10 of 10" note="Revoke one, or ask for a larger plan." />
        </div>
    }
}

fn code() -> impl IntoView {
    view! {
        <div class="grid gap-4 wide:grid-cols-2">
            <CodeBlock
                id="first-call"
                title="Make a first call"
                samples=vec![
                    Sample::new(Lang::Curl, "# A first call\ncurl https://api.example.com/customers \\\n  -H \"X-API-KEY: $REVKEEN_API_KEY\""),
                    Sample::new(
                        Lang::JavaScript,
                        "const answer = await fetch(\"https://api.example.com/customers\", {\n  headers: { \"X-API-KEY\": process.env.REVKEEN_API_KEY },\n});",
                    ),
                    Sample::new(Lang::Python, "import requests\n\nrequests.get(url, headers={\"X-API-KEY\": key}, timeout=10)"),
                    Sample::new(Lang::Rust, "let answer = client.get(url).header(\"X-API-KEY\", key).send().await?;"),
                    Sample::new(Lang::Go, "req.Header.Set(\"X-API-KEY\", key)\nreturn nil // done"),
                    Sample::new(Lang::Php, "<?php\ncurl_setopt($c, CURLOPT_HTTPHEADER, [\"X-API-KEY: $key\"]);"),
                ]
            />
            <CodeBlock id="answer" title="What the caller got" samples=vec![Sample::new(Lang::Json, "{\n  \"error\": \"IP_NOT_ALLOWED\",\n  \"retry\": false,\n  \"status\": 403\n}")] />
            <div class="card px-4 py-1">
                <KeyValue items=vec![
                    Fact::new("Request", view! { <code class="font-mono text-mono">"01J9ZC4T8M6RPX5V0Q"</code> }),
                    Fact::new("When", view! { <AbsoluteTime at=NOW zone=ZONE /> }),
                    Fact::new("Key", view! { <KeyPlate plate=plate("k1", "Production POS", true) /> }),
                ] />
            </div>
            <div class="space-y-4">
                <CopyField id="key-id" label="Key id" value="key_01J9ZC4T8M6RPX5V0Q" />
                <KeyPlate plate=plate("k1", "Production POS", true) head=true />
                <Segmented label="Period" segments=vec![Segment::new("24 h", "?p=24h", true), Segment::new("7 days", "?p=7d", false), Segment::new("30 days", "?p=30d", false)] />
            </div>
        </div>
    }
}

/// A dialog's page, also alone: what a link marked `dialog` fetches.
#[component]
pub fn DialogGallery() -> impl IntoView {
    view! {
        <IconSprite />
        <Frame page=page()>{dialog()}</Frame>
    }
}

fn dialog() -> impl IntoView {
    view! {
        <DialogPage title="Revoke “Production POS”?">
            <form method="post" action="#">
                <DialogBody>
                    <p>
                        "In use: 3 requests in the last hour from 2 addresses. They get 401 from the next request on. This can’t be undone. "
                        <em>"Disable"</em> " stops it just as fast and can be."
                    </p>
                    <Field label="Type the key’s label" name="confirm" id="confirm" hint="Production POS" autocomplete="off" />
                </DialogBody>
                <DialogFoot cancel="/dev/ui">
                    <Button kind=Kind::DangerSolid busy="Revoking…">"Revoke key"</Button>
                </DialogFoot>
            </form>
        </DialogPage>
    }
}

fn errors() -> impl IntoView {
    let kinds = [
        ErrorKind::NotFound,
        ErrorKind::Forbidden,
        ErrorKind::Conflict,
        ErrorKind::TooMany,
        ErrorKind::Unavailable,
        ErrorKind::Internal,
    ];
    view! {
        <div class="grid gap-4 md:grid-cols-3">
            {kinds
                .into_iter()
                .map(|kind| {
                    view! {
                        <div class="card p-4">
                            <h3 class="mb-1 font-semibold">{kind.title()}</h3>
                            <ErrorPage kind=kind request_id="01J9ZC4T8M" wait="40 s" />
                        </div>
                    }
                })
                .collect_view()}
        </div>
    }
}

fn icons() -> impl IntoView {
    view! {
        <ul class="flex flex-wrap gap-3">
            {IconName::ALL
                .iter()
                .map(|name| {
                    view! {
                        <li class="grid size-10 place-items-center rounded-control border border-line" title=format!("{name:?}")>
                            <Icon name=*name class="size-4" />
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}

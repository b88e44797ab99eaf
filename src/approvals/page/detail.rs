//! One request: what is asked, what that would change, how risky it is, and the decision.

use leptos::prelude::*;
use serde_json::Value;

use super::{HERE, decide, difference, environment, for_viewer, kind, query, status, subject};
use crate::{
    approvals::{
        asked::Asked,
        ops,
        policy::{self, Standing},
        risk,
        store::{self, ApprovalRow},
    },
    audit::{self, types::AuditRow},
    db::Reader,
    error::UiError,
    frame::{self, Head, Here, Span, framed, loaded},
    keys::{self, differences, statement, store::KeyRow, terms::Terms, types::KeyState},
    profiles::Profile,
    server::{
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        button::Button,
        form::{Choice, FieldState, Select},
        key_value::{Fact, KeyValue},
        layout::Crumb,
        statement::{Difference, Differences, Risk, RiskView, StatementView},
        time::{AbsoluteTime, RelativeTime, date},
    },
    workspaces::{
        self, Role,
        view::{self, Member},
    },
};

/// Entries of the record that are looked through for what happened to a request.
const ENTRIES: i64 = 200;
/// Keys of the maker that are named.
const KEYS: usize = 5;

pub(super) struct Detail {
    pub here: Here,
    pub state: AppState,
    pub row: ApprovalRow,
    pub asked: Asked,
    pub standing: Result<Standing, &'static str>,
    /// The key that it is about.
    pub key: Option<KeyRow>,
    /// Names of the checkers but for the viewer and who asked.
    pub checkers: Vec<String>,
    /// The other requests that the viewer can decide.
    pub next: Vec<String>,
    maker: Option<Member>,
    maker_keys: Vec<KeyRow>,
    /// The member that it is about.
    member: Option<String>,
    risk: (Risk, Vec<String>),
    thread: Vec<AuditRow>,
    follows: Option<ApprovalRow>,
    /// Active keys that a new one can be compared with, the nearest first.
    comparable: Vec<KeyRow>,
}

impl Detail {
    pub fn maker(&self) -> &str {
        self.row.maker.as_deref().unwrap_or("Its maker")
    }

    pub fn is_mine(&self) -> bool {
        self.row.requested_by == self.here.viewer.user_id
            || self.row.owner_id.as_deref() == Some(&self.here.viewer.user_id)
    }

    /// Whether the key that was agreed to has no secret yet.
    pub fn is_unrevealed(&self) -> bool {
        self.row.kind == "new_key"
            && self
                .key
                .as_ref()
                .is_some_and(|key| key.state(self.here.now) == KeyState::Approved)
    }

    pub fn path(&self) -> String {
        format!("{HERE}/{}", self.row.id)
    }
}

async fn load(id: String) -> Result<Detail, UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let read = async {
        let mut reader = state.db.read().await?;
        read(&mut reader, here, state.clone(), &id).await
    };
    read.await.map_err(AppError::into_ui)
}

async fn read(
    reader: &mut Reader,
    here: Here,
    state: AppState,
    id: &str,
) -> Result<Detail, AppError> {
    let viewer = &here.viewer;
    let row = ops::of_workspace(reader, viewer, id).await?;
    if !policy::may_read(viewer, &row) {
        return Err(AppError::not_found());
    }
    let asked = Asked::parse(&row.asked)?;
    let workspace_id = row.workspace_id.as_str();
    let checker = viewer.has(Role::Checker);
    let standing = ops::standing(reader, &state, viewer, checker, &row).await?;
    let members = view::members(reader, workspace_id).await?;
    let key = match row.environment {
        Some(_) => keys::store::find(reader, workspace_id, &row.subject_id).await?,
        None => None,
    };
    let mut maker_keys = keys::store::of_owner(reader, &row.requested_by).await?;
    maker_keys.retain(|key| {
        key.workspace_id == row.workspace_id
            && key.id != row.subject_id
            && !key.state(here.now).has_ended()
    });
    maker_keys.truncate(KEYS);
    let made = checker && ops::made_the_checker(reader, viewer, &row).await?;
    let risk = risk_of(reader, &state, &row, &asked, key.as_ref(), made).await?;
    let comparable = comparable(reader, &row, &asked, here.now).await?;
    let thread = thread(reader, &row).await?;
    let follows = match &row.follows {
        Some(before) => store::find(reader, workspace_id, before).await?,
        None => None,
    };
    let open = store::open(reader, workspace_id, here.now).await?;
    let next = if checker {
        for_viewer(viewer, &open)
            .into_iter()
            .filter(|other| other.id != row.id)
            .map(|other| other.id.clone())
            .collect()
    } else {
        Vec::new()
    };
    let mut checkers: Vec<String> = policy::deciders(&members, &row, here.now)
        .filter(|member| member.id != viewer.user_id)
        .map(|member| member.name.clone())
        .collect();
    checkers.sort();
    let find = |id: &str| members.iter().find(|member| member.id == id).cloned();
    Ok(Detail {
        maker: find(&row.requested_by),
        member: find(&row.subject_id).map(|member| member.name),
        here,
        state,
        row,
        asked,
        standing,
        key,
        checkers,
        next,
        maker_keys,
        risk,
        thread,
        follows,
        comparable,
    })
}

/// The terms that a key would have.
fn terms(asked: &Asked) -> Option<&Terms> {
    match asked {
        Asked::NewKey { key } => Some(&key.terms),
        Asked::ChangeKey { after, .. } => Some(after),
        Asked::EnableKey { terms, .. } => Some(terms),
        _ => None,
    }
}

/// How risky it looks to this viewer: never less than when it was asked.
async fn risk_of(
    reader: &mut Reader,
    state: &AppState,
    row: &ApprovalRow,
    asked: &Asked,
    key: Option<&KeyRow>,
    made_the_checker: bool,
) -> Result<(Risk, Vec<String>), AppError> {
    let kept = risk::from_rank(row.risk);
    let (Some(terms), Some(environment)) = (terms(asked), asked.environment()) else {
        let mut reasons = vec![match asked {
            Asked::LoosenPolicy { .. } => "Lets more happen without a second person.".to_owned(),
            _ => "Makes somebody a checker, who decides about what others ask.".to_owned(),
        }];
        if made_the_checker {
            reasons.push(risk::MADE_THE_CHECKER.to_owned());
        }
        return Ok((kept, reasons));
    };
    let usual = match key {
        Some(key) => keys::ops::usual_scopes(reader, state, key).await?,
        None => Vec::new(),
    };
    let purpose = match (asked, key) {
        (Asked::NewKey { key }, _) => key.purpose.as_str(),
        (_, Some(key)) => key.purpose.as_str(),
        _ => "",
    };
    let context = risk::Context {
        purpose,
        usual: &usual,
        made_the_checker,
    };
    let (risk, reasons) = risk::of_key(&state.profile, environment, terms, context);
    Ok((risk.max(kept), reasons))
}

/// Active keys of a new key's environment, those first that share most with it and have least beyond.
async fn comparable(
    reader: &mut Reader,
    row: &ApprovalRow,
    asked: &Asked,
    now: i64,
) -> Result<Vec<KeyRow>, AppError> {
    let Asked::NewKey { key: wanted } = asked else {
        return Ok(Vec::new());
    };
    let mut others =
        keys::store::active(reader, &row.workspace_id, &wanted.environment, now).await?;
    others.retain(|other| other.id != row.subject_id && other.state(now) == KeyState::Active);
    others.sort_by_cached_key(|other| {
        let scopes = other.terms().scopes;
        let shared = scopes
            .iter()
            .filter(|id| wanted.terms.scopes.contains(id))
            .count();
        (std::cmp::Reverse(shared), scopes.len() - shared)
    });
    Ok(others)
}

/// What happened to the request, oldest first.
async fn thread(reader: &mut Reader, row: &ApprovalRow) -> Result<Vec<AuditRow>, AppError> {
    let names = crate::accounts::store::names(reader, &row.workspace_id).await?;
    let entries = audit::store::before(
        reader,
        &row.workspace_id,
        i64::MAX,
        Some(&row.subject_id),
        ENTRIES,
    )
    .await?;
    let mut rows: Vec<AuditRow> = entries
        .iter()
        .filter(|entry| {
            let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
            let of_key = ["key.revealed", "key.withdrawn", "key.lapsed"];
            detail["approval"] == row.id.as_str()
                || (row.kind == "new_key" && of_key.contains(&entry.action.as_str()))
        })
        .map(|entry| audit::row(entry, &names))
        .collect();
    rows.reverse();
    Ok(rows)
}

#[component]
pub fn ApprovalPage() -> impl IntoView {
    loaded(load(frame::path_id()), |detail| {
        match detail_page(&detail) {
            Ok(page) => page,
            Err(error) => frame::error_page(&error.into_ui()),
        }
    })
}

fn detail_page(detail: &Detail) -> Result<AnyView, AppError> {
    let (row, here, profile) = (&detail.row, &detail.here, &detail.state.profile);
    let zone = &here.zone;
    let statement = terms(&detail.asked).map(|terms| {
        section(
            "statement",
            "What it may do",
            view! {
                <div class="card p-4">
                    <StatementView statement=statement::of_key(profile, terms, zone) />
                </div>
            },
        )
    });
    let difference = changes(detail)?;
    let purpose = match (&detail.asked, &detail.key) {
        (Asked::NewKey { key }, _) => key.purpose.clone(),
        (_, Some(key)) => key.purpose.clone(),
        _ => String::new(),
    };
    let public_key = match &detail.asked {
        Asked::NewKey { key } => key.verifying_key.clone(),
        _ => None,
    };
    let public_key = public_key.map(|value| {
        section(
            "pair",
            "Public key",
            view! {
                <p class="mb-1 text-ink-2">"Handed in: the key signs with Ed25519, and its private half was never here."</p>
                <p class="font-mono text-mono break-all">{value}</p>
            },
        )
    });
    let purpose = (!purpose.is_empty()).then(|| {
        section(
            "purpose",
            "Purpose",
            view! { <p class="card p-4 whitespace-pre-line wrap-anywhere">{purpose}</p> },
        )
    });
    let (risk, reasons) = detail.risk.clone();
    let done = frame::done(&[
        ("asked", "Sent. It waits for a second person."),
        ("approved", "Approved. Who asked was told."),
        ("rejected", "Rejected. Who asked was told why."),
        ("withdrawn", "Withdrawn."),
        ("reminded", "The checkers were reminded."),
        ("taken_back", "Taken back. It waits for a decision again."),
    ]);
    Ok(framed(
        Head {
            heading: row.title.clone(),
            title: "Request",
            crumbs: vec![Crumb::new("Approvals", HERE)],
            span: Span::All,
            toasts: done,
            ..Head::default()
        },
        view! {
            {frame::failure(&Answer::here())}
            <div class="mb-8 flex flex-wrap items-center gap-4">
                {subject(profile, row, true)} <span class="text-ink-2">{kind(&detail.asked)}</span>
                {environment(profile, row)} {status(row, here.now)}
            </div>
            <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                <div class="space-y-8">
                    {statement} {difference}
                    {section(
                        "risk",
                        "Risk",
                        view! {
                            <div class="card p-4">
                                <RiskView risk=risk reasons=reasons />
                            </div>
                        },
                    )} {public_key} {purpose} {happened(detail)} {decide::foot(detail)}
                </div>
                <aside class="max-wide:mt-8" aria-label="Facts">
                    <div class="card px-4 py-2">
                        <KeyValue items=facts(detail) stacked=true />
                    </div>
                </aside>
            </div>
        },
    ))
}

pub(super) fn section(id: &'static str, title: &'static str, content: impl IntoAny) -> AnyView {
    let content = content.into_any();
    view! {
        <section aria-labelledby=id>
            <h2 id=id class="mb-2 text-h2">
                {title}
            </h2>
            {content}
        </section>
    }
    .into_any()
}

/// What would be otherwise than it is, or than the nearest key that there is.
fn changes(detail: &Detail) -> Result<Option<AnyView>, AppError> {
    let (here, profile) = (&detail.here, &detail.state.profile);
    let zone = &here.zone;
    let rows = |title, rows: Vec<Difference>| {
        section("difference", title, view! { <Differences rows=rows /> })
    };
    Ok(match &detail.asked {
        Asked::NewKey { key } => compared(detail, profile, &key.terms),
        Asked::ChangeKey { before, after, .. } => Some(rows(
            "What changes",
            differences::of_terms(profile, before, after, zone),
        )),
        Asked::EnableKey { .. } => None,
        Asked::GiveRole { was, roles } => Some(rows(
            "What changes",
            difference::of_roles(was, roles, here.now)?,
        )),
        Asked::Invite { roles, .. } => Some(rows(
            "What they would get",
            difference::of_roles("", roles, here.now)?,
        )),
        Asked::LoosenPolicy { before, after } => {
            Some(rows("What changes", difference::of_rules(*before, *after)))
        }
    })
}

/// A new key beside one that is there.
fn compared(detail: &Detail, profile: &Profile, wanted: &Terms) -> Option<AnyView> {
    let picked = query("against");
    let other = picked
        .and_then(|id| detail.comparable.iter().find(|key| key.id == id))
        .or(detail.comparable.first())?;
    let rows = differences::of_terms(profile, &other.terms(), wanted, &detail.here.zone);
    let options = detail
        .comparable
        .iter()
        .map(|key| Choice::new(key.id.clone(), key.label.clone()))
        .collect();
    let pick = (detail.comparable.len() > 1).then(|| {
        view! {
            <form method="get" action=detail.path() class="mt-3 flex flex-wrap items-end gap-2">
                <Select label="Compare with" name="against" options=options state=FieldState::new(other.id.clone()) />
                <Button>"Compare"</Button>
            </form>
        }
    });
    let against = format!("Beside \u{201c}{}\u{201d}, which is in use", other.label);
    Some(section(
        "difference",
        "Beside a key that is there",
        view! {
            <Differences rows=rows against=against />
            {pick}
        },
    ))
}

fn happened(detail: &Detail) -> AnyView {
    let (here, zone) = (&detail.here, &detail.here.zone);
    let before = detail.follows.as_ref().map(|before| {
        let words = match (before.outcome(here.now), &before.reason) {
            (Some("rejected"), Some(reason)) => format!("Rejected: \u{201c}{reason}\u{201d}. "),
            _ => String::new(),
        };
        view! {
            <p class="mb-2 text-ink-2">
                "It takes up an earlier request. " {words} <a class="link" href=format!("{HERE}/{}", before.id)>
                    "See that one"
                </a>
            </p>
        }
    });
    let entries = detail
        .thread
        .iter()
        .map(|entry| {
            view! {
                <li class="flex flex-wrap justify-between gap-x-4 border-t border-line py-2 first:border-t-0">
                    <span class="min-w-0 wrap-anywhere">
                        <span class="font-medium">{entry.actor.clone()}</span>
                        ": "
                        {entry.summary.clone()}
                    </span>
                    <RelativeTime at=entry.at now=here.now zone=zone.clone() />
                </li>
            }
        })
        .collect_view();
    section(
        "thread",
        "What happened",
        view! {
            {before}
            <ol class="card px-4 py-2">{entries}</ol>
        },
    )
}

fn facts(detail: &Detail) -> Vec<Fact> {
    let (row, here) = (&detail.row, &detail.here);
    let zone = &here.zone;
    let roles = detail.maker.as_ref().map_or_else(
        || "No member any more".to_owned(),
        |maker| {
            format!(
                "{}, since {}",
                workspaces::policy::in_words(&maker.grants),
                date(maker.since, zone)
            )
        },
    );
    let mut facts = vec![Fact::new(
        "Asked by",
        view! {
            {row.maker.clone().unwrap_or_else(|| "Nobody".to_owned())}
            <span class="block text-small text-ink-2">{roles}</span>
        },
    )];
    if !detail.maker_keys.is_empty() {
        let links = detail
            .maker_keys
            .iter()
            .map(|key| {
                view! {
                    <li>
                        <a class="link inline-block min-h-6" href=format!("/keys/{}", key.id)>
                            {key.label.clone()}
                        </a>
                    </li>
                }
            })
            .collect_view();
        facts.push(Fact::new(
            "Their other keys",
            view! { <ul class="space-y-1">{links}</ul> },
        ));
    }
    match &detail.asked {
        Asked::GiveRole { .. } => facts.push(Fact::new(
            "Member",
            detail
                .member
                .clone()
                .unwrap_or_else(|| "No member any more".to_owned()),
        )),
        Asked::Invite { email, .. } => facts.push(Fact::new("Address", email.clone())),
        _ => {}
    }
    let moment = |at| view! { <AbsoluteTime at=at zone=zone.clone() /> };
    facts.push(Fact::new("Asked", moment(row.requested_at)));
    match row.outcome(here.now) {
        None => facts.push(Fact::new("Lapses", moment(row.lapses_at))),
        Some(_) => facts.push(Fact::new(
            "Ended",
            moment(row.decided_at.unwrap_or(row.lapses_at)),
        )),
    }
    let content = row.content();
    facts.push(Fact::new(
        "Content",
        view! {
            <code class="font-mono text-mono" title=content.clone()>
                {format!("sha256:{}\u{2026}", &content[..content.len().min(16)])}
            </code>
            <span class="block text-small text-ink-2">"You decide on exactly this"</span>
        },
    ));
    facts
}

//! The walk of the whole access matrix over HTTP: every route as every kind of person and program, with ids of one's own
//! workspace, of another tenant's, and of nothing.
//!
//! A new route needs its row in `access.rs` and, if its path has an `{id}`, a line in [`sample`].

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};

use super::{API_ROUTES, Access, ROUTES, Route};
use crate::{
    approvals::{
        self,
        asked::{Asked, content_hash},
    },
    db::testing::{self, Engine},
    invariants::{is_test, sources},
    server::{
        clock::{DAY, Id},
        testing::{Reply, Someone, TestApp, cookie},
    },
    usage::buffer::{self, RequestRow},
    webhooks,
    workspaces::{Role, Roles},
};

/// What ends the standing of those who ask: asked last, in this order.
const LAST: &[&str] = &["/acting/end", "/logout"];

/// Pages that only a form sent to their address answers with.
const ANSWERS: &[&str] = &[
    "/login/passkey",
    "/approvals/{id}/remind",
    "/approvals/{id}/withdraw",
    "/approvals/{id}/take-back",
    "/webhooks/{id}/replay/stop",
    "/logs/webhooks/{id}/replay",
];

/// Server functions that take an id: the argument's name, the page whose ids it takes, and whether it says 404 of what
/// does not exist (else it gives the same nothing).
const ARGUMENTS: &[(&str, &str, &str, bool)] = &[
    ("/api/revoke_consequences", "id", "/keys/{id}", true),
    ("/api/request_detail", "id", "/logs/{id}", true),
    ("/api/first_call", "key_id", "/keys/{id}", false),
];

/// One of each thing that has an id, in one workspace.
struct Things {
    key: String,
    request: String,
    member: String,
    invitation: String,
    plan: String,
    approval: String,
    token: String,
    endpoint: String,
    delivery: String,
    workspace: String,
}

/// Ids for the `{id}` of a path. A thing that belongs to a person rather than to a workspace has none that everybody in
/// it could open; the installation's own have no other tenant's.
struct Sample {
    own: Option<String>,
    foreign: Option<String>,
    missing: String,
}

/// What stands for the `{id}` of this path.
fn sample(app: &TestApp, path: &str, own: &Things, foreign: &Things) -> Sample {
    let of = |prefix: &str, thing: fn(&Things) -> &String| Sample {
        own: Some(thing(own).clone()),
        foreign: Some(thing(foreign).clone()),
        missing: app.state.rng.id(prefix, app.clock.now()),
    };
    // Operators see all workspaces and all people.
    let everywhere = |sample: Sample| Sample {
        foreign: None,
        ..sample
    };
    // Another person's, in whichever workspace, is as good as none.
    let of_one_person = |prefix: &str| Sample {
        own: None,
        foreign: None,
        missing: app.state.rng.id(prefix, app.clock.now()),
    };
    match path {
        "/keys/{id}" | "/keys/{id}/revoke" => of("key", |things| &things.key),
        "/keys/{id}/security" => of("key", |things| &things.key),
        "/keys/{id}/reveal" => of("key", |things| &things.key),
        path if path.starts_with("/approvals/{id}") => of("apr", |things| &things.approval),
        "/keys/{id}/edit" | "/keys/{id}/meta" | "/keys/{id}/rotate" | "/keys/{id}/cut" => {
            of("key", |things| &things.key)
        }
        "/keys/{id}/disable" | "/keys/{id}/enable" | "/keys/{id}/withdraw" => {
            of("key", |things| &things.key)
        }
        "/keys/{id}/hide" | "/keys/{id}/owner" => of("key", |things| &things.key),
        path if path.starts_with("/webhooks/{id}") => of("whe", |things| &things.endpoint),
        path if path.starts_with("/logs/webhooks/{id}") => of("dlv", |things| &things.delivery),
        "/logs/{id}" => of("req", |things| &things.request),
        "/members/{id}/roles" | "/members/{id}/remove" => of("usr", |things| &things.member),
        "/members/invitations/{id}/renew" | "/members/invitations/{id}/withdraw" => {
            of("inv", |things| &things.invitation)
        }
        "/admin/workspaces/{id}/act"
        | "/admin/workspaces/{id}/suspend"
        | "/admin/workspaces/{id}/restore" => everywhere(of("wsp", |things| &things.workspace)),
        "/admin/people/{id}/reset-factors" => everywhere(of("usr", |things| &things.member)),
        "/admin/plans/{id}" | "/admin/plans/{id}/approve" | "/admin/plans/{id}/decline" => {
            everywhere(of("plr", |things| &things.plan))
        }
        "/settings/cli/{id}/revoke" => of("clt", |things| &things.token),
        "/settings/security/passkeys/{id}/remove" => of_one_person("pky"),
        "/ownership/{id}" => of_one_person("own"),
        "/notices/{id}" => of_one_person("ntc"),
        _ => panic!("{path}: say in `sample` what its {{id}} stands for"),
    }
}

impl Things {
    /// `who`: whose request for approval it is.
    async fn make(app: &TestApp, workspace: &str, who: Option<&Someone>) -> Self {
        let now = app.clock.now();
        let id = |prefix: &str| app.state.rng.id(prefix, now);
        let (request, member, invitation, plan) = (id("req"), id("usr"), id("inv"), id("plr"));
        let (approval, token) = (id("apr"), id("clt"));
        let (endpoint, delivery) = webhooks::tests::endpoint_with_delivery(app, workspace).await;
        let (key, _) = app.key(workspace, &id("key"), &["customers:read"]).await;
        let row = RequestRow {
            id: Id::parse(&request, b"req").expect("an id"),
            ..app.request_row(workspace, &key)
        };
        buffer::store(&app.state.db, &[row]).await.expect("stored");
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(
            tx,
            "insert into users (id, email, email_folded, name, password_hash, created_at) values ($1, $1, $1, $1, '', $2)",
            &member,
            now
        )
        .expect("inserted");
        crate::execute!(
            tx,
            "insert into members (workspace_id, user_id, roles, created_at) values ($1, $2, 'developer', $3)",
            workspace,
            &member,
            now
        )
        .expect("inserted");
        crate::execute!(
            tx,
            "insert into invitations (id, workspace_id, email, email_folded, roles, token_hash, invited_by, created_at, expires_at)
             values ($1, $2, $1, $1, 'developer', $3, $4, $5, $6)",
            &invitation,
            workspace,
            invitation.as_bytes().to_vec(),
            &member,
            now,
            now + DAY
        )
        .expect("inserted");
        crate::execute!(
            tx,
            "insert into plan_requests (id, workspace_id, tier, state, requested_by, requested_at, decided_at, reason)
             values ($1, $2, 'growth', 'declined', $3, $4, $4, 'too soon')",
            &plan,
            workspace,
            &member,
            now
        )
        .expect("inserted");
        crate::execute!(
            tx,
            "insert into cli_tokens (id, workspace_id, user_id, name, token_hash, created_at, expires_at)
             values ($1, $2, $3, 'laptop', $4, $5, $6)",
            &token,
            workspace,
            &member,
            token.as_bytes().to_vec(),
            now,
            now + DAY
        )
        .expect("inserted");
        let asked = Asked::GiveRole {
            was: "developer".to_owned(),
            roles: "developer,checker".to_owned(),
        };
        let json = asked.to_json().expect("JSON");
        approvals::store::insert(
            &mut tx,
            approvals::store::Insert {
                id: &approval,
                workspace_id: workspace,
                kind: asked.kind(),
                subject_id: &member,
                environment: None,
                title: &asked.title(),
                asked: &json,
                content_hash: content_hash(&approval, &member, &json),
                basis: "developer",
                risk: 2,
                requested_by: who.map_or(&member, |who| &who.id),
                lapses_at: now + DAY,
                follows: None,
            },
            now,
        )
        .await
        .expect("inserted");
        tx.commit().await.expect("committed");
        Self {
            key,
            request,
            member,
            invitation,
            plan,
            approval,
            token,
            endpoint,
            delivery,
            workspace: workspace.to_owned(),
        }
    }
}

/// Somebody who asks, and what is true of them.
struct Persona {
    name: String,
    who: Option<Someone>,
    /// The workspace whose things are theirs; somebody else's for those who have none.
    workspace: String,
    belongs: bool,
    operator: bool,
    must_enrol: bool,
}

impl Persona {
    fn roles(&self) -> Roles {
        self.who
            .as_ref()
            .map_or_else(Roles::default, |who| who.roles.clone())
    }
}

/// What a route answers, before it looks at what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// It is served; what comes of that is its own matter.
    Served,
    /// Led to sign in, or told so.
    SignIn,
    /// Told whom to ask.
    Refused,
    /// Led to set up a second factor.
    Enrol,
    /// Like a path that does not exist.
    Nothing,
    /// Told to send a token.
    Token,
}

fn expected(access: Access, persona: &Persona) -> Expected {
    match access {
        Access::Anyone => Expected::Served,
        Access::CliToken => Expected::Token,
        _ if persona.who.is_none() => Expected::SignIn,
        Access::Operator if !persona.operator => Expected::Nothing,
        Access::Enrolling => Expected::Served,
        _ if persona.must_enrol => Expected::Enrol,
        Access::SignedIn | Access::Operator => Expected::Served,
        Access::Any(roles) if persona.belongs && persona.roles().include_any(roles) => {
            Expected::Served
        }
        Access::Any(_) => Expected::Refused,
        Access::Service => unreachable!("the portal has no route for service tokens"),
    }
}

fn is_function(path: &str) -> bool {
    path.starts_with("/api/")
}

fn check(route: &Route, persona: &Persona, reply: &Reply, what: &str) {
    let at = format!(
        "{} {} ({what}) as {}: {} {}",
        route.method,
        route.path,
        persona.name,
        reply.status,
        reply.location()
    );
    assert!(reply.status.as_u16() < 500, "{at}\n{}", reply.body);
    let function = is_function(route.path);
    match expected(route.access, persona) {
        Expected::Served => {
            let guarded = reply.status == StatusCode::FORBIDDEN
                && ["This needs the role", "You belong to no workspace yet"]
                    .iter()
                    .any(|words| reply.body.contains(words));
            assert!(!guarded, "{at}");
            assert_ne!(reply.status, StatusCode::UNAUTHORIZED, "{at}");
            assert!(!reply.location().starts_with("/login?next="), "{at}");
            assert!(
                !reply.location().starts_with("/settings/security?enrol"),
                "{at}"
            );
        }
        Expected::SignIn if function => assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{at}"),
        Expected::SignIn => {
            assert_eq!(reply.status, StatusCode::SEE_OTHER, "{at}");
            assert!(reply.location().starts_with("/login?next="), "{at}");
        }
        // Where signing in leads, those without a workspace are offered to make one.
        Expected::Refused
            if route.path == "/dashboard" && !persona.belongs && !persona.operator =>
        {
            assert_eq!(reply.location(), "/workspaces/new", "{at}");
        }
        Expected::Refused => assert_eq!(reply.status, StatusCode::FORBIDDEN, "{at}"),
        Expected::Enrol if function => assert_eq!(reply.status, StatusCode::FORBIDDEN, "{at}"),
        Expected::Enrol => assert_eq!(
            (reply.status, reply.location()),
            (StatusCode::SEE_OTHER, "/settings/security?enrol=1"),
            "{at}"
        ),
        Expected::Nothing => assert_eq!(reply.status, StatusCode::NOT_FOUND, "{at}"),
        Expected::Token => assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{at}"),
    }
}

/// An answer without what differs between any two: the request's id, the nonce, the cookie's value, and the ids asked for.
fn bare(reply: &Reply, path: &str, ids: &[&str]) -> String {
    let header = |name: &str| {
        reply
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let policy = header("content-security-policy");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap_or_default()
        .to_owned();
    let request_id = header("x-request-id");
    let mut headers: Vec<String> = reply
        .headers
        .iter()
        .filter(|(name, _)| *name != header::SET_COOKIE)
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or_default()))
        .collect();
    headers.sort();
    let mut text = format!("{}\n{}\n{}", reply.status, headers.concat(), reply.body);
    text = text.replace(path, "PATH");
    for (part, word) in ids
        .iter()
        .map(|id| (*id, "ID"))
        .chain([(nonce.as_str(), "NONCE"), (request_id.as_str(), "REQUEST")])
    {
        if !part.is_empty() {
            text = text.replace(part, word);
        }
    }
    text
}

/// Sends to the path, as this person or with that header; a function's argument goes in the body.
async fn ask(
    app: &TestApp,
    method: &Method,
    path: &str,
    body: &str,
    who: Option<&Someone>,
    bearing: Option<(&str, &str)>,
) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(someone) = who {
        request = request.header(header::COOKIE, &someone.cookie);
    }
    if let Some((name, value)) = bearing {
        request = request.header(name, value);
    }
    app.portal(
        request
            .body(Body::from(body.to_owned()))
            .expect("a request"),
    )
    .await
}

/// The route's path and body with this id in it.
fn with_id(route: &Route, id: &str) -> (String, String) {
    let path = route.path.replace("{id}", id);
    let body = ARGUMENTS
        .iter()
        .find(|(function, ..)| *function == route.path)
        .map_or_else(String::new, |(_, name, ..)| format!("{name}={id}"));
    (path, body)
}

/// The path that a route takes its ids from, if it takes any; and whether it says 404 of what does not exist.
fn takes_ids(route: &Route) -> Option<(&'static str, bool)> {
    ARGUMENTS
        .iter()
        .find(|(function, ..)| *function == route.path)
        .map(|(.., page, says)| (*page, *says))
        .or_else(|| route.path.contains("{id}").then_some((route.path, true)))
}

async fn walk(app: &TestApp, persona: &Persona, other: &str) -> usize {
    let own = Things::make(app, &persona.workspace, persona.who.as_ref()).await;
    let foreign = Things::make(app, other, None).await;
    let mut who = persona.who.clone();
    let last = |route: &&Route| LAST.iter().position(|path| *path == route.path);
    let mut routes: Vec<&Route> = ROUTES.iter().collect();
    routes.sort_by_key(|route| last(route).map_or(0, |at| at + 1));
    let mut asked = 0;
    for route in routes {
        let Some((page, says)) = takes_ids(route) else {
            let reply = ask(app, &route.method, route.path, "", who.as_ref(), None).await;
            check(route, persona, &reply, "no id");
            // As a browser does.
            if let (Some(someone), Some(fresh)) = (&mut who, cookie(&reply)) {
                someone.cookie = fresh;
            }
            if expected(route.access, persona) == Expected::Nothing {
                let nowhere = ask(app, &route.method, "/nowhere", "", who.as_ref(), None).await;
                assert_eq!(
                    bare(&reply, route.path, &[]),
                    bare(&nowhere, "/nowhere", &[]),
                    "{} as {}",
                    route.path,
                    persona.name
                );
            }
            asked += 1;
            continue;
        };
        let sample = sample(app, page, &own, &foreign);
        let who = who.as_ref();
        let send = async |id: &str, what: &str| {
            let (path, body) = with_id(route, id);
            let reply = ask(app, &route.method, &path, &body, who, None).await;
            check(route, persona, &reply, what);
            // One's own may stand on any page: the workspace in its switcher.
            let known = sample.own.as_deref().unwrap_or_default();
            (bare(&reply, &path, &[id, known]), reply)
        };
        let (nothing, missing) = send(&sample.missing, "missing").await;
        let served = expected(route.access, persona) == Expected::Served;
        let at = format!("{} {} as {}", route.method, route.path, persona.name);
        assert!(
            !served || !says || missing.status == StatusCode::NOT_FOUND,
            "{at}: {} of what does not exist",
            missing.status
        );
        asked += 1;
        if let Some(id) = &sample.foreign {
            assert_eq!(send(id, "another tenant's").await.0, nothing, "{at}");
            asked += 1;
        }
        if let Some(id) = &sample.own {
            let (answer, reply) = send(id, "own").await;
            if !served {
                assert_eq!(answer, nothing, "{at}");
            } else if persona.belongs && (route.method == Method::GET || is_function(route.path)) {
                assert_ne!(
                    reply.status,
                    StatusCode::NOT_FOUND,
                    "{at}: the sample is no real one"
                );
            }
            asked += 1;
        }
    }
    asked
}

async fn people(app: &TestApp, workspace: &str) -> Vec<Persona> {
    let signed_out = Persona {
        name: "nobody".to_owned(),
        who: None,
        workspace: workspace.to_owned(),
        belongs: false,
        operator: false,
        must_enrol: false,
    };
    let mut personas = Vec::new();
    let together: [&[Role]; 3] = [
        &[Role::Developer, Role::Checker],
        &[Role::Auditor, Role::Checker],
        &[Role::Owner, Role::Checker, Role::Auditor],
    ];
    let alone = Role::ALL.iter().map(std::slice::from_ref);
    for roles in alone.chain(together) {
        let words: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        personas.push(Persona {
            name: words.join("+"),
            who: Some(app.member(workspace, roles).await),
            belongs: true,
            workspace: workspace.to_owned(),
            ..persona()
        });
    }
    personas.push(Persona {
        name: "somebody without a workspace".to_owned(),
        who: Some(app.person(None, false).await),
        workspace: workspace.to_owned(),
        ..persona()
    });
    personas.push(Persona {
        name: "operator".to_owned(),
        who: Some(app.operator().await),
        workspace: workspace.to_owned(),
        operator: true,
        ..persona()
    });
    let mut acting = app.operator().await;
    app.act(&mut acting, workspace, "ticket 812").await;
    personas.push(Persona {
        name: "operator acting".to_owned(),
        who: Some(acting),
        workspace: workspace.to_owned(),
        belongs: true,
        operator: true,
        ..persona()
    });
    let strict = app.workspace("Strict").await;
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(
        tx,
        "update workspaces set require_second_factor = true where id = $1",
        &strict
    )
    .expect("updated");
    tx.commit().await.expect("committed");
    personas.push(Persona {
        name: "owner who must enrol".to_owned(),
        who: Some(app.member(&strict, &[Role::Owner, Role::Checker]).await),
        workspace: strict,
        belongs: true,
        must_enrol: true,
        ..persona()
    });
    personas.push(signed_out);
    personas
}

fn persona() -> Persona {
    Persona {
        name: String::new(),
        who: None,
        workspace: String::new(),
        belongs: false,
        operator: false,
        must_enrol: false,
    }
}

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

#[tokio::test]
async fn every_route_of_the_portal_answers_everybody_as_the_matrix_says() {
    let app = app().await;
    let (home, other) = (app.workspace("Acme").await, app.workspace("Globex").await);
    let personas = people(&app, &home).await;
    let mut asked = 0;
    for persona in &personas {
        asked += walk(&app, persona, &other).await;
    }
    println!(
        "portal: {} routes \u{d7} {} personas, {asked} requests",
        ROUTES.len(),
        personas.len()
    );
}

/// What a program may bear, by header: a key where keys are taken by any profile, and a service token.
fn bearings(key: &str, token: &str) -> [(&'static str, String); 5] {
    [
        ("x-revkeen-key", key.to_owned()),
        ("x-api-key", key.to_owned()),
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("Bearer {token}")),
        ("x-api-key", token.to_owned()),
    ]
}

#[tokio::test]
async fn keys_and_service_tokens_are_nobody_in_the_portal() {
    let app = app().await;
    let (home, other) = (app.workspace("Acme").await, app.workspace("Globex").await);
    let (own, foreign) = (
        Things::make(&app, &home, None).await,
        Things::make(&app, &other, None).await,
    );
    let (_, secret) = app.key(&home, "POS", &["customers:read"]).await;
    let bearings = bearings(&secret, &app.service_token().await);
    for route in ROUTES {
        let id = takes_ids(route)
            .and_then(|(page, _)| sample(&app, page, &own, &foreign).own)
            .unwrap_or_else(|| app.state.rng.id("usr", app.clock.now()));
        let (path, body) = with_id(route, &id);
        let nobody = ask(&app, &route.method, &path, &body, None, None).await;
        let nobody = bare(&nobody, &path, &[]);
        for (name, value) in &bearings {
            let reply = ask(&app, &route.method, &path, &body, None, Some((name, value))).await;
            assert_eq!(
                bare(&reply, &path, &[]),
                nobody,
                "{} {} with {name}",
                route.method,
                route.path
            );
        }
    }
    println!(
        "portal: {} routes \u{d7} {} programs",
        ROUTES.len(),
        bearings.len()
    );
}

#[tokio::test]
async fn every_route_of_the_api_asks_for_a_service_token_or_for_nothing() {
    let app = app().await;
    let home = app.workspace("Acme").await;
    let (_, secret) = app.key(&home, "POS", &["customers:read"]).await;
    let token = format!("Bearer {}", app.service_token().await);
    let people = people(&app, &home).await;
    let mut asking: Vec<(String, Vec<(&str, String)>)> = people
        .iter()
        .map(|persona| {
            let cookie = persona.who.iter().map(|who| ("cookie", who.cookie.clone()));
            (persona.name.clone(), cookie.collect())
        })
        .collect();
    for (name, value) in bearings(&secret, "lk_svc_wrong") {
        asking.push((format!("{name} of no use here"), vec![(name, value)]));
    }
    asking.push((
        "service token".to_owned(),
        vec![("authorization", token.clone())],
    ));
    for route in API_ROUTES {
        for (name, headers) in &asking {
            let uri = route
                .path
                .replace("{id}", &app.state.rng.id("rsv", app.clock.now()));
            let mut request = Request::builder().method(&route.method).uri(uri);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let reply = app
                .api(request.body(Body::empty()).expect("a request"))
                .await;
            let at = format!("{} {} as {name}", route.method, route.path);
            match route.access {
                // Whoever asks, what is asked about has no key that may do it.
                Access::Anyone if route.path.starts_with("/v1/forward-auth") => {
                    assert!(reply.status.is_client_error(), "{at}: {}", reply.status);
                    assert!(reply.headers.contains_key("x-latchkey-code"), "{at}");
                }
                Access::Anyone => assert_eq!(reply.status, StatusCode::OK, "{at}"),
                // Let through, and told that there is no such thing.
                Access::Service if name == "service token" && route.path.contains("{id}") => {
                    assert_eq!(reply.status, StatusCode::NOT_FOUND, "{at}");
                }
                Access::Service if name == "service token" => {
                    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{at}");
                }
                Access::Service => assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{at}"),
                other => panic!("{at}: {other:?}"),
            }
        }
    }
    println!(
        "api: {} routes \u{d7} {} personas",
        API_ROUTES.len(),
        asking.len()
    );
}

/// The source that routes are served from.
struct Source {
    app: String,
    portal: String,
    api: String,
    functions: String,
}

impl Source {
    fn read() -> Self {
        let all = sources();
        let file = |wanted: &str| {
            all.iter()
                .find(|(name, _)| name == wanted)
                .unwrap_or_else(|| panic!("no {wanted}"))
                .1
                .clone()
        };
        let functions = all
            .iter()
            .filter(|(name, _)| !is_test(name))
            .map(|(_, text)| text.as_str())
            .collect();
        Self {
            app: file("app.rs"),
            portal: file("server/portal.rs"),
            api: file("server/api.rs"),
            functions,
        }
    }

    /// Everything that is served, as "portal GET /keys".
    fn served(&self) -> BTreeSet<String> {
        let quoted = |text: &str| text.split('"').next().unwrap_or_default().to_owned();
        let mut served = BTreeSet::new();
        for part in self.app.split("path!(\"").skip(1) {
            let path: Vec<String> = quoted(part)
                .split('/')
                .map(|step| match step.strip_prefix(':') {
                    Some(name) => format!("{{{name}}}"),
                    None => step.to_owned(),
                })
                .collect();
            // The demo's own pages are for everybody, and served in a demo alone.
            let (demo, path) = (
                path.get(1).is_some_and(|first| first == "dev"),
                path.join("/"),
            );
            if !demo && !ANSWERS.contains(&path.as_str()) {
                served.insert(format!("portal GET {path}"));
            }
        }
        for (listener, text) in [("portal", &self.portal), ("api", &self.api)] {
            for (arm, method) in [
                ("(_, \"", "POST"),
                ("(&Method::GET, \"", "GET"),
                ("(&Method::POST, \"", "POST"),
            ] {
                for part in text.split(arm).skip(1) {
                    served.insert(format!("{listener} {method} {}", quoted(part)));
                }
            }
        }
        for part in self.functions.split("#[server(").skip(1) {
            let of = |name: &str| {
                part.split(')')
                    .next()
                    .and_then(|head| head.split(&format!("{name} = \"")).nth(1))
                    .map(quoted)
            };
            // What names no endpoint only speaks of server functions.
            if let (Some(prefix), Some(endpoint)) = (of("prefix"), of("endpoint")) {
                served.insert(format!("portal POST {prefix}/{endpoint}"));
            }
        }
        served
    }
}

fn rows() -> Vec<String> {
    let named =
        |listener: &str, route: &Route| format!("{listener} {} {}", route.method, route.path);
    ROUTES
        .iter()
        .map(|route| named("portal", route))
        .chain(API_ROUTES.iter().map(|route| named("api", route)))
        .collect()
}

/// What the source serves and no row speaks of.
fn missing(rows: &[String], source: &Source) -> Vec<String> {
    source
        .served()
        .into_iter()
        .filter(|served| !rows.contains(served))
        .collect()
}

#[test]
fn the_matrix_and_the_source_name_the_same_routes() {
    let (rows, source) = (rows(), Source::read());
    assert_eq!(missing(&rows, &source), Vec::<String>::new());
    let served = source.served();
    let stray: Vec<&String> = rows.iter().filter(|row| !served.contains(*row)).collect();
    assert!(
        stray.is_empty(),
        "rows without a page or a handler: {stray:?}"
    );
    let once: BTreeSet<&String> = rows.iter().collect();
    assert_eq!(once.len(), rows.len(), "a row stands twice");
    // What the framework has registered, whatever the source looks like.
    for (path, _) in server_fn::axum::server_fn_paths() {
        assert!(rows.contains(&format!("portal POST {path}")), "{path}");
    }
}

#[test]
fn a_row_that_is_taken_away_is_missed_by_name() {
    let (rows, source) = (rows(), Source::read());
    for (at, row) in rows.iter().enumerate() {
        let mut fewer = rows.clone();
        fewer.remove(at);
        assert_eq!(missing(&fewer, &source), std::slice::from_ref(row));
    }
}

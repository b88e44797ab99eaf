//! The whole application over a database of its own, for tests that go through its routers.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    api::Api,
    batches::Batches,
    clock::{Clock, Id, Rng, SECOND},
    config::{Config, Settings},
    listen, portal,
    request_id::{Around, Routes},
    run,
    secrets::{Peppers, Sealer},
    state::{AppState, Shared},
};
use crate::{
    accounts::{
        self, Viewer,
        factors::passkeys,
        password::{Hasher, Typed},
        viewer::ViewerWorkspace,
    },
    admin, audit,
    db::testing::TestDb,
    gateway::{
        cache::SecretCache, judge::VALID, limit::Limiter, loader::Loader, nonce::Nonces,
        proxy::Proxy, routes::Gateway, sandbox::Sandbox, upstream::Upstreams,
    },
    keys::policy::{self, NewKey, Wanted},
    mail::{self, Letter},
    profiles::{CurrencyKind, Profile},
    usage::buffer::{Buffer, Door, RequestRow},
    workspaces::{self, Grants, Role, Roles},
};

pub const PASSWORD: &str = "a long enough password";
pub const PIN: &str = "7391";

/// Hashing takes its time on purpose; once is enough for all test people.
static HASHES: LazyLock<(String, String)> = LazyLock::new(|| {
    let hash = |text: &str| {
        use argon2::PasswordHasher;
        argon2::Argon2::default()
            .hash_password(text.as_bytes())
            .expect("hashed")
            .to_string()
    };
    (hash(PASSWORD), hash(PIN))
});

pub struct TestApp {
    pub state: AppState,
    pub clock: Clock,
    pub test: TestDb,
    portal: Around<Router>,
    api: Around<Api>,
    gateway: Around<Gateway>,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Someone {
    pub id: String,
    pub email: String,
    pub cookie: String,
    pub workspace_id: String,
    pub roles: Roles,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    pub fn location(&self) -> &str {
        self.headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// What follows `before` up to `after`, in the page.
    pub fn between(&self, before: &str, after: &str) -> &str {
        let (_, rest) = self
            .body
            .split_once(before)
            .unwrap_or_else(|| panic!("no {before:?} in {}", self.body));
        rest.split(after).next().unwrap_or_default()
    }
}

impl TestApp {
    pub async fn start(test: TestDb) -> Self {
        Self::start_as(test, Profile::load("revkeen").expect("it loads")).await
    }

    /// The installation with another profile.
    pub async fn start_as(test: TestDb, profile: Profile) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test's clock starts now and then stands still"
        )]
        let clock = Clock::fixed(jiff::Timestamp::now().as_millisecond());
        let config = Config::resolve(Settings::default(), true).expect("defaults resolve");
        let db = test.db.clone();
        let (usage, _) = Buffer::start(db.clone());
        let profile = Arc::new(profile);
        let limits = Limiter::default();
        let sealer = Sealer::fixed(&[[2; 32]]);
        let loader = Loader::new(
            profile.clone(),
            clock.clone(),
            limits.clone(),
            sealer.clone(),
        );
        // It has run for a second, so that what is signed now is not taken for older than the process.
        let nonces = Nonces::open(&db, clock.now() - SECOND)
            .await
            .expect("opened");
        let state = AppState::new(Shared {
            passkeys: passkeys::relying_party(&config, &profile),
            config,
            keys: SecretCache::new(&db, loader),
            limits,
            desk: Batches::default(),
            ended: Batches::default(),
            proxy: Proxy::new(None).expect("no certificates needed"),
            nonces: Arc::new(nonces),
            tokens: SecretCache::new(&db, ()),
            db,
            clock: clock.clone(),
            rng: Rng::system(),
            peppers: Peppers::fixed(&[[1; 32]]),
            sealer,
            profile,
            hasher: Hasher::default(),
            usage,
            sandbox: Sandbox::default(),
            stop: CancellationToken::new(),
        });
        Self::with_state(state, clock, test)
    }

    fn with_state(state: AppState, clock: Clock, test: TestDb) -> Self {
        Self {
            portal: portal::routes(&state),
            api: run::api_routes(&state),
            gateway: run::gateway_routes(&state),
            state,
            clock,
            test,
        }
    }

    /// The same installation with a server behind its gateway, that is given so long for its first byte, and with these
    /// proxies trusted.
    #[must_use]
    pub fn behind(self, upstream: &str, patience: Duration, trusted: &[&str]) -> Self {
        let mut config = self.state.config.clone();
        config.upstreams = Some(Upstreams::parse(upstream).expect("sound"));
        config.trusted_proxies = trusted
            .iter()
            .map(|net| net.parse().expect("CIDR"))
            .collect();
        let proxy = Proxy::new(config.upstreams.as_ref()).expect("no certificates needed");
        let state = self.state.with_settings(config, proxy.waiting(patience));
        Self {
            portal: portal::routes(&state),
            api: run::api_routes(&state),
            gateway: run::gateway_routes(&state),
            state,
            ..self
        }
    }

    /// The same installation, whose way to its upstreams is this one.
    #[must_use]
    pub fn through(self, proxy: Proxy) -> Self {
        let state = self.state.with_settings(self.state.config.clone(), proxy);
        Self::with_state(state, self.clock, self.test)
    }

    /// The same installation, but no demo.
    #[must_use]
    pub fn in_earnest(self) -> Self {
        let mut config = self.state.config.clone();
        config.demo = false;
        let state = self.state.with_settings(config, self.state.proxy.clone());
        Self::with_state(state, self.clock, self.test)
    }

    /// Serves the portal on a port of loopback.
    pub async fn listen_portal(&self) -> SocketAddr {
        serve(self.portal.clone(), listen::Limits::default()).await
    }

    /// Serves the portal there until it is asked to stop, and has.
    pub async fn serve_portal(&self, listener: TcpListener, stop: CancellationToken) {
        listen::serve(
            listener,
            self.portal.clone(),
            listen::Limits::default(),
            stop,
        )
        .await;
    }

    /// What the portal answers, before its body has come.
    pub async fn open(&self, request: Request<Body>) -> Response {
        self.portal.answer(request).await
    }

    /// Serves the gateway on a port of loopback.
    pub async fn listen(&self, limits: listen::Limits) -> SocketAddr {
        serve(self.gateway.clone(), limits).await
    }

    /// Serves the api on a port of loopback.
    pub async fn listen_api(&self) -> SocketAddr {
        serve(self.api.clone(), listen::Limits::default()).await
    }

    /// The same installation after a restart: what was remembered of nonces in memory alone is gone.
    pub async fn restarted(self) -> Self {
        let nonces = Nonces::open(&self.state.db, self.clock.now())
            .await
            .expect("opened");
        Self::with_state(self.state.with_nonces(nonces), self.clock, self.test)
    }

    pub async fn workspace(&self, name: &str) -> String {
        let now = self.clock.now();
        let id = self.state.rng.id("wsp", now);
        let mut tx = self.state.db.begin().await.expect("a transaction");
        workspaces::store::insert(&mut tx, &id, name, now)
            .await
            .expect("inserted");
        tx.commit().await.expect("committed");
        id
    }

    /// A member of the workspace with these roles, with PASSWORD and PIN, signed in.
    pub async fn member(&self, workspace_id: &str, roles: &[Role]) -> Someone {
        self.person(Some((workspace_id, roles)), false).await
    }

    /// Somebody who runs the installation and belongs to no workspace.
    pub async fn operator(&self) -> Someone {
        self.person(None, true).await
    }

    /// Somebody with PASSWORD and PIN, signed in; a member if a workspace is named.
    pub async fn person(&self, member: Option<(&str, &[Role])>, operator: bool) -> Someone {
        let (workspace_id, roles) = member.unwrap_or(("", &[]));
        let now = self.clock.now();
        let id = self.state.rng.id("usr", now);
        let email = format!("{id}@example.test");
        let grants = Grants::of(roles);
        let roles = Roles::of(roles);
        let mut tx = self.state.db.begin().await.expect("a transaction");
        accounts::store::insert(
            &mut tx,
            accounts::store::NewUser {
                id: &id,
                email: &email,
                name: "Test Person",
                password_hash: &HASHES.0,
                operator,
            },
            now,
        )
        .await
        .expect("inserted");
        accounts::store::set_pin(&mut tx, &id, &HASHES.1)
            .await
            .expect("set");
        if member.is_some() {
            workspaces::store::add_member(&mut tx, workspace_id, &id, &grants, now)
                .await
                .expect("added");
        }
        tx.commit().await.expect("committed");
        let reply = self
            .post("/login", None, &[("email", &email), ("password", PASSWORD)])
            .await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        Someone {
            cookie: cookie(&reply).expect("a session cookie"),
            id,
            email,
            workspace_id: workspace_id.to_owned(),
            roles,
        }
    }

    /// The letters that were posted to this address, oldest first.
    pub async fn letters(&self, to: &str) -> Vec<Letter> {
        let mut kept = mail::recent(&self.state).await.expect("read");
        kept.reverse();
        kept.into_iter()
            .filter_map(|kept| kept.letter)
            .filter(|letter| letter.to == to)
            .collect()
    }

    /// The token of the link in the last letter to this address.
    pub async fn mailed_token(&self, to: &str) -> String {
        let letters = self.letters(to).await;
        let (_, link) = letters
            .last()
            .and_then(|letter| letter.button.clone())
            .expect("a letter with a link");
        link.split("token=").nth(1).expect("a token").to_owned()
    }

    /// Has the operator act in the workspace, by the form; their session goes on under another cookie.
    pub async fn act(&self, operator: &mut Someone, workspace_id: &str, reason: &str) {
        let reply = self
            .post(
                &format!("/admin/workspaces/{workspace_id}/act"),
                Some(operator),
                &[
                    ("reason", reason),
                    ("factor", "password"),
                    ("proof", PASSWORD),
                ],
            )
            .await;
        assert_eq!(
            (reply.status, reply.location()),
            (StatusCode::SEE_OTHER, "/dashboard"),
            "{}",
            reply.body
        );
        operator.cookie = cookie(&reply).expect("a new cookie");
        workspace_id.clone_into(&mut operator.workspace_id);
        operator.roles = Roles::of_operator();
    }

    /// The viewer that the person is, for calling operations directly.
    pub fn viewer(&self, someone: &Someone) -> Viewer {
        Viewer {
            user_id: someone.id.clone(),
            email: someone.email.clone(),
            name: "Test Person".to_owned(),
            has_pin: true,
            has_totp: false,
            has_passkey: false,
            operator: false,
            address: None,
            session: None,
            unread: 0,
            waiting: 0,
            workspace: Some(ViewerWorkspace {
                id: someone.workspace_id.clone(),
                name: "Test".to_owned(),
                roles: someone.roles.clone(),
                suspended: false,
                require_second_factor: false,
            }),
            workspaces: Vec::new(),
            acting: None,
            operators: Vec::new(),
        }
    }

    pub async fn get(&self, path: &str, who: Option<&Someone>) -> Reply {
        let request = Request::get(path);
        send(
            &self.portal,
            with(request, who).body(Body::empty()).expect("a request"),
        )
        .await
    }

    pub async fn post(&self, path: &str, who: Option<&Someone>, fields: &[(&str, &str)]) -> Reply {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        send(
            &self.portal,
            with(request, who)
                .body(Body::from(body))
                .expect("a request"),
        )
        .await
    }

    pub async fn portal(&self, request: Request<Body>) -> Reply {
        send(&self.portal, request).await
    }

    pub async fn api(&self, request: Request<Body>) -> Reply {
        send(&self.api, request).await
    }

    /// A call through the gateway with this key in the profile's header.
    pub async fn call(&self, method: Method, path: &str, key: Option<&str>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("x-revkeen-key", key);
        }
        send(
            &self.gateway,
            request.body(Body::empty()).expect("a request"),
        )
        .await
    }

    pub async fn gateway(&self, request: Request<Body>) -> Reply {
        send(&self.gateway, request).await
    }

    /// Asks verify, with a service token.
    pub async fn verify(&self, token: &str, question: Value) -> Reply {
        let request = Request::post("/v1/keys/verify")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::from(question.to_string()))
            .expect("a request");
        self.api(request).await
    }

    pub async fn service_token(&self) -> String {
        let (_, token) = admin::ops::create_service_token(&self.state, "test", None)
            .await
            .expect("made");
        token.to_string()
    }

    /// A key made at the console. Gives its id and secret.
    pub async fn key(&self, workspace_id: &str, label: &str, scopes: &[&str]) -> (String, String) {
        let key = self.wanted(self.environment(), label, scopes);
        let created = crate::keys::ops::create_at_console(&self.state, workspace_id, &key, None)
            .await
            .expect("made");
        let secret = created.secret.expect("it is no pair").expose().to_owned();
        (created.id, secret)
    }

    /// The first environment that is not live, or the only one.
    fn environment(&self) -> &str {
        let environments = &self.state.profile.environments;
        let environment = environments
            .iter()
            .find(|environment| !environment.live)
            .or(environments.first())
            .expect("a profile has one");
        &environment.id
    }

    /// The row of a call that the gateway let through just now, with a key of [`Self::key`].
    pub fn request_row(&self, workspace_id: &str, key_id: &str) -> RequestRow {
        let at = self.clock.now();
        RequestRow {
            id: self.state.rng.short_id(at),
            workspace_id: workspace_id.into(),
            environment: self.environment().into(),
            key_id: Id::parse(key_id, b"key").expect("a key's"),
            secret_id: None,
            at,
            door: Door::Gateway,
            code: VALID,
            status: 200,
            method: None,
            path: None,
            scope: None,
            ip: None,
            agent: None,
            latency_us: 1,
            moved: None,
        }
    }

    /// A key that is asked for, sound by the profile.
    pub fn wanted(&self, environment: &str, label: &str, scopes: &[&str]) -> NewKey {
        let wanted = Wanted {
            environment: environment.to_owned(),
            label: label.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            currency_kind: if self.state.profile.create.currency {
                CurrencyKind::Fiat.as_str().to_owned()
            } else {
                String::new()
            },
            ..Wanted::default()
        };
        policy::new_key(
            &self.state.profile,
            &wanted,
            audit::CONSOLE,
            self.clock.now(),
        )
        .expect("sound")
    }

    /// Waits until so many request rows are written and none is waiting, so that the clock may go on.
    pub async fn logged(&self, rows: i64) {
        for _ in 0..100 {
            let mut reader = self.state.db.read().await.expect("a connection");
            let (count,): (i64,) =
                crate::fetch_one!(&mut reader, (i64,), "select count(*) from requests")
                    .expect("counted");
            if count >= rows && self.state.usage.is_idle() {
                return;
            }
            drop(reader);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{rows} rows were not written in time");
    }
}

/// Serves routes on a port of loopback until the test ends.
pub async fn serve(routes: impl Routes, limits: listen::Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(listen::serve(
        listener,
        routes,
        limits,
        CancellationToken::new(),
    ));
    address
}

pub fn typed(text: &str) -> Typed {
    Typed::new(text)
}

fn with(
    request: axum::http::request::Builder,
    who: Option<&Someone>,
) -> axum::http::request::Builder {
    match who {
        Some(someone) => request.header(header::COOKIE, &someone.cookie),
        None => request,
    }
}

/// The session cookie that the answer sets, as a browser sends it back.
pub fn cookie(reply: &Reply) -> Option<String> {
    reply
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|text| text.starts_with("latchkey="))
        .and_then(|text| text.split(';').next())
        .map(str::to_owned)
}

async fn send(routes: &impl Routes, mut request: Request<Body>) -> Reply {
    let peer = SocketAddr::from(([203, 0, 113, 9], 40_000));
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = routes.answer(request).await;
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    Reply {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

//! Forward-auth through the api's router, and behind the real nginx, Caddy, Traefik and Envoy.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode},
    response::IntoResponse,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use super::PATH;
use crate::{
    audit,
    db::testing::{self, Engine},
    gateway::{
        signature::tests::Sent,
        signed_tests::Pair,
        tests::{PANEL, platform},
    },
    keys::{
        allow::{AllowEntry, ListKind},
        ops,
    },
    profiles::Profile,
    server::{
        listen::Limits,
        testing::{Reply, TestApp, serve},
    },
};

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

/// Asks about a GET of this path with this key, as nginx does.
async fn ask(app: &TestApp, query: &str, path: &str, key: &str, more: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(format!("{PATH}{query}"))
        .header("x-original-method", "GET")
        .header("x-original-uri", path)
        .header("x-revkeen-key", key);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    app.api(request.body(Body::empty()).expect("a request"))
        .await
}

#[tokio::test]
async fn what_may_pass_is_said_with_who_it_is_and_what_may_not_by_its_code() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let (id, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    let allowed = ask(&app, "", "/v2/customers?a=b", &key, &[]).await;
    assert_eq!(allowed.status, StatusCode::OK, "{}", allowed.body);
    assert_eq!(allowed.headers["x-latchkey-key-id"], id.as_str());
    assert_eq!(
        allowed.headers["x-latchkey-workspace-id"],
        workspace.as_str()
    );
    assert_eq!(allowed.headers["x-latchkey-scopes"], "customers:read");
    assert_eq!(allowed.headers["x-latchkey-environment"], "sandbox");
    for (query, path, key, status, code) in [
        ("", "/v2/customers", "rk_live_x", 401, "MALFORMED"),
        ("", "/v2/customers", "unknown", 401, "NOT_FOUND"),
        ("", "/v2/nothing", &*key, 403, "INSUFFICIENT_SCOPE"),
        ("", "/v2/../v2/customers", &key, 400, "BAD_REQUEST"),
        (
            "?scope=customers:write",
            "/v2/customers",
            &key,
            403,
            "INSUFFICIENT_SCOPE",
        ),
        ("?scope=(", "/v2/customers", &key, 400, "BAD_REQUEST"),
        ("?nginx=1", "/v2/customers", "unknown", 401, "NOT_FOUND"),
        ("?nginx=1", "/v2//customers", &key, 403, "BAD_REQUEST"),
    ] {
        let reply = ask(&app, query, path, key, &[]).await;
        assert_eq!(
            reply.status.as_u16(),
            status,
            "{query} {path}: {}",
            reply.body
        );
        assert_eq!(reply.headers["x-latchkey-code"], code, "{query} {path}");
        assert_eq!(reply.json()["error"]["code"], code);
    }
    let named = ask(&app, "?scope=customers:read", "/anything", &key, &[]).await;
    assert_eq!(
        named.status,
        StatusCode::OK,
        "the scope is named in place of a rule"
    );
    let below = Request::get(format!("{PATH}/v2/nothing?scope=customers:read"))
        .header("x-revkeen-key", &key)
        .body(Body::empty())
        .expect("a request");
    let below = app.api(below).await;
    assert_eq!(
        below.status,
        StatusCode::FORBIDDEN,
        "a client's query names no scope"
    );
    app.logged(3).await;
}

#[tokio::test]
async fn an_address_is_believed_of_trusted_proxies_alone() {
    let bound = async |app: &TestApp| {
        let workspace = app.workspace("Acme").await;
        let mut key = app.wanted("sandbox", "POS", &["customers:read"]);
        key.terms.allow = vec![AllowEntry {
            kind: ListKind::Ip,
            value: "198.51.100.7".to_owned(),
            note: String::new(),
            added_by: audit::CONSOLE.to_owned(),
            added_at: 0,
        }];
        let created = ops::create_at_console(&app.state, &workspace, &key, None)
            .await
            .expect("made");
        created.secret.expect("it is no pair").expose().to_owned()
    };
    let claim = [("x-forwarded-for", "198.51.100.7")];
    let app = app().await;
    let key = bound(&app).await;
    let reply = ask(&app, "", "/v2/customers", &key, &claim).await;
    assert_eq!(reply.headers["x-latchkey-code"], "IP_NOT_ALLOWED");
    let app = app.behind("sandbox", Duration::from_secs(1), &["203.0.113.9/32"]);
    let reply = ask(&app, "", "/v2/customers", &key, &claim).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
}

#[tokio::test]
async fn where_keys_or_actions_stand_in_bodies_it_says_that_it_cannot_see_them() {
    for (credential, path) in [
        ("form = \"key\"", "/v2/customers"),
        ("headers = [\"x-revkeen-key\"]", "/api/v1"),
    ] {
        let app = platform(credential, "flat", PANEL).await;
        let workspace = app.workspace("Acme").await;
        let (_, key) = app.key(&workspace, "POS", &["finance:read"]).await;
        let request = Request::post(PATH)
            .header("x-forwarded-method", Method::POST.as_str())
            .header("x-forwarded-uri", path)
            .header("x-revkeen-key", key)
            .body(Body::empty())
            .expect("a request");
        let reply = app.api(request).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert!(
            reply.body.contains("forward-auth cannot see"),
            "{}",
            reply.body
        );
    }
}

/// Asks about a call that is signed for `api.example.com`, as nginx does.
async fn ask_signed(app: &TestApp, sent: &Sent, host: &str) -> Reply {
    let uri = match &sent.query {
        Some(query) => format!("{}?{query}", sent.path),
        None => sent.path.clone(),
    };
    let mut request = Request::get(PATH)
        .header("host", "127.0.0.1:3100")
        .header("x-original-method", &sent.method)
        .header("x-original-uri", uri)
        .header("x-forwarded-host", host)
        .body(Body::empty())
        .expect("a request");
    request.headers_mut().extend(sent.headers.clone());
    app.api(request).await
}

#[tokio::test]
async fn a_signed_request_passes_once_if_it_has_no_body() {
    let profile = Profile::load("dual-mode").expect("it loads");
    let app = TestApp::start_as(testing::database(Engine::Sqlite).await, profile)
        .await
        .behind("sandbox", Duration::from_secs(1), &["203.0.113.9/32"]);
    let workspace = app.workspace("Acme").await;
    for pair in [
        Pair::shared(&app, &workspace, "Shared").await,
        Pair::private(&app, &workspace, "Private").await,
    ] {
        let now = app.clock.now();
        let code = async |sent: &Sent, host: &str| {
            let reply = ask_signed(&app, sent, host).await;
            let code = reply.headers.get(super::CODE);
            code.map_or("VALID".to_owned(), |code| {
                code.to_str().expect("a code").to_owned()
            })
        };
        let good = pair.sign(Sent::get(), "a", now);
        let mut moved = good.clone();
        moved.path = "/v1/balance".to_owned();
        let mut asked = good.clone();
        asked.query = Some("a=2".to_owned());
        let mut deletes = good.clone();
        deletes.method = "DELETE".to_owned();
        for altered in [&moved, &asked, &deletes] {
            assert_eq!(code(altered, "api.example.com").await, "SIGNATURE_INVALID");
        }
        assert_eq!(code(&good, "other.example").await, "SIGNATURE_INVALID");
        assert_eq!(code(&good, "api.example.com").await, "VALID");
        assert_eq!(code(&good, "api.example.com").await, "NONCE_REPLAYED");
        let mut bare = Sent::get();
        bare.headers.clear();
        assert_eq!(code(&bare, "api.example.com").await, "SIGNATURE_REQUIRED");
        let posted = pair.sign(Sent::post(), "b", now);
        let reply = ask_signed(&app, &posted, "api.example.com").await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert!(reply.body.contains("Use the gateway"), "{}", reply.body);
        // It used nothing up.
        let other = pair.sign(Sent::get(), "b", now);
        assert_eq!(code(&other, "api.example.com").await, "VALID");
    }
}

/// A proxy that was started for a test, and ends with it.
struct Front {
    at: SocketAddr,
    _process: Child,
    _folder: tempfile::TempDir,
}

/// A proxy as it is documented: its program, with what arguments, and its configuration, in which `PORT`, `API` and `UPSTREAM`
/// are filled in.
struct Documented {
    program: &'static str,
    arguments: &'static [&'static str],
    /// The name of the file, and its text.
    config: (&'static str, String),
}

impl Front {
    /// Starts the program and waits until it listens.
    async fn start(documented: &Documented, api: SocketAddr, server: SocketAddr) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let at = free.local_addr().expect("an address");
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let filled = |text: &str| {
            text.replace("UPSTREAM_PORT", &server.port().to_string())
                .replace("API_PORT", &api.port().to_string())
                .replace("PORT", &at.port().to_string())
                .replace("API", &api.to_string())
                .replace("UPSTREAM", &server.to_string())
        };
        let (name, config) = &documented.config;
        std::fs::write(folder.path().join(name), filled(config)).expect("written");
        let log = std::fs::File::create(folder.path().join("log")).expect("created");
        let program = documented.program;
        let mut process = Command::new(find(program))
            .args(documented.arguments.iter().map(|argument| filled(argument)))
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        while TcpStream::connect(at).await.is_err() {
            if let Some(status) = process.try_wait().expect("asked") {
                let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                panic!("{program} ended with {status}: {log}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let front = Self {
            at,
            _process: process,
            _folder: folder,
        };
        // Some listen before they have read what they do for whom.
        while front.send("/", "").await.0 == 404 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        front
    }

    /// Gets a path with these lines in its head, and gives the status and all that was answered.
    async fn send(&self, path: &str, head: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.at).await.expect("connected");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n{head}\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("read");
        let status = reply
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), reply)
    }

    /// The same with a key, and with all that a caller might say in the proxy's name.
    async fn get(&self, path: &str, key: &str) -> (u16, String) {
        let head = format!(
            "X-RevKeen-Key: {key}\r\nX-Latchkey-Key-Id: key_of_another\r\nX-Original-URI: /v2/customers\r\n\
             X-Original-Method: GET\r\nX-Forwarded-Uri: /v2/customers\r\nX-Forwarded-Method: GET\r\n"
        );
        self.send(path, &head).await
    }
}

/// Where the program is; Debian keeps servers where not everybody's `PATH` leads, and some come as packages for Python.
fn find(program: &str) -> String {
    let python = std::env::var("LATCHKEY_TEST_PYTHON").unwrap_or_default();
    let beside = Path::new(&python).parent().unwrap_or(Path::new(""));
    ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/local/sbin"]
        .iter()
        .map(Path::new)
        .chain([beside])
        .map(|folder| folder.join(program).to_string_lossy().into_owned())
        .find(|path| Path::new(path).exists())
        .unwrap_or_else(|| panic!("{program} is missing: `.ci/tools test` installs it"))
}

/// Behind this program requests pass, or are refused with these statuses: a key that is unknown, a call that it may not
/// make, and one too many.
async fn tried(documented: &Documented, refused: [u16; 3]) {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let mut key = app.wanted("sandbox", "POS", &["customers:read"]);
    key.tier = Some("starter".to_owned());
    let burst = app.state.profile.tier("starter").expect("a tier").burst;
    let created = ops::create_at_console(&app.state, &workspace, &key, None)
        .await
        .expect("made");
    let key = created.secret.expect("it is no pair").expose().to_owned();
    let front = Front::start(documented, app.listen_api().await, echo().await).await;

    let (status, reply) = front.get("/v2/customers?a=b", &key).await;
    assert_eq!(status, 200, "{reply}");
    assert!(
        reply.contains(&format!("\"x-latchkey-key-id\": \"{}\"", created.id)),
        "{reply}"
    );
    assert!(
        reply.contains(&format!("\"x-latchkey-workspace-id\": \"{workspace}\"")),
        "{reply}"
    );
    assert!(
        !reply.contains(&key) && !reply.contains("key_of_another"),
        "{reply}"
    );
    let [unknown, lacking, too_many] = refused;
    assert_eq!(front.get("/v2/customers", "unknown").await.0, unknown);
    assert_eq!(front.get("/v2/settings", &key).await.0, lacking);
    for _ in 1..burst {
        assert_eq!(front.get("/v2/customers", &key).await.0, 200);
    }
    let (status, reply) = front.get("/v2/customers", &key).await;
    assert_eq!(status, too_many, "{reply}");
}

/// A server that says what it was told, so that it can be seen.
async fn echo() -> SocketAddr {
    let echo = |request: Request| async move { format!("{:?}", request.headers()).into_response() };
    serve(Router::new().fallback(echo), Limits::default()).await
}

/// Behind this program a request that is signed passes once, as it was signed and not otherwise.
async fn signed(documented: &Documented) {
    let profile = Profile::load("dual-mode").expect("it loads");
    let app = TestApp::start_as(testing::database(Engine::Sqlite).await, profile)
        .await
        .behind("sandbox", Duration::from_secs(1), &["127.0.0.1/32"]);
    let workspace = app.workspace("Acme").await;
    let pair = Pair::private(&app, &workspace, "Private").await;
    let front = Front::start(documented, app.listen_api().await, echo().await).await;
    let sent = pair.sign(Sent::get(), "a", app.clock.now());
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}\r\n", value.to_str().expect("text"))
    };
    let head = sent.headers.iter().map(line).collect::<Vec<_>>().concat();
    let (status, reply) = front.send("/v1/transactions?a=1&b=3", &head).await;
    assert_eq!(status, 401, "{reply}");
    let (status, reply) = front.send("/v1/transactions?a=1&b=2", &head).await;
    assert_eq!(status, 200, "{reply}");
    assert!(
        reply.contains(&format!("\"x-latchkey-key-id\": \"{}\"", pair.id)),
        "{reply}"
    );
    let (status, reply) = front.send("/v1/transactions?a=1&b=2", &head).await;
    assert_eq!(status, 401, "{reply}");
}

/// The README's only block in this language, as it is documented.
fn documented(language: &str) -> String {
    block(include_str!("../../../README.md"), language)
}

/// The first block in this language.
fn block(text: &str, language: &str) -> String {
    let (_, block) = text
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("no block in {language}"));
    block.split("```").next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_documented_nginx_lets_pass_what_forward_auth_does() {
    let server = documented("nginx")
        .replace("listen 8080", "listen 127.0.0.1:PORT")
        .replace("127.0.0.1:3100", "API")
        .replace("127.0.0.1:9000", "UPSTREAM");
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid pid; error_log stderr;
         events {{ worker_connections 64; }}
         http {{
             access_log off;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
             scgi_temp_path scgi;
             {server}
         }}"
    );
    let nginx = Documented {
        program: "nginx",
        arguments: &["-p", ".", "-c", "nginx.conf", "-e", "stderr"],
        config: ("nginx.conf", config),
    };
    // nginx hands on 401 and 403 alone.
    tried(&nginx, [401, 403, 403]).await;
    signed(&nginx).await;
}

#[tokio::test]
async fn the_documented_caddy_lets_pass_what_forward_auth_does() {
    let site = documented("caddyfile")
        .replace(":8080 {", "http://:PORT {\n\tbind 127.0.0.1")
        .replace("127.0.0.1:3100", "API")
        .replace("127.0.0.1:9000", "UPSTREAM");
    let caddy = Documented {
        program: "caddy",
        arguments: &["run", "--config", "Caddyfile"],
        config: (
            "Caddyfile",
            format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}"),
        ),
    };
    tried(&caddy, [401, 403, 429]).await;
    signed(&caddy).await;
}

#[tokio::test]
async fn the_documented_traefik_lets_pass_what_forward_auth_does() {
    let (_, after) = include_str!("../../../README.md")
        .split_once("\nTraefik ")
        .expect("it is documented");
    let middlewares = block(after, "yaml").replace("127.0.0.1:3100", "API");
    let traefik = Documented {
        program: "traefik",
        arguments: &[
            "--entryPoints.web.address=127.0.0.1:PORT",
            "--providers.file.filename=dynamic.yaml",
            "--log.level=ERROR",
        ],
        config: (
            "dynamic.yaml",
            format!(
                "{middlewares}
  routers:
    all: {{ rule: \"PathPrefix(`/`)\", middlewares: [latchkey, without-key], service: platform }}
  services:
    platform: {{ loadBalancer: {{ servers: [{{ url: \"http://UPSTREAM\" }}] }} }}
"
            ),
        ),
    };
    tried(&traefik, [401, 403, 429]).await;
    signed(&traefik).await;
}

#[tokio::test]
async fn the_documented_envoy_lets_pass_what_forward_auth_does() {
    let (_, after) = include_str!("../../../README.md")
        .split_once("\nEnvoy ")
        .expect("it is documented");
    let filters = block(after, "yaml")
        .replace("127.0.0.1:3100", "API")
        .replace('\n', "\n          ");
    let envoy = Documented {
        program: "envoy",
        arguments: &[
            "--config-path",
            "envoy.yaml",
            "--log-level",
            "error",
            "--use-dynamic-base-id",
            "--concurrency",
            "1",
        ],
        config: ("envoy.yaml", envoy(&filters)),
    };
    tried(&envoy, [401, 403, 429]).await;
    signed(&envoy).await;
}

/// A whole configuration around the filters that are documented.
fn envoy(filters: &str) -> String {
    let cluster = |name: &str, port: &str| {
        format!(
            "
  - name: {name}
    load_assignment:
      cluster_name: {name}
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }} }}] }}]"
        )
    };
    let clusters = cluster("latchkey", "API_PORT") + &cluster("platform", "UPSTREAM_PORT");
    format!(
        "
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: PORT }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          use_remote_address: true
          route_config:
            virtual_hosts:
            - name: all
              domains: [\"*\"]
              request_headers_to_remove: [x-revkeen-key]
              routes: [{{ match: {{ prefix: / }}, route: {{ cluster: platform }} }}]
          http_filters:
          {filters}
          - name: envoy.filters.http.router
            typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:{clusters}
"
    )
}

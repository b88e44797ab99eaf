//! The gateway in front of a server, both on real sockets, by what is sent, what the server sees and what comes back.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

use crate::{
    gateway::{
        proxy::Proxy,
        tests::{PANEL, platform},
    },
    keys::ops,
    server::{
        listen::Limits,
        testing::{PASSWORD, TestApp, serve},
    },
    workspaces::Role,
};

/// Longer than any test takes.
pub const PATIENT: Duration = Duration::from_secs(30);

const SCOPES: &[&str] = &["customers:read", "customers:write"];

/// A call without a body, beside those of the profile.
const RULES: &str = r#"
[[rules]]
method = "HEAD"
path = "/v2/customers"
scope = "customers:read"
"#;

/// What a server saw of a request.
#[derive(Clone, Debug)]
struct Seen {
    target: String,
    headers: HeaderMap,
    body: String,
}

/// A server that remembers what it saw, and answers with headers that it has no say in.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<Seen>>>);

impl Witness {
    async fn start(&self) -> SocketAddr {
        let witness = self.clone();
        answering(move |request: Request| {
            let witness = witness.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await;
                let Ok(body) = body else {
                    return StatusCode::BAD_REQUEST.into_response();
                };
                witness.0.lock().expect("sound").push(Seen {
                    target: format!("{} {}", parts.method, parts.uri),
                    headers: parts.headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                });
                let headers = [
                    ("x-request-id", "theirs"),
                    ("x-latchkey-key-id", "theirs"),
                    ("x-ratelimit-limit", "theirs"),
                    ("access-control-allow-origin", "*"),
                    ("keep-alive", "timeout=5"),
                ];
                (StatusCode::CREATED, headers, "served").into_response()
            }
        })
        .await
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.lock().expect("sound").clone()
    }

    /// The one request that there was.
    fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

/// A server that answers everything so.
async fn answering<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    serve(Router::new().fallback(answer), Limits::default()).await
}

pub struct Gateway {
    app: TestApp,
    at: SocketAddr,
    workspace: String,
    key_id: String,
    key: String,
}

pub async fn gateway(upstream: &str, patience: Duration, limits: Limits) -> Gateway {
    let credential = "headers = [\"x-revkeen-key\"]\nbearer = true";
    let app = platform(credential, "typed", RULES).await;
    let app = app.behind(upstream, patience, &[]);
    let workspace = app.workspace("Acme").await;
    let (key_id, key) = app.key(&workspace, "POS", SCOPES).await;
    Gateway {
        at: app.listen(limits).await,
        app,
        workspace,
        key_id,
        key,
    }
}

/// In front of this server.
async fn before(server: SocketAddr) -> Gateway {
    gateway(&format!("http://{server}"), PATIENT, Limits::default()).await
}

impl Gateway {
    /// The same, whose way to its upstreams is this one.
    pub async fn through(self, proxy: Proxy) -> Self {
        let app = self.app.through(proxy);
        Self {
            at: app.listen(Limits::default()).await,
            app,
            ..self
        }
    }

    /// Sends these lines with the key and reads all that comes back until the connection ends.
    pub async fn ask(&self, lines: &str) -> String {
        let (line, rest) = lines.split_once("\r\n").unwrap_or((lines, ""));
        let (headers, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        let headers = if headers.is_empty() {
            String::new()
        } else {
            format!("{headers}\r\n")
        };
        let key = &self.key;
        exchange(
            self.at,
            format!("{line}\r\nHost: api.example.com\r\nX-RevKeen-Key: {key}\r\nConnection: close\r\n{headers}\r\n{body}"),
        )
        .await
    }

    /// Gives the key another secret; the one that it has stops at once.
    async fn rotate(&self) {
        let app = &self.app;
        let admin = app.member(&self.workspace, &[Role::Admin]).await;
        let form = app.state.rng.id("drf", app.clock.now());
        let fields = [
            ("form", form.as_str()),
            ("overlap", "0"),
            ("factor", "password"),
            ("proof", PASSWORD),
        ];
        let path = format!("/keys/{}/rotate", self.key_id);
        let reply = app.post(&path, Some(&admin), &fields).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    }

    async fn connect(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.at).await.expect("connected");
        let key = &self.key;
        let head = format!("{head}\r\nHost: api.example.com\r\nX-RevKeen-Key: {key}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream
    }
}

async fn exchange(at: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(at).await.expect("connected");
    // A server that refuses may do so before it has read all.
    let _refused = stream.write_all(request.as_ref()).await;
    let mut reply = Vec::new();
    let _reset = stream.read_to_end(&mut reply).await;
    String::from_utf8_lossy(&reply).into_owned()
}

/// Reads until this has come.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if text.contains(wanted) {
            return text;
        }
        let mut chunk = [0; 1024];
        let length = stream.read(&mut chunk).await.expect("read");
        assert!(length > 0, "ended before {wanted:?}: {text}");
        read.extend_from_slice(&chunk[..length]);
    }
}

pub fn status(reply: &str) -> &str {
    reply.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_request_goes_on_as_it_came_without_its_key_and_with_who_sent_it() {
    let witness = Witness::default();
    let server = witness.start().await;
    let upstream = format!("http://{server}/base/");
    let gateway = gateway(&upstream, PATIENT, Limits::default()).await;
    let reply = gateway
        .ask(&format!(
            "POST /v2/customers?a=%20b&copy={} HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
             X-Forwarded-For: 1.1.1.1\r\nX-Latchkey-Key-Id: key_mine\r\nX-Request-Id: mine\r\nAccept: a\r\nAccept: b\r\n\r\nhello",
            gateway.key
        ))
        .await;
    let seen = witness.only();
    assert_eq!(seen.target, "POST /base/v2/customers?a=%20b");
    assert_eq!(seen.body, "hello");
    assert!(!format!("{seen:?}").contains(&gateway.key), "{seen:?}");
    let all = |name: &str| -> Vec<&str> {
        let values = seen.headers.get_all(name).iter();
        values.map(|value| value.to_str().expect("text")).collect()
    };
    assert_eq!(all("host"), [server.to_string()]);
    assert_eq!(all("content-length"), ["5"]);
    assert_eq!(all("accept"), ["a", "b"]);
    assert_eq!(all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(all("x-forwarded-host"), ["api.example.com"]);
    assert_eq!(all("x-latchkey-key-id"), [&*gateway.key_id]);
    assert_eq!(all("x-latchkey-environment"), ["sandbox"]);
    assert_eq!(all("x-latchkey-scopes"), ["customers:read customers:write"]);
    assert_eq!(all("via"), ["1.1 latchkey"]);
    assert!(!seen.headers.contains_key("expect"));

    assert!(
        reply.contains("201 Created") && reply.ends_with("served"),
        "{reply}"
    );
    assert!(reply.contains("access-control-allow-origin: *"), "{reply}");
    for absent in ["theirs", "keep-alive: ", "cross-origin-resource-policy"] {
        assert!(!reply.contains(absent), "{absent}: {reply}");
    }
    let id = all("x-request-id")[0];
    assert!(reply.contains(&format!("x-request-id: {id}")), "{reply}");
}

#[tokio::test]
async fn a_key_in_a_form_stays_behind_and_the_rest_of_the_form_goes_on() {
    let witness = Witness::default();
    let server = witness.start().await;
    let app = platform("form = \"key\"", "flat", PANEL).await;
    let app = app.behind(&format!("http://{server}"), PATIENT, &[]);
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "Panel", &["finance:read"]).await;
    let parts = |key: &str| {
        format!(
            "{key}--x\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nbalance\r\n\
             --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"key\"\r\n\r\n\u{1}\r\n--x--\r\n"
        )
    };
    let part = format!("--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n");
    for (kind, body, left) in [
        (
            "application/x-www-form-urlencoded",
            format!("a=%41+&key={key}&action=balance"),
            "a=%41+&action=balance".to_owned(),
        ),
        ("multipart/form-data; boundary=x", parts(&part), parts("")),
    ] {
        let request = Request::post("/api/v1")
            .header(header::CONTENT_TYPE, kind)
            .header(header::CONTENT_LENGTH, body.len())
            .body(Body::from(body))
            .expect("a request");
        let reply = app.gateway(request).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        let seen = witness.0.lock().expect("sound").pop().expect("seen");
        assert_eq!(seen.body, left);
        assert_eq!(
            seen.headers["content-length"],
            left.len().to_string().as_str()
        );
        assert!(!format!("{seen:?}").contains(&key));
    }
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    // The server takes the first piece of a request before the last is sent, and its own first piece is read before it has
    // sent the last.
    let (told, mut heard) = mpsc::unbounded_channel::<Bytes>();
    let go = Arc::new(Notify::new());
    let going = go.clone();
    let server = answering(move |request: Request| {
        let (told, going) = (told.clone(), going.clone());
        async move {
            let pieces = futures_util::stream::unfold(
                (request.into_body().into_data_stream(), 0),
                move |(mut body, piece)| {
                    let (told, going) = (told.clone(), going.clone());
                    async move {
                        use futures_util::StreamExt;
                        match piece {
                            0 => {
                                while let Some(Ok(bytes)) = body.next().await {
                                    told.send(bytes).expect("heard");
                                }
                            }
                            1 => going.notified().await,
                            _ => return None,
                        }
                        let event = Bytes::from(format!("data: {piece}\n\n"));
                        Some((Ok::<_, Infallible>(event), (body, piece + 1)))
                    }
                },
            );
            (
                [("content-type", "text/event-stream")],
                Body::from_stream(pieces),
            )
                .into_response()
        }
    })
    .await;
    let gateway = before(server).await;
    let mut stream = gateway
        .connect("POST /v2/customers HTTP/1.1\r\nTransfer-Encoding: chunked")
        .await;
    stream.write_all(b"5\r\nfirst\r\n").await.expect("sent");
    assert_eq!(heard.recv().await.as_deref(), Some(&b"first"[..]));
    stream
        .write_all(b"4\r\nlast\r\n0\r\n\r\n")
        .await
        .expect("sent");
    assert_eq!(heard.recv().await.as_deref(), Some(&b"last"[..]));
    let started = until(&mut stream, "data: 0\n\n").await;
    assert!(
        started.contains("content-type: text/event-stream"),
        "{started}"
    );
    go.notify_one();
    until(&mut stream, "data: 1\n\n").await;
}

#[tokio::test]
async fn websockets_are_carried_both_ways() {
    let server = answering(|mut request: Request| async move {
        assert_eq!(request.headers()["upgrade"], "websocket");
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let stream = hyper_util::rt::TokioIo::new(upgraded.await.expect("switched"));
            let (mut read, mut write) = tokio::io::split(stream);
            tokio::io::copy(&mut read, &mut write)
                .await
                .expect("echoed");
        });
        let headers = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-accept", "x"),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    })
    .await;
    let gateway = before(server).await;
    let mut stream = gateway
        .connect("GET /v2/customers HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x")
        .await;
    let head = until(&mut stream, "\r\n\r\n").await;
    assert_eq!(status(&head), "101");
    assert!(head.contains("sec-websocket-accept: x"), "{head}");
    for word in ["ping", "pong"] {
        stream.write_all(word.as_bytes()).await.expect("sent");
        until(&mut stream, word).await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_slow_or_breaks_off_is_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let nobody = free.local_addr().expect("an address");
    drop(free);
    let reply = before(nobody).await.ask("GET /v2/customers HTTP/1.1").await;
    assert_eq!(status(&reply), "502");
    assert!(
        reply.contains("UPSTREAM_UNREACHABLE") && reply.contains("\"type\":\"api_error\""),
        "{reply}"
    );
    let silent = answering(|_| std::future::pending()).await;
    let gateway = gateway(
        &format!("http://{silent}"),
        Duration::from_millis(50),
        Limits::default(),
    )
    .await;
    let reply = gateway.ask("GET /v2/customers HTTP/1.1").await;
    assert_eq!(status(&reply), "504");
    assert!(reply.contains("UPSTREAM_TIMEOUT"), "{reply}");
    gateway.app.logged(1).await;
}

/// A server that reads a request and hangs up, so often; then it answers. Counts its connections.
async fn hanging_up(times: usize) -> (SocketAddr, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let at = listener.local_addr().expect("an address");
    let count = Arc::new(Mutex::new(0));
    let counting = count.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            until(&mut stream, "\r\n\r\n").await;
            let now = {
                let mut count = counting.lock().expect("sound");
                *count += 1;
                *count
            };
            if now > times {
                let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                stream.write_all(reply).await.expect("sent");
            }
        }
    });
    (at, count)
}

#[tokio::test]
async fn only_what_may_be_done_twice_is_tried_twice() {
    for (line, times, answered, tries) in [
        ("GET /v2/customers HTTP/1.1", 1, "200", 2),
        ("GET /v2/customers HTTP/1.1", 2, "502", 2),
        ("POST /v2/customers HTTP/1.1", 1, "502", 1),
        (
            "POST /v2/customers HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
            1,
            "502",
            1,
        ),
    ] {
        let (server, count) = hanging_up(times).await;
        let reply = before(server).await.ask(line).await;
        assert_eq!(status(&reply), answered, "{line}: {reply}");
        assert_eq!(*count.lock().expect("sound"), tries, "{line}");
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_the_servers_work_with_them() {
    /// Tells when it is dropped.
    struct Gone(mpsc::UnboundedSender<()>);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _unheard = self.0.send(());
        }
    }
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let server = answering(move |_| {
        let (begun, gone) = (begun.clone(), Gone(ended.clone()));
        async move {
            begun.send(()).expect("heard");
            std::future::pending::<()>().await;
            drop(gone);
            StatusCode::OK.into_response()
        }
    })
    .await;
    let gateway = before(server).await;
    let stream = gateway.connect("GET /v2/customers HTTP/1.1").await;
    begins.recv().await.expect("begun");
    drop(stream);
    ends.recv().await.expect("ended");
}

#[tokio::test]
async fn a_request_that_is_being_served_survives_the_end_of_its_key() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = Arc::new(Notify::new());
    let going = go.clone();
    let server = answering(move |_| {
        let (begun, going) = (begun.clone(), going.clone());
        async move {
            begun.send(()).expect("heard");
            going.notified().await;
            "served".into_response()
        }
    })
    .await;
    let gateway = before(server).await;
    let mut stream = gateway.connect("GET /v2/customers HTTP/1.1").await;
    begins.recv().await.expect("begun");
    ops::revoke_at_console(&gateway.app.state, &gateway.key_id)
        .await
        .expect("revoked");
    let refused = gateway.ask("GET /v2/customers HTTP/1.1").await;
    assert!(
        status(&refused) == "401" && refused.contains("REVOKED"),
        "{refused}"
    );
    go.notify_one();
    let reply = until(&mut stream, "served").await;
    assert_eq!(status(&reply), "200");
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_reaches_nobody() {
    let witness = Witness::default();
    let gateway = before(witness.start().await).await;
    for (target, answered) in [
        ("/v2/x/../customers", "400"),
        ("/v2/%2e%2e/v2/customers", "400"),
        ("/v2/%252e%252e/v2/customers", "400"),
        ("//v2/customers", "400"),
        ("/v2//customers", "400"),
        ("/v2/.%2f/customers", "400"),
        ("/v2%2fcustomers", "400"),
        ("/v2\\customers", "400"),
        ("/v2/customers%00", "400"),
        ("http://evil.example/v2/customers", "400"),
        ("*", "400"),
        ("/V2/Customers", "403"),
        ("/v2/customers/", "403"),
        ("/v2/%63ustomers", "403"),
    ] {
        let reply = gateway.ask(&format!("GET {target} HTTP/1.1")).await;
        assert_eq!(status(&reply), answered, "{target}: {reply}");
    }
    let reply = gateway.ask("CONNECT evil.example:443 HTTP/1.1").await;
    assert_eq!(status(&reply), "400", "{reply}");
    let twice = gateway
        .ask("GET /v2/customers HTTP/1.1\r\nHost: evil.example")
        .await;
    assert_eq!(status(&twice), "400", "{twice}");
    assert!(witness.seen().is_empty(), "{:?}", witness.seen());
}

#[tokio::test]
async fn heads_that_are_too_large_too_long_or_too_slow_are_refused() {
    let witness = Witness::default();
    let server = witness.start().await;
    let limits = Limits {
        head_within: Duration::from_millis(100),
        ..Limits::default()
    };
    let gateway = gateway(&format!("http://{server}"), PATIENT, limits).await;
    let many = "X-Many: y\r\n".repeat(1000);
    let reply = gateway
        .ask(&format!(
            "GET /v2/customers HTTP/1.1\r\n{}",
            many.trim_end()
        ))
        .await;
    assert_eq!(status(&reply), "431", "{reply}");
    let large = "y".repeat(1024 * 1024);
    let reply = gateway
        .ask(&format!("GET /v2/customers HTTP/1.1\r\nX-Large: {large}"))
        .await;
    // Its sender may be cut off before the answer is read.
    assert!(matches!(status(&reply), "431" | ""), "{reply}");
    // Nothing more comes; the connection ends all the same.
    exchange(gateway.at, "GET /v2/customers HTTP/1.1\r\nX-Slow: ").await;
    assert!(witness.seen().is_empty());
    let reply = gateway.ask("GET /v2/customers HTTP/1.1").await;
    assert_eq!(status(&reply), "201", "others are served meanwhile");
}

#[tokio::test]
async fn bytes_that_are_no_text_pass_in_a_header_and_not_as_a_key() {
    let witness = Witness::default();
    let gateway = before(witness.start().await).await;
    let mut request = format!(
        "GET /v2/customers HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-RevKeen-Key: {}\r\nX-Raw: ",
        gateway.key
    )
    .into_bytes();
    request.extend_from_slice(b"\xff\xfe\r\n\r\n");
    assert_eq!(status(&exchange(gateway.at, request).await), "201");
    assert_eq!(witness.only().headers["x-raw"].as_bytes(), b"\xff\xfe");
    let request = b"GET /v2/customers HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-RevKeen-Key: \xff\xfe\r\n\r\n";
    assert_eq!(status(&exchange(gateway.at, request).await), "401");
}

#[tokio::test]
async fn no_second_request_is_smuggled_behind_a_first() {
    let witness = Witness::default();
    let gateway = before(witness.start().await).await;
    let key = &gateway.key;
    let head = format!("POST /v2/customers HTTP/1.1\r\nHost: a\r\nX-RevKeen-Key: {key}\r\n");
    let hidden =
        format!("GET /v2/customers?hidden HTTP/1.1\r\nHost: a\r\nX-RevKeen-Key: {key}\r\n\r\n");
    for (framing, body, answered) in [
        (
            "Content-Length: 6\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n",
            "201",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 6",
            "0\r\n\r\n",
            "201",
        ),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n", "400"),
        ("Transfer-Encoding: chunked, identity", "0\r\n\r\n", "400"),
        ("Content-Length: 3\r\nContent-Length: 5", "abc", "400"),
        ("Content-Length: +3", "abc", "400"),
        ("Transfer-Encoding : chunked", "0\r\n\r\n", "400"),
    ] {
        let reply = exchange(gateway.at, format!("{head}{framing}\r\n\r\n{body}{hidden}")).await;
        assert_eq!(status(&reply), answered, "{framing}: {reply}");
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{framing}: {reply}");
    }
    for seen in witness.seen() {
        assert!(
            seen.target == "POST /v2/customers" && seen.body.is_empty(),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_refused() {
    let witness = Witness::default();
    let gateway = before(witness.start().await).await;
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nabc",
    ] {
        let reply = gateway
            .ask(&format!(
                "POST /v2/customers HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
            ))
            .await;
        assert_eq!(status(&reply), "400", "{chunks:?}: {reply}");
    }
    assert!(witness.seen().is_empty(), "{:?}", witness.seen());
}

#[tokio::test]
async fn what_is_under_way_ends_well_when_its_key_is_revoked_or_rotated_and_the_next_is_refused() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let goes_on = go_on.clone();
    let server = answering(move |_| {
        let (begun, goes_on) = (begun.clone(), goes_on.clone());
        async move {
            let _ = begun.send(());
            goes_on.notified().await;
            "served".into_response()
        }
    })
    .await;
    for rotated in [false, true] {
        let gateway = before(server).await;
        let under_way = gateway.ask("GET /v2/customers HTTP/1.1");
        let ends = async {
            begins.recv().await.expect("it has begun");
            if rotated {
                gateway.rotate().await;
            } else {
                ops::revoke_at_console(&gateway.app.state, &gateway.key_id)
                    .await
                    .expect("revoked");
            }
            let next = gateway.ask("GET /v2/customers HTTP/1.1").await;
            assert_eq!(status(&next), "401", "{next}");
            go_on.notify_one();
        };
        let (reply, ()) = tokio::join!(under_way, ends);
        assert!(
            status(&reply) == "200" && reply.ends_with("served"),
            "{reply}"
        );
    }
}

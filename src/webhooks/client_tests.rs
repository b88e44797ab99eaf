//! The client against receivers that misbehave, and names that lead elsewhere.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Response},
};
use hickory_proto::{
    op::{Message, OpCode},
    rr::{RData, Record, RecordType},
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{RootCertStore, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};
use tokio_rustls::TlsAcceptor;

use super::{
    client::{Client, Outcome, Outgoing, resolver},
    target::Reach,
};

/// Short, since some of these receivers never end.
const PATIENCE: Duration = Duration::from_secs(1);

fn reach(nets: &[&str]) -> Reach {
    Reach {
        allow: nets.iter().map(|net| net.parse().expect("CIDR")).collect(),
    }
}

fn client(nets: &[&str], resolver: Option<TokioResolver>, roots: RootCertStore) -> Client {
    Client::new(reach(nets), resolver, roots, PATIENCE).expect("made")
}

fn plain() -> Client {
    client(&["127.0.0.0/8"], None, RootCertStore::empty())
}

async fn post(client: &Client, url: &str) -> Outcome {
    client
        .post(Outgoing {
            url,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
        })
        .await
}

/// What a receiver does once it has read a request.
#[derive(Clone)]
enum Act {
    Say(&'static str),
    Repeat(&'static str, Duration),
    Flood(usize),
    Hang,
}

/// A receiver that does this with every request; gives its address and how many came.
async fn receiver(acts: Vec<Act>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acts, count) = (acts.clone(), count.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).await.unwrap_or(0) == 0 {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                for act in acts {
                    if perform(&mut stream, act).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, seen)
}

async fn perform(stream: &mut TcpStream, act: Act) -> std::io::Result<()> {
    match act {
        Act::Say(text) => stream.write_all(text.as_bytes()).await,
        Act::Repeat(text, pause) => loop {
            stream.write_all(text.as_bytes()).await?;
            tokio::time::sleep(pause).await;
        },
        Act::Flood(bytes) => {
            let chunk = vec![b'x'; 64 * 1024];
            for _ in 0..bytes / chunk.len() {
                stream.write_all(&chunk).await?;
            }
            Ok(())
        }
        Act::Hang => std::future::pending().await,
    }
}

#[tokio::test]
async fn whatever_a_receiver_does_there_is_an_outcome_in_time() {
    const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let cases: Vec<(&str, Vec<Act>, Option<u16>, &str)> = vec![
        ("hangs", vec![Act::Hang], None, "no whole answer within 1 s"),
        (
            "hangs after its headers",
            vec![
                Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
                Act::Hang,
            ],
            Some(200),
            "no whole answer within 1 s",
        ),
        (
            "trickles a body",
            vec![Act::Say(OK), Act::Repeat("x", Duration::from_millis(50))],
            Some(200),
            "no whole answer within 1 s",
        ),
        (
            "trickles headers",
            vec![
                Act::Say("HTTP/1.1 200 OK\r\n"),
                Act::Repeat("x-a: b\r\n", Duration::from_millis(50)),
            ],
            None,
            "no whole answer within 1 s",
        ),
        (
            "closes without a word",
            vec![],
            None,
            "the connection was closed before the answer was whole",
        ),
        (
            "closes early",
            vec![Act::Say(
                "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhalf",
            )],
            Some(200),
            "the answer broke off",
        ),
        (
            "speaks something else",
            vec![Act::Say("220 mail ESMTP ready\r\n")],
            None,
            "no HTTP",
        ),
        (
            "sends endless headers",
            vec![
                Act::Say("HTTP/1.1 200 OK\r\n"),
                Act::Repeat(
                    "x-padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                    Duration::ZERO,
                ),
            ],
            None,
            "",
        ),
        (
            "redirects",
            vec![Act::Say(
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            )],
            Some(302),
            "-",
        ),
        (
            "fails",
            vec![Act::Say("HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno")],
            Some(500),
            "-",
        ),
    ];
    let client = plain();
    let mut tries = tokio::task::JoinSet::new();
    for (name, acts, status, error) in cases {
        let client = client.clone();
        tries.spawn(async move {
            let (address, seen) = receiver(acts).await;
            let started = Instant::now();
            let outcome = post(&client, &format!("http://{address}/hook")).await;
            assert!(started.elapsed() < PATIENCE * 3, "{name}");
            assert!(!outcome.is_success(), "{name}");
            assert_eq!(outcome.status, status, "{name}");
            match (error, &outcome.error) {
                ("-", said) => assert_eq!(*said, None, "{name}"),
                (wanted, said) => {
                    assert!(
                        said.as_ref().is_some_and(|said| said.contains(wanted)),
                        "{name}: {said:?}"
                    );
                }
            }
            assert_eq!(seen.load(Ordering::SeqCst), 1, "{name}");
        });
    }
    tries.join_all().await;
    // Nobody listens there.
    let outcome = post(&client, "http://127.0.0.1:1/").await;
    let said = outcome.error.expect("no connection");
    assert!(said.starts_with("no connection: "), "{said}");
}

#[tokio::test]
async fn an_answer_of_a_gigabyte_is_read_to_a_bound_and_no_further() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1073741824\r\n\r\n";
    let (address, _) = receiver(vec![Act::Say(head), Act::Flood(1 << 30)]).await;
    let outcome = post(&plain(), &format!("http://{address}/")).await;
    // The status came and says that the event arrived.
    assert!(outcome.is_success() && outcome.cut, "{:?}", outcome.error);
    assert_eq!(outcome.body.len(), 16 * 1024);
}

#[tokio::test]
async fn what_is_kept_of_an_answer_holds_no_cookie_and_no_nul() {
    let (address, _) = receiver(vec![Act::Say(
        "HTTP/1.1 200 OK\r\nset-cookie: sid=secret\r\nx-trace: 7\r\nretry-after: 120\r\ncontent-length: 3\r\n\r\na\0b",
    )])
    .await;
    let outcome = post(&plain(), &format!("http://{address}/")).await;
    assert_eq!(outcome.body, "a\u{fffd}b");
    assert_eq!(outcome.retry_after.as_deref(), Some("120"));
    let header = |name: &str| {
        let found = outcome.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(
        (header("set-cookie"), header("x-trace")),
        (Some("(hidden)"), Some("7"))
    );
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let strict = client(&[], None, RootCertStore::empty());
    let other = client(&["127.0.0.2/32"], None, RootCertStore::empty());
    for client in [strict, other] {
        for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost"] {
            let outcome = post(&client, &format!("https://{host}:{port}/")).await;
            let said = outcome.error.expect("refused");
            assert!(said.contains("not reached from here"), "{host}: {said}");
        }
    }
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(accepted.is_err(), "somebody connected");
}

/// A certificate of its own for these names, and a store that trusts it.
fn certificate(names: &[&str]) -> (TlsAcceptor, RootCertStore) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("made");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("sound");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), roots)
}

/// Serves over TLS at that address, with `resets` by resetting every stream; gives the port and the names that were asked
/// for with the HTTP version.
async fn secure(
    address: &str,
    acceptor: TlsAcceptor,
    resets: bool,
) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(address).await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let names = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, names) = (acceptor.clone(), names.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let server_name = stream.get_ref().1.server_name().unwrap_or("-").to_owned();
                let service = hyper::service::service_fn(
                    move |request: hyper::Request<hyper::body::Incoming>| {
                        let line = format!("{server_name} {:?}", request.version());
                        names.lock().expect("not poisoned").push(line);
                        async move {
                            if resets {
                                return Err(std::io::Error::other("reset"));
                            }
                            Ok(Response::new(Body::from("ok")))
                        }
                    },
                );
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (port, seen)
}

#[tokio::test]
async fn certificates_are_checked_by_name_and_http_2_is_spoken() {
    let (acceptor, roots) = certificate(&["localhost"]);
    let (port, seen) = secure("127.0.0.1:0", acceptor, false).await;
    let url = format!("https://localhost:{port}/");
    let trusting = client(&["127.0.0.0/8"], None, roots.clone());
    let outcome = post(&trusting, &url).await;
    assert!(outcome.is_success(), "{:?}", outcome.error);
    assert_eq!(*seen.lock().expect("not poisoned"), ["localhost HTTP/2.0"]);
    for (client, url) in [
        // Nobody vouches for it.
        (plain(), url.clone()),
        // It is for another name.
        (trusting, format!("https://127.0.0.1:{port}/")),
    ] {
        let said = post(&client, &url).await.error.expect("refused");
        assert!(said.starts_with("TLS: "), "{said}");
    }
    assert_eq!(seen.lock().expect("not poisoned").len(), 1);
    // Not TLS at all.
    let (address, _) = receiver(vec![Act::Say(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    )])
    .await;
    let outcome = post(&plain(), &format!("https://{address}/")).await;
    let said = outcome.error.expect("refused");
    assert!(said.starts_with("TLS: "), "{said}");
}

#[tokio::test]
async fn a_stream_that_is_reset_is_a_failure() {
    let (acceptor, roots) = certificate(&["localhost"]);
    let (port, seen) = secure("127.0.0.1:0", acceptor, true).await;
    let client = client(&["127.0.0.0/8"], None, roots);
    let outcome = post(&client, &format!("https://localhost:{port}/")).await;
    assert_eq!(outcome.status, None);
    assert!(outcome.error.is_some());
    assert_eq!(seen.lock().expect("not poisoned").len(), 1);
}

/// A name server that answers with the first list, then the second, and so on; the last one for ever.
async fn name_server(answers: Vec<Vec<&'static str>>) -> (TokioResolver, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
    let port = socket.local_addr().expect("an address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                return;
            };
            let Ok(question) = Message::from_vec(&buffer[..length]) else {
                continue;
            };
            let Some(query) = question.queries.first().cloned() else {
                continue;
            };
            // A look-up is a pair of questions: for IPv4 first or second, who knows.
            let round = count.fetch_add(1, Ordering::SeqCst) / 2;
            let addresses = &answers[round.min(answers.len() - 1)];
            let mut answer = Message::response(question.metadata.id, OpCode::Query);
            answer.add_query(query.clone());
            for address in addresses {
                let data = match address.parse().expect("an address") {
                    IpAddr::V4(v4) if query.query_type() == RecordType::A => RData::A(v4.into()),
                    IpAddr::V6(v6) if query.query_type() == RecordType::AAAA => {
                        RData::AAAA(v6.into())
                    }
                    _ => continue,
                };
                // It may not be remembered.
                answer.add_answer(Record::from_rdata(query.name().clone(), 0, data));
            }
            let bytes = answer.to_vec().expect("written");
            let _ = socket.send_to(&bytes, from).await;
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = port;
    let server = NameServerConfig::new([127, 0, 0, 1].into(), true, vec![connection]);
    let made = resolver(ResolverConfig::from_name_servers(vec![server])).expect("made");
    (made, asked)
}

#[tokio::test]
async fn a_name_that_answers_otherwise_a_moment_later_leads_nowhere() {
    let (acceptor, roots) = certificate(&["hooks.example"]);
    let (port, seen) = secure("127.0.0.1:0", acceptor.clone(), false).await;
    // What the name is turned to: the same port on an address that is not allowed.
    let inner = TcpListener::bind(("127.0.0.2", port)).await.expect("bound");
    let (names, asked) = name_server(vec![vec!["127.0.0.1"], vec!["127.0.0.2"]]).await;
    let url = format!("https://hooks.example:{port}/");
    let first = client(&["127.0.0.1/32"], Some(names.clone()), roots.clone());
    let outcome = post(&first, &url).await;
    assert!(outcome.is_success(), "{:?}", outcome.error);
    // One pair of questions, and the connection is to what they gave: nothing asks again between judging and connecting.
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(
        *seen.lock().expect("not poisoned"),
        ["hooks.example HTTP/2.0"]
    );
    // The connection that is open is still that to the judged address.
    assert!(post(&first, &url).await.is_success());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // A new one is judged anew.
    let second = client(&["127.0.0.1/32"], Some(names), roots);
    let said = post(&second, &url).await.error.expect("refused");
    assert!(said.contains("not public"), "{said}");
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    let accepted = tokio::time::timeout(Duration::from_millis(50), inner.accept()).await;
    assert!(accepted.is_err(), "somebody connected");
    assert_eq!(seen.lock().expect("not poisoned").len(), 2);
}

#[tokio::test]
async fn one_bad_address_among_good_ones_spoils_the_name() {
    let (acceptor, roots) = certificate(&["hooks.example"]);
    let (port, seen) = secure("127.0.0.1:0", acceptor, false).await;
    for bad in [
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.2",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "fd00:ec2::254",
        "fe80::1",
    ] {
        let (names, _) = name_server(vec![vec!["127.0.0.1", bad]]).await;
        let client = client(&["127.0.0.1/32"], Some(names), roots.clone());
        let outcome = post(&client, &format!("https://hooks.example:{port}/")).await;
        let said = outcome.error.expect("refused");
        assert!(said.contains("not public"), "{bad}: {said}");
    }
    assert!(seen.lock().expect("not poisoned").is_empty());
    let (nothing, _) = name_server(vec![vec![]]).await;
    let client = client(&["127.0.0.1/32"], Some(nothing), roots);
    let outcome = post(&client, &format!("https://hooks.example:{port}/")).await;
    let said = outcome.error.expect("unknown");
    assert!(said.contains("could not be resolved"), "{said}");
}

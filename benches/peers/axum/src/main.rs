//! A handler that does nothing, on the runtime that Latchkey runs on: what a request costs before any work is done.

use axum::{Router, routing::any, serve::ListenerExt};
use tokio::net::TcpListener;

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).expect("an address to listen on");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind(addr).await?.tap_io(|stream| {
                let _ = stream.set_nodelay(true);
            });
            let app = Router::new().fallback(any(|| async { "ok" }));
            axum::serve(listener, app).await
        })
}

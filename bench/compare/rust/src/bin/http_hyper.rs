// SPDX-License-Identifier: Apache-2.0

//! HTTP plaintext on hyper, on one thread of tokio. `http_hyper PORT`
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Request, Response, Server};
use std::convert::Infallible;
use std::net::SocketAddr;

async fn answer(_request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::from("Hello, World!"));
    let kind = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let service = make_service_fn(|_| async { Ok::<_, Infallible>(service_fn(answer)) });
    Server::bind(&address).tcp_nodelay(true).serve(service).await.unwrap();
}

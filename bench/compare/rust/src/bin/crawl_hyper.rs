// SPDX-License-Identifier: Apache-2.0

//! A crawler on hyper's client, on one thread of tokio: a task for each address, a hundred requests
//! at a time; links are looked for and joined by hand. `crawl_hyper START PREFIX`
use hyper::{client::HttpConnector, Body, Client};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

struct Crawler {
    client: Client<HttpConnector, Body>,
    prefix: String,
    at_once: tokio::sync::Semaphore,
    seen: RefCell<HashSet<String>>,
    running: Cell<u64>,
    idle: tokio::sync::Notify,
    pages: Cell<u64>,
    failures: Cell<u64>,
    bytes: Cell<u64>,
}

fn join(base: &str, reference: &str) -> Option<String> {
    let mut reference = reference.split('#').next()?;
    if reference.is_empty() || reference.contains("://") || reference.starts_with("mailto:") {
        return None;
    }
    let host = base.find("://")? + 3;
    let root = host + base[host..].find('/').unwrap_or(0);
    if reference.starts_with('/') {
        return Some(format!("{}{}", &base[..root], reference));
    }
    let mut folder = &base[..base.rfind('/')? + 1];
    loop {
        if let Some(rest) = reference.strip_prefix("../") {
            reference = rest;
            if folder.len() > root + 1 {
                folder = &folder[..folder[..folder.len() - 1].rfind('/')? + 1];
            }
        } else if let Some(rest) = reference.strip_prefix("./") {
            reference = rest;
        } else {
            return Some(format!("{}{}", folder, reference));
        }
    }
}

impl Crawler {
    fn add(self: &Rc<Self>, address: String) {
        if !self.seen.borrow_mut().insert(address.clone()) {
            return;
        }
        self.running.set(self.running.get() + 1);
        let crawler = self.clone();
        tokio::task::spawn_local(async move {
            match crawler.fetch(&address).await {
                Some(body) => crawler.follow(&address, &String::from_utf8_lossy(&body)),
                None => crawler.failures.set(crawler.failures.get() + 1),
            }
            crawler.running.set(crawler.running.get() - 1);
            if crawler.running.get() == 0 {
                crawler.idle.notify_one();
            }
        });
    }

    /// None for what is no page.
    async fn fetch(&self, address: &str) -> Option<hyper::body::Bytes> {
        let _turn = self.at_once.acquire().await.ok()?;
        let answer = self.client.get(address.parse().ok()?).await.ok()?;
        let kind = answer.headers().get("content-type")?.to_str().ok()?;
        if answer.status() != 200 || !kind.contains("html") {
            return None;
        }
        hyper::body::to_bytes(answer.into_body()).await.ok()
    }

    fn follow(self: &Rc<Self>, address: &str, text: &str) {
        self.pages.set(self.pages.get() + 1);
        self.bytes.set(self.bytes.get() + text.len() as u64);
        let mut rest = text;
        while let Some(at) = rest.find("href=\"") {
            rest = &rest[at + 6..];
            let end = match rest.find('"') {
                Some(end) => end,
                None => break,
            };
            if let Some(link) = join(address, &rest[..end]) {
                let is_ours = link.starts_with(&self.prefix) && link.ends_with(".html");
                if is_ours && !self.seen.borrow().contains(&link) {
                    self.add(link);
                }
            }
            rest = &rest[end..];
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let crawler = Rc::new(Crawler {
            client: Client::builder().pool_max_idle_per_host(100).build(connector),
            prefix: words[2].clone(),
            at_once: tokio::sync::Semaphore::new(100),
            seen: Default::default(),
            running: Default::default(),
            idle: tokio::sync::Notify::new(),
            pages: Default::default(),
            failures: Default::default(),
            bytes: Default::default(),
        });
        crawler.add(words[1].clone());
        crawler.idle.notified().await;
        println!(
            "{{\"pages\": {}, \"failures\": {}, \"bytes\": {}}}",
            crawler.pages.get(),
            crawler.failures.get(),
            crawler.bytes.get()
        );
    });
}

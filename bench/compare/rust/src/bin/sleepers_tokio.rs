// SPDX-License-Identifier: Apache-2.0

//! Tasks of tokio that sleep, and are cancelled, under the names that bench/micro/sleepers.cpp gives.
use std::time::Duration;
use tokio::task::JoinSet;

fn first_number(path: &str, word: usize) -> f64 {
    let text = std::fs::read_to_string(path).unwrap();
    text.split(' ').nth(word).unwrap().parse().unwrap()
}

/// Nanoseconds of CPU time of the first thread, which is the only one.
fn cpu_nanoseconds() -> f64 {
    first_number("/proc/self/schedstat", 0)
}

fn resident_bytes() -> f64 {
    first_number("/proc/self/statm", 1) * 4096.0
}

fn report(operation: &str, unit: &str, amount: f64, count: usize) {
    let each = amount / count as f64;
    println!("{{\"operation\": \"{}\", \"{}\": {:.2}}}", operation, unit, each);
}

async fn asleep(count: usize) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        tasks.spawn(tokio::time::sleep(Duration::from_secs(24 * 3600)));
    }
    // All of them are in the queue before this task.
    tokio::task::yield_now().await;
    tasks
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    const MANY: usize = 1_000_000;
    let memory_before = resident_bytes();
    let began = cpu_nanoseconds();
    let mut tasks = asleep(MANY).await;
    report("spawn one of a million tasks that sleep", "nanoseconds", cpu_nanoseconds() - began, MANY);
    let memory = resident_bytes() - memory_before;
    report("memory of one of a million tasks that sleep", "bytes", memory, MANY);
    let began = cpu_nanoseconds();
    tasks.shutdown().await;
    report("cancel one of a million tasks that sleep", "nanoseconds", cpu_nanoseconds() - began, MANY);

    let mut tasks = asleep(MANY / 10).await;
    let began = cpu_nanoseconds();
    tasks.shutdown().await;
    report("cancel one of 100,000 tasks that sleep", "nanoseconds", cpu_nanoseconds() - began, MANY / 10);
}

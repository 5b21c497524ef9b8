// SPDX-License-Identifier: Apache-2.0

//! What the parts of tokio cost on one thread, under the names that bench/micro/core.cpp gives.
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

const MANY: u64 = 1_000_000;

/// Nanoseconds of CPU time of the first thread, which is the only one.
fn cpu_nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn report(operation: &str, began: u64, count: u64) {
    let each = (cpu_nanoseconds() - began) as f64 / count as f64;
    println!("{{\"operation\": \"{}\", \"nanoseconds\": {:.2}}}", operation, each);
}

/// Keeps the compiler from knowing `value`. (Debian's compiler is older than std::hint::black_box.)
fn keep<T>(value: T) -> T {
    let same = unsafe { std::ptr::read_volatile(&value) };
    std::mem::forget(value);
    same
}

/// The same on every machine and in every run.
struct RandomNumbers(u64);

impl RandomNumbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[inline(never)]
async fn ready_child() -> u32 {
    keep(1)
}

async fn yield_often(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

async fn tasks() {
    // Boxed, since a future of Rust that is awaited in place is a function call, and no task.
    let began = cpu_nanoseconds();
    for _ in 0..10 * MANY {
        let child: Pin<Box<dyn Future<Output = u32> + Send>> = keep(Box::pin(ready_child()));
        keep(child.await);
    }
    report("await a ready child", began, 10 * MANY);

    let began = cpu_nanoseconds();
    for _ in 0..MANY {
        tokio::spawn(ready_child()).await.unwrap();
    }
    report("spawn and join one", began, MANY);

    let began = cpu_nanoseconds();
    for _ in 0..MANY / 10_000 {
        let all: Vec<_> = (0..10_000).map(|_| tokio::spawn(ready_child())).collect();
        for each in all {
            each.await.unwrap();
        }
    }
    report("spawn and join, 10,000 at a time", began, MANY);
}

async fn reschedule() {
    let began = cpu_nanoseconds();
    yield_often(MANY).await;
    report("reschedule, one task", began, MANY);

    let began = cpu_nanoseconds();
    let all: Vec<_> = (0..100).map(|_| tokio::spawn(yield_often(MANY / 100))).collect();
    for each in all {
        each.await.unwrap();
    }
    report("reschedule, 100 tasks", began, MANY);
}

async fn hand_over() {
    let (there, mut arrivals) = mpsc::channel::<u64>(1);
    let (back, mut answers) = mpsc::channel::<u64>(1);
    tokio::spawn(async move {
        while let Some(item) = arrivals.recv().await {
            if back.send(item).await.is_err() {
                return;
            }
        }
    });
    let began = cpu_nanoseconds();
    for item in 0..MANY {
        there.send(item).await.unwrap();
        answers.recv().await.unwrap();
    }
    report("round trip between two tasks by queues", began, MANY);
}

async fn lock() {
    let mutex = tokio::sync::Mutex::new(0u64);
    let began = cpu_nanoseconds();
    for _ in 0..10 * MANY {
        *mutex.lock().await += 1;
    }
    report("lock and unlock a free mutex", began, 10 * MANY);
}

async fn time_limits() {
    let began = cpu_nanoseconds();
    for _ in 0..MANY {
        keep(tokio::time::timeout(Duration::from_secs(3600), ready_child()).await.unwrap());
    }
    report("time-out around a ready child", began, MANY);
}

struct PollOnce<'a>(&'a mut Pin<Box<tokio::time::Sleep>>);

impl Future for PollOnce<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let _ = self.0.as_mut().poll(context);
        Poll::Ready(())
    }
}

/// A timer is armed when it is first polled, and cancelled when it is dropped.
async fn arm_and_cancel(random: &mut RandomNumbers) {
    let began = cpu_nanoseconds();
    let mut timers: Vec<Pin<Box<tokio::time::Sleep>>> = Vec::with_capacity(MANY as usize);
    for _ in 0..MANY {
        let length = Duration::from_nanos(10_000_000_000 + random.next() % 3_600_000_000_000);
        let mut timer = Box::pin(tokio::time::sleep(length));
        PollOnce(&mut timer).await;
        timers.push(timer);
    }
    drop(timers);
    report("arm and cancel a timer", began, MANY);
}

async fn sleep_and_wake(random: &mut RandomNumbers) {
    let count = MANY / 10;
    let began = cpu_nanoseconds();
    let all: Vec<_> = (0..count)
        .map(|_| Duration::from_nanos(random.next() % 200_000_000))
        .map(|length| tokio::spawn(tokio::time::sleep(length)))
        .collect();
    for each in all {
        each.await.unwrap();
    }
    report("spawn, sleep and wake", began, count);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let all = tokio::spawn(async {
        let mut random = RandomNumbers(88_172_645_463_325_252);
        tasks().await;
        reschedule().await;
        hand_over().await;
        lock().await;
        time_limits().await;
        arm_and_cancel(&mut random).await;
        sleep_and_wake(&mut random).await;
    });
    all.await.unwrap();
}

//! What an application pays for tracking: our triggers, both rows by hand, and no tracking at all.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]

use std::cell::RefCell;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sync_benches::sample::Keys;
use sync_benches::stopwatch::Contestant;
use sync_benches::tracking::{Application, Tracked, Write};

const ROWS: u64 = 100_000;
const WRITTEN: u64 = 20_000;

fn tracking(criterion: &mut Criterion) {
    for keys in [Keys::Integer, Keys::Guid] {
        for write in [Write::Insert, Write::Update] {
            let mut group = criterion.benchmark_group(format!("{write:?}, {}", keys.name()));
            group
                .sample_size(10)
                .throughput(Throughput::Elements(WRITTEN));
            for tracked in [Tracked::Not, Tracked::ByHand, Tracked::ByTriggers] {
                let application =
                    RefCell::new(Application::new(tracked, keys, ROWS).expect("a database"));
                let mut round = 0;
                let run = || {
                    round += 1;
                    application.borrow_mut().write(write, WRITTEN, round)
                };
                let mut turn = Contestant::new("", || application.borrow().undo(), run);
                group.bench_function(format!("{tracked:?}"), |bencher| {
                    bencher.iter_custom(|turns| {
                        (0..turns).map(|_| turn.turn().expect("a turn")).sum()
                    });
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, tracking);
criterion_main!(benches);

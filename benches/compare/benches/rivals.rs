//! Ours, the bound and every rival under criterion, one after the other. `cargo xtask bench knowledge` lets them take turns instead,
//! which is the fairer comparison on a shared machine.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sync_knowledge_benches::sample::{Case, SIZES};
use sync_knowledge_benches::stopwatch::warm_allocator;
use sync_knowledge_compare::contest::{Operation, contestants};

fn rivals(criterion: &mut Criterion) {
    warm_allocator();
    for operation in Operation::ALL {
        for case in Case::ALL {
            let mut group =
                criterion.benchmark_group(format!("{}, {}", operation.name(), case.name()));
            // Some 1000 measurements: each is short.
            group.sample_size(10);
            group.warm_up_time(Duration::from_millis(50));
            group.measurement_time(Duration::from_millis(200));
            for n in SIZES {
                for mut contestant in contestants(operation, case, n) {
                    let id = BenchmarkId::new(contestant.name, n);
                    group.bench_function(id, |bencher| {
                        bencher.iter_custom(|times| contestant.batch(times))
                    });
                }
            }
            group.finish();
        }
    }
}

criterion_group!(benches, rivals);
criterion_main!(benches);

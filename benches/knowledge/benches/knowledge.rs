//! Every piece of work on knowledge that is watched, under criterion.

use criterion::{Criterion, criterion_group, criterion_main};
use sync_knowledge_benches::work;

fn knowledge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("knowledge");
    for (name, make) in work::ALL {
        let mut work = make();
        group.bench_function(*name, |bencher| bencher.iter(&mut work));
    }
    group.finish();
}

criterion_group!(benches, knowledge);
criterion_main!(benches);

//! What a destination holds of a batch at a time is bounded, however large the batch and its rows are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;

use sync_orchestrator::SyncDirectionOrder;
use sync_tests::support::engines::pairs;
use sync_tests::support::faulty::{Countdown, FaultyProvider, Slices};
use sync_tests::support::session::Session;

/// A slice is full with the row that brings it here.
const FULL: usize = 1 << 20;
const MOST_ROWS: usize = 1000;

#[test]
fn a_slice_ends_with_the_row_that_fills_it() {
    for engines in pairs("slices") {
        let [a, b] = engines.map(|engine| {
            let text = engine.either("TEXT", "nvarchar(max)");
            let schema = format!("CREATE TABLE t (id int NOT NULL PRIMARY KEY, v {text} NULL)");
            engine.provisioned(&schema, &["t"])
        });
        let fill = |length: usize| {
            let pairs = length / 2;
            a.engine().either(
                format!("replace(hex(zeroblob({pairs})), '00', 'ab')"),
                format!("REPLICATE(CONVERT(nvarchar(max), N'ab'), {pairs})"),
            )
        };
        // By key: small rows, rows of which a few fill a slice, rows that are more than one by themselves, and small ones again.
        let small = |from: usize| {
            let rows = (from..from + 1200).map(|id| format!("({id}, 'small')"));
            let rows: Vec<String> = rows.collect();
            rows.chunks(600)
                .for_each(|rows| a.run(&format!("INSERT INTO t VALUES {}", rows.join(", "))));
        };
        small(0);
        for (from, count, length) in [(2000, 8, 300 << 10), (3000, 3, 3 << 20)] {
            for id in from..from + count {
                a.run(&format!("INSERT INTO t VALUES ({id}, {})", fill(length)));
            }
        }
        small(4000);
        a.settle(&["t"]);
        let slices = Slices::default();
        let destination = FaultyProvider::new(b.opens("s"), &Countdown::never()).measuring(&slices);
        let report = Session::new(a.provider("s"), Arc::new(destination))
            .direction(SyncDirectionOrder::Upload)
            .batch_bytes(64 << 20)
            .run();
        assert_eq!(report.upload().changes_applied, 2411, "{engines:?}");
        let slices = slices.lock().unwrap();
        assert_eq!(slices.iter().map(|(rows, _)| rows).sum::<usize>(), 2411);
        let largest = (3 << 20) + 100;
        for &(rows, bytes) in slices.iter() {
            let fits = rows <= MOST_ROWS && bytes < FULL + largest;
            assert!(fits, "{engines:?}: {rows} rows of {bytes} bytes");
        }
        // No two of the large rows were held at once.
        let large = slices
            .iter()
            .filter(|(_, bytes)| *bytes > largest - 200)
            .count();
        assert_eq!(large, 3, "{engines:?}: {slices:?}");
        let sums = "SELECT id / 1000, count(*), CAST(sum(CAST(len(v) AS bigint)) AS bigint) FROM t GROUP BY id / 1000";
        let sums = [&a, &b].map(|db| {
            let length = db.engine().either("length", "len");
            db.lines(&sums.replace("len", length))
        });
        assert_eq!(sums[0], sums[1], "{engines:?}");
    }
}

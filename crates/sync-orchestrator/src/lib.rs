//! A synchronisation session between two providers: direction, stages, progress, statistics, cancellation.
//!
//! The orchestrator is the only place that holds two providers. It knows no database: it moves change batches from one
//! [`SyncProvider`](sync_provider::SyncProvider) to the other, enumerating the next batch while the last one is applied.
//!
//! ```
//! # use std::sync::Arc;
//! # use sync_metadata::{ColumnDescription, ScopeDescription, TableDescription, TableName, Value};
//! # use sync_provider_memory::{MemoryProvider, MemoryReplica};
//! # use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
//! # fn replica(id: u128) -> MemoryProvider {
//! #     let columns = vec![ColumnDescription::key("id", "bigint".parse().unwrap()), ColumnDescription::new("name", "nvarchar(50)".parse().unwrap())];
//! #     let table = TableDescription::new(TableName::parse("Customer").unwrap(), "[Customer]", columns).unwrap();
//! #     let scope = ScopeDescription::new("sales", vec![table]).unwrap();
//! #     MemoryProvider::new(MemoryReplica::new(sync_knowledge::ReplicaId::from_uuid(uuid::Uuid::from_u128(id)), scope))
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let (local, remote) = (replica(1), replica(2));
//! local.replica().write(0, &[Value::Integer(1), Value::Text("Ada".into())], 0);
//!
//! let session = SyncOrchestrator::new(Arc::new(local), Arc::new(remote.clone()));
//! let statistics = session.direction(SyncDirectionOrder::UploadAndDownload).synchronize().await.unwrap();
//! assert_eq!(statistics.upload.unwrap().changes_applied, 1);
//! assert_eq!(remote.replica().table(0).len(), 1);
//! # });
//! ```
#![forbid(unsafe_code)]

mod cancel;
mod clock;
mod conflict_log;
mod direction;
mod orchestrator;
mod progress;
mod side;
mod statistics;

pub use cancel::Cancellation;
pub use orchestrator::{SyncDirectionOrder, SyncFailure, SyncOrchestrator};
pub use progress::{SessionProgress, SyncStage};
pub use statistics::{DirectionStatistics, SyncOperationStatistics};

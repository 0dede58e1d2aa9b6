//! What relational synchronisation providers do alike, behind a connection seam.
//!
//! A provider for one engine implements [`Store`], a connection at slice granularity, and hands it to [`Sessions`]; enumeration in
//! snapshots, apply in slices, repeats, deferral, learning and the turn of the calls are the same for all engines and live here. What is
//! decided on the way are the pure functions of `sync-provider`.
//!
//! A session has one owner: the thread or task that holds its connection and serves its calls in turn. A call never holds a lock of the
//! provider while the database works, and a caller that goes away leaves no transaction open.
#![forbid(unsafe_code)]

mod apply;
mod aside;
mod caution;
mod circles;
mod enumerate;
mod failures;
mod fetch_sizer;
mod forced;
mod in_doubt;
mod inspect;
mod knowledge_pair;
mod page;
mod place;
mod provisioning;
mod remember;
mod retries;
mod row_key;
mod scope;
mod session;
mod sessions;
mod store;
mod verify;

pub use circles::{Circles, Link, RowName, in_circles};
pub use fetch_sizer::FetchSizer;
pub use inspect::{
    ProvisionedBy, ReplicaReader, ReplicaRow, ScopeStatus, TableStatus, UnreadableRow,
    UntrackedRow, WaitingRow,
};
pub use page::{Attributes, Needed, ScopeView};
pub use provisioning::{Provisioned, TableChoice, Tables, parents_first};
pub use retries::Retries;
pub use scope::own_knowledge;
pub use session::StopFlag;
pub use sessions::{Owner, Sessions};
pub use store::{
    Attempt, Begun, Breach, Commit, Cursor, Fetch, Fetched, Learned, LocalEntry, LocalSlice, Page,
    Patience, RowFailure, Scan, Scope, ScopeState, Slice, Store, Waiting, Write, Written,
    scope_row_changed,
};
pub use verify::{Difference, DifferenceKind, TableVerification, Verification, verify};

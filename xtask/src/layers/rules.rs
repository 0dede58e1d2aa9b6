//! The table of layers as data. `docs/architecture.md` says why; a change here is a change of the architecture.

/// What one crate may know.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    /// The crates of ours that it may depend on, development dependencies included.
    pub(crate) below: Below,
    /// What it may take from outside.
    pub(crate) outside: Outside,
    /// Crates that must not be built into it, however indirectly.
    pub(crate) unreached: &'static [&'static str],
    /// Whether its sources are searched for I/O, clocks, threads and async.
    pub(crate) pure: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Below {
    Only(&'static [&'static str]),
    /// The crates that test or measure the whole.
    Everything,
}

/// Development dependencies are free in every case: they never reach a user.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outside {
    /// A crate that does no I/O names what it takes, so that each new dependency is a decision.
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// Crates that drive another one in its tests, as (crate, driver): only development dependencies reach up, and only these. A provider is tested in
/// whole sessions, and the orchestrator with a provider in memory, which is for tests alone.
pub(crate) const TEST_DRIVERS: &[(&str, &str)] = &[
    ("sync-provider-sqlite", "sync-orchestrator"),
    ("sync-provider-mssql", "sync-orchestrator"),
    ("sync-orchestrator", "sync-provider-memory"),
];

const SQLITE: &[&str] = &["rusqlite", "libsqlite3-sys"];
const SQL_SERVER: &[&str] = &["tiberius"];
const DATABASES: &[&str] = &["rusqlite", "libsqlite3-sys", "tiberius"];
/// Runtimes, sockets and databases. The list need not be complete: pure crates also name what they take.
const IO: &[&str] = &[
    "async-std",
    "async-trait",
    "chrono",
    "futures",
    "libsqlite3-sys",
    "mio",
    "rayon",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "tempfile",
    "tiberius",
    "time",
    "tokio",
];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "sync-knowledge",
        below: Below::Only(&[]),
        outside: Outside::Only(&[
            "bincode",
            "once_cell",
            "quick-xml",
            "serde",
            "thiserror",
            "uuid",
        ]),
        unreached: IO,
        pure: true,
    },
    Rule {
        name: "sync-metadata",
        below: Below::Only(&["sync-knowledge"]),
        outside: Outside::Only(&["bincode", "quick-xml", "serde", "thiserror", "uuid"]),
        unreached: IO,
        pure: true,
    },
    Rule {
        name: "sync-provider",
        below: Below::Only(&["sync-knowledge", "sync-metadata"]),
        outside: Outside::AllBut(&[]),
        unreached: DATABASES,
        pure: false,
    },
    Rule {
        name: "sync-decision",
        below: Below::Only(&["sync-knowledge", "sync-metadata", "sync-provider"]),
        outside: Outside::AllBut(&[]),
        unreached: DATABASES,
        pure: false,
    },
    Rule {
        name: "sync-relational",
        below: Below::Only(&[
            "sync-decision",
            "sync-knowledge",
            "sync-metadata",
            "sync-provider",
        ]),
        outside: Outside::AllBut(&[]),
        unreached: DATABASES,
        pure: false,
    },
    Rule {
        name: "sync-provider-memory",
        below: Below::Only(&[
            "sync-decision",
            "sync-knowledge",
            "sync-metadata",
            "sync-provider",
        ]),
        outside: Outside::AllBut(&[]),
        unreached: DATABASES,
        pure: false,
    },
    Rule {
        name: "sync-provider-commands",
        below: Below::Only(&[
            "sync-decision",
            "sync-knowledge",
            "sync-metadata",
            "sync-provider",
            "sync-relational",
        ]),
        outside: Outside::AllBut(&[]),
        unreached: DATABASES,
        pure: false,
    },
    Rule {
        name: "sync-provider-sqlite",
        below: Below::Only(&[
            "sync-knowledge",
            "sync-metadata",
            "sync-decision",
            "sync-provider",
            "sync-provider-commands",
            "sync-relational",
        ]),
        outside: Outside::AllBut(&[]),
        unreached: SQL_SERVER,
        pure: false,
    },
    Rule {
        name: "sync-provider-mssql",
        below: Below::Only(&[
            "sync-knowledge",
            "sync-metadata",
            "sync-decision",
            "sync-provider",
            "sync-provider-commands",
            "sync-relational",
        ]),
        outside: Outside::AllBut(&[]),
        unreached: SQLITE,
        pure: false,
    },
    Rule {
        name: "sync-orchestrator",
        below: Below::Only(&[
            "sync-decision",
            "sync-knowledge",
            "sync-metadata",
            "sync-provider",
        ]),
        outside: Outside::AllBut(&[]),
        unreached: DATABASES,
        pure: false,
    },
    Rule {
        name: "sync-cli",
        // Knowledge only to show it, sync-relational only to look at replicas (status, verify).
        below: Below::Only(&[
            "sync-decision",
            "sync-knowledge",
            "sync-metadata",
            "sync-orchestrator",
            "sync-provider",
            "sync-provider-mssql",
            "sync-provider-sqlite",
            "sync-relational",
        ]),
        // The generated databases of `demo` are an application's own, so they are made with a driver; no other module
        // of it holds SQL, which a test of the crate checks.
        outside: Outside::AllBut(SQL_SERVER),
        unreached: &[],
        pure: false,
    },
    Rule {
        name: "sync-tests",
        below: Below::Everything,
        outside: Outside::AllBut(&[]),
        unreached: &[],
        pure: false,
    },
    Rule {
        name: "sync-benches",
        below: Below::Everything,
        outside: Outside::AllBut(&[]),
        unreached: &[],
        pure: false,
    },
    Rule {
        name: "sync-sql-server-benches",
        below: Below::Everything,
        outside: Outside::AllBut(&[]),
        unreached: &[],
        pure: false,
    },
    Rule {
        name: "sync-fuzz",
        below: Below::Everything,
        outside: Outside::AllBut(&[]),
        unreached: DATABASES,
        pure: false,
    },
    Rule {
        name: "sync-knowledge-benches",
        // It must build in seconds: the instruction counts are checked with every change.
        below: Below::Only(&["sync-knowledge"]),
        outside: Outside::Only(&[]),
        unreached: IO,
        pure: false,
    },
    Rule {
        name: "xtask",
        // It must build, and say so, when nothing else does.
        below: Below::Only(&[]),
        outside: Outside::AllBut(DATABASES),
        unreached: DATABASES,
        pure: false,
    },
];

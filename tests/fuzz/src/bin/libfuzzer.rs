//! The targets under libFuzzer, chosen by the environment variable `SYNC_FUZZ_TARGET`.
//! `cargo xtask fuzz` builds and runs it.

#![cfg_attr(fuzzing, no_main)]
#![cfg_attr(
    fuzzing,
    allow(unsafe_code, reason = "libFuzzer calls a function by its C name")
)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(init: chosen(), |input: &[u8]| {
    if let Some(file) = record() {
        // What cannot be kept is tried all the same.
        let _ = std::fs::write(file, input);
    }
    chosen().check(input);
});

/// Where each input is kept before it is tried, to find the one that ends the process without a word.
#[cfg(fuzzing)]
fn record() -> Option<&'static std::path::Path> {
    static FILE: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    FILE.get_or_init(|| std::env::var_os("SYNC_FUZZ_RECORD").map(Into::into))
        .as_deref()
}

#[cfg(fuzzing)]
fn chosen() -> &'static sync_fuzz::Target {
    static CHOSEN: std::sync::OnceLock<&sync_fuzz::Target> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("SYNC_FUZZ_TARGET").unwrap_or_default();
        sync_fuzz::Target::named(&name)
            .unwrap_or_else(|| panic!("SYNC_FUZZ_TARGET is {name:?}, which is no target"))
    })
}

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    use std::io::Write as _;
    let way_out = "run `cargo xtask fuzz`, which builds this program in the way that it needs";
    let _ = writeln!(
        std::io::stderr(),
        "error: built without libFuzzer: {way_out}"
    );
    std::process::ExitCode::FAILURE
}

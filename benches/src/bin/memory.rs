//! Peak memory of a first synchronisation: `memory [ROWS]`.
//!
//! Each measurement is a process of its own, because a peak never goes down: one that has opened nothing, and one that
//! synchronises. The files are made by a third.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use sync_benches::Result;
use sync_benches::pair::Pair;
use sync_benches::sample::Keys;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match texts[..] {
        ["idle"] => report(),
        ["session", source, destination] => {
            sync_benches::pair::synchronize_files(Path::new(source), Path::new(destination))?;
            report()
        }
        [] => compare(1_000_000),
        [rows] => compare(rows.parse()?),
        _ => Err("usage: memory [ROWS]".into()),
    }
}

fn compare(rows: u64) -> Result<()> {
    let mut out = std::io::stdout();
    let idle = peak(&["idle"])?;
    writeln!(
        out,
        "| | peak, MiB | more than idle, MiB |\n|---|--:|--:|\n| idle | {:.1} | |",
        mebibytes(idle)
    )?;
    for keys in [Keys::Integer, Keys::Guid] {
        let pair = Pair::new(keys, rows)?;
        pair.empty_destination()?;
        let files = [pair.source(), pair.destination()].map(|path| path.display().to_string());
        let session = peak(&["session", &files[0], &files[1]])?;
        let more = mebibytes(session.saturating_sub(idle));
        writeln!(
            out,
            "| {rows} rows, {} | {:.1} | {more:.1} |",
            keys.name(),
            mebibytes(session)
        )?;
    }
    Ok(())
}

/// The peak in KiB of this program, run with other arguments.
fn peak(arguments: &[&str]) -> Result<u64> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Prints this process's own peak: `VmHWM`, as proc(5) has it, in KiB.
fn report() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|_| "peak memory is read from Linux's /proc")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("there is no VmHWM")?;
    let peak: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(writeln!(std::io::stdout(), "{peak}")?)
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

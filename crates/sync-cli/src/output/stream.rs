//! Standard output, for readers that may go away.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::exit::Failure;

/// Standard output. Colours are left out where it is no terminal. A reader that goes away (`| head`) is no error: the rest is not
/// written, and the command's own outcome stands.
pub(crate) struct Output {
    inner: BufWriter<AutoStream<io::Stdout>>,
    failed: Option<io::Error>,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Output {
            inner: BufWriter::with_capacity(1 << 16, AutoStream::auto(io::stdout())),
            failed: None,
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) {
        self.attempt(|out| writeln!(out, "{text}"));
    }

    /// Writes a document: in one line, unless a person looks at it.
    pub(crate) fn json(&mut self, document: &impl Serialize) {
        let pretty = io::stdout().is_terminal();
        self.attempt(|out| {
            let written = if pretty {
                serde_json::to_writer_pretty(&mut *out, document)
            } else {
                serde_json::to_writer(&mut *out, document)
            };
            written.map_err(io::Error::from)?;
            writeln!(out)
        });
    }

    /// Writes what was held back, now: for output that people watch.
    pub(crate) fn flush(&mut self) {
        self.attempt(Write::flush);
    }

    /// Writes what was held back, and says whether all of it arrived.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush();
        match self.failed {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::file("standard output", &error))
            }
            _ => Ok(()),
        }
    }

    fn attempt(
        &mut self,
        write: impl FnOnce(&mut BufWriter<AutoStream<io::Stdout>>) -> io::Result<()>,
    ) {
        if self.failed.is_none() {
            self.failed = write(&mut self.inner).err();
        }
    }
}

/// `line!(out, "{} rows", n)`
macro_rules! line {
    ($out:expr) => { $out.line(format_args!("")) };
    ($out:expr, $($text:tt)+) => { $out.line(format_args!($($text)+)) };
}
pub(crate) use line;

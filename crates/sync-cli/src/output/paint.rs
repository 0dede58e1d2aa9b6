//! Colours. The streams leave them out where there is no terminal, or where NO_COLOR is set.

use std::fmt;

use anstyle::{AnsiColor, Style};

/// A text in a style.
pub(crate) struct Painted<T>(Style, T);

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Painted(style, text) = self;
        write!(f, "{style}{text}{style:#}")
    }
}

pub(crate) fn heading<T: fmt::Display>(text: T) -> Painted<T> {
    Painted(Style::new().bold(), text)
}

pub(crate) fn quiet<T: fmt::Display>(text: T) -> Painted<T> {
    Painted(Style::new().dimmed(), text)
}

pub(crate) fn good<T: fmt::Display>(text: T) -> Painted<T> {
    Painted(AnsiColor::Green.on_default(), text)
}

pub(crate) fn odd<T: fmt::Display>(text: T) -> Painted<T> {
    Painted(AnsiColor::Yellow.on_default(), text)
}

pub(crate) fn name<T: fmt::Display>(text: T) -> Painted<T> {
    Painted(AnsiColor::Cyan.on_default(), text)
}

pub(crate) fn error<T: fmt::Display>(text: T) -> Painted<T> {
    Painted(AnsiColor::Red.on_default().bold(), text)
}

pub(crate) fn warning<T: fmt::Display>(text: T) -> Painted<T> {
    Painted(AnsiColor::Yellow.on_default().bold(), text)
}

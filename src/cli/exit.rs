//! Exit codes: those of sysexits.h, so that scripts and systemd can tell causes apart.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Success,
    /// 1: the answer is no.
    No,
    /// 64: the command line is wrong.
    Usage,
    /// 65: the input is bad.
    BadInput,
    /// 69: a peer, or the daemon, cannot be reached.
    Unavailable,
    /// 70: a fault of ours.
    Fault,
    /// 74: reading or writing failed.
    Io,
    /// 78: the configuration is wrong.
    Configuration,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::No => 1,
            Self::Usage => 64,
            Self::BadInput => 65,
            Self::Unavailable => 69,
            Self::Fault => 70,
            Self::Io => 74,
            Self::Configuration => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<std::io::Error> for Exit {
    fn from(_: std::io::Error) -> Self {
        Self::Io
    }
}

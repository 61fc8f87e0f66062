//! The types that settings have, made from values that their kind has admitted.

use super::kind::{Given, clock, day, digest};
use crate::admin::Role as OperatorRole;
use crate::client::peer::HttpsUrl;
use crate::config::LogFormat;
use crate::delivery::{Roots, TlsMode};
use crate::letter::SignatureProfile;
use crate::referral::policy::{DutyEndsOn, ParentLine, Profile};
use crate::referral::post::{Connection, RiskGrade};
use crate::referral::school::{Address, LaCode, RouteName};
use crate::replies::mailbox::{After, Protocol};
use crate::replies::smtp::Network;
use crate::tls::TlsFloor;
use jiff::SignedDuration;
use jiff::civil::{Date, Time};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A type that a setting can have. The kind has admitted the value before.
pub(super) trait Setting: Sized {
    /// Takes it.
    fn take(given: &Given) -> Option<Self>;

    /// What it is when an optional key is not given.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Setting> Setting for Option<T> {
    fn take(given: &Given) -> Option<Self> {
        T::take(given).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// The word for the operating system's roots.
pub(super) const SYSTEM_ROOTS: &str = "system";

/// Types made from one text.
macro_rules! from_text {
    ($($type:ty = |$text:ident| $make:expr;)+) => {$(
        impl Setting for $type {
            fn take(given: &Given) -> Option<Self> {
                if let Given::Text($text) = given { $make } else { None }
            }
        }
    )+};
}

from_text! {
    String = |text| Some(text.clone());
    PathBuf = |text| Some(PathBuf::from(text));
    SocketAddr = |text| text.parse().ok();
    Address = |text| Address::parse(text);
    HttpsUrl = |text| HttpsUrl::parse(text);
    LaCode = |text| LaCode::parse(text);
    RouteName = |text| Self::parse(text);
    Time = |text| clock(text);
    Date = |text| day(text);
    Roots = |text| Some(match text.as_str() {
        SYSTEM_ROOTS => Self::System,
        path => Self::Private(PathBuf::from(path)),
    });
    TlsFloor = |text| match text.as_str() {
        "1.2" => Some(Self::V12),
        "1.3" => Some(Self::V13),
        _ => None,
    };
    TlsMode = |text| match text.as_str() {
        "implicit" => Some(Self::Implicit),
        "starttls" => Some(Self::StartTls),
        _ => None,
    };
    Protocol = |text| match text.as_str() {
        "imap" => Some(Self::Imap),
        "pop3" => Some(Self::Pop3),
        _ => None,
    };
    After = |text| match text.as_str() {
        "keep" => Some(Self::Keep),
        "delete" => Some(Self::Delete),
        _ => None,
    };
    SignatureProfile = |text| match text.as_str() {
        "v4" => Some(Self::V4),
        "v6" => Some(Self::V6),
        _ => None,
    };
    LogFormat = |text| Self::parse(text);
    Profile = |text| Self::parse(text);
    ParentLine = |text| Self::parse(text);
    DutyEndsOn = |text| Self::parse(text);
}

/// Types made from a list of text.
macro_rules! from_list {
    ($($item:ty = |$text:ident| $make:expr;)+) => {$(
        impl Setting for Vec<$item> {
            fn take(given: &Given) -> Option<Self> {
                if let Given::List(list) = given {
                    list.iter().map(|$text| $make).collect()
                } else {
                    None
                }
            }
        }
    )+};
}

from_list! {
    String = |text| Some(text.clone());
    PathBuf = |text| Some(PathBuf::from(text));
    [u8; 32] = |text| digest(text);
    RiskGrade = |text| RiskGrade::parse(text);
    Connection = |text| Connection::parse(text);
    OperatorRole = |text| OperatorRole::parse(text);
    Network = |text| Network::parse(text);
}

/// Whole numbers.
macro_rules! from_integer {
    ($($type:ty = |$integer:ident| $make:expr;)+) => {$(
        impl Setting for $type {
            fn take(given: &Given) -> Option<Self> {
                if let Given::Integer($integer) = given { $make } else { None }
            }
        }
    )+};
}

from_integer! {
    u8 = |integer| Self::try_from(*integer).ok();
    u16 = |integer| Self::try_from(*integer).ok();
    u32 = |integer| Self::try_from(*integer).ok();
    u64 = |integer| Self::try_from(*integer).ok();
    usize = |integer| Self::try_from(*integer).ok();
    Duration = |integer| u64::try_from(*integer).ok().map(Self::from_secs);
    SignedDuration = |integer| Some(Self::from_mins(*integer));
}

impl Setting for bool {
    fn take(given: &Given) -> Option<Self> {
        if let Given::Flag(flag) = given {
            Some(*flag)
        } else {
            None
        }
    }
}

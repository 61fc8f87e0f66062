//! How values stand in facts: each as a plain value, and back.

use super::alarm::{AlarmChannel, AlarmKind};
use super::answer::{CallOutcome, Clash, SchoolWord, Strength, Verdict};
use super::attempt::{AttemptResult, AttemptWhy, Phase};
use super::deadline::DueReason;
use super::ending::{Ending, EndingReason, TaskReason};
use super::fact::{Message, ReleasedBy, Settlement, TaskKind};
use super::id::*;
use super::ladder::RungWhat;
use super::plan::{HoldReason, RouteReason, Target, WillHappen};
use super::report::{Action, Sub};
use super::route::SuspendReason;
use super::school::{LaCode, Role, RouteName, Urn};
use super::tree::Tree;
use jiff::Timestamp;

/// A value that stands in a fact.
pub trait Field: Sized {
    /// As a plain value.
    fn write(&self) -> Tree;
    /// Back from a plain value.
    fn read(value: &Tree) -> Option<Self>;
}

/// Thirty-two bytes: SHA-256 or HMAC-SHA-256; hexadecimal in a fact.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Digest {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

fn text(value: &Tree) -> Option<&str> {
    match value {
        Tree::Text(text) => Some(text),
        Tree::Null
        | Tree::Bool(_)
        | Tree::Whole(_)
        | Tree::Number(_)
        | Tree::List(_)
        | Tree::Map(_) => None,
    }
}

fn whole(value: &Tree) -> Option<i64> {
    match value {
        Tree::Whole(number) => Some(*number),
        Tree::Null
        | Tree::Bool(_)
        | Tree::Text(_)
        | Tree::Number(_)
        | Tree::List(_)
        | Tree::Map(_) => None,
    }
}

macro_rules! text_fields {
    ($($type:ty: $read:expr;)+) => {$(
        impl Field for $type {
            fn write(&self) -> Tree { Tree::Text(self.to_string()) }
            fn read(value: &Tree) -> Option<Self> { text(value).and_then($read) }
        }
    )+};
}

text_fields! {
    String: |t| Some(t.to_owned());
    ReferralId: |t| ReferralId::parse(t).ok();
    NotificationId: |t| NotificationId::parse(t).ok();
    ChildId: |t| ChildId::parse(t).ok();
    LetterId: |t| LetterId::parse(t).ok();
    DeliveryId: |t| DeliveryId::parse(t).ok();
    ItemId: |t| ItemId::parse(t).ok();
    TaskId: |t| TaskId::parse(t).ok();
    InboundId: |t| InboundId::parse(t).ok();
    ContactId: |t| ContactId::parse(t).ok();
    RefusedPostId: |t| RefusedPostId::parse(t).ok();
    AlarmId: |t| AlarmId::parse(t).ok();
    RouteName: RouteName::parse;
    Urn: Urn::parse;
    Digest: Digest::parse;
}

macro_rules! word_fields {
    ($($type:ty),+) => {$(
        impl Field for $type {
            fn write(&self) -> Tree { Tree::Text(self.word().to_owned()) }
            fn read(value: &Tree) -> Option<Self> { text(value).and_then(<$type>::parse) }
        }
    )+};
}

word_fields!(
    AlarmKind,
    AlarmChannel,
    AttemptResult,
    AttemptWhy,
    Phase,
    DueReason,
    Ending,
    EndingReason,
    TaskReason,
    HoldReason,
    RouteReason,
    WillHappen,
    TaskKind,
    Message,
    ReleasedBy,
    Settlement,
    RungWhat,
    Verdict,
    Strength,
    CallOutcome,
    Clash,
    SchoolWord,
    Action,
    Sub,
    SuspendReason,
    Role
);

impl Field for u32 {
    fn write(&self) -> Tree {
        Tree::Whole(i64::from(*self))
    }
    fn read(value: &Tree) -> Option<Self> {
        whole(value).and_then(|number| number.try_into().ok())
    }
}

impl Field for bool {
    fn write(&self) -> Tree {
        Tree::Bool(*self)
    }
    fn read(value: &Tree) -> Option<Self> {
        match value {
            Tree::Bool(flag) => Some(*flag),
            Tree::Null
            | Tree::Whole(_)
            | Tree::Text(_)
            | Tree::Number(_)
            | Tree::List(_)
            | Tree::Map(_) => None,
        }
    }
}

/// Microseconds since 1970, as the store keeps instants.
impl Field for Timestamp {
    fn write(&self) -> Tree {
        Tree::Whole(self.as_microsecond())
    }
    fn read(value: &Tree) -> Option<Self> {
        whole(value).and_then(|number| Self::from_microsecond(number).ok())
    }
}

/// `urn:123456`, `la:881` or `unrouted`.
impl Field for Target {
    fn write(&self) -> Tree {
        Tree::Text(match self {
            Self::School(urn) => format!("urn:{urn}"),
            Self::Authority(code) => format!("la:{code}"),
            Self::Unrouted => "unrouted".to_owned(),
        })
    }
    fn read(value: &Tree) -> Option<Self> {
        match text(value)?.split_once(':') {
            Some(("urn", urn)) => Urn::parse(urn).map(Self::School),
            Some(("la", code)) => LaCode::parse(code).map(Self::Authority),
            Some(_) => None,
            None => (text(value)? == "unrouted").then_some(Self::Unrouted),
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self) -> Tree {
        self.as_ref().map_or(Tree::Null, Field::write)
    }
    fn read(value: &Tree) -> Option<Self> {
        if *value == Tree::Null {
            Some(None)
        } else {
            T::read(value).map(Some)
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn write(&self) -> Tree {
        Tree::List(self.iter().map(Field::write).collect())
    }
    fn read(value: &Tree) -> Option<Self> {
        match value {
            Tree::List(values) => values.iter().map(T::read).collect(),
            Tree::Null
            | Tree::Bool(_)
            | Tree::Whole(_)
            | Tree::Text(_)
            | Tree::Number(_)
            | Tree::Map(_) => None,
        }
    }
}

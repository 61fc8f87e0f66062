//! Keys of policy: what the Act leaves to be decided locally.

use crate::config::kind::Kind::{
    Clock, Codes, Count, Flag, LaCode as LaCodeKind, Line, Phone, Sentences, Word, Words,
};
use crate::config::table::Presence::{Optional, Preset, Required};
use crate::config::table::{Shape, section};
use crate::referral::policy::{DutyEndsOn, ParentLine, Profile};
use crate::referral::post::{Connection, RiskGrade};
use crate::referral::school::LaCode;
use jiff::SignedDuration;
use jiff::civil::Time;

section! {
    /// What is sent and what letters say, for every force. The defaults are the Act (Domestic Abuse
    /// Act 2021 s.49A): every grade, 0 to 17, every connection. A child the Act covers and a
    /// narrower policy refuses is held until a person records who told the school instead.
    PolicyRow = "policy", Shape::One, None;

    /// Kinds of referral accepted; others are held.
    kinds: Vec<String> = Codes, Preset(r#"["domestic_abuse"]"#);
    /// Risk grades sent.
    grades: Vec<RiskGrade> =
        Words(RiskGrade::WORDS), Preset(r#"["standard", "medium", "high", "not_graded"]"#);
    /// The lowest age sent.
    age_min: u8 = Count("years", 0, 17), Preset("0");
    /// The highest age sent.
    age_max: u8 = Count("years", 0, 17), Preset("17");
    /// Connections of the child sent. A child who is the suspect is held for a person by any policy.
    connections: Vec<Connection> = Words(SENDABLE),
        Preset(r#"["present", "resides_at_address", "resides_with_party", "direct_victim"]"#);
    /// How much letters say: the fact and the time; who by relation and the police reference too;
    /// circumstances too.
    profile: Profile = Word(Profile::WORDS), Preset(r#""minimal""#);
    /// Whether the full profile may print the location; never where a move, a safe address or an
    /// order is flagged.
    location: bool = Flag, Preset("false");
    /// What letters say of speaking to a parent: ring us first; the victim parent alone; own words.
    parent_line: ParentLine = Word(ParentLine::WORDS), Preset(r#""no_contact""#);
    /// The own words.
    parent_text: Option<String> =
        Sentences(300), Optional(r#""You may speak to the parent who was the victim.""#);
    /// The marking on the first line of the body.
    marking: String = Line(40), Preset(r#""OFFICIAL-SENSITIVE""#);
    /// What the school does with the letter.
    handling: String = Sentences(400), Preset(concat!(
        r#""Share it only with staff who need it to look after this child. "#,
        r#"Keep it in the child protection file, not the pupil record.""#,
    ));
    /// Whom schools ring.
    desk_name: String = Line(60), Preset(r#""Encompass Desk""#);
    /// The desk's number.
    desk_phone: String = Phone, Required(r#""01245 000000""#);
    /// When it is staffed, as letters say it.
    desk_hours: String = Line(60), Preset(r#""school days 06:30 to 17:00""#);
    /// Whom to ring at other times.
    desk_other_times: String = Line(60), Preset(r#""101""#);
    /// What ends the force's legal duty: a delivery report at an approved mailbox, or a person's
    /// answer. The ladder climbs for both.
    duty_ends_on: DutyEndsOn = Word(DutyEndsOn::WORDS), Preset(r#""delivered""#);
    /// The authority told of a child without a school, where the referral names none.
    default_la: Option<LaCode> = LaCodeKind, Optional(r#""881""#);
    /// The desk rings schools from, on weekdays that are no bank holidays.
    desk_from: Time = Clock, Preset(r#""06:30""#);
    /// The desk rings schools until.
    desk_to: Time = Clock, Preset(r#""17:00""#);
    /// Schools are nudged from, on days on which their staff are in.
    nudges_from: Time = Clock, Preset(r#""06:45""#);
    /// Schools are nudged until.
    nudges_to: Time = Clock, Preset(r#""18:00""#);
    /// The deputies' letter goes this long before somebody must know.
    deputies_before_min: SignedDuration = Count("minutes", 1, 1440), Preset("40");
    /// The call where mail alone cannot be trusted, so long before.
    call_first_before_min: SignedDuration = Count("minutes", 1, 1440), Preset("30");
    /// The call where the letter is delivered and unanswered, so long before.
    call_before_min: SignedDuration = Count("minutes", 1, 1440), Preset("20");
    /// A supervisor is told of a call that nobody has claimed, so long before.
    supervisor_before_min: SignedDuration = Count("minutes", 1, 1440), Preset("15");
    /// A supervisor must choose how it ends, so long after.
    choose_after_min: SignedDuration = Count("minutes", 1, 1440), Preset("60");
    /// People who ring schools at once.
    callers: u32 = Count("callers", 1, 500), Preset("2");
    /// What a call takes, the next number's dialling included.
    call_min: SignedDuration = Count("minutes", 1, 60), Preset("4");
    /// Of a hundred schools that are mailed, and nudged on a day on which their staff are in, so many
    /// usually answer before they are rung. The forecast of calls rests on it.
    usual_answers_percent: u32 = Count("percent", 0, 100), Preset("60");
}

/// Every connection but `suspect`.
const SENDABLE: &[&str] = &[
    "present",
    "resides_at_address",
    "resides_with_party",
    "direct_victim",
];

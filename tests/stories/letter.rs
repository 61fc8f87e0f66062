//! A school's mail program checks the seal with programs that are not ours.

use firstbell::letter::{
    LetterInput, ReplyToken, Settings, SignatureProfile, SignedLetter, Signer, Templates, generate,
    make,
};
use firstbell::referral::deadline::{Deadline, DueReason};
use firstbell::referral::policy::{Desk, DutyEndsOn, ParentLine, Policy, Profile};
use firstbell::referral::post::{
    AskCall, Born, Child, Classification, Connection, Education, ForceName, Incident, Made,
    Presence, Private, Referral, RiskGrade, SpokenTo, TimePrecision,
};
use firstbell::referral::reference::Reference;
use firstbell::referral::school::{Address, Role};
use jiff::Timestamp;
use jiff::civil::date;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn gnupg_and_sqv_accept_the_seal_and_refuse_a_changed_letter() {
    let home = tempfile::tempdir().unwrap();
    let signer = new_signer(home.path());
    let letter = a_letter(&signer);
    let (part, signature) = cut(&letter.bytes);
    let file = |name: &str, bytes: &[u8]| {
        fs::write(home.path().join(name), bytes).unwrap();
        home.path().join(name)
    };
    let certificate = file(
        "certificate.asc",
        signer.certificate_armored().unwrap().as_bytes(),
    );
    let signature = file("signature.asc", &signature);
    let changed = String::from_utf8(part.clone())
        .unwrap()
        .replace("(age 10)", "(age 11)");
    assert_ne!(changed.as_bytes(), part);
    let (part, changed) = (file("part", &part), file("changed", changed.as_bytes()));

    let imported = gpg(home.path(), &["--import"], &[&certificate]);
    assert!(imported.status.success(), "{imported:?}");
    let good = gpg(
        home.path(),
        &["--status-fd", "1", "--verify"],
        &[&signature, &part],
    );
    let said = String::from_utf8_lossy(&good.stdout);
    assert!(
        said.contains(&format!("VALIDSIG {}", letter.signer)),
        "{said}"
    );
    let bad = gpg(
        home.path(),
        &["--status-fd", "1", "--verify"],
        &[&signature, &changed],
    );
    assert!(String::from_utf8_lossy(&bad.stdout).contains("BADSIG"));

    let good = sqv(&certificate, &signature, &part);
    assert!(good.status.success(), "{good:?}");
    assert_eq!(
        String::from_utf8(good.stdout).unwrap().trim(),
        letter.signer
    );
    assert!(!sqv(&certificate, &signature, &changed).status.success());
}

fn new_signer(home: &Path) -> Signer {
    let created = "2025-01-06T09:00:00Z".parse().unwrap();
    let user = "Firstbell <gateway@firstbell.test>";
    let path = home.join("key.asc");
    fs::write(
        &path,
        generate(user, created, SignatureProfile::V4).unwrap(),
    )
    .unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    Signer::load(&path, SignatureProfile::V4).unwrap()
}

/// Cuts strictly at the boundary, the CRLF before it included (RFC 3156 section 5), and gives the
/// signed bytes and the armored signature.
fn cut(message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let (_, after) = text.split_once("boundary=\"").unwrap();
    let (boundary, _) = after.split_once('"').unwrap();
    let (_, rest) = text.split_once(&format!("\r\n--{boundary}\r\n")).unwrap();
    let (part, rest) = rest.split_once(&format!("\r\n--{boundary}\r\n")).unwrap();
    let (_, signature) = rest.split_once("\r\n\r\n").unwrap();
    let (signature, end) = signature
        .split_once(&format!("\r\n--{boundary}--"))
        .unwrap();
    assert_eq!(end, "\r\n");
    (part.into(), signature.into())
}

fn gpg(home: &Path, options: &[&str], files: &[&PathBuf]) -> Output {
    let mut gpg = Command::new("gpg");
    gpg.arg("--homedir")
        .arg(home)
        .args(["--batch", "--no-autostart", "--no-tty"]);
    gpg.args(options)
        .args(files)
        .output()
        .expect("gpg runs: apt install gnupg")
}

fn sqv(certificate: &Path, signature: &Path, part: &Path) -> Output {
    let mut sqv = Command::new("sqv");
    sqv.arg("--keyring")
        .arg(certificate)
        .arg(signature)
        .arg(part);
    sqv.output().expect("sqv runs: apt install sqv")
}

fn a_letter(signer: &Signer) -> SignedLetter {
    let at: Timestamp = "2025-11-23T22:24:00Z".parse().unwrap();
    let due_at = "2025-11-24T08:30:00Z".parse().unwrap();
    let child = child();
    let token = ReplyToken("0123456789abcdefghjkmnpqrs".into());
    let input = LetterInput {
        referral: &referral("2025-11-23T21:40:00Z".parse().unwrap(), at, &child),
        child: &child,
        policy: &policy(),
        school_name: "Northgate Primary School",
        to_name: "Alex Example",
        to: &Address::parse("dsl@northgate.test.cjsm.net").unwrap(),
        role: Role::KeyAdult,
        also_held_by: &[],
        reference: &Reference::from_random(0x7_4941_5E67),
        n_of_m: (1, 1),
        deadline: &Deadline {
            due_at,
            act_by: due_at,
            pupil_day: date(2025, 11, 24),
            assumed: false,
            late_on_arrival: false,
            reasons: vec![DueReason::OwnCalendar, DueReason::NextPupilDay],
        },
        staff_back_on: None,
        token: &token,
        plus_addressing: true,
        message_id: "0123456789abcdefghjkmnpqrs@gateway.test",
        at,
    };
    let settings = Settings {
        templates: None,
        signing_key: PathBuf::new(),
        profile: SignatureProfile::V4,
        from: Address::parse("gateway@firstbell.test").unwrap(),
        from_name: "Firstbell".into(),
        reply_to: Address::parse("reply@firstbell.test").unwrap(),
        host_name: "gateway.test".into(),
    };
    let templates = Templates::load(None).unwrap();
    make(signer, &templates, &settings, &input, [7; 16]).unwrap()
}

/// What she said holds what mail software changes: `From `, a lone dot, a blank at the end.
fn child() -> Child {
    Child {
        child_ref: "c1".into(),
        given_name: Private("Zoë".into()),
        family_name: Private("Okafor".into()),
        known_as: None,
        born: Born::On(Private(date(2015, 3, 12))),
        connection: Connection::ResidesAtAddress,
        present: Presence::Present,
        present_where: None,
        welfare_check: Made::Made,
        spoken_to: SpokenTo::Alone,
        child_words: Some(Private("\nFrom here \n.\nI ran = away ".into())),
        resides_in_force_area: Some(true),
        education: Education::Registered,
        schools: Vec::new(),
        home_la: None,
        social_care_referral: Made::Unknown,
        interpreter: None,
        needs_a_name: false,
    }
}

fn referral(occurred_at: Timestamp, submitted_at: Timestamp, child: &Child) -> Referral {
    Referral {
        referral_id: "018f0000-0000-7000-8000-000000000001".into(),
        supersedes: None,
        force: ForceName::parse("essex").unwrap(),
        kind: "domestic_abuse".into(),
        source_system: "athena".into(),
        submitted_by: None,
        submitted_at,
        police_reference: Private("42/123456/25".into()),
        restricted: false,
        incident: Incident {
            occurred_at,
            occurred_until: None,
            reported_at: None,
            attended_at: None,
            time_precision: TimePrecision::Approximate,
            classification: Classification::NonCrime,
            risk_grade: RiskGrade::Medium,
            risk_tool: None,
            location_text: None,
            circumstances: Some(Private("Shouting was heard.".repeat(50))),
            marac: None,
            mash: None,
        },
        parties: Vec::new(),
        household_flags: Vec::new(),
        children: vec![child.clone()],
        police_ask_call: AskCall::None,
        withhold_from: Vec::new(),
        contact: None,
    }
}

fn policy() -> Policy {
    Policy {
        force: ForceName::parse("essex").unwrap(),
        display_name: "Essex Police".into(),
        kinds: vec!["domestic_abuse".into()],
        grades: vec![RiskGrade::Medium],
        age_min: 0,
        age_max: 17,
        connections: vec![Connection::ResidesAtAddress],
        profile: Profile::Full,
        location: false,
        parent_line: ParentLine::NoContact,
        parent_text: None,
        marking: "OFFICIAL-SENSITIVE".into(),
        handling: "Share it only with staff who need it to look after this child.".into(),
        desk: Desk {
            name: "Encompass Desk".into(),
            phone: "01245 000000".into(),
            hours: "school days 06:30 to 17:00".into(),
            other_times: "101".into(),
        },
        duty_ends_on: DutyEndsOn::Delivered,
        default_la: None,
        ladder: firstbell::referral::ladder::LadderHours::default(),
    }
}

//! Keys of the gateway itself: who it is, where it keeps things, how it signs.

use crate::config::LogFormat;
use crate::config::kind::Kind::{
    Address as MailAddress, Count, Domain, Folder, Line, LogFilter, Path, Secret, Word,
};
use crate::config::table::Presence::{Optional, Preset, Required};
use crate::config::table::{Shape, section};
use crate::letter::SignatureProfile;
use crate::referral::school::Address;
use std::path::PathBuf;

section! {
    /// Who this gateway is.
    Gateway = "gateway", Shape::One, None;

    /// The name it gives itself in EHLO and Message-IDs. It is read outside: it must not say what
    /// letters are about.
    host_name: String = Domain, Required(r#""gateway.example.police.uk""#);
    /// Everything it keeps: the database, its lock, epoch keys. Made with mode 0700 when not there.
    state_dir: PathBuf = Path, Preset(r#""/var/lib/firstbell""#);
    /// The address letters come from: the gateway's own, never a person's. It is read outside.
    from: Address = MailAddress, Required(r#""desk@gateway.example.police.uk""#);
    /// The name shown beside it. It is read outside.
    from_name: String = Line(80), Required(r#""Example Police Secure Desk""#);
    /// Where answers go; without it, to `from`.
    reply_to: Option<Address> = MailAddress, Optional(r#""answers@gateway.example.police.uk""#);
}

section! {
    /// What the daemon writes to stderr. Log lines carry our own ids only.
    Log = "log", Shape::One, None;

    /// Which lines are written.
    filter: String = LogFilter, Preset(r#""info""#);
    /// For people or for machines.
    format: LogFormat = Word(LogFormat::WORDS), Preset(r#""text""#);
}

section! {
    /// The store: one SQLite database with one writer.
    Store = "store", Shape::One, None;

    /// Commands in one transaction at most. They share its flush to disk, and its delay.
    batch_max: usize = Count("commands", 1, 4096), Preset("256");
    /// Commands that wait for the writer at most; past it intake answers 503.
    queue_max: usize = Count("commands", 1, 65_536), Preset("1024");
    /// With less free disk intake answers 503, before the disk is full.
    disk_free_min_bytes: u64 = Count("bytes", 0, 1 << 40), Preset("1073741824");
    /// A file given up when the disk is full, so that the outcome of letters in flight is recorded.
    ballast_bytes: u64 = Count("bytes", 0, 1 << 34), Preset("67108864");
    /// The database never grows beyond this. Its last eighth is kept for the outcomes of letters in
    /// flight: with less left intake answers 503. SIGHUP reads this key again, and no other: a full
    /// store is given room without a restart.
    size_bytes_max: u64 = Count("bytes", 1 << 24, 1 << 44), Preset("34359738368");
    /// The write-ahead log is folded back past this many pages, or when the writer is idle.
    checkpoint_pages: u32 = Count("pages", 100, 1_000_000), Preset("1000");
    /// The 32-byte key, in hexadecimal, that wraps epoch keys. Without it nothing stored can be read.
    credential_file: PathBuf = Secret, Required(r#""credential:store""#);
}

section! {
    /// The OpenPGP signature on every letter.
    Signing = "signing", Shape::One, None;

    /// The armored OpenPGP key.
    key_file: PathBuf = Secret, Required(r#""credential:signing""#);
    /// v4 is RFC 4880, which GnuPG 2.2 and sqv read; v6 is RFC 9580, which they do not.
    profile: SignatureProfile = Word(&["v4", "v6"]), Preset(r#""v4""#);
}

section! {
    /// The words of letters.
    Letters = "letters", Shape::One, None;

    /// A folder of templates that replace the built-in ones of the same name.
    templates_dir: Option<PathBuf> = Folder, Optional(r#""/etc/firstbell/templates""#);
}

section! {
    /// Schools, contacts and calendars.
    Directory = "directory", Shape::One, None;

    /// The division of GOV.UK's bank-holidays.json.
    bank_holiday_division: String =
        Word(&["england-and-wales", "scotland", "northern-ireland"]), Preset(r#""england-and-wales""#);
}

//! What can be asked: the arguments, typed.

mod people;
mod routes;
mod simulate;

pub use people::{
    AlarmCommand, CallCommand, CallEnded, CallUndone, Closing, NotificationAct,
    NotificationCommand, Reasoned, ReplyCommand, TaskCommand, TaskDone,
};

pub use routes::{Resume, RouteCommand, Suspend};
pub use simulate::Simulate;

use super::exit::Exit;
use crate::referral::id::{ReferralId, RefusedPostId};
use crate::referral::post::ForceName;
use crate::referral::school::Urn;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the settings are when no `--config` is given.
const CONFIG_DEFAULT: &str = "/etc/firstbell/firstbell.toml";

/// Tells a school, in confidence and in time, about a child affected by domestic abuse.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "firstbell", version, disable_help_subcommand = true)]
pub struct Arguments {
    /// A file of settings; may be repeated, and a later one wins key by key.
    #[arg(long, value_name = "FILE", global = true, default_value = CONFIG_DEFAULT)]
    pub config: Vec<PathBuf>,
    /// Answer in JSON: one object a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the daemon.
    Serve,
    /// Play a night: forces post, relays take letters, schools answer.
    Demo(Demo),
    /// Play years of bad nights against the real scheduler, and judge them.
    Simulate(Simulate),
    /// Tell every fault of the settings.
    CheckConfig,
    /// Post a referral.
    Submit(Submit),
    /// Look at referrals.
    #[command(subcommand)]
    Referral(ReferralCommand),
    /// Look at notifications, and act on them.
    #[command(subcommand)]
    Notification(NotificationCommand),
    /// Ring schools.
    #[command(subcommand)]
    Call(CallCommand),
    /// Read what schools wrote.
    #[command(subcommand)]
    Reply(ReplyCommand),
    /// What people must do.
    #[command(subcommand)]
    Task(TaskCommand),
    /// What needs a person of the gateway's own.
    #[command(subcommand)]
    Alarm(AlarmCommand),
    /// What the desk begins its day with: its list of 06:30.
    Morning,
    /// Letters on their way, oldest first.
    Queue,
    /// Ways out: whether letters go over them.
    #[command(subcommand)]
    Route(RouteCommand),
    /// By when a school must know, and why.
    Deadline(Deadline),
    /// What kind of mail each file holds: a person's reply, an automatic one, a bounce.
    Classify(Classify),
    /// Look up schools.
    #[command(subcommand)]
    School(SchoolCommand),
    /// Schools and contacts.
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Term dates.
    #[command(subcommand)]
    Calendar(CalendarCommand),
    /// The gateway's own keys.
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// `demo`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Demo {
    /// End when every notification has reached its state; exit 0 only if all are as scripted.
    #[arg(long)]
    pub once: bool,
    /// Written when everything listens: where, and with which certificates.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Keep everything here; nothing is removed at exit.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// `submit`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Submit {
    /// The referral, JSON (`oe-referral/1`).
    pub file: PathBuf,
    /// Where to post it: `https://HOST:PORT/v1/referrals`, or the part before the path.
    #[arg(long)]
    pub url: String,
    /// The authority that names the gateway, PEM.
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// The force's client certificate with its chain, PEM.
    #[arg(long, value_name = "FILE")]
    pub certificate: PathBuf,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Makes a repeat harmless; without it, one is made from the body.
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// `referral`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ReferralCommand {
    /// One referral with its notifications.
    Show {
        /// `ref_...`
        #[arg(value_parser = ReferralId::parse)]
        id: ReferralId,
    },
    /// Referrals, latest first.
    List {
        /// Only this force's.
        #[arg(long, value_parser = force)]
        force: Option<ForceName>,
    },
    /// Posts of known forces that were refused; kept seven days.
    #[command(subcommand)]
    Refused(RefusedCommand),
}

/// `referral refused`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum RefusedCommand {
    /// One refused post: who, when and why.
    Show {
        /// `rfp_...`
        #[arg(value_parser = RefusedPostId::parse)]
        id: RefusedPostId,
        /// With what was posted, which is personal.
        #[arg(long)]
        reveal: bool,
    },
    /// Refused posts, latest first.
    List {
        /// Only this force's.
        #[arg(long, value_parser = force)]
        force: Option<ForceName>,
    },
}

/// `deadline`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Deadline {
    /// A folder of directory files; without it, the running configuration's database.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The school.
    #[arg(long, value_parser = urn, required_unless_present = "batch")]
    pub urn: Option<Urn>,
    /// When the referral is accepted, RFC 3339 with offset.
    #[arg(long, value_name = "TIME", required_unless_present = "batch")]
    pub at: Option<Timestamp>,
    /// When the incident happened, RFC 3339 with offset.
    #[arg(long, value_name = "TIME")]
    pub incident: Option<Timestamp>,
    /// Read lines `URN AT [INCIDENT]` from stdin and answer each with an object.
    #[arg(long, conflicts_with_all = ["urn", "at", "incident"])]
    pub batch: bool,
}

/// `classify`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Classify {
    /// Mails as they arrived.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// `school`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum SchoolCommand {
    /// Schools by name, town, postcode or URN.
    Find {
        /// What to look for.
        text: String,
    },
}

/// `directory`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum DirectoryCommand {
    /// Import a folder of directory files.
    Import {
        /// The first import, without a daemon and without a second person.
        #[arg(long, required = true)]
        initial: bool,
        /// The folder.
        folder: PathBuf,
    },
}

/// `calendar`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum CalendarCommand {
    /// Import term dates (`term-dates.csv`), before the first referral is accepted.
    Import {
        /// The file.
        file: PathBuf,
    },
}

/// `keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum KeysCommand {
    /// Make the keys that the settings name and that are not there yet.
    Generate,
    /// The certificate that signs letters, and its fingerprint.
    Show,
}

/// Reads the process's arguments. When they ask for help, or are wrong, the text has been printed
/// and the exit code is returned.
pub fn parse() -> Result<Arguments, Exit> {
    match Arguments::try_parse() {
        Ok(arguments) => Ok(arguments),
        Err(error) => {
            error.print()?;
            Err(exit_of(&error))
        }
    }
}

/// Reads arguments, the program's name first.
pub fn parse_from<I, T>(arguments: I) -> Result<Arguments, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    Arguments::try_parse_from(arguments)
}

/// Asking for help is no mistake; anything else is 64, where clap itself would say 2.
pub fn exit_of(error: &clap::Error) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        Exit::Success
    } else {
        Exit::Usage
    }
}

fn force(text: &str) -> Result<ForceName, &'static str> {
    ForceName::parse(text).ok_or("a force's name is 1 to 32 of a to z, 0 to 9 and -")
}

fn urn(text: &str) -> Result<Urn, &'static str> {
    Urn::parse(text).ok_or("a URN is six or seven digits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, Exit> {
        let words = std::iter::once("firstbell").chain(line.split_whitespace());
        parse_from(words).map_err(|error| exit_of(&error))
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_interface_is_understood() {
        for line in [
            "serve",
            "--config a.toml --config b.toml serve",
            "demo --once --json --ready-file r.json --state-dir s",
            "check-config --config a.toml --json",
            "simulate --seed 7 --years 5 --faults 0.3 --timeline --json",
            "simulate --seed 7 --first-year 3 --timeline ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "submit r.json --url https://localhost:8443 --ca ca.pem --certificate c.pem --key k.pem",
            "referral show ref_01JDA2V8W6E4R8T0Y2V4P6S8D0 --json",
            "referral list --force essex",
            "referral refused list --force essex",
            "referral refused show rfp_01JDA2V8W6E4R8T0Y2V4P6S8D0 --reveal",
            "notification show ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "notification trace ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "notification acknowledge ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --reason rang",
            "notification tell ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --role deputy",
            "notification tell ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --role hub --word",
            "notification hold ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --reason asked",
            "notification release ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --reason asked",
            "notification route ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --urn 123456",
            "call next --reveal",
            "call claim tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "call outcome tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0 no_answer",
            "call outcome tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0 told --role deputy",
            "call word tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "call roll tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0 yes --notification ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "call find marsh end",
            "call inbound 7KQ2-M4XT",
            "call undo tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0 --reason mistyped",
            "call forecast --force essex --days 30",
            "morning --json",
            "reply list --all",
            "reply show inb_01JDA2V8W6E4R8T0Y2V4P6S8D0 --reveal",
            "reply attach inb_01JDA2V8W6E4R8T0Y2V4P6S8D0 --notification ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --verdict received",
            "reply dismiss inb_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "task list --kind read_reply",
            "alarm list --all",
            "alarm show alm_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "alarm claim alm_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "queue",
            "route list",
            "route probe cjsm --json",
            "route suspend cjsm --reason maintenance --until 2026-11-23T06:00:00Z --note planned",
            "route suspend cjsm --from 2026-11-23T01:00:00Z --until 2026-11-23T06:00:00Z --reason test",
            "route resume cjsm --reason over --planned",
            "deadline --json --directory d --urn 123456 --at 2026-11-23T02:00:00+00:00",
            "deadline --urn 123456 --at 2026-11-23T02:00:00Z --incident 2026-11-22T21:40:00Z",
            "deadline --batch --directory d",
            "school find northgate",
            "classify --json a.eml b.eml",
            "directory import --initial d",
            "calendar import term-dates.csv",
            "keys generate",
            "keys show",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn settings_files_are_layers_in_the_order_given_wherever_they_stand() {
        let named = parse("serve --config a.toml --config b.toml").unwrap();
        assert_eq!(named.config, ["a.toml", "b.toml"].map(PathBuf::from));
        assert_eq!(
            parse("serve").unwrap().config,
            [PathBuf::from(CONFIG_DEFAULT)]
        );
        assert!(parse("--json queue").unwrap().json && parse("queue --json").unwrap().json);
    }

    #[test]
    fn a_wrong_command_line_exits_64_and_help_0() {
        for line in [
            "",
            "serv",
            "serve --nope",
            "submit r.json",
            "referral show ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "deadline --urn 12345 --at 2026-11-23T02:00:00Z",
            "deadline --urn 123456",
            "deadline --urn 123456 --at 2026-11-23T02:00:00",
            "deadline --batch --urn 123456",
            "directory import d",
            "classify",
            "notification hold ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "notification tell ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0 --role office",
            "call outcome tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0 told",
            "call outcome tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0 spoke",
            "reply attach inb_01JDA2V8W6E4R8T0Y2V4P6S8D0 --verdict received",
            "task list --kind tea",
            "route suspend cjsm",
            "route suspend CJSM --reason test",
            "route resume cjsm --reason tea",
            "simulate --faults 1.1",
            "simulate --mutant sleeps",
        ] {
            assert_eq!(parse(line), Err(Exit::Usage), "{line}");
        }
        assert_eq!(parse("--help"), Err(Exit::Success));
        assert_eq!(parse("serve --help"), Err(Exit::Success));
        assert_eq!(parse("--version"), Err(Exit::Success));
    }
}

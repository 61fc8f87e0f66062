//! What is done before the first start, without a daemon and under its lock: keys, the first
//! directory, the first calendars.

use super::args::{CalendarCommand, DirectoryCommand, KeysCommand};
use super::exit::Exit;
use super::output::Output;
use super::running::stop_of;
use super::{Stop, load};
use crate::admin::own_user_name;
use crate::clock::Clock;
use crate::config::{Config, Look};
use crate::directory::{read_folder, read_term_dates};
use crate::letter::{Signer, Templates, generate};
use crate::referral::calendar::Scope;
use crate::referral::directory::Directory;
use crate::referral::id::ContactId;
use crate::seal::random;
use crate::service::ServiceFault;
use crate::store::{Basis, Footing, Options, Store};
use jiff::civil::Date;
use serde_json::json;
use std::collections::HashSet;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;

pub(super) async fn directory(
    files: &[PathBuf],
    command: DirectoryCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let DirectoryCommand::Import { initial: _, folder } = command;
    let config = load(files, Look::Away)?;
    let directory = read_directory(&folder, &config.directory.bank_holiday_division, output)
        .map_err(|stop| Stop::new(stop.exit, format!("nothing was imported: {}", stop.words)))?;
    import(&config, directory, output).await
}

pub(super) async fn calendar(
    files: &[PathBuf],
    command: CalendarCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let CalendarCommand::Import { file } = command;
    let config = load(files, Look::Away)?;
    let bytes = std::fs::read(&file)
        .map_err(|error| Stop::new(Exit::Io, format!("{}: {error}", file.display())))?;
    let (rows, warnings) = read_term_dates(&file.display().to_string(), bytes)
        .map_err(|faults| refused("nothing was imported: ", &faults))?;
    warn(&warnings, output)?;
    let readers = super::reading::open(&config).await?;
    let mut directory = readers
        .load_directory()
        .await
        .map_err(|e| Stop::new(Exit::Io, e))?;
    // What a file says of a scope's school year replaces what was known of that year, and only that.
    let years: HashSet<(Scope, i16)> = rows
        .iter()
        .map(|row| (row.scope, school_year(row.start)))
        .collect();
    for rows in directory.calendars.values_mut() {
        rows.retain(|row| !years.contains(&(row.scope, school_year(row.start))));
    }
    for row in rows {
        directory.calendars.entry(row.scope).or_default().push(row);
    }
    for rows in directory.calendars.values_mut() {
        rows.sort_by_key(|row| (row.start, row.kind));
    }
    import(&config, directory, output).await
}

/// The year in which a day's school year began: 1 September to 31 August.
fn school_year(day: Date) -> i16 {
    if day.month() >= 9 {
        day.year()
    } else {
        day.year() - 1
    }
}

/// Reads a folder of directory files; every fault at once, exit 65.
pub(super) fn read_directory(
    folder: &Path,
    division: &str,
    output: Output,
) -> Result<Directory, Stop> {
    let now = Clock::system().now().as_millisecond();
    let milliseconds = u64::try_from(now).unwrap_or(0);
    let mut no_random = false;
    let mut new_id = || {
        let bytes = random().unwrap_or_else(|_| {
            no_random = true;
            [0; 10]
        });
        ContactId::from_parts(milliseconds, bytes)
    };
    // A folder that is not there would look like one whose files are all missing.
    std::fs::read_dir(folder)
        .map_err(|error| Stop::new(Exit::Io, format!("{}: {error}", folder.display())))?;
    let read = read_folder(folder, division, &mut new_id);
    if no_random {
        return Err(Stop::new(
            Exit::Fault,
            "the operating system gave no random bytes",
        ));
    }
    let (directory, warnings) = read.map_err(|faults| refused("", &faults))?;
    warn(&warnings, output)?;
    Ok(directory)
}

fn refused(first: &str, faults: &[impl Display]) -> Stop {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let count = faults.len();
    let words = format!(
        "{first}{count} fault(s) in the directory files\n{}",
        lines.join("\n")
    );
    Stop::new(Exit::BadInput, words)
}

fn warn(warnings: &[impl Display], output: Output) -> Result<(), Stop> {
    for warning in warnings {
        output.message(&format!("warning: {warning}"))?;
    }
    Ok(())
}

async fn import(config: &Config, directory: Directory, output: Output) -> Result<Exit, Stop> {
    let schools = directory.schools.len();
    let version = import_directory(config, directory, Clock::system()).await?;
    let answer = json!({ "version": version, "schools": schools });
    output.answer(&answer, |_| {
        format!("Directory version {version} is live: {schools} school(s). Next: firstbell school find NAME")
    })?;
    Ok(Exit::Success)
}

/// Saves a directory as the next version, under the store's lock; gives the version.
pub(super) async fn import_directory(
    config: &Config,
    directory: Directory,
    clock: Clock,
) -> Result<u32, Stop> {
    resolved(&config.store.credential)?;
    if let Some(route) = directory.unknown_route(|name| config.carries_letters(name)) {
        let words = format!(
            "contacts.csv names the route {route}, which no settings name for letters; nothing was imported"
        );
        return Err(Stop::new(Exit::BadInput, words));
    }
    let templates = Templates::load(config.letter.templates.as_deref())
        .map_err(|fault| Stop::new(Exit::Configuration, fault))?;
    let options = Options {
        clock,
        retry: config.delivery.retries,
        message_id_host: config.letter.host_name.clone(),
        nudge_route: None,
        policies: config.policies.clone(),
        footing: Footing::default(),
        basis: Basis {
            templates_digest: templates.digest(),
            tzdb: crate::clock::zone_data_version(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            config_digest: config.digest(),
        },
    };
    let operator = own_user_name().unwrap_or_default();
    let opened = Store::open(&config.store, options).await;
    let (store, writer) = opened.map_err(|fault| stop_of(&ServiceFault::Store(fault)))?;
    let mut writing = JoinSet::new();
    writing.spawn(writer);
    let imported = store.import_directory(directory, &operator).await;
    let closed = store.close().await;
    let not_stored = |fault| Stop::new(Exit::Io, fault);
    closed.map_err(not_stored)?;
    imported.map_err(not_stored)?.ok_or_else(|| {
        let words = "referrals were accepted already: from now on a change needs two people";
        Stop::new(Exit::No, words)
    })
}

pub(super) fn keys(files: &[PathBuf], command: KeysCommand, output: Output) -> Result<Exit, Stop> {
    let config = load(files, Look::Away)?;
    match command {
        KeysCommand::Generate => make_keys(&config, output)?,
        KeysCommand::Show => {}
    }
    let signer = Signer::load(&config.letter.signing_key, config.letter.profile)
        .map_err(|fault| Stop::new(Exit::Configuration, fault))?;
    let certificate = signer
        .certificate_armored()
        .map_err(|fault| Stop::new(Exit::Configuration, fault))?;
    let answer = json!({ "fingerprint": signer.fingerprint(), "certificate": certificate });
    output.answer(&answer, |_| {
        format!(
            "Letters are signed by {}\n{certificate}",
            signer.fingerprint()
        )
    })?;
    Ok(Exit::Success)
}

/// Makes what is not there; never replaces a key.
fn make_keys(config: &Config, output: Output) -> Result<(), Stop> {
    let credential: [u8; 32] = random().map_err(|fault| Stop::new(Exit::Fault, fault))?;
    let digits: String = credential
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    write_key(&config.store.credential, &digits, output)?;
    let user_id = format!(
        "{} <{}>",
        config.letter.from_name,
        config.letter.from.as_str()
    );
    let now = Clock::system().now();
    let key = generate(&user_id, now, config.letter.profile)
        .map_err(|fault| Stop::new(Exit::Fault, fault))?;
    write_key(&config.letter.signing_key, &key, output)
}

/// A credential that systemd has not handed over stands as `credential:NAME`: no file of that name
/// is ever made or read.
fn resolved(path: &Path) -> Result<&Path, Stop> {
    if path.to_string_lossy().starts_with("credential:") {
        let words = format!(
            "{}: systemd's credentials are not here; run with CREDENTIALS_DIRECTORY set to the folder \
             that holds them",
            path.display()
        );
        return Err(Stop::new(Exit::Configuration, words));
    }
    Ok(path)
}

fn write_key(path: &Path, text: &str, output: Output) -> Result<(), Stop> {
    let path = resolved(path)?;
    let shown = path.display();
    let fault = |error| Stop::new(Exit::Io, format!("{shown}: {error}"));
    if path.exists() {
        output.message(&format!("{shown}: there already, left as it is"))?;
        return Ok(());
    }
    // Beside and renamed: a key that is there is whole.
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(fault)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(fault)?;
    output.message(&format!(
        "{shown}: made; keep a copy in a safe place, apart from the state folder"
    ))?;
    Ok(())
}

//! The demo's schools, contacts, calendars and settings. All made up; the URNs are outside the register.

use super::pki::{Identity, PkiFault, write};
use jiff::civil::Date;
use std::fmt::Write;
use std::path::Path;

const SCHOOLS: &str = "\
URN,LA (code),LA (name),EstablishmentNumber,EstablishmentName,TypeOfEstablishment (name),EstablishmentStatus (name),ReasonEstablishmentClosed (name),PhaseOfEducation (name),OpenDate,CloseDate,StatutoryLowAge,StatutoryHighAge,UKPRN,Street,Locality,Address3,Town,County (name),Postcode,TelephoneNum
990001,881,Essex,2001,Northgate Primary School,Community school,Open,,Primary,,,4,11,,1 North Gate,,,Colchester,Essex,CO1 0AA,01206000001
990002,881,Essex,2002,Harbour View Academy,Academy converter,Open,,Secondary,,,11,18,,2 Quay Street,,,Harwich,Essex,CO12 0AB,01255000002
990003,883,Thurrock,2003,Riverside Primary School,Community school,Open,,Primary,,,4,11,,3 Wharf Road,,,Grays,Essex,RM17 0AC,01375000003
990004,881,Essex,2004,St Cedd's Church of England Primary School,Voluntary aided school,Open,,Primary,,,4,11,,4 Chapel Lane,,,Maldon,Essex,CM9 0AD,01621000004
990005,882,Southend-on-Sea,2005,Chalkwell Bay High School,Foundation school,Open,,Secondary,,,11,18,,5 Esplanade,,,Southend-on-Sea,Essex,SS0 0AE,01702000005
990006,881,Essex,2006,Mill Lane Primary School,Community school,Open,,Primary,,,4,11,,6 School Road,,,Braintree,Essex,CM7 0AF,01376000006
990007,881,Essex,2007,Oakfield Primary School,Community school,Open,,Primary,,,4,11,,7 School Road,,,Chelmsford,Essex,CM1 0AG,01245000007
990008,881,Essex,2008,Beacon Hill Academy,Community school,Open,,Primary,,,4,11,,8 School Road,,,Colchester,Essex,CO2 0AH,01206000008
990009,881,Essex,2009,Fairview Junior School,Community school,Open,,Primary,,,4,11,,9 School Road,,,Basildon,Essex,SS14 0AJ,01268000009
990010,881,Essex,2010,Marsh Road Primary School,Community school,Open,,Primary,,,4,11,,10 School Road,,,Maldon,Essex,CM9 0AK,01621000010
990011,883,Thurrock,2011,Elm Grove Primary School,Community school,Open,,Primary,,,4,11,,11 School Road,,,Grays,Essex,RM17 0AL,01375000011
990012,882,Southend-on-Sea,2012,Kiln Lane Primary School,Community school,Open,,Primary,,,4,11,,12 School Road,,,Southend-on-Sea,Essex,SS1 0AM,01702000012
990013,881,Essex,2013,Saltings Primary School,Community school,Open,,Primary,,,4,11,,13 School Road,,,Harwich,Essex,CO12 0AN,01255000013
";

/// Who may be written to; `mailboxes.rs` says how they answer.
const CONTACTS: &str = "\
urn,role,order,name,address,route,phone,valid_from,valid_to
990001,key_adult,1,Priya Nair,dsl@northgate.sch.test.cjsm.net,cjsm,01206000001,,
990001,deputy,1,Tom Baines,deputy@northgate.sch.test.cjsm.net,cjsm,01206000001,,
990002,key_adult,1,Marta Kowalska,safeguarding@harbourview.sch.test.cjsm.net,cjsm,01255000002,,
990002,deputy,1,Owen Hughes,ohughes@harbourview.sch.test.cjsm.net,cjsm,01255000002,,
990003,key_adult,1,Ade Bello,safeguarding@riverside.sch.test,school,01375000003,,
990003,deputy,1,Jean Marsh,jmarsh@riverside.sch.test,school,01375000003,,
990004,key_adult,1,Ruth Lacey,rlacey@stcedds.sch.test.cjsm.net,cjsm,01621000004,,
990004,deputy,1,Sam Otieno,sotieno@stcedds.sch.test.cjsm.net,cjsm,01621000004,,
990005,key_adult,1,Helen Frost,hfrost@chalkwellbay.sch.test.cjsm.net,cjsm,01702000005,,
990005,deputy,1,Imran Aziz,iaziz@chalkwellbay.sch.test.cjsm.net,cjsm,01702000005,,
990006,key_adult,1,Grace Obi,dsl@milllane.sch.test.cjsm.net,cjsm,01376000006,,
990006,deputy,1,Leo Marsh,lmarsh@milllane.sch.test.cjsm.net,cjsm,01376000006,,
990007,key_adult,1,Kiran Patel,kpatel@oakfield.sch.test.cjsm.net,cjsm,01245000007,,
990007,deputy,1,Jess Wood,jwood@oakfield.sch.test.cjsm.net,cjsm,01245000007,,
990008,key_adult,1,Paul Dunne,dsl@beaconhill.sch.test.cjsm.net,cjsm,01206000008,,
990008,deputy,1,Rina Shah,rshah@beaconhill.sch.test.cjsm.net,cjsm,01206000008,,
990009,key_adult,1,Neil Bray,dsl@fairview.sch.test.cjsm.net,cjsm,01268000009,,
990009,deputy,1,Una Croft,ucroft@fairview.sch.test.cjsm.net,cjsm,01268000009,,
990010,key_adult,1,Carys Jones,dsl@marshroad.sch.test.cjsm.net,cjsm,01621000010,,
990010,deputy,1,Ben Attah,battah@marshroad.sch.test.cjsm.net,cjsm,01621000010,,
990011,key_adult,1,Femi Ade,dsl@elmgrove.sch.test.cjsm.net,cjsm,01375000011,,
990011,deputy,1,Sue Hale,shale@elmgrove.sch.test.cjsm.net,cjsm,01375000011,,
990012,key_adult,1,Dora Pike,dsl@kilnlane.sch.test.cjsm.net,cjsm,01702000012,,
990012,deputy,1,Amir Said,asaid@kilnlane.sch.test.cjsm.net,cjsm,01702000012,,
990013,key_adult,1,Beth Cole,dsl@saltings.sch.test.cjsm.net,cjsm,01255000013,,
990013,deputy,1,Hugh Teal,hteal@saltings.sch.test.cjsm.net,cjsm,01255000013,,
";

/// Authorities of the demo's schools.
const SCOPES: [&str; 3] = ["la:881", "la:882", "la:883"];

/// Writes the directory's files into `folder`; terms for two school years around `today`.
pub(super) fn write_directory(folder: &Path, today: Date) -> Result<(), PkiFault> {
    write(&folder.join("schools.csv"), SCHOOLS)?;
    write(&folder.join("contacts.csv"), CONTACTS)?;
    write(&folder.join("term-dates.csv"), &term_dates(today))?;
    write(
        &folder.join("bank-holidays.json"),
        include_str!("bank-holidays.json"),
    )
}

fn term_dates(today: Date) -> String {
    let mut text = "scope,academic_year,kind,start,end,source\n".to_owned();
    for scope in SCOPES {
        for first in today.year() - 2..=today.year() + 1 {
            let next = first + 1;
            let year = format!("{first}/{:02}", next.rem_euclid(100));
            let rows = [
                ("term", format!("{first}-09-02"), format!("{first}-12-18")),
                (
                    "half-term",
                    format!("{first}-10-26"),
                    format!("{first}-10-30"),
                ),
                ("term", format!("{next}-01-05"), format!("{next}-03-27")),
                (
                    "half-term",
                    format!("{next}-02-16"),
                    format!("{next}-02-20"),
                ),
                ("term", format!("{next}-04-13"), format!("{next}-07-21")),
                (
                    "half-term",
                    format!("{next}-05-25"),
                    format!("{next}-05-29"),
                ),
            ];
            for (kind, start, end) in rows {
                // Writing to a String cannot fail.
                writeln!(
                    text,
                    "{scope},{year},{kind},{start},{end},made up for the demo"
                )
                .unwrap_or_default();
            }
        }
    }
    text
}

/// What the settings name.
pub(super) struct Names<'a> {
    pub(super) folder: &'a Path,
    pub(super) intake: &'a Identity,
    pub(super) relay_client: &'a Identity,
    pub(super) replies: &'a Identity,
    pub(super) cjsm_port: u16,
    pub(super) school_port: u16,
    pub(super) operator: &'a str,
}

/// The settings: what differs from the defaults. `set-2020.toml` is laid over them.
pub(super) fn settings(names: &Names<'_>) -> String {
    let file = |name: &str| names.folder.join(name).display().to_string();
    let (ca, host) = (file("ca.pem"), "gateway.demo.test");
    let Names {
        cjsm_port,
        school_port,
        operator,
        ..
    } = names;
    let mut text = format!(
        r#"[gateway]
host_name = "{host}"
state_dir = "{state}"
from = "desk@{host}"
from_name = "Essex Police Secure Desk"
reply_to = "replies@{host}"

[store]
credential_file = "{credential}"
disk_free_min_bytes = 67108864
ballast_bytes = 1048576

[signing]
key_file = "{signing}"

[intake]
listen = "127.0.0.1:0"
certificate_file = "{intake}"
key_file = "{intake_key}"
client_ca_file = "{ca}"

[metrics]
listen = "127.0.0.1:0"

[operators]
socket = "{socket}"

[[operator]]
unix_user = "{operator}"
name = "Demo Operator"
roles = ["operator"]

[force.essex]
display_name = "Essex Police"

[policy]
desk_phone = "01245 000000"
"#,
        state = file("state"),
        credential = file("credential"),
        signing = file("signing.asc"),
        intake = names.intake.certificate.display(),
        intake_key = names.intake.key.display(),
        socket = file("operators.sock"),
    );
    for (name, port, tls, plus) in [
        ("cjsm", cjsm_port, "starttls", false),
        ("school", school_port, "implicit", true),
    ] {
        // Writing to a String cannot fail.
        write!(
            text,
            r#"
[route.{name}]
host = "localhost"
port = {port}
tls = "{tls}"
roots = "{ca}"
plus_addressing = {plus}
"#
        )
        .unwrap_or_default();
    }
    text + &client_identity(names.relay_client) + &replies_in(names.replies)
}

/// What the last route shows its relay.
fn client_identity(client: &Identity) -> String {
    let (certificate, key) = (client.certificate.display(), client.key.display());
    format!("client_certificate_file = \"{certificate}\"\nclient_key_file = \"{key}\"\n")
}

/// Where answers and reports come in.
fn replies_in(server: &Identity) -> String {
    let (certificate, key) = (server.certificate.display(), server.key.display());
    format!(
        r#"
[replies]
listen_starttls = "127.0.0.1:0"
certificate_file = "{certificate}"
key_file = "{key}"
allowed_relays = ["127.0.0.1/32"]
"#
    )
}

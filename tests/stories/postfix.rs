//! From a force's post to the mailbox, through mail servers that are not ours.

use crate::peers::gnupg::{Keyring, signed_parts};
use crate::peers::postfix::{Postfix, PostfixOptions, Tls, free_port};
use crate::support::daemon::{Daemon, Recipe, SCHOOL, Way};
use crate::support::pki::Pki;
use crate::support::posts::{accepted, facts, referral, trace_in_state, trace_with};
use aws_lc_rs::digest::{SHA256, digest};
use mail_parser::MessageParser;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Open, two contacts over `school`.
const OWN_RELAY_SCHOOL: (&str, &str) = ("990016", "Riverside Primary School");

/// Both relays, their authority, and a daemon that knows them.
struct Scene {
    cjsm: Postfix,
    school: Postfix,
    relays: Pki,
    daemon: Daemon,
}

impl Scene {
    fn new(shows_certificate: bool) -> Self {
        let relays = Pki::new();
        let start = |tls, client_ca, domain| {
            Postfix::start(PostfixOptions {
                tls,
                certificate: &relays.server.certificate,
                key: &relays.server.key,
                client_ca,
                domains: &[domain],
                port: free_port(),
            })
        };
        let cjsm = start(Tls::StartTls, None, "marshend.test.cjsm.net");
        let school = start(Tls::Implicit, Some(relays.ca.as_path()), "riverside.test");
        let way = |name, tls, relay: &Postfix| Way {
            name,
            port: relay.port(),
            tls,
            roots: relays.ca.clone(),
            client: None,
            more: String::new(),
        };
        let mut ways = vec![
            way("cjsm", "starttls", &cjsm),
            way("school", "implicit", &school),
        ];
        ways[1].client = shows_certificate.then(|| relays.essex.clone());
        let daemon = Daemon::made_of(Recipe {
            settings: &[("force.essex.policy.profile", "\"full\"")],
            ways,
            ..Recipe::default()
        });
        Self {
            cjsm,
            school,
            relays,
            daemon,
        }
    }
}

/// What mail software changes: lines that begin with `From ` or a dot, wherever they are broken.
fn awkward() -> String {
    "From . .. .From From ".repeat(45).trim_end().to_owned()
}

fn awkward_referral(number: u32, given_name: &str, school: (&str, &str)) -> Value {
    let mut document = referral(number, given_name, school);
    document["incident"]["circumstances"] = json!(awkward());
    let child = &mut document["children"][0];
    child["known_as"] = json!(".Đỗ");
    child["spoken_to"] = json!("alone");
    child["child_words"] = json!("From here.\n.\nFrom there = away ");
    document
}

#[test]
fn letters_reach_mailboxes_through_real_mail_servers_with_their_seal_whole() {
    let scene = Scene::new(true);
    let certificate = scene.daemon.json(&["keys", "show"])["certificate"].clone();
    let keyring = Keyring::from_armoured(certificate.as_str().unwrap());
    let (leaf, ca) = (&scene.relays.server.certificate, &scene.relays.ca);
    // OpenSSL sends the authorities it knows of along with its own certificate.
    let cases: [(_, _, _, &[&PathBuf]); 2] = [
        (&scene.cjsm, SCHOOL, "Zoë", &[leaf]),
        (
            &scene.school,
            OWN_RELAY_SCHOOL,
            "Łukasz Nguyễn",
            &[leaf, ca],
        ),
    ];
    for ((relay, school, name, chain), number) in cases.into_iter().zip(1..) {
        let posted = accepted(&scene.daemon, &awkward_referral(number, name, school));
        let mails = relay.wait_for(1);
        let trace = trace_in_state(&scene.daemon, &posted, "relayed");
        assert_eq!(trace["values"]["proof"], "handed_over");
        assert_eq!(mails.len(), 1);
        let mail = &mails[0];
        keyring.verify_gpg(mail).unwrap();
        keyring.verify_sqv(mail).unwrap();
        assert_untouched(mail, &trace);
        let (signed, _) = signed_parts(mail);
        let parsed = MessageParser::default().parse(&signed).unwrap();
        let text = parsed.body_text(0).unwrap();
        for said in [name, ".Đỗ", school.1, &awkward()] {
            assert!(text.contains(said), "{said} in {text}");
        }
        assert_tls(&trace, chain);
    }
    let through = String::from_utf8(scene.school.mails().remove(0)).unwrap();
    assert!(through.contains("using TLSv1.3"), "{through}");
    assert!(through.contains("(verified OK)"), "{through}");
}

/// The letter as it was stored before it was sent, byte for byte: Postfix puts its own fields above
/// it, and stores LF.
fn assert_untouched(mail: &[u8], trace: &Value) {
    let mail = std::str::from_utf8(mail).unwrap();
    let (_, ours) = mail.split_once("\nFrom: ").unwrap();
    let sent = format!("From: {ours}").replace('\n', "\r\n");
    assert_eq!(
        hex(digest(&SHA256, sent.as_bytes()).as_ref()),
        trace["letters"][0]["sha256"]
    );
}

/// What the handshake proved is in the trace.
fn assert_tls(trace: &Value, chain: &[&PathBuf]) {
    let ended = facts(trace, "attempt_ended");
    let [ended] = ended.as_slice() else {
        panic!("one attempt: {ended:?}");
    };
    assert_eq!(ended["result"], "done");
    assert_eq!(ended["tls_version"], "TLSv1.3");
    let cipher = ended["tls_cipher"].as_str().unwrap();
    assert!(cipher.starts_with("TLS13_"), "{cipher}");
    let chain = chain
        .iter()
        .map(|file| CertificateDer::from_pem_file(file).unwrap());
    let shown: Vec<u8> = chain.flat_map(|certificate| certificate.to_vec()).collect();
    assert_eq!(ended["chain_digest"], hex(digest(&SHA256, &shown).as_ref()));
}

#[test]
fn a_school_that_wants_our_certificate_gets_no_letter_without_it() {
    let scene = Scene::new(false);
    let posted = accepted(&scene.daemon, &referral(3, "Robin", OWN_RELAY_SCHOOL));
    let trace = trace_with(&scene.daemon, &posted, "attempt_ended", 1);
    let ended = &facts(&trace, "attempt_ended")[0];
    assert_eq!(ended["result"], "later");
    assert_eq!(
        (&ended["phase"], &ended["code"]),
        (&json!("greeting"), &json!(421))
    );
    assert_eq!(facts(&trace, "letter_signed").len(), 1);
    assert_eq!(scene.school.mails().len(), 0);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

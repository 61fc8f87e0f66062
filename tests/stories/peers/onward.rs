//! A Postfix that also speaks back: it sends answers and its own delivery reports on to us, over
//! verified TLS, and knows recipients it can only report on.

use std::path::Path;

/// What [`super::postfix::Postfix`] does besides taking letters.
#[derive(Debug)]
pub(crate) struct Onward<'a> {
    /// Mail to this domain is sent on.
    pub(crate) domain: &'a str,
    /// To this port of 127.0.0.1.
    pub(crate) port: u16,
    /// Where a certificate of this authority must name `localhost`.
    pub(crate) ca: &'a Path,
    /// Refused for now whenever somebody writes to them, as greylisting does.
    pub(crate) later: &'a [&'a str],
    /// Taken, and found to have no mailbox only then.
    pub(crate) unknown: &'a [&'a str],
    /// Taken, and never reached: reported as delayed at once, as failed after three seconds.
    pub(crate) unreached: &'a [&'a str],
}

impl Onward<'_> {
    /// smtp(8), which reaches what the transport map names and nothing else.
    pub(super) const SERVICE: &'static str = "smtp unix - - n - - smtp\n";

    /// Lines of `main.cf`.
    pub(super) fn main_cf(&self) -> String {
        let (domain, port) = (self.domain, self.port);
        // No server listens on tcpmux.
        let unreached = table(self.unreached, "smtp:[127.0.0.1]:1");
        let mut lines = format!(
            "\
relay_domains = {domain}
transport_maps = inline:{{ {unreached}{{{domain} = smtp:[127.0.0.1]:{port}}} }}
smtp_tls_CAfile = {ca}
smtp_tls_security_level = encrypt
smtp_tls_policy_maps = inline:{{ {{[127.0.0.1]:{port} = secure match=localhost}} }}
smtp_tls_loglevel = 1
smtpd_reject_unlisted_recipient = no
delay_warning_time = 1s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
maximal_queue_lifetime = 3s
bounce_queue_lifetime = 3s
",
            ca = self.ca.display(),
        );
        if !self.later.is_empty() {
            let later = table(self.later, "450 4.2.0 come again");
            lines += &format!(
                "smtpd_recipient_restrictions = check_recipient_access inline:{{ {later} }}\n"
            );
        }
        if !self.unknown.is_empty() {
            let unknown = self.unknown.join("|").replace('.', "\\.");
            lines += &format!("virtual_mailbox_maps = regexp:{{ {{!/^({unknown})/ mail/}} }}\n");
        }
        lines
    }
}

/// Entries of an inline table, the same for each of these addresses.
fn table(addresses: &[&str], value: &str) -> String {
    let entries = addresses.iter();
    entries
        .map(|address| format!("{{{address} = {value}}}, "))
        .collect()
}

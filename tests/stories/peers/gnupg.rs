//! Our signatures as others see them: GnuPG, and Sequoia's `sqv` as a separate program.
//!
//! The message is cut here by hand and strictly (RFC 3156, section 5; RFC 2046, section 5.1.1), not with
//! the library that the letters are made and read with: a shared mistake would go unseen.

use std::fs::{self, Permissions};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// One certificate, in a place of its own.
#[derive(Debug)]
pub(crate) struct Keyring {
    home: TempDir,
}

impl Keyring {
    pub(crate) fn from_armoured(certificate: &str) -> Self {
        let keyring = Keyring {
            home: tempfile::tempdir().unwrap(),
        };
        // Without which gpg complains in every answer.
        fs::set_permissions(keyring.home.path(), Permissions::from_mode(0o700)).unwrap();
        let file = keyring.certificate();
        fs::write(&file, certificate).unwrap();
        let imported = keyring.gpg().arg("--import").arg(&file).output().unwrap();
        assert!(
            imported.status.success(),
            "gpg does not take the certificate:\n{}",
            words(&imported)
        );
        keyring
    }

    /// `Ok` with gpg's status lines if the signature is good and its key neither expired nor revoked.
    pub(crate) fn verify_gpg(&self, eml: &[u8]) -> Result<String, String> {
        verify(eml, |signature, data| {
            let mut gpg = self.gpg();
            gpg.args(["--status-fd", "1", "--verify"])
                .arg(signature)
                .arg(data);
            gpg
        })
        .and_then(|said| {
            // An expired key's signature is EXPKEYSIG in place of GOODSIG, with exit status 0.
            let has = |status: &str| said.lines().any(|line| line.starts_with(status));
            if has("[GNUPG:] GOODSIG ") && has("[GNUPG:] VALIDSIG ") {
                Ok(said)
            } else {
                Err(said)
            }
        })
    }

    /// `Ok` with the fingerprint that `sqv` prints for a good signature.
    pub(crate) fn verify_sqv(&self, eml: &[u8]) -> Result<String, String> {
        verify(eml, |signature, data| {
            let mut sqv = Command::new("sqv");
            sqv.arg("--keyring")
                .arg(self.certificate())
                .arg(signature)
                .arg(data);
            sqv
        })
    }

    fn certificate(&self) -> PathBuf {
        self.home.path().join("certificate.asc")
    }

    fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.env("LC_ALL", "C")
            .arg("--homedir")
            .arg(self.home.path())
            // Public keys need no agent, and one left running would outlive the test.
            .args(["--batch", "--no-tty", "--no-autostart"])
            .args(["--trust-model", "always"]);
        gpg
    }
}

/// The exact signed bytes and the armoured signature of a multipart/signed message. Line ends of LF
/// alone, as a maildir has them, are taken for CRLF.
pub(crate) fn signed_parts(eml: &[u8]) -> (Vec<u8>, Vec<u8>) {
    cut(eml).expect("an RFC 3156 multipart/signed message")
}

fn verify(eml: &[u8], command: impl FnOnce(&Path, &Path) -> Command) -> Result<String, String> {
    let (data, signature) = cut(eml)?;
    let place = tempfile::tempdir().unwrap();
    let (data_file, signature_file) = (place.path().join("data"), place.path().join("data.asc"));
    fs::write(&data_file, data).unwrap();
    fs::write(&signature_file, signature).unwrap();
    let output = command(&signature_file, &data_file)
        .output()
        .expect("gpg and sqv are installed (tests/packages)");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(words(&output))
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn cut(eml: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let eml = with_crlf(eml);
    let (header, body) = split_header(&eml)?;
    let content_type = field(&header, "Content-Type")?.ok_or("no Content-Type")?;
    if media_type(&content_type) != "multipart/signed" {
        return Err(format!("not multipart/signed: {content_type}"));
    }
    if parameter(&content_type, "protocol").as_deref() != Some("application/pgp-signature") {
        return Err(format!("another protocol: {content_type}"));
    }
    let boundary = parameter(&content_type, "boundary").ok_or("no boundary")?;

    let lines = delimiter_lines(body, &format!("--{boundary}"));
    let end = delimiter_lines(body, &format!("--{boundary}--"));
    let ([first, second], [last]) = (lines.as_slice(), end.as_slice()) else {
        let (parts, ends) = (lines.len(), end.len());
        return Err(format!("{parts} parts and {ends} ends, not two and one"));
    };
    // The CRLF before a delimiter belongs to the delimiter.
    let part = |from: &Range<usize>, to: &Range<usize>| {
        let end = to.start.checked_sub(b"\r\n".len());
        end.and_then(|end| body.get(from.end..end))
            .ok_or("a delimiter out of place")
    };
    let signed = part(first, second)?;
    let signature = signature_body(part(second, last)?)?;
    Ok((signed.to_vec(), signature))
}

fn signature_body(part: &[u8]) -> Result<Vec<u8>, String> {
    let (header, body) = split_header(part)?;
    let content_type = field(&header, "Content-Type")?.unwrap_or_default();
    if media_type(&content_type) != "application/pgp-signature" {
        return Err(format!("the second part is no signature: {content_type}"));
    }
    match field(&header, "Content-Transfer-Encoding")? {
        Some(encoding) if !encoding.eq_ignore_ascii_case("7bit") => {
            Err(format!("the signature is encoded: {encoding}"))
        }
        _ => Ok(body.to_vec()),
    }
}

fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    for byte in bytes {
        if *byte == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// The header, unfolded (RFC 5322, section 2.2.3), and the body after the empty line.
fn split_header(bytes: &[u8]) -> Result<(String, &[u8]), String> {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or("no end of the header")?;
    let (header, rest) = bytes.split_at(end);
    let unfolded = String::from_utf8_lossy(header)
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    Ok((unfolded, rest.get(4..).unwrap_or_default()))
}

fn field(header: &str, name: &str) -> Result<Option<String>, String> {
    let mut found = header
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned());
    let value = found.next();
    // Which of two a reader believes is anybody's guess.
    match found.next() {
        Some(_) => Err(format!("{name} twice")),
        None => Ok(value),
    }
}

fn media_type(content_type: &str) -> String {
    let name = content_type.split(';').next().unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// Enough for the parameters of RFC 3156: none of their values holds a semicolon or an escape.
fn parameter(content_type: &str, name: &str) -> Option<String> {
    content_type
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

/// Where the lines are that consist of the delimiter and at most trailing blanks, their CRLF included.
fn delimiter_lines(body: &[u8], delimiter: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    body.split_inclusive(|byte| *byte == b'\n')
        .filter_map(|line| {
            let range = start..start + line.len();
            start = range.end;
            (line.trim_ascii_end() == delimiter.as_bytes()).then_some(range)
        })
        .collect()
}

//! Looking for words in bytes, however they may have been written there.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

/// A needle is found by its first bytes; nothing shorter would be told from chance.
const BYTES_MIN: usize = 6;

/// What is looked for: words, each with the name that a find is reported under.
#[derive(Default)]
pub(super) struct Needles {
    /// Bytes, name and form.
    all: Vec<(Vec<u8>, String)>,
    by_start: HashMap<[u8; 2], Vec<usize>>,
}

impl Needles {
    pub(super) fn new<'a>(words: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut needles = Self::default();
        for (name, word) in words {
            for (form, bytes) in forms(word) {
                needles.add(bytes, format!("{name} as {form}"));
            }
        }
        needles
    }

    fn add(&mut self, bytes: Vec<u8>, name: String) {
        assert!(bytes.len() >= BYTES_MIN, "{name} is too short");
        let start = [bytes[0], bytes[1]];
        self.by_start.entry(start).or_default().push(self.all.len());
        self.all.push((bytes, name));
    }

    /// The names and forms that occur, each once.
    pub(super) fn in_bytes(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (at, start) in bytes.windows(2).enumerate() {
            let candidates = self.by_start.get(start).into_iter().flatten();
            for (needle, name) in candidates.map(|place| &self.all[*place]) {
                if bytes[at..].starts_with(needle) {
                    found.insert(name.clone());
                }
            }
        }
        found
    }

    /// The same for every file under a folder, names of files included; gives the number of bytes
    /// looked at too.
    pub(super) fn in_folder(&self, folder: &Path) -> (BTreeSet<String>, usize) {
        let (mut found, mut looked_at) = (BTreeSet::new(), 0);
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                let entries = fs::read_dir(&path).unwrap();
                waiting.extend(entries.map(|entry| entry.unwrap().path()));
                continue;
            }
            let name = path.display().to_string();
            // A database in use may lose its log between the listing and the reading.
            let bytes = fs::read(&path).unwrap_or_default();
            looked_at += bytes.len();
            let here = self.in_bytes(&bytes);
            let named = self.in_bytes(name.as_bytes());
            found.extend(here.union(&named).map(|what| format!("{name}: {what}")));
        }
        (found, looked_at)
    }
}

/// A word in every spelling and encoding that software of this kind writes.
fn forms(word: &str) -> Vec<(&'static str, Vec<u8>)> {
    // Search keys fold accents away.
    let plain: String = word
        .chars()
        .map(|c| if c == 'é' { 'e' } else { c })
        .collect();
    let spellings: BTreeSet<String> = [word, &plain]
        .iter()
        .flat_map(|word| [(*word).to_owned(), word.to_lowercase(), word.to_uppercase()])
        .collect();
    let mut forms = Vec::new();
    for spelling in &spellings {
        let bytes = spelling.as_bytes();
        forms.push(("text", bytes.to_vec()));
        let units = || spelling.encode_utf16();
        forms.push(("UTF-16LE", units().flat_map(u16::to_le_bytes).collect()));
        forms.push(("UTF-16BE", units().flat_map(u16::to_be_bytes).collect()));
        for shift in 0..3 {
            forms.push(("base64", base64_within(bytes, shift)));
        }
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(("hexadecimal", digits.to_uppercase().into_bytes()));
        forms.push(("hexadecimal", digits.into_bytes()));
        if !spelling.is_ascii() {
            let escaped = |write: &dyn Fn(char) -> String| {
                let each = spelling.chars().map(|c| match c {
                    c if c.is_ascii() => c.to_string(),
                    c => write(c),
                });
                each.collect::<String>().into_bytes()
            };
            let bytes_as = |c: char, mark: char| -> String {
                let mut buffer = [0; 4];
                let bytes = c.encode_utf8(&mut buffer).bytes();
                bytes.map(|byte| format!("{mark}{byte:02X}")).collect()
            };
            forms.push(("quoted-printable", escaped(&|c| bytes_as(c, '='))));
            forms.push(("percent-encoding", escaped(&|c| bytes_as(c, '%'))));
            let json = |c| format!("\\u{:04x}", u32::from(c));
            forms.push(("JSON escapes", escaped(&json)));
            forms.push(("Rust escapes", escaped(&|c| c.escape_unicode().to_string())));
        }
    }
    forms
}

/// The characters of base64 that depend on the word alone when it stands behind this many bytes of
/// a group of three.
fn base64_within(word: &[u8], shift: usize) -> Vec<u8> {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(word);
    let encoded = base64(&bytes);
    let from = (shift * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    encoded[from..to].to_vec()
}

/// RFC 4648, section 4, without padding.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = Vec::new();
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..group.len()].copy_from_slice(group);
        let [a, b, c] = three.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for place in 0..=group.len() {
            let six = bits >> (18 - 6 * place) & 63;
            encoded.push(ALPHABET[usize::try_from(six).unwrap()]);
        }
    }
    encoded
}

const PLANTED: &str = "Zqbaxébaxjx";

#[test]
fn a_planted_leak_is_found_in_every_form() {
    let needles = Needles::new([("/children/*/given_name", PLANTED)]);
    let plants = [
        ("text", "name=Zqbaxébaxjx;".as_bytes().to_vec()),
        ("text", b"SELECT 'zqbaxebaxjx'".to_vec()),
        ("text", "ZQBAXÉBAXJX".as_bytes().to_vec()),
        (
            "UTF-16LE",
            PLANTED.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "UTF-16BE",
            PLANTED.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
        (
            "base64",
            base64(format!("{{\"a\":\"{PLANTED}\"}}").as_bytes()),
        ),
        (
            "base64",
            base64(format!("{{\"ab\":\"{PLANTED}\"}}").as_bytes()),
        ),
        (
            "base64",
            base64(format!("{{\"abc\":\"{PLANTED}\"}}").as_bytes()),
        ),
        ("quoted-printable", b"Child: Zqbax=C3=A9baxjx (".to_vec()),
        ("percent-encoding", b"?name=Zqbax%C3%A9baxjx".to_vec()),
        ("JSON escapes", br#"{"name":"Zqbax\u00e9baxjx"}"#.to_vec()),
        ("hexadecimal", b"X'5a71626178c3a96261786a78'".to_vec()),
    ];
    let noise: Vec<u8> = (0..=u8::MAX).cycle().take(5000).collect();
    assert!(needles.in_bytes(&noise).is_empty());
    for (form, plant) in plants {
        let bytes = [&noise, plant.as_slice(), &noise].concat();
        let found = needles.in_bytes(&bytes);
        let wanted = format!("/children/*/given_name as {form}");
        assert!(found.contains(&wanted), "{form}: {found:?}");
    }
}

#[test]
fn a_leak_planted_in_a_folder_is_found_in_what_lies_there_and_in_names() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("epochs");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("key"), b"nothing here").unwrap();
    let needles = Needles::new([("word", "Zqbaxbaxjx")]);
    assert_eq!(needles.in_folder(folder.path()), (BTreeSet::new(), 12));
    fs::write(inner.join("key"), b"... zqbaxbaxjx ...").unwrap();
    assert_eq!(needles.in_folder(folder.path()).0.len(), 1);
    fs::write(inner.join("key"), b"nothing here").unwrap();
    fs::write(inner.join("Zqbaxbaxjx.eml"), b"").unwrap();
    assert_eq!(needles.in_folder(folder.path()).0.len(), 1);
}

//! Names of schools, compared: police, robots and the register write one school in many ways.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What two spellings of one school's name share: case, accents, punctuation and the usual
/// abbreviations are gone. Equal keys mean the same name; a key is never shown to a person.
pub fn name_key(name: &str) -> String {
    let words = plain_words(name);
    let short = shortened(&words);
    let telling: Vec<&str> = short
        .iter()
        .copied()
        .filter(|word| !SILENT.contains(word))
        .collect();
    if telling.is_empty() {
        short.join(" ")
    } else {
        telling.join(" ")
    }
}

/// How alike two names are, from 0.0 to 1.0 (the same name). The order of words counts little, so
/// that "Primary School, Northgate" finds "Northgate Primary School".
pub fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (name_key(a), name_key(b));
    let as_written = strsim::normalized_damerau_levenshtein(&a, &b);
    let in_order = strsim::normalized_damerau_levenshtein(&sorted(&a), &sorted(&b));
    as_written.max(in_order)
}

/// Whether a recorded name is the register's, with or without the town after it
/// ("St Mary's Primary, Chelmsford").
pub fn same_name(recorded: &str, register: &str, town: Option<&str>) -> bool {
    let (recorded, register) = (name_key(recorded), name_key(register));
    let town = town.map(name_key).filter(|town| !town.is_empty());
    let bare = |key: &str| -> String {
        let without = town.as_deref().and_then(|town| key.strip_suffix(town));
        match without.map(str::trim_end) {
            Some(rest) if !rest.is_empty() => rest.to_owned(),
            Some(_) | None => key.to_owned(),
        }
    };
    recorded == register || bare(&recorded) == bare(&register)
}

/// Words that tell no school from another: many a writer leaves them out.
const SILENT: [&str; 2] = ["the", "school"];

/// Runs of words and the one word that stands for them; a longer run stands before a shorter one
/// that it begins with.
const SHORT: &[(&[&str], &str)] = &[
    (&["church", "of", "england"], "ce"),
    (&["c", "of", "e"], "ce"),
    (&["cofe"], "ce"),
    (&["c", "e"], "ce"),
    (&["roman", "catholic"], "rc"),
    (&["r", "c"], "rc"),
    (&["catholic"], "rc"),
    (&["voluntary", "aided"], "va"),
    (&["voluntary", "controlled"], "vc"),
    (&["v", "a"], "va"),
    (&["v", "c"], "vc"),
    (&["saint"], "st"),
    (&["saints"], "ss"),
    (&["sts"], "ss"),
    (&["prim"], "primary"),
    (&["pri"], "primary"),
    (&["acad"], "academy"),
    (&["jnr"], "junior"),
    (&["jun"], "junior"),
    (&["jr"], "junior"),
    (&["juniors"], "junior"),
    (&["inf"], "infant"),
    (&["infants"], "infant"),
    (&["sec"], "secondary"),
    (&["comp"], "comprehensive"),
    (&["coll"], "college"),
    (&["col"], "college"),
    (&["comm"], "community"),
    (&["meth"], "methodist"),
    (&["nurs"], "nursery"),
    (&["gram"], "grammar"),
    (&["sch"], "school"),
    (&["schl"], "school"),
    (&["schools"], "school"),
];

/// Lower-case words of plain letters and digits. An apostrophe joins ("James's" is "jamess"),
/// "&" is "and", every other sign separates.
fn plain_words(name: &str) -> Vec<String> {
    let mut text = String::with_capacity(name.len());
    for letter in name.nfd().filter(|c| !is_combining_mark(*c)) {
        match letter {
            '\'' | '\u{2018}' | '\u{2019}' | '\u{02BC}' | '`' | '\u{00B4}' => {}
            '&' => text.push_str(" and "),
            'ł' | 'Ł' => text.push('l'),
            'ø' | 'Ø' => text.push('o'),
            'đ' | 'Đ' | 'ð' | 'Ð' => text.push('d'),
            'æ' | 'Æ' => text.push_str("ae"),
            'œ' | 'Œ' => text.push_str("oe"),
            'ß' => text.push_str("ss"),
            'þ' | 'Þ' => text.push_str("th"),
            'ı' => text.push('i'),
            other if other.is_alphanumeric() => text.extend(other.to_lowercase()),
            _ => text.push(' '),
        }
    }
    text.split_whitespace().map(str::to_owned).collect()
}

fn shortened(words: &[String]) -> Vec<&str> {
    let mut short = Vec::with_capacity(words.len());
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        let run = SHORT.iter().find(|(run, _)| {
            rest.len() >= run.len() && rest.iter().zip(*run).all(|(word, part)| word == part)
        });
        match run {
            Some((run, word)) => {
                short.push(*word);
                rest = rest.get(run.len()..).unwrap_or_default();
            }
            None => {
                short.push(first.as_str());
                rest = after;
            }
        }
    }
    short
}

fn sorted(key: &str) -> String {
    let mut words: Vec<&str> = key.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for spellings in [
            &[
                "St Mary's Church of England Primary School",
                "Saint Marys C of E Prim Sch",
                "ST. MARY\u{2019}S C.E. PRIMARY",
                "The St Mary's CofE Primary School",
                "St Mary's (C.of.E.) Primary School",
            ][..],
            &[
                "St Peter and St Paul Roman Catholic Academy",
                "St. Peter & Saint Paul RC Acad",
                "St Peter and St Paul Catholic Academy",
                "St Peter & St Paul R.C. Academy",
            ],
            &[
                "Far Quay Jnr and Infants School",
                "Far Quay Junior & Infant",
            ],
            &["Ysgol Dŵr-y-Felin", "YSGOL DWR Y FELIN"],
            &["The School", "the school."],
        ] {
            let first = name_key(spellings[0]);
            assert!(!first.is_empty());
            for spelling in spellings {
                assert_eq!(name_key(spelling), first, "{spelling}");
            }
        }
    }

    #[test]
    fn different_schools_keep_different_keys() {
        for (a, b) in [
            ("Northgate Infant School", "Northgate Junior School"),
            ("St Mary's CofE Primary", "St Mary's RC Primary"),
            ("St Mary's Primary", "St Margaret's Primary"),
            ("Northgate Academy", "Northgate College"),
            ("日本人学校", "Japanese School"),
        ] {
            assert_ne!(name_key(a), name_key(b), "{a}");
        }
        assert_eq!(name_key(" .,- "), "");
    }

    #[test]
    fn a_town_after_the_name_changes_nothing() {
        let register = "St Mary's Primary School";
        let town = Some("Chelmsford");
        assert!(same_name("St Marys Primary, Chelmsford", register, town));
        assert!(!same_name("St Marys Primary, Braintree", register, town));
        assert!(!same_name("Chelmsford", "Northgate", town));
    }

    #[test]
    fn likeness_ignores_the_order_of_words_and_forgives_a_slip() {
        let same = similarity("Northgate Primary School", "Primary School, Northgate");
        assert!((same - 1.0).abs() < 1e-9, "{same}");
        let slip = similarity("Norhtgate Prim", "Northgate Primary School");
        let other = similarity("Far Quay Primary School", "Northgate Primary School");
        assert!(slip > 0.9 && other < slip, "{slip} {other}");
    }
}

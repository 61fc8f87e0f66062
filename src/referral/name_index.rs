//! Finds the few schools of a large register that may be meant by a name, a town or a postcode,
//! so that ranking them compares some hundreds of names and not fifty thousand.

use super::names::name_key;
use super::school::{LaCode, School, SchoolStatus, Urn};
use std::collections::HashMap;
use std::sync::OnceLock;

/// A clue that more schools than this share says too little to be followed. Every English
/// authority has fewer schools, and so has every name that is worth a suggestion.
const SHARED_BY_MAX: usize = 2_500;

/// Schools handed on to be compared by name. More than any town has.
const CANDIDATES_MAX: usize = 250;

/// What is known of a school that is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its name, as somebody recorded it.
    pub name: &'a str,
    /// Its town.
    pub town: Option<&'a str>,
    /// Its postcode, in any spelling.
    pub postcode: Option<&'a str>,
    /// Its authority.
    pub la_code: Option<LaCode>,
}

/// The open schools of a directory by word of their name, town, postcode and authority.
/// Built from the directory's schools when it is first asked, once.
///
/// A clone is empty and builds its own: who clones a directory means to change it.
#[derive(Debug, Default)]
pub struct NameIndex(OnceLock<HashMap<Clue, Vec<Urn>>>);

impl Clone for NameIndex {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Clue {
    Word(String),
    /// The first letters of a longer word, which a slip of the pen further on leaves.
    Start(String),
    Town(String),
    Postcode(String),
    /// The first half of a postcode: its post town or quarter.
    District(String),
    Authority(LaCode),
}

impl NameIndex {
    /// Builds the index now, so that the first search need not: tens of milliseconds for a whole
    /// register. Building it again does nothing.
    pub fn build(&self, schools: &HashMap<Urn, School>) {
        self.postings(schools);
    }

    /// The open schools that share the most telling clues with the one wanted, the most telling
    /// first, at most [`CANDIDATES_MAX`]. The same answer for the same directory, always.
    pub(crate) fn candidates(
        &self,
        schools: &HashMap<Urn, School>,
        wanted: &Wanted<'_>,
    ) -> Vec<Urn> {
        let postings = self.postings(schools);
        let mut shared: HashMap<Urn, usize> = HashMap::new();
        for clue in clues(wanted) {
            let holders = postings.get(&clue).map(Vec::as_slice).unwrap_or_default();
            if holders.len() <= SHARED_BY_MAX {
                let weight = SHARED_BY_MAX / holders.len().max(1);
                for urn in holders {
                    *shared.entry(*urn).or_default() += weight.max(1);
                }
            }
        }
        let mut ranked: Vec<(Urn, usize)> = shared.into_iter().collect();
        ranked.sort_by_key(|(urn, weight)| (std::cmp::Reverse(*weight), *urn));
        ranked.truncate(CANDIDATES_MAX);
        ranked.into_iter().map(|(urn, _)| urn).collect()
    }

    fn postings(&self, schools: &HashMap<Urn, School>) -> &HashMap<Clue, Vec<Urn>> {
        self.0.get_or_init(|| {
            let mut postings: HashMap<Clue, Vec<Urn>> = HashMap::new();
            for school in schools.values() {
                if school.status == SchoolStatus::Open {
                    for clue in clues(&Wanted::from(school)) {
                        postings.entry(clue).or_default().push(school.urn);
                    }
                }
            }
            postings
        })
    }
}

impl<'a> From<&'a School> for Wanted<'a> {
    fn from(school: &'a School) -> Self {
        Self {
            name: &school.name,
            town: school.town.as_deref(),
            postcode: school.postcode.as_deref(),
            la_code: school.la_code,
        }
    }
}

/// Each clue once, whatever a name repeats.
fn clues(wanted: &Wanted<'_>) -> Vec<Clue> {
    let key = name_key(wanted.name);
    let mut words: Vec<&str> = key.split_whitespace().collect();
    words.sort_unstable();
    words.dedup();
    let mut clues: Vec<Clue> = words
        .iter()
        .map(|word| Clue::Word((*word).to_owned()))
        .collect();
    let mut starts: Vec<String> = words.iter().filter_map(|word| start(word)).collect();
    starts.dedup();
    clues.extend(starts.into_iter().map(Clue::Start));
    clues.extend(wanted.town.map(|town| Clue::Town(town.to_lowercase())));
    if let Some(postcode) = wanted.postcode.map(postcode_key) {
        let district = postcode.len().saturating_sub(INWARD_LENGTH);
        clues.extend(
            postcode
                .get(..district)
                .map(|d| Clue::District(d.to_owned())),
        );
        clues.push(Clue::Postcode(postcode));
    }
    clues.extend(wanted.la_code.map(Clue::Authority));
    clues
}

/// Letters of a word's start: enough to tell most names apart.
const START_LETTERS: usize = 4;

fn start(word: &str) -> Option<String> {
    let start: String = word.chars().take(START_LETTERS).collect();
    (start.len() < word.len()).then_some(start)
}

/// The second half of every United Kingdom postcode is a digit and two letters.
const INWARD_LENGTH: usize = 3;

/// What two spellings of one postcode share.
pub(crate) fn postcode_key(postcode: &str) -> String {
    postcode
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(count: u32) -> HashMap<Urn, School> {
        (0..count)
            .map(|n| {
                let urn = Urn::parse(&format!("{}", 100_000 + n)).unwrap();
                let school = School {
                    urn,
                    name: format!("Saint Mary's Primary School {}", n % 9_000),
                    la_code: LaCode::parse(&format!("{:03}", n % 150)),
                    status: SchoolStatus::Open,
                    low_age: None,
                    high_age: None,
                    town: Some(format!("Town {}", n % 1_200)),
                    postcode: Some(format!("CM{} {}AA", n % 99, n % 9)),
                    telephone: None,
                };
                (urn, school)
            })
            .collect()
    }

    #[test]
    fn a_large_register_yields_few_candidates_with_the_one_meant_first() {
        let schools = register(50_000);
        let index = NameIndex::default();
        let wanted = Wanted {
            name: "St Marys Prim School 4321",
            town: Some("TOWN 721"),
            postcode: Some("cm64"),
            la_code: LaCode::parse("121"),
        };
        let found = index.candidates(&schools, &wanted);
        assert!(found.len() <= CANDIDATES_MAX);
        let best = found.first().and_then(|urn| schools.get(urn)).unwrap();
        assert_eq!(best.name, "Saint Mary's Primary School 4321");
        assert_eq!(best.town.as_deref(), Some("Town 721"));
    }

    #[test]
    fn a_slip_of_the_pen_still_finds_the_school() {
        let mut schools = register(3);
        let urn = Urn::parse("100001").unwrap();
        schools.get_mut(&urn).unwrap().name = "Northgate Primary School".to_owned();
        let wanted = Wanted {
            name: "Nortgate Prim",
            town: None,
            postcode: None,
            la_code: None,
        };
        let found = NameIndex::default().candidates(&schools, &wanted);
        assert_eq!(found.first(), Some(&urn));
    }

    #[test]
    fn words_that_half_the_register_shares_find_nothing() {
        let schools = register(10_000);
        let wanted = Wanted {
            name: "The Primary School",
            town: None,
            postcode: None,
            la_code: None,
        };
        assert_eq!(NameIndex::default().candidates(&schools, &wanted), []);
    }

    #[test]
    fn a_changed_clone_of_a_directory_is_searched_afresh() {
        let mut schools = register(3);
        let index = NameIndex::default();
        index.build(&schools);
        let copy = index.clone();
        schools.values_mut().for_each(|school| {
            school.name = "Hilltop Academy".to_owned();
        });
        let wanted = Wanted {
            name: "Hilltop",
            town: None,
            postcode: None,
            la_code: None,
        };
        assert_eq!(copy.candidates(&schools, &wanted).len(), 3);
    }
}

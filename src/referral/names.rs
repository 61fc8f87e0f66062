//! Names of schools, compared as people write them.

/// What two spellings of one school's name share: lower-case words with one blank between them.
pub fn name_key(name: &str) -> String {
    let lower = name.to_lowercase().replace(['\'', '’'], "");
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !matches!(*word, "" | "the" | "school"))
        .map(|word| match word {
            "st" => "saint",
            "prim" => "primary",
            "acad" => "academy",
            "jnr" => "junior",
            other => other,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// How alike two names are: 0 for nothing in common, 1 for the same key.
pub fn similarity(a: &str, b: &str) -> f64 {
    strsim::normalized_levenshtein(&name_key(a), &name_key(b))
}

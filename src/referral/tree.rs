//! A document as a tree of plain values: what the field table reads, whatever it was written in.

/// One value.
#[derive(Clone, PartialEq)]
pub enum Tree {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number that is a whole one.
    Whole(i64),
    /// Any other number, as text.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Members in the order they were written; no name twice.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// A map without these members; any other value as it is.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        match self {
            Self::Map(members) => {
                let kept = members
                    .iter()
                    .filter(|(name, _)| !names.contains(&name.as_str()));
                Self::Map(kept.cloned().collect())
            }
            Self::Null
            | Self::Bool(_)
            | Self::Whole(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::List(_) => self.clone(),
        }
    }

    /// A member of a map.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Self::Map(members) => members
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value),
            Self::Null
            | Self::Bool(_)
            | Self::Whole(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::List(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Whole(_)
            | Self::Number(_)
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tree(..)")
    }
}

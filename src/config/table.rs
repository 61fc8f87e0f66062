//! What a key and a section are, and the macro that says each key once: it makes the row of the
//! table and the typed field from the same line.

use super::kind::Kind;

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name; durations end in `_s`, sizes in `_bytes` or `_bytes_max`.
    pub(super) name: &'static str,
    /// What it means, a line each.
    pub(super) doc: &'static [&'static str],
    /// What it admits.
    pub(super) kind: Kind,
    /// What holds when it is not given.
    pub(super) presence: Presence,
}

/// What holds when a key is not given. The texts are TOML values.
#[derive(Debug)]
pub(super) enum Presence {
    /// That is a fault. An example, for the sample file.
    Required(&'static str),
    /// There is none of it. An example, for the sample file.
    Optional(&'static str),
    /// This default.
    Preset(&'static str),
}

/// One section.
#[derive(Debug)]
pub(super) struct Section {
    /// The first word of its header.
    pub(super) name: &'static str,
    /// What it is about, a line each.
    pub(super) doc: &'static [&'static str],
    /// How often it stands.
    pub(super) shape: Shape,
    /// Its keys, in the order of the sample file.
    pub(super) keys: &'static [Key],
    /// A section inside it.
    pub(super) inner: Option<&'static Section>,
}

/// How often a section stands.
#[derive(Debug)]
pub(super) enum Shape {
    /// Once: `[intake]`.
    One,
    /// Once for each name: `[route.cjsm]`.
    Named {
        /// A name for the sample file.
        example: &'static str,
        /// Which names are good.
        admits: fn(&str) -> bool,
        /// The same in words.
        rule: &'static str,
    },
    /// As a list: `[[operator]]`.
    Listed,
    /// Inside a named section, any key of another section again, for that name alone.
    Override,
}

/// Declares a section: a struct with a typed field for each key, its row in the table and its reader.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $struct:ident = $name:literal, $shape:expr, $inner:expr;
        $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $kind:expr, $presence:expr;)+
    ) => {
        #[derive(Debug)]
        pub(in crate::config) struct $struct {
            $(pub(in crate::config) $key: $type,)+
        }

        impl $struct {
            pub(in crate::config) const SECTION: $crate::config::table::Section =
                $crate::config::table::Section {
                    name: $name,
                    doc: &[$($about),+],
                    shape: $shape,
                    keys: &[$($crate::config::table::Key {
                        name: stringify!($key),
                        doc: &[$($doc),+],
                        kind: $kind,
                        presence: $presence,
                    }),+],
                    inner: $inner,
                };

            /// Takes every key, so that every fault is found; none if any is missing or bad.
            pub(in crate::config) fn read(view: &$crate::config::view::View<'_>) -> Option<Self> {
                $(let $key = view.take::<$type>(&$crate::config::table::Key {
                    name: stringify!($key),
                    doc: &[$($doc),+],
                    kind: $kind,
                    presence: $presence,
                });)+
                Some(Self { $($key: $key?,)+ })
            }
        }
    };
}
pub(super) use section;

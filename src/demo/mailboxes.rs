//! Who reads the demo's letters: for each address, what its relay does and who answers, when and how.
//! An address that is not here has a relay that takes everything, and nobody who answers.

use jiff::civil::Time;

/// An address and what becomes of letters to it.
pub(super) struct Mailbox {
    pub(super) address: &'static str,
    pub(super) relaying: Relaying,
    /// What its relay reports afterwards (RFC 3464).
    pub(super) report: Option<Reported>,
    /// What somebody writes, once per matter.
    pub(super) replies: &'static [Reply],
}

/// What the relay does when a letter comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relaying {
    /// Takes it.
    Takes,
    /// Says 451 so many times first.
    PutsOff(u32),
    /// Keeps the first, and its connection dies between the final dot and the reply.
    DiesOnce,
}

/// What a delivery report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reported {
    Delivered,
    Failed,
}

/// A mail that somebody writes, or whose program does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    pub(super) when: When,
    pub(super) name: &'static str,
    pub(super) from: &'static str,
    pub(super) says: Says,
}

/// When it is sent, on the demo's clock.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// So many minutes after the letter came.
    After(i64),
    /// The next time clocks in London show this.
    At(Time),
}

/// What it says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Says {
    /// A person's words, above the quoted letter.
    Words(&'static str),
    /// A program's notice that covers the morning, once per mailbox.
    Away,
}

const fn at(hour: i8, minute: i8) -> When {
    When::At(Time::constant(hour, minute, 0, 0))
}

const fn words(when: When, name: &'static str, from: &'static str, says: &'static str) -> Reply {
    Reply {
        when,
        name,
        from,
        says: Says::Words(says),
    }
}

/// A mailbox whose relay takes letters and reports nothing, as CJSM may.
const fn read(address: &'static str, replies: &'static [Reply]) -> Mailbox {
    Mailbox {
        address,
        relaying: Relaying::Takes,
        report: None,
        replies,
    }
}

const NORTHGATE: &str = "dsl@northgate.sch.test.cjsm.net";
const HARBOUR_VIEW: &str = "safeguarding@harbourview.sch.test.cjsm.net";
const RIVERSIDE: &str = "safeguarding@riverside.sch.test";
const ST_CEDDS: &str = "rlacey@stcedds.sch.test.cjsm.net";
const CHALKWELL_BAY: &str = "hfrost@chalkwellbay.sch.test.cjsm.net";
const MILL_LANE: &str = "dsl@milllane.sch.test.cjsm.net";
const OAKFIELD: &str = "kpatel@oakfield.sch.test.cjsm.net";
const OAKFIELD_DEPUTY: &str = "jwood@oakfield.sch.test.cjsm.net";
const BEACON_HILL: &str = "dsl@beaconhill.sch.test.cjsm.net";
const BEACON_HILL_DEPUTY: &str = "rshah@beaconhill.sch.test.cjsm.net";
const FAIRVIEW: &str = "dsl@fairview.sch.test.cjsm.net";
const MARSH_ROAD: &str = "dsl@marshroad.sch.test.cjsm.net";
const MARSH_ROAD_COLLEAGUE: &str = "lgreen@marshroad.sch.test.cjsm.net";
const ELM_GROVE: &str = "dsl@elmgrove.sch.test.cjsm.net";
const KILN_LANE: &str = "dsl@kilnlane.sch.test.cjsm.net";
const SALTINGS: &str = "dsl@saltings.sch.test.cjsm.net";

/// Every address with habits of its own. In the register's order of schools.
pub(super) const MAILBOXES: &[Mailbox] = &[
    read(
        NORTHGATE,
        &[words(at(7, 12), "Priya Nair", NORTHGATE, "RECEIVED")],
    ),
    read(
        HARBOUR_VIEW,
        &[words(
            at(7, 5),
            "Marta Kowalska",
            HARBOUR_VIEW,
            "Received, thank you.",
        )],
    ),
    Mailbox {
        address: RIVERSIDE,
        relaying: Relaying::Takes,
        report: Some(Reported::Delivered),
        replies: &[words(
            When::After(14),
            "Ade Bello",
            RIVERSIDE,
            "RECEIVED\n\nKind regards\nAde Bello",
        )],
    },
    Mailbox {
        address: ST_CEDDS,
        relaying: Relaying::PutsOff(2),
        report: None,
        replies: &[words(
            at(6, 58),
            "Ruth Lacey",
            ST_CEDDS,
            "Received with thanks",
        )],
    },
    read(
        CHALKWELL_BAY,
        &[words(at(7, 25), "Helen Frost", CHALKWELL_BAY, "received")],
    ),
    Mailbox {
        address: MILL_LANE,
        relaying: Relaying::DiesOnce,
        report: None,
        replies: &[words(at(7, 18), "Grace Obi", MILL_LANE, "RECEIVED")],
    },
    Mailbox {
        address: OAKFIELD,
        relaying: Relaying::Takes,
        report: Some(Reported::Failed),
        replies: &[],
    },
    Mailbox {
        address: OAKFIELD_DEPUTY,
        relaying: Relaying::Takes,
        report: Some(Reported::Delivered),
        replies: &[words(
            When::After(21),
            "Jess Wood",
            OAKFIELD_DEPUTY,
            "RECEIVED",
        )],
    },
    read(
        BEACON_HILL,
        &[Reply {
            when: When::After(1),
            name: "Paul Dunne",
            from: BEACON_HILL,
            says: Says::Away,
        }],
    ),
    read(
        BEACON_HILL_DEPUTY,
        &[words(at(7, 2), "Rina Shah", BEACON_HILL_DEPUTY, "RECEIVED")],
    ),
    read(
        FAIRVIEW,
        &[words(When::After(32), "Neil Bray", FAIRVIEW, "NOT OURS")],
    ),
    read(
        MARSH_ROAD,
        &[
            words(
                When::After(12),
                "Lou Green",
                MARSH_ROAD_COLLEAGUE,
                "RECEIVED",
            ),
            words(at(7, 20), "Carys Jones", MARSH_ROAD, "RECEIVED"),
        ],
    ),
    read(
        ELM_GROVE,
        &[words(
            at(7, 41),
            "Femi Ade",
            ELM_GROVE,
            "Received, thanks. Dad is outside the gate.",
        )],
    ),
    Mailbox {
        address: KILN_LANE,
        relaying: Relaying::Takes,
        report: Some(Reported::Delivered),
        replies: &[],
    },
    read(
        SALTINGS,
        &[words(When::After(7), "Beth Cole", SALTINGS, "RECEIVED")],
    ),
];

/// The mailbox of an address, if it has habits.
pub(super) fn mailbox(address: &str) -> Option<&'static Mailbox> {
    MAILBOXES.iter().find(|mailbox| mailbox.address == address)
}

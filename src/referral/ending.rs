//! How a person ends what the ladder could not, and why a task is done: closed lists of reasons. What
//! a person adds in words is sealed and never decides anything.

use super::post::words;

words! {
    /// How a person closes a notification (`design.md`, states: `closed_as`).
    Ending {
        /// The establishment knows by another way, or nothing was left to tell it.
        Done = "done",
        /// It was told by another way, and late.
        ToldLate = "told_late",
        /// It was not told. A second operator has to agree before it counts.
        NotTold = "not_told",
    }
    /// Why it is closed so.
    EndingReason {
        /// An officer went there.
        OfficerVisit = "officer_visit",
        /// The lead of the school's trust passed it on.
        TrustLead = "trust_lead",
        /// The local authority passed it on.
        AuthorityLead = "authority_lead",
        /// The multi-agency safeguarding hub told the school.
        Mash = "mash",
        /// A multi-agency risk assessment conference told the school.
        Marac = "marac",
        /// Another force told the school.
        OtherForce = "other_force",
        /// In another way, which the note says.
        OtherWay = "other_way",
        /// No establishment has this child.
        NoEstablishment = "no_establishment",
        /// Nobody there could be reached.
        NotReached = "not_reached",
        /// Telling it would harm the child.
        Unsafe = "unsafe",
        /// The force's policy tells no school of this.
        OutsidePolicy = "outside_policy",
        /// An exception, which the note gives.
        Exception = "exception",
    }
    /// Why a person calls a task done.
    TaskReason {
        /// It was done.
        Done = "done",
        /// Somebody else has it now.
        PassedOn = "passed_on",
        /// It turned out that nothing was to be done.
        NotNeeded = "not_needed",
        /// It cannot be done.
        NotPossible = "not_possible",
    }
}

impl Ending {
    /// Whether it counts only once a second operator has agreed.
    pub fn needs_countersigning(self) -> bool {
        match self {
            Self::NotTold => true,
            Self::Done | Self::ToldLate => false,
        }
    }

    /// Whether this reason is one for this ending: a way in which the establishment came to know is
    /// none for not having told it, nor the other way round.
    pub fn fits(self, reason: EndingReason) -> bool {
        match reason {
            EndingReason::OfficerVisit
            | EndingReason::TrustLead
            | EndingReason::AuthorityLead
            | EndingReason::Mash
            | EndingReason::Marac
            | EndingReason::OtherForce
            | EndingReason::OtherWay => !self.needs_countersigning(),
            EndingReason::NoEstablishment
            | EndingReason::NotReached
            | EndingReason::Unsafe
            | EndingReason::OutsidePolicy
            | EndingReason::Exception => self.needs_countersigning(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_fits_a_telling_or_a_not_telling_and_never_both() {
        for word in EndingReason::WORDS {
            let reason = EndingReason::parse(word).unwrap();
            assert_eq!(Ending::Done.fits(reason), Ending::ToldLate.fits(reason));
            assert_ne!(Ending::Done.fits(reason), Ending::NotTold.fits(reason));
        }
        assert!(Ending::NotTold.fits(EndingReason::NotReached));
        assert!(Ending::ToldLate.fits(EndingReason::OfficerVisit));
    }
}

//! When the people are there who are told of alarms: each force's desk in its own hours.

use super::super::ladder::LadderHours;
use super::super::policy::Policies;
use super::super::post::ForceName;
use jiff::civil::Time;
use std::collections::BTreeMap;

/// From when until when a desk is there on its days. Civil time London.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Desk {
    /// From then on.
    pub from: Time,
    /// Until then.
    pub to: Time,
}

impl From<&LadderHours> for Desk {
    fn from(hours: &LadderHours) -> Self {
        Self {
            from: hours.desk_from,
            to: hours.desk_to,
        }
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::from(&LadderHours::default())
    }
}

/// The desks of all forces.
#[derive(Debug, Clone, Default)]
pub struct Desks(BTreeMap<ForceName, Desk>);

impl Desks {
    /// As the policies have them.
    pub fn of(policies: &Policies) -> Self {
        let desks = policies.iter();
        desks
            .map(|(force, policy)| (force.clone(), Desk::from(&policy.ladder)))
            .collect()
    }

    /// Each force with its desk.
    pub fn forces(&self) -> impl Iterator<Item = (&ForceName, Desk)> {
        self.0.iter().map(|(force, desk)| (force, *desk))
    }

    /// Whoever is told of this: the desk of the force that it is about; of what is about none, from the first
    /// desk's opening until the last one's close.
    pub fn told_of(&self, subject: &str) -> Desk {
        let own = self.0.iter().find(|(force, _)| force.as_str() == subject);
        let all = self.0.values().copied();
        let all = all.reduce(|one, other| Desk {
            from: one.from.min(other.from),
            to: one.to.max(other.to),
        });
        own.map(|(_, desk)| *desk).or(all).unwrap_or_default()
    }
}

impl FromIterator<(ForceName, Desk)> for Desks {
    fn from_iter<I: IntoIterator<Item = (ForceName, Desk)>>(desks: I) -> Self {
        Self(desks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn a_force_is_told_in_its_own_hours_and_the_gateway_in_those_of_the_first_desk() {
        let desk = |from, to| Desk {
            from: time(from, 0, 0, 0),
            to: time(to, 0, 0, 0),
        };
        let force = |name| ForceName::parse(name).unwrap();
        let desks = [(force("essex"), desk(9, 16)), (force("kent"), desk(5, 12))];
        let desks = Desks::from_iter(desks);
        assert_eq!(desks.told_of("essex"), desk(9, 16));
        assert_eq!(desks.told_of("kent"), desk(5, 12));
        assert_eq!(desks.told_of("ntf_1"), desk(5, 16));
        assert_eq!(Desks::default().told_of("essex"), Desk::default());
    }
}

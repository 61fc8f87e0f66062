//! Contacts who came to be named after the case was opened: at the end of a holiday others may be in
//! charge than at its beginning.

use crate::referral::fact::Fact;
use crate::referral::id::ContactId;
use crate::referral::school::{Role, RouteName};
use std::collections::BTreeMap;

/// Who may be sent the letter.
type Named = (ContactId, Role, RouteName);

/// Of several facts that name a contact the first counts: by directory version, then by its place there.
#[derive(Debug, Default)]
pub(super) struct Renewed(BTreeMap<ContactId, (u32, usize, Role, RouteName)>);

impl Renewed {
    /// Takes in a fact that names contacts.
    pub(super) fn take(&mut self, fact: &Fact) {
        if let Fact::ContactsRenewed {
            contacts,
            roles,
            routes,
            directory_version,
        } = fact
        {
            let named = contacts.iter().zip(roles).zip(routes).enumerate();
            for (place, ((contact, role), route)) in named {
                let named = (*directory_version, place, *role, route.clone());
                let known = self.0.entry(*contact).or_insert_with(|| named.clone());
                if named < *known {
                    *known = named;
                }
            }
        }
    }

    /// Joins them with those who were named as it was opened, in the order letters go; gives whom it names,
    /// and of the new ones the directory version that names each.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "one kind of fact opens a case, and the caller has no other"
    )]
    pub(super) fn joined(self, opened: &Fact) -> (Vec<Named>, BTreeMap<ContactId, u32>) {
        let mut contacts: Vec<Named> = match opened {
            Fact::NotificationOpened {
                contacts,
                roles,
                routes,
                ..
            } => {
                let named = contacts.iter().zip(roles).zip(routes);
                let named = named.map(|((contact, role), route)| (*contact, *role, route.clone()));
                named.collect()
            }
            _ => Vec::new(),
        };
        let mut new: Vec<_> = self.0.into_iter().collect();
        new.retain(|(contact, _)| !contacts.iter().any(|(known, ..)| known == contact));
        new.sort_by(|(one, a), (other, b)| (a.0, a.1, one).cmp(&(b.0, b.1, other)));
        let mut versions = BTreeMap::new();
        for (contact, (version, _, role, route)) in new {
            let later = contacts.iter().position(|(_, known, _)| *known > role);
            let place = later.unwrap_or(contacts.len());
            contacts.insert(place, (contact, role, route));
            versions.insert(contact, version);
        }
        (contacts, versions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::id::{ChildId, NotificationId, ReferralId};
    use crate::referral::plan::Target;

    fn id(n: u64) -> ContactId {
        ContactId::from_parts(n, [0; 10])
    }

    fn renewed(named: &[(u64, Role)], directory_version: u32) -> Fact {
        Fact::ContactsRenewed {
            contacts: named.iter().map(|(n, _)| id(*n)).collect(),
            roles: named.iter().map(|(_, role)| *role).collect(),
            routes: vec![RouteName::parse("cjsm").unwrap(); named.len()],
            directory_version,
        }
    }

    #[test]
    fn who_is_new_stands_behind_those_of_their_role_whichever_fact_comes_first() {
        let opened = Fact::NotificationOpened {
            notification: NotificationId::from_parts(0, [0; 10]),
            referral: ReferralId::from_parts(0, [0; 10]),
            child: ChildId::from_parts(0, [0; 10]),
            target: Target::Unrouted,
            reasons: vec![],
            suggestions: vec![],
            contacts: vec![id(1), id(2)],
            roles: vec![Role::KeyAdult, Role::Deputy],
            routes: vec![RouteName::parse("cjsm").unwrap(); 2],
            holidays: vec![false; 2],
            directory_version: 1,
            n: 1,
            m: 1,
        };
        let facts = [
            renewed(&[(9, Role::KeyAdult), (8, Role::Deputy)], 2),
            renewed(
                &[(7, Role::Hub), (9, Role::KeyAdult), (1, Role::KeyAdult)],
                3,
            ),
        ];
        let joined = |order: [usize; 2]| {
            let mut all = Renewed::default();
            order.iter().for_each(|n| all.take(&facts[*n]));
            let (contacts, versions) = all.joined(&opened);
            let ids: Vec<ContactId> = contacts.into_iter().map(|(id, ..)| id).collect();
            (ids, versions)
        };
        let (ids, versions) = joined([0, 1]);
        assert_eq!(ids, [1, 9, 2, 8, 7].map(id));
        assert_eq!(
            versions,
            BTreeMap::from([(id(9), 2), (id(8), 2), (id(7), 3)])
        );
        assert_eq!(joined([1, 0]), (ids, versions));
    }
}

//! Forces with their policies, and operators.

use super::OperatorSettings;
use super::assemble::Sources;
use super::fault::ConfigWarning;
use super::keys::{Force, OperatorRow, Operators, PolicyRow};
use crate::admin::Operator;
use crate::intake::ForceIdentity;
use crate::referral::ladder::LadderHours;
use crate::referral::policy::{Desk, ParentLine, Policy};
use crate::referral::post::ForceName;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// How forces are known, and their policies.
pub(super) type Forces = (Vec<ForceIdentity>, HashMap<ForceName, Arc<Policy>>);

/// Longest path of a Unix socket (unix(7): 108 bytes with the final NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;

impl Sources<'_> {
    /// Every force with its policy; none if any is bad or there is none.
    pub(super) fn forces(&self, warnings: &mut Vec<ConfigWarning>) -> Option<Forces> {
        let names = self.layered.names("force");
        if names.is_empty() {
            self.view(&["force"])
                .fault("", "there is no [force.NAME]: nobody could post");
            // The policy is read all the same, for its faults.
            PolicyRow::read(&self.view(&["policy"]));
        }
        let mut owners: HashMap<[u8; 32], &str> = HashMap::new();
        let mut identities = Vec::new();
        let mut policies = HashMap::new();
        for name in &names {
            let view = self.view(&["force", name]);
            let force = Force::read(&view);
            let policy = self.policy(name, force.as_ref(), warnings);
            let (Some(force), Some(policy)) = (force, policy) else {
                continue;
            };
            for digest in &force.spki_sha256 {
                if let Some(other) = owners.insert(*digest, name) {
                    let what = format!("holds a digest of [force.{other}] too: one key, one force");
                    view.fault("spki_sha256", &what);
                }
            }
            identities.push(ForceIdentity {
                name: policy.force.clone(),
                spki: force.spki_sha256,
            });
            policies.insert(policy.force.clone(), Arc::new(policy));
        }
        let whole = !names.is_empty() && policies.len() == names.len();
        whole.then_some((identities, policies))
    }

    fn policy(
        &self,
        name: &str,
        force: Option<&Force>,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Option<Policy> {
        let view = self.view(&["force", name, "policy"]).or("policy");
        let row = PolicyRow::read(&view)?;
        if row.age_min > row.age_max {
            view.fault_order("age_min", "age_max");
        }
        if row.parent_line == ParentLine::Own && row.parent_text.is_none() {
            view.fault("parent_line", "needs parent_text when it is \"own\"");
        }
        if row.desk_from >= row.desk_to {
            view.fault_order("desk_from", "desk_to");
        }
        if row.nudges_from >= row.nudges_to {
            view.fault_order("nudges_from", "nudges_to");
        }
        let ladder = LadderHours {
            desk_from: row.desk_from,
            desk_to: row.desk_to,
            nudges_from: row.nudges_from,
            nudges_to: row.nudges_to,
            deputies_before: row.deputies_before_min,
            call_first_before: row.call_first_before_min,
            call_before: row.call_before_min,
            supervisor_before: row.supervisor_before_min,
            choose_after: row.choose_after_min,
            callers: row.callers,
            call_takes: row.call_min,
            usual_answers_percent: row.usual_answers_percent,
            ..LadderHours::default()
        };
        let policy = Policy {
            force: ForceName::parse(name)?,
            display_name: force?.display_name.clone(),
            kinds: row.kinds,
            grades: row.grades,
            age_min: row.age_min,
            age_max: row.age_max,
            connections: row.connections,
            profile: row.profile,
            location: row.location,
            parent_line: row.parent_line,
            parent_text: row.parent_text,
            marking: row.marking,
            handling: row.handling,
            desk: Desk {
                name: row.desk_name,
                phone: row.desk_phone,
                hours: row.desk_hours,
                other_times: row.desk_other_times,
            },
            duty_ends_on: row.duty_ends_on,
            default_la: row.default_la,
            ladder,
        };
        if policy.narrower_than_the_act() {
            warnings.push(view.remark(
                "",
                &format!(
                    "the policy of force {name} is narrower than s.49A of the Domestic Abuse Act \
                     2021: a child it refuses is held until a person records who told the school"
                ),
            ));
        }
        Some(policy)
    }

    /// The operators and their socket; none if any is bad.
    pub(super) fn operators(
        &self,
        state_dir: Option<&Path>,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Option<OperatorSettings> {
        let view = self.view(&["operators"]);
        let socket = Operators::read(&view).and_then(|row| {
            let beside = || state_dir.map(|folder| folder.join("operators.sock"));
            row.socket.or_else(beside)
        });
        if let Some(socket) = &socket
            && socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX
        {
            let what = format!("must be a path of {SOCKET_PATH_BYTES_MAX} bytes at most: unix(7)");
            view.fault("socket", &what);
        }
        let count = self.layered.count("operator");
        let people: Vec<_> = (0..count).map(|n| self.operator(n)).collect();
        if people.is_empty() {
            let what = "there is no [[operator]]: every command that acts will be refused";
            warnings.push(self.view(&["operator"]).remark("", what));
        }
        let operators: Vec<Operator> = people.into_iter().collect::<Option<_>>()?;
        for (n, operator) in operators.iter().enumerate() {
            let same = |other: &Operator| other.unix_user == operator.unix_user;
            if operators.iter().take(n).any(same) {
                let view = self.view(&["operator", &n.to_string()]);
                view.fault("unix_user", "stands in two [[operator]] sections");
            }
        }
        Some(OperatorSettings {
            socket: socket?,
            operators,
        })
    }

    fn operator(&self, n: usize) -> Option<Operator> {
        let row = OperatorRow::read(&self.view(&["operator", &n.to_string()]))?;
        Some(Operator {
            unix_user: row.unix_user,
            name: row.name,
            roles: row.roles,
        })
    }
}

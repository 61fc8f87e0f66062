//! Facts of the gateway itself: its routes, senders, alarms and runs. None is about a notification.

/// The table of facts, these at its end.
macro_rules! with_those_of_the_gateway {
    ($($facts:tt)*) => {
        facts! {
            $($facts)*
            /// An operator suspended a route: nothing is claimed for it.
            RouteSuspended = "route_suspended" v 1 {
                /// Which.
                route: RouteName,
                /// Why.
                reason: SuspendReason,
                /// From then on: a planned outage begins later than it is recorded.
                from: Timestamp,
                /// Until then, when it ends by itself.
                until: Option<Timestamp>,
                /// What they typed, sealed.
                note: Option<ItemId>,
            }
            /// An operator ended the suspensions of a route that were in force.
            RouteResumed = "route_resumed" v 1 {
                /// Which.
                route: RouteName,
                /// Why.
                reason: SuspendReason,
                /// And those that were to come.
                planned: bool,
            }
            /// A known force was quieter in a night than it ever is on that weekday.
            SenderQuiet = "sender_quiet" v 1 {
                /// The task that asks for it.
                task: TaskId,
                /// The day on which the night ended, ISO 8601.
                day: String,
                /// Referrals accepted in it.
                accepted: u32,
                /// The fewest of any such night before.
                least: u32,
            }
            /// Something needs a person, whatever becomes of letters. It names no school and no child.
            AlarmRaised = "alarm_raised" v 1 {
                /// The alarm.
                alarm: AlarmId,
                /// What.
                alarm_kind: AlarmKind,
                /// About what: a route's name, an id of ours, a force.
                subject: String,
                /// Since when. While the store did not commit, this is before the fact.
                opened_at: Timestamp,
            }
            /// A person was told.
            AlarmTold = "alarm_told" v 1 {
                /// The alarm.
                alarm: AlarmId,
                /// How.
                channel: AlarmChannel,
                /// When.
                told_at: Timestamp,
            }
            /// A person took it on.
            AlarmClaimed = "alarm_claimed" v 1 {
                /// The alarm.
                alarm: AlarmId,
            }
            /// What it was about is over.
            AlarmCleared = "alarm_cleared" v 1 {
                /// The alarm.
                alarm: AlarmId,
            }
            /// A daemon's run began.
            DaemonStarted = "daemon_started" v 1 {
                /// Its number.
                incarnation: u32,
                /// The build.
                build: String,
            }
            /// A daemon's run ended in order.
            DaemonStopped = "daemon_stopped" v 1 {
                /// Its number.
                incarnation: u32,
            }
        }
    };
}

pub(super) use with_those_of_the_gateway;

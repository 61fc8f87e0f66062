//! The one place where a story waits for something that sends no event: another process's port,
//! mailbox or answer. It looks often, and gives up after a bound.

use std::time::{Duration, Instant};

/// Between two looks.
const BETWEEN: Duration = Duration::from_millis(20);
/// Nothing a story waits for takes longer, however loaded the machine is.
const BOUND: Duration = Duration::from_mins(1);

/// Looks until there is something to see; none after a minute.
#[expect(
    clippy::disallowed_methods,
    reason = "waits for another process, under a bound"
)]
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let seen = look();
        if seen.is_some() || begun.elapsed() > BOUND {
            return seen;
        }
        std::thread::sleep(BETWEEN);
    }
}

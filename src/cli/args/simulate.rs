//! What a simulation is asked for.

use crate::referral::id::NotificationId;
use crate::simulate::Mutant;
use clap::Args;

/// `simulate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Simulate {
    /// Everything is drawn from it: the same seed gives the same years. Without it, one is drawn and told.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Force-years to play.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub years: u64,
    /// Begin with this year of the seed: a failure names its own.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub first_year: u64,
    /// How likely each night of each way out is struck, 0 to 1; every other fault goes with it.
    #[arg(long, value_name = "P", default_value = "0.2", value_parser = in_a_million)]
    pub faults: u64,
    /// Draw one notification's night: this one, else the first that failed, else the busiest.
    #[arg(long, value_name = "ID", value_parser = NotificationId::parse)]
    pub timeline: Option<Option<NotificationId>>,
    /// Years played side by side.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub side_by_side: usize,
    /// Let the scheduler be wrong on purpose, and end with the first failure.
    #[arg(long, hide = true, value_parser = mutant)]
    pub mutant: Option<Mutant>,
}

/// A fraction as a whole number of millionths.
fn in_a_million(text: &str) -> Result<u64, &'static str> {
    let wrong = "a probability is a number from 0 to 1";
    let fraction: f64 = text.parse().map_err(|_| wrong)?;
    if !(0.0..=1.0).contains(&fraction) {
        return Err(wrong);
    }
    format!("{:.0}", fraction * 1e6).parse().map_err(|_| wrong)
}

fn mutant(text: &str) -> Result<Mutant, &'static str> {
    match text {
        "ignore-slack" => Ok(Mutant::IgnoreSlack),
        "fixed-ten-minutes" => Ok(Mutant::FixedTenMinutes),
        "drop-timer" => Ok(Mutant::DropTimer),
        "late-ladder" => Ok(Mutant::LateLadder),
        "lost-deputies" => Ok(Mutant::LostDeputies),
        _ => Err(
            "there are ignore-slack, fixed-ten-minutes, drop-timer, late-ladder and lost-deputies",
        ),
    }
}
